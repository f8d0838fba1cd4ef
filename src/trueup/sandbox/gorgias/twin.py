"""Gorgias' simulated account, as the rules of quality use it."""

from collections.abc import Mapping
from types import MappingProxyType

from trueup.canon.command import (
    ChangeTicket,
    CommandContent,
    CreateTicket,
    ReplyToTicket,
    SendMessage,
)
from trueup.canon.ticket import Priority
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.gorgias.account import API_KEY, EMAIL, Gorgias
from trueup.sandbox.line import Asked, Reply, reply_json
from trueup.sandbox.twin import Twin, VendorTwin
from trueup.sandbox.vendor import route

__all__ = ["open_twin"]

_SUBJECT = "Ordered by the rules"
_NOBODY = "404404"
_STEP_S = 30


class _StrictGorgias(Gorgias):
    """An account that looks at the addresses of new customers."""

    @route("POST", "/api/tickets", scope="ticket.create")
    def create_ticket(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Make a ticket, unless its customer has no address that mail can go to."""
        email = (asked.json().get("customer") or {}).get("email", "")
        if "." not in email.rpartition("@")[2]:
            return reply_json(400, {"error": {"msg": "customer.email is not valid"}})
        made: Reply = super().create_ticket(asked, places)
        return made


class GorgiasTwin(VendorTwin[_StrictGorgias]):
    """One account with one ticket, which somebody waits in."""

    settings = MappingProxyType(
        {
            "domain": Gorgias.domain,
            "email": EMAIL,
            "agent_email": EMAIL,
            "reply_address": "support@shop.example",
        }
    )
    secrets = MappingProxyType({"api_key": API_KEY})

    def __init__(self) -> None:
        super().__init__(_StrictGorgias(ManualClock(), seed=3))
        self._ticket = self.vendor.write_in("ada@buyers.example", "Where is my lamp?")

    def happen(self, count: int) -> None:
        """Let customers write, and the team answer, tag and close."""
        for number in range(count):
            self.advance(_STEP_S)
            ticket = self.vendor.write_in(
                f"buyer{number}@buyers.example",
                f"Where is parcel {number}?",
                name=f"Buyer {number}",
            )
            self.advance(_STEP_S)
            if number % 3 == 0:
                self.vendor.answer_by_hand(ticket.id, "It leaves today.")
            elif number % 3 == 1:
                self.vendor.change(ticket.id, status="closed", closed_at=self.now())
            else:
                self.vendor.write_in(ticket.customer.email, "Hello?", ticket_id=ticket.id)
        self.advance(_STEP_S)

    def contents(self) -> Mapping[str, CommandContent]:
        """Return a note, a reply, a change and a new ticket."""
        return _orders(str(self._ticket.id), self._ticket.customer.email, "eve@buyers.example")

    def refused(self) -> Mapping[str, CommandContent]:
        """Return the same for a ticket that is not there, and for an address that is none."""
        return _orders(_NOBODY, "ada@buyers.example", "eve@nowhere")

    def done(self, kind: str) -> int:
        """Return how often a content stands done."""
        written = [message for message in self._ticket.messages if message.from_agent]
        notes = [message for message in written if not message.public]
        made = [each for each in self.vendor.tickets.values() if each.subject == _SUBJECT]
        return {
            "ticket.reply": len(notes),
            "message.send": len(written) - len(notes),
            "ticket.change": int(self._ticket.priority == "high"),
            "ticket.create": len(made),
        }[kind]

    def settle(self) -> None:
        """Send what waits to be sent."""
        self.vendor.send_waiting()


def _orders(ticket_ref: str, to: str, email: str) -> dict[str, CommandContent]:
    return {
        "ticket.reply": ReplyToTicket(ticket_ref=ticket_ref, text="The parcel is on its way."),
        "message.send": SendMessage(to=to, text="It comes tomorrow.", reply_to_ref=ticket_ref),
        "ticket.change": ChangeTicket(ticket_ref=ticket_ref, priority=Priority.HIGH),
        "ticket.create": CreateTicket(email=email, subject=_SUBJECT, text="A parcel came back."),
    }


def open_twin() -> Twin:
    """Open a fresh account."""
    return GorgiasTwin()
