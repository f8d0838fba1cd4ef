"""Which webhooks exist at Klaviyo.

One webhook carries many topics and is signed with one secret, which we choose. Klaviyo keeps no key
of a call, so a webhook is made once: by the call for the first topic, with all topics in it. The
calls for the other topics only look that it is there. A webhook that is switched off or lacks a
topic is shown as incomplete, so that it is removed and made again.
"""

import msgspec

from trueup.connectors.klaviyo.api import SECRET_PLACE
from trueup.connectors.klaviyo.call import below, delete, get, needed, post
from trueup.connectors.klaviyo.event import TOPICS
from trueup.connectors.klaviyo.shape import Id
from trueup.contract.connector import Hook, Reply, Request
from trueup.errors import Refused

INCOMPLETE = "(incomplete)"

_PATH = "/api/webhooks"
_FIRST = next(iter(TOPICS))


class _Attributes(msgspec.Struct, gc=False):
    endpoint_url: str
    enabled: bool = True


class _Topic(msgspec.Struct, gc=False):
    id: str


class _Topics(msgspec.Struct, gc=False):
    data: list[_Topic] = []


class _Relations(msgspec.Struct, gc=False):
    topics: _Topics = msgspec.field(name="webhook-topics", default_factory=_Topics)


class _Webhook(msgspec.Struct, gc=False):
    id: Id
    attributes: _Attributes
    relationships: _Relations = msgspec.field(default_factory=_Relations)


class _Listed(msgspec.Struct, gc=False):
    data: list[_Webhook]


class _Made(msgspec.Struct, gc=False):
    data: _Webhook | list[_Webhook]


def list_request(cursor: str | None) -> Request:  # noqa: ARG001 - Klaviyo lists them on one page
    """Return the call that lists our webhooks."""
    return get(_PATH, [("include", "webhook-topics")])


def listed(reply: Reply) -> tuple[tuple[Hook, ...], str | None]:
    """Return one hook for each topic of each sound webhook; there is no next page."""
    webhooks = needed(reply, _Listed).data
    return tuple(_hook(each, topic) for each in webhooks for topic in _topics_of(each)), None


def create_request(topic: str, url: str) -> Request:
    """Return the call that makes the webhook, or, for a later topic, looks that it is there."""
    if topic != _FIRST:
        return list_request(None)
    topics = [{"type": "webhook-topic", "id": name} for name in TOPICS]
    attributes = {"name": "Trueup", "endpoint_url": url, "secret_key": SECRET_PLACE}
    return post(
        _PATH,
        {
            "data": {
                "type": "webhook",
                "attributes": attributes,
                "relationships": {"webhook-topics": {"data": topics}},
            }
        },
    )


def created(reply: Reply) -> Hook:
    """Return the subscription.

    Raises:
        Refused: Klaviyo's own reason; or the webhook that carries all topics is not there.
    """
    made = needed(reply, _Made).data
    if isinstance(made, _Webhook):
        return _hook(made, _FIRST)
    for webhook in made:
        if _topics_of(webhook) != (INCOMPLETE,):
            return _hook(webhook, _FIRST)
    raise Refused("The webhook that carries this topic was not made.")


def delete_request(hook: Hook) -> Request:
    """Return the call that removes the webhook, and so all its topics."""
    return delete(below(_PATH, hook.ref))


def _topics_of(webhook: _Webhook) -> tuple[str, ...]:
    carried = {topic.id for topic in webhook.relationships.topics.data}
    sound = webhook.attributes.enabled and set(TOPICS) <= carried
    return tuple(TOPICS) if sound else (INCOMPLETE,)


def _hook(webhook: _Webhook, topic: str) -> Hook:
    return Hook(ref=webhook.id, topic=topic, url=webhook.attributes.endpoint_url)
