"""The simulated Twilio account, as the rules of quality use it."""

from collections.abc import Mapping
from typing import Final

from trueup.canon.command import CommandContent, SendMessage
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.twilio.account import ACCOUNT, SENDER, TOKEN, Account
from trueup.sandbox.twin import Twin, VendorTwin

_SEND: Final = "message.send"
_MIA: Final = "+491701234567"
_BEN: Final = "+491709999999"
_ZOE: Final = "+491708888888"


class TwilioTwin(VendorTwin[Account]):
    """One number; one customer is reached, one is not, and one wants no more."""

    def __init__(self) -> None:
        super().__init__(Account(ManualClock()))
        self.settings = {"account_sid": ACCOUNT, "sender": SENDER}
        self.secrets = {"auth_token": TOKEN}
        self.vendor.unreachable.add(_BEN)
        self.vendor.stopped.add(_ZOE)

    def happen(self, count: int) -> None:
        """Let customers be written to, write back, and ask for no more."""
        for number in range(count):
            self.advance(60)
            self.vendor.tell(_BEN if number % 4 == 3 else _MIA, f"Order {1_000 + number} is late")
            self.vendor.deliver_all()
            if number % 4 == 1:
                self.vendor.write(_MIA, f"Where is order {1_000 + number}?")
            elif number % 4 == 2:
                self.vendor.write(_BEN, "STOP")

    def contents(self) -> Mapping[str, CommandContent]:
        """Return a message for who is reached."""
        return {_SEND: SendMessage(to=_MIA, text="Your order 1001 is late.")}

    def refused(self) -> Mapping[str, CommandContent]:
        """Return a message for who wants no more."""
        return {_SEND: SendMessage(to=_ZOE, text="Your order 1001 is late.")}

    def done(self, kind: str) -> int:
        """Return how many messages of these words were taken in for who is reached."""
        ours = [m for m in self.vendor.messages if m.to == _MIA and m.body.startswith("Your order")]
        return len(ours) if kind == _SEND else 0

    def settle(self) -> None:
        """Let what was taken in arrive."""
        self.vendor.deliver_all()


def open_twin() -> Twin:
    """Open a fresh account."""
    return TwilioTwin()
