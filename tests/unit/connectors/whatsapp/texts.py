"""Commands that the tests of WhatsApp share."""

from datetime import UTC, datetime
from typing import Any

from trueup.canon.command import SendMessage
from trueup.contract.connector import Command

WANTED_AT = datetime(2026, 11, 2, 8, tzinfo=UTC)
OPEN = {"window_open_until": "2026-11-02T20:00:00+00:00"}


def command(ref: str = "late/1001", target: dict[str, str] | None = None, **more: Any) -> Command:
    given = {"to": "+491701234567", "template": "parcel_late", "language": "en_US"} | more
    return Command(
        kind="message.send",
        key="order/1001",
        ref=ref,
        content=SendMessage(**{k: v for k, v in given.items() if v is not None}),
        wanted_at=WANTED_AT,
        target=target or {},
    )


def text(words: str, target: dict[str, str] | None = None, **more: Any) -> Command:
    return command(target=target, template=None, language=None, text=words, **more)
