"""One simulated shop: its state, its ids, its time, and the events it tells of."""

import hmac
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from random import Random
from typing import Any, Protocol
from uuid import UUID

import msgspec

from trueup.sandbox.clock import Clock
from trueup.sandbox.faults import ApiFaults
from trueup.sandbox.shopify.idempotency import IdempotencyBook
from trueup.sandbox.shopify.model import (
    BulkRun,
    Customer,
    InventoryItem,
    Level,
    Location,
    Order,
    Product,
    Variant,
)
from trueup.sandbox.webhooks import Delivery, Event, Subscription, WebhookDesk

__all__ = [
    "API_VERSION",
    "Code",
    "Credit",
    "Hold",
    "Job",
    "Shop",
    "ShopSettings",
    "StockWitness",
    "gid",
]

API_VERSION = "2026-07"
# Five seconds for an answer, eight more tries within four hours, and a subscription is removed
# after eight straight failures.
RETRY_DELAYS_S = (10, 50, 180, 600, 1200, 2400, 3600, 6360)
STRAIGHT_FAILURES_MAX = 8
SCOPES = (
    "read_all_orders", "read_customers", "write_customers", "read_fulfillments",
    "write_fulfillments", "read_inventory", "write_inventory", "read_locations",
    "read_orders", "write_orders", "read_products", "write_products", "read_returns",
    "write_returns",
    "read_shopify_payments_accounts", "read_shopify_payments_payouts",
    "read_assigned_fulfillment_orders", "read_merchant_managed_fulfillment_orders",
    "write_merchant_managed_fulfillment_orders", "read_discounts", "write_discounts",
    "read_store_credit_accounts", "read_store_credit_account_transactions",
    "write_store_credit_account_transactions",
)  # fmt: skip

# A plain value keeps bodies of two runs alike; a token is no secret in a sandbox.
DEFAULT_TOKEN = "shpat_sandbox"  # noqa: S105 - the sandbox's public token
DEFAULT_SECRET = "sandbox-secret"  # noqa: S105 - the sandbox's public secret


class ShopSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a shop is set up.

    Attributes:
        handle: the part before `.myshopify.com`; also the path of its routes.
        points_per_s: restore rate of the API budget (100, 200, 1000 or 2000 by plan).
        budget_points: size of the bucket; None means what the vendor shows for the rate.
        redirect_urls: where merchants may be sent back to; empty: anywhere.
        token_lifetime_s, refresh_lifetime_s: of tokens that expire.
        refresh_once: a refresh token is forgotten as soon as it was used.
        parts_delay_s: how long after an order its fulfilment orders are made.
        cancel_delay_s: how long the job takes that cancels an order.
        credit_ends_by_day: store credit ends with its last day, at whatever second it was to.
        utc_offset_minutes: the shop's own time zone as an offset.
    """

    handle: str
    name: str = ""
    currency: str = "USD"
    taxes_included: bool = False
    tax_rate: str = "0.0825"
    tax_title: str = "Sales tax"
    country_code: str = "US"
    utc_offset_minutes: int = -300
    iana_timezone: str = "America/New_York"
    plan: str = "Basic"
    points_per_s: int = 100
    budget_points: int | None = None
    access_token: str = DEFAULT_TOKEN
    client_id: str = "sandbox-client"
    client_secret: str = DEFAULT_SECRET
    scopes: tuple[str, ...] = SCOPES
    redirect_urls: tuple[str, ...] = ()
    token_lifetime_s: float = 3600
    refresh_lifetime_s: float = 90 * 86_400
    refresh_once: bool = False
    locations: tuple[str, ...] = ("Main warehouse",)
    order_number_first: int = 1001
    bulk_delay_s: float = 1.0
    parts_delay_s: float = 0.0
    cancel_delay_s: float = 1.0
    credit_ends_by_day: bool = False
    seed: int = 1


@dataclass(slots=True)
class Hold:
    """What keeps a part of an order from being sent; `ours`: put on through the API."""

    id: int
    handle: str
    reason: str
    note: str | None = None
    ours: bool = True


@dataclass(slots=True)
class Job:
    """Work about an order that the shop took in, and does once `due_at` has come."""

    id: int
    order_id: int
    due_at: datetime
    work: Callable[[], None]
    done: bool = False


@dataclass(slots=True)
class Code:
    """A discount code: a share of 1, or an amount; for all, or for some customers alone."""

    id: int
    code: str
    title: str
    starts_at: datetime
    ends_at: datetime | None
    share: Decimal | None
    amount: Decimal | None
    uses: int | None
    customers: tuple[int, ...] = ()


@dataclass(slots=True)
class Credit:
    """Store credit that a customer was given, until an instant."""

    id: int
    amount: Decimal
    currency: str
    given_at: datetime
    ends_at: datetime | None
    notified: bool = False


class StockWitness(Protocol):
    """Someone outside the shop who knows how many units there truly are."""

    def sold(self, shop: str, order: str, sku: str, quantity: int, at: datetime) -> None:
        """Hear that the shop promised units to a buyer."""
        ...

    def given_back(self, shop: str, order: str, sku: str, quantity: int) -> None:
        """Hear that promised or sold units can be sold again."""
        ...

    def counted(self, shop: str, sku: str, delta: int) -> None:
        """Hear that the merchant found more or fewer units."""
        ...


def gid(kind: str, number: int | str) -> str:
    """Return the vendor's global id."""
    return f"gid://shopify/{kind}/{number}"


