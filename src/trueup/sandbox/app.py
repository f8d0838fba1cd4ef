"""The simulated Shopify's routes by shop, and the control routes beside them."""

import re
from typing import TYPE_CHECKING

from trueup.sandbox import control
from trueup.sandbox.line import Asked, Line, Reply

if TYPE_CHECKING:
    from trueup.sandbox.sandbox import Sandbox
    from trueup.sandbox.shopify.door import Door

__all__ = ["SandboxApp"]

_NOT_FOUND = Reply(status=404, body=b'{"errors":"Not Found"}')
_BULK_NAME = re.compile(r"[0-9]{1,18}\.jsonl")


class SandboxApp:
    """Routes a request to its shop's door, or to the control desk."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self._sandbox = sandbox
        self.line = Line(self.answer)

    async def answer(self, asked: Asked) -> Reply:
        """Answer one request."""
        if asked.parts[:1] == ("control",):
            return await control.answer(
                self._sandbox, asked.method, list(asked.parts[1:]), asked.body
            )
        return await self._vendor(asked)

    async def _vendor(self, asked: Asked) -> Reply:
        parts, host = list(asked.parts), asked.headers.get("host", "")
        if host.endswith(".myshopify.com"):
            parts = [host.removesuffix(".myshopify.com"), *parts]
        if not parts or parts[0] not in self._sandbox.doors:
            return _NOT_FOUND
        door = self._sandbox.door(parts[0])
        match (asked.method, parts[1:]):
            case ("POST", ["admin", "api", version, "graphql.json"]):
                return await door.graphql(version, dict(asked.headers), asked.body, asked.base_url)
            case ("GET", ["bulk", name]) if _BULK_NAME.fullmatch(name):
                return door.bulk_file(int(name.removesuffix(".jsonl")))
            case (_, ["admin", "oauth", noun]):
                return await _let_in(door, asked, noun)
        return _NOT_FOUND


async def _let_in(door: "Door", asked: Asked, noun: str) -> Reply:
    match (asked.method, noun):
        case ("GET", "authorize"):
            return door.consents.page(dict(asked.query))
        case ("POST", "authorize"):
            return door.consents.decide(dict(asked.query), asked.form().get("decision", ""))
        case ("POST", "access_token"):
            return await door.access_token(asked.form())
    return _NOT_FOUND
