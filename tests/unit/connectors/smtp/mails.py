"""Commands and settings that the tests of mail share."""

from datetime import UTC, datetime
from typing import Any

from trueup.canon.command import SendMessage
from trueup.contract.connector import Command

SETTINGS = {
    "host": "smtp.brand.example",
    "from_address": "hello@brand.example",
    "from_name": "Brand",
    "user": "sandbox",
}
SECRETS = {"password": "sandbox-password"}


def command(ref: str = "late/1001", settings: dict[str, str] | None = None, **more: Any) -> Command:
    given = {"to": "mia@home.example", "subject": "Late", "text": "Your parcel is late.\n"} | more
    return Command(
        kind="message.send",
        key="order/1001",
        ref=ref,
        content=SendMessage(**given),
        wanted_at=datetime(2026, 3, 3, 9, tzinfo=UTC),
        target=SETTINGS | (settings or {}),
    )
