"""What a shop holds: mutable records, changed only by the verbs beside this file."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from trueup.sandbox.shopify.money import ZERO, Exchange, Pair

__all__ = [
    "Address",
    "Allocation",
    "BulkRun",
    "Customer",
    "Discount",
    "Disposition",
    "Duty",
    "Fulfillment",
    "InventoryItem",
    "Level",
    "Line",
    "LineGroup",
    "Location",
    "Order",
    "OrderReturn",
    "Product",
    "Refund",
    "RefundLine",
    "ReturnLine",
    "ShippingLine",
    "TaxLine",
    "Transaction",
    "Variant",
]


@dataclass(slots=True)
class Location:
    """A place that holds stock."""

    id: int
    name: str
    created_at: datetime
    updated_at: datetime
    online: bool = True
    active: bool = True
    country_code: str = "US"


@dataclass(slots=True)
class InventoryItem:
    """The thing that is counted; one per variant."""

    id: int
    sku: str | None
    created_at: datetime
    updated_at: datetime
    tracked: bool = True
    cost: Decimal | None = None
    requires_shipping: bool = True
    variant_id: int = 0


@dataclass(slots=True)
class Level:
    """Units of one item at one location, by name; `on_hand` is their sum but for incoming."""

    item_id: int
    location_id: int
    created_at: datetime
    updated_at: datetime
    available: int = 0
    committed: int = 0
    reserved: int = 0
    damaged: int = 0
    safety_stock: int = 0
    quality_control: int = 0
    incoming: int = 0

    @property
    def on_hand(self) -> int:
        """Units physically there as the shop believes."""
        held = self.reserved + self.damaged + self.safety_stock + self.quality_control
        return self.available + self.committed + held


@dataclass(slots=True)
class Variant:
    """What a buyer puts in the cart."""

    id: int
    product: "Product"
    item: InventoryItem
    title: str
    sku: str | None
    barcode: str | None
    price: Decimal
    position: int
    created_at: datetime
    updated_at: datetime
    policy: str = "deny"
    taxable: bool = True
    grams: int = 250


@dataclass(slots=True)
class Product:
    """A product and its variants."""

    id: int
    title: str
    vendor: str
    product_type: str
    handle: str
    created_at: datetime
    updated_at: datetime
    status: str = "active"
    tags: tuple[str, ...] = ()
    variants: list[Variant] = field(default_factory=list)


@dataclass(slots=True)
class Address:
    """A postal address."""

    id: int
    first_name: str
    last_name: str
    address1: str
    city: str
    province: str
    province_code: str
    country: str
    country_code: str
    zip: str
    phone: str | None = None


@dataclass(slots=True)
class Customer:
    """A person known to the shop."""

    id: int
    email: str | None
    first_name: str
    last_name: str
    created_at: datetime
    updated_at: datetime
    phone: str | None = None
    tags: tuple[str, ...] = ()
    note: str | None = None
    address: Address | None = None
    email_consent: str = "not_subscribed"
    email_consent_at: datetime | None = None
    sms_consent: str = "not_subscribed"
    sms_consent_at: datetime | None = None
    orders_count: int = 0
    total_spent: Decimal = Decimal(0)
    last_order_id: int | None = None
    last_order_name: str | None = None
    redacted: bool = False


@dataclass(slots=True)
class TaxLine:
    """One tax on a line or on shipping."""

    title: str
    rate: Decimal
    price: Pair


@dataclass(slots=True)
class Discount:
    """A discount on the order; its amounts lie on the lines as allocations."""

    index: int
    kind: str  # discount_code | manual | automatic
    title: str
    value: Decimal
    value_type: str  # percentage | fixed_amount
    method: str = "across"
    selection: str = "all"
    target: str = "line_item"


@dataclass(slots=True)
class Allocation:
    """The part of a discount that lies on one line."""

    discount: Discount
    amount: Pair


@dataclass(slots=True)
class Duty:
    """An import duty on a line."""

    id: int
    code: str
    country_code: str
    price: Pair


@dataclass(slots=True)
class LineGroup:
    """A bundle as the buyer saw it; the lines under it are its components."""

    id: int
    title: str
    quantity: int
    variant_id: int | None = None
    product_id: int | None = None
    sku: str | None = None


@dataclass(slots=True)
class Line:
    """One line of an order; counters only ever grow, so no unit is forgotten."""

    id: int
    variant: Variant | None
    title: str
    sku: str | None
    quantity: int
    unit_price: Pair
    variant_title: str | None = None
    vendor: str | None = None
    taxable: bool = True
    requires_shipping: bool = True
    gift_card: bool = False
    tip: bool = False
    grams: int = 0
    location_id: int | None = None
    properties: tuple[tuple[str, str], ...] = ()
    group: LineGroup | None = None
    allocations: list[Allocation] = field(default_factory=list)
    tax_lines: list[TaxLine] = field(default_factory=list)
    duties: list[Duty] = field(default_factory=list)
    fulfilled: int = 0
    removed: int = 0  # taken off by an order edit
    released: int = 0  # given up before they were sent, by refund or cancellation
    refunded: int = 0  # in any refund, sent or not

    @property
    def fulfillable(self) -> int:
        """Units still to be sent."""
        if self.tip:
            return 0
        return self.quantity - self.removed - self.released - self.fulfilled

    @property
    def current(self) -> int:
        """Units left after edits and refunds."""
        return self.quantity - self.removed - self.refunded

    @property
    def discount(self) -> Pair:
        """Everything taken off this line."""
        return sum((part.amount for part in self.allocations), ZERO)

    @property
    def tax(self) -> Pair:
        """Every tax on this line."""
        return sum((part.price for part in self.tax_lines), ZERO)

    @property
    def net(self) -> Pair:
        """Price of all units less discounts (tax is inside where prices include it)."""
        return self.unit_price * self.quantity - self.discount

    @property
    def fulfillment_status(self) -> str | None:
        """The vendor's word: None, partial or fulfilled."""
        if self.fulfilled == 0:
            return None
        return "fulfilled" if self.fulfillable == 0 else "partial"


