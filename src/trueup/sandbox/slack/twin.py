"""The simulated Slack workspace, as the rules of quality use it."""

from collections.abc import Mapping
from typing import Final

from trueup.canon.command import CommandContent, SendMessage
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.slack.workspace import TOKEN, Workspace
from trueup.sandbox.twin import Twin, VendorTwin

_SEND: Final = "message.send"
_OURS: Final = "C07ORDERS"
_CLOSED: Final = "C07LOCKED"


class SlackTwin(VendorTwin[Workspace]):
    """One workspace with a channel that our app is in, and one that it is not in."""

    def __init__(self) -> None:
        super().__init__(Workspace(ManualClock()))
        self.secrets = {"bot_token": TOKEN, "signing_secret": self.vendor.webhook_secret}
        self.vendor.open_channel(_OURS)
        self.vendor.open_channel(_CLOSED, member=False)

    def happen(self, count: int) -> None:
        """Let people talk, change their words and take some back; at last the app is removed."""
        for number in range(count):
            self.advance(60)
            ts = self.vendor.say(_OURS, f"Order {1_000 + number} is late")
            if number % 3 == 1:
                self.vendor.change(_OURS, ts, f"Order {1_000 + number} is here")
            elif number % 3 == 2:
                self.vendor.take_back(_OURS, ts)
        token = self.vendor.token
        self.vendor.remove_app()
        self.vendor.token = token  # so that what follows is still answered

    def contents(self) -> Mapping[str, CommandContent]:
        """Return a message for the channel."""
        return {_SEND: SendMessage(to=_OURS, text="Reorder 40 LAMP-OAK?")}

    def refused(self) -> Mapping[str, CommandContent]:
        """Return a message for a channel that our app is not in."""
        return {_SEND: SendMessage(to=_CLOSED, text="Reorder 40 LAMP-OAK?")}

    def done(self, kind: str) -> int:
        """Return how many messages of apps stand in the channel."""
        messages = self.vendor.channels[_OURS].messages
        return sum(kind == _SEND and "bot_id" in message for message in messages)


def open_twin() -> Twin:
    """Open a fresh workspace."""
    return SlackTwin()
