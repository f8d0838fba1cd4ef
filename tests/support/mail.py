"""The simulated mail server, served as the other vendors of a brand are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from trueup.sandbox.smtp.server import MailServer

MAIL = {
    "settings": {
        "host": "mail.test",
        "user": "sandbox",
        "from_address": "shop@brand.example",
        "message_domain": "brand.example",
    },
    "secrets": {"password": "sandbox-password"},
}


class Mail(MailServer):
    """The mail server, served as the other vendors are."""

    @asynccontextmanager
    async def serve(self, *, deliver: bool = True, **_: Any) -> AsyncIterator[str]:
        """Serve on the loopback; mail has no webhooks."""
        del deliver
        async with super().serve() as base_url:
            yield base_url
