"""Which webhooks exist at Stripe.

One endpoint of Stripe carries many kinds of events and has one secret, told once in the reply that
makes it; an account may have 16 endpoints. So all topics are one endpoint: the calls that subscribe
each of them are the same to the byte, under one key, and Stripe makes one endpoint of them.
An endpoint that is switched off, lacks a kind of event or speaks another version is shown as
incomplete, so that it is removed and made again.
"""

from collections.abc import Mapping

import msgspec

from trueup.connectors.stripe.call import API_VERSION, below, delete, get, needed, post
from trueup.connectors.stripe.pull import EVENT_TYPES
from trueup.connectors.stripe.shape import Id
from trueup.contract.connector import Hook, Reply, Request
from trueup.kernel.ids import sha256

INCOMPLETE = "(incomplete)"

_PATH = "/v1/webhook_endpoints"
_PAGE = 100


class _Endpoint(msgspec.Struct, gc=False):
    id: Id
    url: str
    enabled_events: list[str]
    status: str = "enabled"
    api_version: str | None = None
    secret: str | None = None


class _Listed(msgspec.Struct, gc=False):
    data: list[_Endpoint]
    has_more: bool = False


def list_request(cursor: str | None) -> Request:
    """Return the call that lists our endpoints."""
    after = [("starting_after", cursor)] if cursor is not None else []
    return get(_PATH, [("limit", str(_PAGE)), *after])


def listed(reply: Reply) -> tuple[tuple[Hook, ...], str | None]:
    """Return one hook for each topic of each sound endpoint, and the next cursor."""
    page = needed(reply, _Listed)
    hooks = tuple(
        _hook(endpoint, topic) for endpoint in page.data for topic in _topics_of(endpoint)
    )
    return hooks, page.data[-1].id if page.has_more and page.data else None


def create_request(topic: str, url: str) -> Request:  # noqa: ARG001 - one endpoint carries them all
    """Return the call that makes the endpoint, the same for each topic.

    Stripe keeps the key for a day: an endpoint that a person deletes is made again a day later,
    and polls bring its events until then.
    """
    pairs = [("url", url), ("api_version", API_VERSION), ("description", "Trueup")]
    pairs += [("enabled_events[]", name) for name in EVENT_TYPES]
    digest = sha256(repr(pairs).encode()).hex()
    return post(_PATH, pairs, key=f"trueup-endpoint-{digest[:40]}")


def created(reply: Reply) -> Hook:
    """Return the new subscription.

    Raises:
        Refused: Stripe's own reason, such as too many endpoints.
    """
    return _hook(needed(reply, _Endpoint), EVENT_TYPES[0])


def created_secrets(reply: Reply) -> Mapping[str, str]:
    """Return the signing secret, which Stripe tells in this reply and never again."""
    secret = needed(reply, _Endpoint).secret
    return {"webhook_secret": secret} if secret else {}


def delete_request(hook: Hook) -> Request:
    """Return the call that removes the endpoint, and so all its topics."""
    return delete(below(_PATH, hook.ref))


def _topics_of(endpoint: _Endpoint) -> tuple[str, ...]:
    has_all = "*" in endpoint.enabled_events or set(EVENT_TYPES) <= set(endpoint.enabled_events)
    same = endpoint.api_version in {None, API_VERSION}
    return EVENT_TYPES if endpoint.status == "enabled" and has_all and same else (INCOMPLETE,)


def _hook(endpoint: _Endpoint, topic: str) -> Hook:
    return Hook(ref=endpoint.id, topic=topic, url=endpoint.url, api_version=endpoint.api_version)
