"""Commands that the tests of Slack share."""

from datetime import UTC, datetime
from typing import Any

from trueup.canon.command import SendMessage
from trueup.contract.connector import Command

WANTED_AT = datetime(2026, 11, 2, 8, tzinfo=UTC)


def command(ref: str = "decision/77", **more: Any) -> Command:
    given = {"to": "C07ORDERS", "text": "Reorder 40 LAMP-OAK?"} | more
    return Command(
        kind="message.send",
        key="decision/77",
        ref=ref,
        content=SendMessage(**given),
        wanted_at=WANTED_AT,
        target={"channel": "C0DEFAULT"},
    )