@dataclass
class Shop:
    """All state of one shop; verbs in the files beside change it."""

    settings: ShopSettings
    clock: Clock
    witness: StockWitness | None = None
    locations: dict[int, Location] = field(default_factory=dict)
    products: dict[int, Product] = field(default_factory=dict)
    variants: dict[int, Variant] = field(default_factory=dict)
    items: dict[int, InventoryItem] = field(default_factory=dict)
    levels: dict[tuple[int, int], Level] = field(default_factory=dict)
    levels_before: dict[tuple[int, int], Level] = field(default_factory=dict)
    customers: dict[int, Customer] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    by_sku: dict[str, Variant] = field(default_factory=dict)
    metafields: dict[tuple[str, str, str], tuple[int, str]] = field(default_factory=dict)
    holds: dict[int, list[Hold]] = field(default_factory=dict)
    jobs: dict[int, Job] = field(default_factory=dict)
    jobs_fail: bool = False  # a fault: jobs end, and nothing is done
    codes: dict[str, Code] = field(default_factory=dict)
    credits: dict[int, list[Credit]] = field(default_factory=dict)  # by customer
    by_email: dict[str, Customer] = field(default_factory=dict)
    by_ref: dict[str, Order] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    sinks: list[Callable[[Event], None]] = field(default_factory=list)
    installed: bool = True
    frozen: int | None = None  # an HTTP status that every API call gets (402, 403, 404, 423)
    privacy_uri: str | None = None
    payments: Any = None  # the account at Shopify Payments; see payouts.py, which opens it

    def __post_init__(self) -> None:
        """Derive ids, chance and desks from the settings; open the locations."""
        seed = f"{self.settings.seed}:{self.settings.handle}"
        self.random = Random(seed)  # noqa: S311 - a seeded simulation, not a secret
        self._next_id = self.random.randrange(10**9, 9 * 10**9)
        self._next_number = self.settings.order_number_first
        self._zone = timezone(timedelta(minutes=self.settings.utc_offset_minutes))
        self._triggered_at = datetime.min.replace(tzinfo=UTC)
        self.id = self.new_id()
        self.created_at = self.now()
        self.event_id = self.new_uuid()
        self.idempotency: IdempotencyBook[Any] = IdempotencyBook()
        self.bulk: dict[int, BulkRun] = {}
        self.faults = ApiFaults(self.settings.seed + 1)
        self.desk = WebhookDesk(
            random=Random(seed + ":webhooks"),  # noqa: S311 - as above
            headers=self.delivery_headers,
            retry_delays_s=RETRY_DELAYS_S,
            straight_failures_max=STRAIGHT_FAILURES_MAX,
        )
        for name in self.settings.locations:
            place = Location(self.new_id(), name, self.now(), self.now())
            place.country_code = self.settings.country_code
            self.locations[place.id] = place

    @property
    def domain(self) -> str:
        """The shop's domain at the vendor."""
        return f"{self.settings.handle}.myshopify.com"

    def delivery_headers(self, delivery: Delivery) -> dict[str, str]:
        """Return the headers of the next try of a delivery."""
        event = delivery.event
        secret = self.settings.client_secret + ("-corrupt" if delivery.corrupt else "")
        digest = hmac.digest(secret.encode(), event.body, "sha256")
        return {
            "Content-Type": "application/json",
            "X-Shopify-Topic": event.topic,
            "X-Shopify-Hmac-SHA256": b64encode(digest).decode(),
            "X-Shopify-Shop-Domain": self.domain,
            "X-Shopify-API-Version": API_VERSION,
            "X-Shopify-Webhook-Id": delivery.webhook_id,
            "X-Shopify-Event-Id": event.event_id,
            "X-Shopify-Triggered-At": event.triggered_at.isoformat().replace("+00:00", "Z"),
        }

    def now(self) -> datetime:
        """Return the sandbox's instant."""
        return self.clock.now()

    def local_text(self, instant: datetime | None) -> str | None:
        """Render an instant as REST bodies do: whole seconds with the shop's offset."""
        if instant is None:
            return None
        return instant.astimezone(self._zone).isoformat(timespec="seconds")

    def new_id(self) -> int:
        """Return the next id; ids grow and are never used twice in a shop."""
        self._next_id += self.random.randrange(1, 97)
        return self._next_id

    def new_number(self) -> int:
        """Return the next order number."""
        self._next_number += 1
        return self._next_number - 1

    def new_uuid(self) -> str:
        """Return a version 4 UUID from the shop's seed."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def begin(self) -> None:
        """Start a merchant action: events emitted from here on share one event id."""
        self.event_id = self.new_uuid()

    def emit(self, topic: str, build: Callable[[], dict[str, object]]) -> None:
        """Tell all who subscribed that something happened; the body is built now or never."""
        self.counters[topic] = self.counters.get(topic, 0) + 1
        self._triggered_at = max(self.now(), self._triggered_at + timedelta(microseconds=1))
        wanted = self.desk.wanted(topic) if self.installed or topic == "app/uninstalled" else []
        if not wanted and not self.sinks:
            return
        event = self._event(topic, build)
        for subscription in wanted:
            self.desk.accept(event, subscription, self.new_uuid(), self.now())

    def emit_to_app(self, topic: str, build: Callable[[], dict[str, object]]) -> None:
        """Tell the app itself (privacy topics are set per app, not by subscription)."""
        self.counters[topic] = self.counters.get(topic, 0) + 1
        self._triggered_at = max(self.now(), self._triggered_at + timedelta(microseconds=1))
        event = self._event(topic, build)
        uri = self.privacy_uri
        if uri is None and self.desk.subscriptions:
            uri = next(iter(self.desk.subscriptions.values())).uri
        if uri is not None:
            at = self.now()
            target = Subscription(0, topic, uri, at, at, permanent=True)
            self.desk.accept(event, target, self.new_uuid(), at)

    def _event(self, topic: str, build: Callable[[], dict[str, object]]) -> Event:
        event = Event(
            topic=topic,
            body=msgspec.json.encode(build()),
            event_id=self.event_id,
            triggered_at=self._triggered_at,
        )
        for sink in self.sinks:
            sink(event)
        return event
