"""Which webhook subscriptions exist at the shop."""

import msgspec

from trueup.connectors.shopify.call import call, needed
from trueup.connectors.shopify.node import Connection
from trueup.contract.connector import Hook, Reply, Request
from trueup.errors import ContractBroken, Refused

_PAGE = 100
# A topic on the wire is "orders/create"; in the API the same word is ORDERS_CREATE. Where the
# noun itself has an underscore the way back is not unique, so it goes by this list.
_NOUNS = (
    *("orders", "refunds", "fulfillments", "fulfillment_events", "order_transactions", "returns"),
    *("products", "customers", "customers_marketing_consent"),
    *("customers_email_marketing_consent", "inventory_levels", "inventory_items", "locations"),
    *("shop", "app", "bulk_operations", "variants"),
)


class _Version(msgspec.Struct, gc=False):
    handle: str | None = None


class _Subscription(msgspec.Struct, gc=False, rename="camel"):
    id: str
    topic: str
    uri: str
    api_version: _Version | None = None


class _UserError(msgspec.Struct, gc=False):
    field: list[str] | None = None
    message: str = ""
    code: str | None = None


class _Created(msgspec.Struct, gc=False, rename="camel"):
    webhook_subscription: _Subscription | None = None
    user_errors: list[_UserError] = []


def list_request(cursor: str | None) -> Request:
    """Return the call that lists our subscriptions."""
    return call("hooks_list", {"first": _PAGE, "after": cursor}, cost=10)


def listed(reply: Reply) -> tuple[tuple[Hook, ...], str | None]:
    """Return the subscriptions and the next cursor; None after the last page."""
    page = needed(reply, "webhookSubscriptions", Connection[_Subscription])
    cursor = page.page_info.end_cursor if page.is_cut and page.page_info else None
    return tuple(_hook(subscription) for subscription in page.all()), cursor


def create_request(topic: str, url: str) -> Request:
    """Return the call that subscribes a topic."""
    variables = {"topic": topic.replace("/", "_").upper(), "uri": url}
    return call("hook_create", variables, cost=10, writes=True)


def created(reply: Reply) -> Hook:
    """Return the new subscription.

    Raises:
        Refused: Shopify's own reason, such as a topic that the app may not read.
    """
    result = needed(reply, "webhookSubscriptionCreate", _Created)
    if result.user_errors:
        reasons = "; ".join(error.message[:200] for error in result.user_errors)
        raise Refused(f"Shopify did not subscribe the topic: {reasons}")
    if result.webhook_subscription is None:
        raise ContractBroken("Shopify neither subscribed the topic nor said why not")
    return _hook(result.webhook_subscription)


def delete_request(hook: Hook) -> Request:
    """Return the call that removes a subscription."""
    return call("hook_delete", {"id": hook.ref}, cost=10, writes=True)


def topic_of(word: str) -> str:
    """Return the topic as deliveries write it: "ORDERS_CREATE" is "orders/create"."""
    lower = word.lower()
    fitting = [noun for noun in _NOUNS if lower.startswith(noun + "_")]
    noun = max(fitting, key=len, default=lower.partition("_")[0])
    return f"{noun}/{lower[len(noun) + 1 :]}"


def _hook(subscription: _Subscription) -> Hook:
    version = subscription.api_version
    return Hook(
        ref=subscription.id,
        topic=topic_of(subscription.topic),
        url=subscription.uri,
        api_version=version.handle if version else None,
    )