@dataclass(slots=True)
class ShippingLine:
    """What the buyer pays for delivery."""

    id: int
    title: str
    code: str
    price: Pair
    tax_lines: list[TaxLine] = field(default_factory=list)
    allocations: list[Allocation] = field(default_factory=list)
    refunded: Pair = ZERO

    @property
    def net(self) -> Pair:
        """Price less discounts."""
        return self.price - sum((part.amount for part in self.allocations), ZERO)


@dataclass(slots=True)
class Transaction:
    """One movement (or promise) of the buyer's money."""

    id: int
    kind: str
    gateway: str
    amount: Pair
    created_at: datetime
    status: str = "success"
    parent_id: int | None = None
    test: bool = False


@dataclass(slots=True)
class Fulfillment:
    """A parcel."""

    id: int
    name: str
    location_id: int
    created_at: datetime
    updated_at: datetime
    lines: list[tuple[Line, int, int]]  # line, units, id of the fulfilment line
    status: str = "success"
    company: str | None = None
    numbers: tuple[str, ...] = ()
    shipment_status: str | None = None
    delivered_at: datetime | None = None


@dataclass(slots=True)
class RefundLine:
    """Units refunded on one line."""

    id: int
    line: Line
    quantity: int
    restock_type: str
    location_id: int | None
    subtotal: Pair
    tax: Pair


@dataclass(slots=True)
class Refund:
    """Money (and perhaps units) given back."""

    id: int
    order_id: int
    created_at: datetime
    note: str | None
    lines: list[RefundLine]
    transactions: list[Transaction]
    shipping: Pair = ZERO
    shipping_tax: Pair = ZERO
    discrepancy: Pair = ZERO
    duties: Pair = ZERO
    adjustment_id: int = 0
    return_id: int | None = None


@dataclass(slots=True)
class Disposition:
    """What became of units of a return."""

    type: str  # restocked | processing_required | not_restocked | missing
    quantity: int
    location_id: int | None = None


@dataclass(slots=True)
class ReturnLine:
    """Units a buyer wants to send back; `note` is the merchant's, `wish` the buyer's own words."""

    id: int
    fulfillment_line_id: int
    line: Line
    quantity: int
    reason: str = "unknown"
    note: str = ""
    wish: str | None = None
    processed: int = 0
    refunded: int = 0
    dispositions: list[Disposition] = field(default_factory=list)


@dataclass(slots=True)
class BackDelivery:
    """What brings goods of a return back: a number and a label's file."""

    id: int
    number: str | None
    url: str | None
    label_url: str | None
    made_at: datetime
    notified: bool = False


@dataclass(slots=True)
class OrderReturn:
    """A return of an order."""

    id: int
    order_id: int
    name: str
    status: str
    created_at: datetime
    lines: list[ReturnLine]
    closed_at: datetime | None = None
    refund_ids: list[int] = field(default_factory=list)
    decline: tuple[str, str | None] | None = None  # reason, note
    exchanged: list[tuple[int, int]] = field(default_factory=list)  # id, units sent instead
    deliveries: list[BackDelivery] = field(default_factory=list)


@dataclass(slots=True)
class Order:
    """An order with everything that later happened to it."""

    id: int
    number: int
    token: str
    ref: str
    exchange: Exchange
    taxes_included: bool
    created_at: datetime
    updated_at: datetime
    source_name: str
    lines: list[Line]
    shipping_lines: list[ShippingLine]
    discounts: list[Discount]
    customer: Customer | None
    address: Address | None
    financial_status: str = "pending"
    test: bool = False
    note: str | None = None
    tags: tuple[str, ...] = ()
    location_id: int | None = None
    transactions: list[Transaction] = field(default_factory=list)
    fulfillments: list[Fulfillment] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    returns: list[OrderReturn] = field(default_factory=list)
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    cancel_note: str | None = None
    closed_at: datetime | None = None
    edited: bool = False
    original_total: Pair = ZERO

    @property
    def holders(self) -> "list[Line | ShippingLine]":
        """Everything that discounts and taxes can lie on."""
        return [*self.lines, *self.shipping_lines]

    @property
    def name(self) -> str:
        """The number as the merchant sees it."""
        return f"#{self.number}"


@dataclass(slots=True)
class BulkRun:
    """A bulk export; its lines are written at once and shown once `done_at` has come."""

    id: int
    query: str
    created_at: datetime
    done_at: datetime
    lines: list[bytes]
    root_count: int
    object_count: int
    cancelled: bool = False
    error: str | None = None
    told: bool = False
