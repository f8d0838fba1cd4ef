"""The simulated Zendesk, as the rules of quality use it."""

from collections.abc import Mapping

from trueup.canon.command import ChangeTicket, CommandContent, CreateTicket, ReplyToTicket
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.twin import Twin, VendorTwin
from trueup.sandbox.zendesk.account import API_TOKEN, EMAIL, Zendesk

_ADA = "ada@buyers.example"
_LAG_S = 61


class ZendeskTwin(VendorTwin[Zendesk]):
    """One account with a ticket that can be answered."""

    def __init__(self) -> None:
        super().__init__(Zendesk(ManualClock()))
        self.settings = {"subdomain": "north", "email": EMAIL}
        self.secrets = {"api_token": API_TOKEN, "webhook_secret": self.vendor.webhook_secret}
        self._ticket = self.vendor.write_in(_ADA, "Where is it?", tags=["vip"])
        self._known = set(self.vendor.tickets)

    def happen(self, count: int) -> None:
        """Let people write and the team work; the export tells of it a minute later."""
        for number in range(count):
            self.advance(60)
            ticket = self.vendor.write_in(f"c{number}@buyers.example", f"Order {number}?")
            self.vendor.write_in(ticket.requester.email, "When?", ticket_id=ticket.id)
            self.vendor.change(ticket.id, status="hold", tags=["late"], priority="high")
            self._known.add(ticket.id)
        self.advance(_LAG_S)

    def contents(self) -> Mapping[str, CommandContent]:
        """Return one order of each kind."""
        return self._orders(str(self._ticket.id), _ADA)

    def refused(self) -> Mapping[str, CommandContent]:
        """Return the same for a ticket that is not there, and for nobody's address."""
        return self._orders("99", "nobody")

    def _orders(self, ref: str, email: str) -> dict[str, CommandContent]:
        contents: tuple[CommandContent, ...] = (
            ReplyToTicket(ticket_ref=ref, text="The parcel is in Leeds.", public=True),
            ChangeTicket(ticket_ref=ref, tags_added=("late",)),
            CreateTicket(email=email, subject="Parcel lost", text="It is lost."),
        )
        return {content.command: content for content in contents}

    def done(self, kind: str) -> int:
        """Return how often an order stands done in the helpdesk's own books."""
        if kind == ReplyToTicket.command:
            return sum(bool(comment.custom) for comment in self._ticket.comments)
        if kind == ChangeTicket.command:
            return self._ticket.tags.count("late")
        return len(self.vendor.tickets.keys() - self._known)


def open_twin() -> Twin:
    """Open a fresh account."""
    return ZendeskTwin()
