"""Which webhooks exist at the account. One of them sends every event."""

import msgspec

from trueup.contract.connector import Hook, Reply, Request
from trueup.errors import ContractBroken, Refused

TOPIC = "tracker.updated"
SWITCHED_OFF = "switched_off"
"""The topic of a webhook that EasyPost switched off: it is none of ours any more."""


class _Webhook(msgspec.Struct, gc=False):
    id: str
    url: str
    disabled_at: str | None = None


class _Webhooks(msgspec.Struct, gc=False):
    webhooks: list[_Webhook]


def list_request(cursor: str | None) -> Request:  # noqa: ARG001 - all come at once
    """Return the call that lists the account's webhooks."""
    return Request(method="GET", path="/webhooks")


def listed(reply: Reply) -> tuple[tuple[Hook, ...], str | None]:
    """Return the webhooks; there is no second page."""
    try:
        found = msgspec.json.decode(reply.body, type=_Webhooks).webhooks
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("EasyPost's reply is no list of webhooks") from fault
    return tuple(_hook(webhook) for webhook in found), None


def create_request(topic: str, url: str) -> Request:
    """Return the call that makes the webhook; `api.authorise` adds the secret it signs with.

    Raises:
        Refused: the topic is not the one that stands for all.
    """
    if topic != TOPIC:
        raise Refused("EasyPost's one webhook sends every event", topic=topic)
    return Request(
        method="POST",
        path="/webhooks",
        headers=(("content-type", "application/json"),),
        body=msgspec.json.encode({"webhook": {"url": url}}),
        writes=True,
    )


def created(reply: Reply) -> Hook:
    """Return the new webhook."""
    try:
        return _hook(msgspec.json.decode(reply.body, type=_Webhook))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("EasyPost's reply is no webhook") from fault


def delete_request(hook: Hook) -> Request:
    """Return the call that removes a webhook."""
    return Request(method="DELETE", path=f"/webhooks/{hook.ref}", writes=True)


def _hook(webhook: _Webhook) -> Hook:
    topic = SWITCHED_OFF if webhook.disabled_at else TOPIC
    return Hook(ref=webhook.id, topic=topic, url=webhook.url)
