"""Which webhooks exist at the shop. One that was switched off is none of ours any more."""

from urllib.parse import urlencode

import msgspec

from trueup.connectors.woocommerce.reading import PAGE_SIZE, next_page, read
from trueup.contract.connector import Hook, Reply, Request

_PATH = "/wc/v3/webhooks"


class _Webhook(msgspec.Struct, gc=False):
    id: int
    topic: str
    delivery_url: str
    status: str = "active"


def list_request(cursor: str | None) -> Request:
    """Return the call that lists the shop's webhooks, whatever their status."""
    query = {"status": "all", "per_page": PAGE_SIZE, "page": cursor or "1"}
    return Request(method="GET", path=f"{_PATH}?{urlencode(query)}")


def listed(reply: Reply) -> tuple[tuple[Hook, ...], str | None]:
    """Return the webhooks and the next page."""
    found = read(reply, list[_Webhook], "list of webhooks")
    return tuple(_hook(webhook) for webhook in found), next_page(reply)


def create_request(topic: str, url: str) -> Request:
    """Return the call that makes a webhook; `api.authorise` adds the secret it signs with."""
    wish = {
        "name": f"Trueup {topic}",
        "topic": topic,
        "delivery_url": url,
        "status": "active",
    }
    return Request(
        method="POST",
        path=_PATH,
        headers=(("content-type", "application/json"),),
        body=msgspec.json.encode(wish),
        writes=True,
    )


def created(reply: Reply) -> Hook:
    """Return the new webhook."""
    return _hook(read(reply, _Webhook, "webhook"))


def delete_request(hook: Hook) -> Request:
    """Return the call that removes a webhook; there is no bin for them."""
    return Request(method="DELETE", path=f"{_PATH}/{hook.ref}?force=true", writes=True)


def _hook(webhook: _Webhook) -> Hook:
    """A webhook that is paused or disabled gets a topic that nobody asks for.

    So it counts as missing: it is made anew, the old one is deleted, and the gap is read.
    """
    off = "" if webhook.status == "active" else f" ({webhook.status})"
    return Hook(ref=str(webhook.id), topic=webhook.topic + off, url=webhook.delivery_url)
