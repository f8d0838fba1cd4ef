"""The simulated WhatsApp number, as the rules of quality use it."""

from collections.abc import Mapping
from typing import Final

from trueup.canon.command import CommandContent, SendMessage
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.twin import Twin, VendorTwin
from trueup.sandbox.whatsapp.account import NUMBER_ID, TOKEN, Account

_SEND: Final = "message.send"
_MIA: Final = "+491701234567"
_BEN: Final = "+491709999999"


class WhatsAppTwin(VendorTwin[Account]):
    """One number with a template; one customer has WhatsApp, one does not."""

    def __init__(self) -> None:
        super().__init__(Account(ManualClock()))
        self.settings = {"phone_number_id": NUMBER_ID}
        self.secrets = {
            "access_token": TOKEN,
            "app_secret": self.vendor.webhook_secret,
            "verify_token": self.vendor.verify_token,
        }
        self.vendor.templates["parcel_late", "en_US"] = 2
        self.vendor.unreachable.add(_BEN)

    def happen(self, count: int) -> None:
        """Let customers be written to, write back, and ask for no more."""
        for number in range(count):
            self.advance(60)
            body = {"biz_opaque_callback_data": f"late/{number}"}
            self.vendor.take(_BEN if number % 4 == 3 else _MIA, body)
            self.vendor.deliver_all()
            if number % 4 == 1:
                self.vendor.write(_MIA, f"Where is order {1_000 + number}?")
            elif number % 4 == 2:
                self.vendor.press(_MIA, "STOP", "No more messages")
        self.vendor.tell_news()

    def contents(self) -> Mapping[str, CommandContent]:
        """Return the template to who has WhatsApp."""
        return {_SEND: _template("parcel_late")}

    def refused(self) -> Mapping[str, CommandContent]:
        """Return a template that the account does not have."""
        return {_SEND: _template("unheard_of")}

    def done(self, kind: str) -> int:
        """Return how many messages were taken in for who has WhatsApp."""
        return sum(kind == _SEND and message.to == _MIA for message in self.vendor.sent)

    def settle(self) -> None:
        """Let what was taken in arrive."""
        self.vendor.deliver_all()


def _template(name: str) -> SendMessage:
    return SendMessage(to=_MIA, template=name, language="en_US", variables=("1001", "DHL"))


def open_twin() -> Twin:
    """Open a fresh number."""
    return WhatsAppTwin()
