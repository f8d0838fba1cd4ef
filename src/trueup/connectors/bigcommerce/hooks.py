"""Which webhooks exist at the store. One that was switched off is none of ours any more."""

from urllib.parse import urlencode

import msgspec

from trueup.connectors.bigcommerce.reading import Paged, read
from trueup.contract.connector import Hook, Reply, Request

_PATH = "/v3/hooks"
_PAGE_SIZE = 250


class _Webhook(msgspec.Struct, gc=False):
    id: int
    scope: str
    destination: str
    is_active: bool = True


class _Made(msgspec.Struct, gc=False):
    data: _Webhook


def list_request(cursor: str | None) -> Request:
    """Return the call that lists the webhooks which our token made; nobody sees others'."""
    query = {"limit": _PAGE_SIZE, "page": cursor or "1"}
    return Request(method="GET", path=f"{_PATH}?{urlencode(query)}")


def listed(reply: Reply) -> tuple[tuple[Hook, ...], str | None]:
    """Return the webhooks and the next page."""
    paged = read(reply, Paged[_Webhook], "list of webhooks")
    return tuple(_hook(webhook) for webhook in paged.data), paged.next_page


def create_request(topic: str, url: str) -> Request:
    """Return the call that makes a webhook."""
    return Request(
        method="POST",
        path=_PATH,
        headers=(("content-type", "application/json"),),
        body=msgspec.json.encode({"scope": topic, "destination": url, "is_active": True}),
        writes=True,
    )


def created(reply: Reply) -> Hook:
    """Return the new webhook."""
    return _hook(read(reply, _Made, "webhook").data)


def delete_request(hook: Hook) -> Request:
    """Return the call that removes a webhook."""
    return Request(method="DELETE", path=f"{_PATH}/{hook.ref}", writes=True)


def _hook(webhook: _Webhook) -> Hook:
    """A webhook that was switched off gets a topic that nobody asks for: it counts as missing."""
    off = "" if webhook.is_active else " (off)"
    return Hook(ref=str(webhook.id), topic=webhook.scope + off, url=webhook.destination)
