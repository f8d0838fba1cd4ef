"""Webhook subscriptions over the API: made, listed, changed, removed."""

from typing import Any

from trueup.sandbox.shopify.shop import API_VERSION, gid
from trueup.sandbox.shopify.view import Ask, Pick, View, listed, number_of
from trueup.sandbox.webhooks import Subscription

__all__ = [
    "SubscriptionView",
    "create",
    "delete",
    "listing",
    "topic_enum",
    "topic_text",
    "update",
]

# The one topic whose words do not simply join: both sides are the vendor's.
_SPECIAL = {
    "APP_UNINSTALLED": "app/uninstalled",
    "ORDER_TRANSACTIONS_CREATE": "order_transactions/create",
    "CUSTOMERS_EMAIL_MARKETING_CONSENT_UPDATE": "customers_email_marketing_consent/update",
    "CUSTOMERS_MARKETING_CONSENT_UPDATE": "customers_marketing_consent/update",
    "CUSTOMER_TAGS_ADDED": "customer.tags_added",
    "CUSTOMER_TAGS_REMOVED": "customer.tags_removed",
    "ORDERS_PARTIALLY_FULFILLED": "orders/partially_fulfilled",
    "ORDERS_RISK_ASSESSMENT_CHANGED": "orders/risk_assessment_changed",
    "ORDERS_SHOPIFY_PROTECT_ELIGIBILITY_CHANGED": "orders/shopify_protect_eligibility_changed",
    "ORDERS_LINK_REQUESTED": "orders/link_requested",
    "CUSTOMERS_PURCHASING_SUMMARY": "customers/purchasing_summary",
    "APP_SCOPES_UPDATE": "app/scopes_update",
    "TENDER_TRANSACTIONS_CREATE": "tender_transactions/create",
}


def topic_text(enum: str) -> str:
    """Return the header form of a topic, such as orders/create for ORDERS_CREATE."""
    if enum in _SPECIAL:
        return _SPECIAL[enum]
    noun, verb = enum.rsplit("_", 1)
    return f"{noun.lower()}/{verb.lower()}"


def topic_enum(text: str) -> str:
    """Return the API form of a topic."""
    for enum, known in _SPECIAL.items():
        if known == text:
            return enum
    return text.replace("/", "_").upper()


class SubscriptionView(View[Subscription]):
    """A wish to hear of a topic."""

    typename = "WebhookSubscription"
    format = "JSON"
    metafield_namespaces: tuple[str, ...] = ()

    @property
    def topic(self) -> str:
        """The API form."""
        return topic_enum(self.it.topic)

    @property
    def callback_url(self) -> str:
        """Where it is sent."""
        return self.it.uri

    @property
    def endpoint(self) -> Pick:
        """Where it is sent, as an object."""
        return Pick("WebhookHttpEndpoint", callback_url=self.it.uri)

    @property
    def api_version(self) -> Pick:
        """The version bodies are written in."""
        return Pick("ApiVersion", display_name=API_VERSION, handle=API_VERSION, supported=True)


def listing(ask: Ask, args: dict[str, Any]) -> object:
    """Return subscriptions, filtered by topics, URI and format."""
    topics = {topic_text(each) for each in args.get("topics") or ()}
    uri = args.get("uri") or args.get("callback_url")
    found = [
        each
        for each in ask.shop.desk.subscriptions.values()
        if (not topics or each.topic in topics) and uri in {None, each.uri}
    ]
    return listed(
        ask, found, lambda it: SubscriptionView(ask, it), args, key=lambda it: (it.id, it.id)
    )


def create(ask: Ask, topic: str, wish: dict[str, Any]) -> Pick:
    """Make a subscription, or say why not."""
    shop = ask.shop
    uri = (wish.get("uri") or wish.get("callbackUrl") or "").strip()
    problem = _uri_problem(uri)
    text = topic_text(topic)
    if problem is None and any(each.uri == uri for each in shop.desk.wanted(text)):
        problem = "Address for this topic has already been taken"
    if problem is not None:
        error = Pick("UserError", field=["webhookSubscription", "callbackUrl"], message=problem)
        return Pick("Payload", webhook_subscription=None, user_errors=[error])
    now = shop.now()
    made = Subscription(
        shop.new_id(), text, uri, now, now, tuple(wish.get("includeFields") or ()),
        wish.get("filter"), wish.get("name"),
    )  # fmt: skip
    shop.desk.subscriptions[made.id] = made
    return Pick("Payload", webhook_subscription=SubscriptionView(ask, made), user_errors=[])


def update(ask: Ask, subscription_id: str, wish: dict[str, Any]) -> Pick:
    """Change where a subscription is sent, or its filter."""
    found = _find(ask, subscription_id)
    if found is None:
        return Pick("Payload", webhook_subscription=None, user_errors=[_missing()])
    uri = wish.get("uri") or wish.get("callbackUrl") or found.uri
    problem = _uri_problem(uri)
    if problem is not None:
        error = Pick("UserError", field=["webhookSubscription", "callbackUrl"], message=problem)
        return Pick("Payload", webhook_subscription=None, user_errors=[error])
    found.uri, found.updated_at = uri, ask.shop.now()
    found.filter = wish.get("filter", found.filter)
    return Pick("Payload", webhook_subscription=SubscriptionView(ask, found), user_errors=[])


def delete(ask: Ask, subscription_id: str) -> Pick:
    """Remove a subscription."""
    found = _find(ask, subscription_id)
    if found is None:
        return Pick("Payload", deleted_webhook_subscription_id=None, user_errors=[_missing()])
    del ask.shop.desk.subscriptions[found.id]
    gone = gid("WebhookSubscription", found.id)
    return Pick("Payload", deleted_webhook_subscription_id=gone, user_errors=[])


def _find(ask: Ask, subscription_id: str) -> Subscription | None:
    number = number_of(subscription_id, "WebhookSubscription")
    return ask.shop.desk.subscriptions.get(number or 0)


def _missing() -> Pick:
    return Pick("UserError", field=["id"], message="Webhook subscription does not exist")


def _uri_problem(uri: str) -> str | None:
    if not uri:
        return "Address can't be blank"
    scheme = uri.partition("://")[0]
    # The vendor wants https; a sandbox also speaks plain http, so that localhost can listen.
    return None if scheme in {"http", "https"} else f"Address protocol {scheme}:// is not supported"
