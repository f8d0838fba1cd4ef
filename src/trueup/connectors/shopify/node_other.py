"""The nodes of everything that is not an order."""

from trueup.connectors.shopify.node import (
    AddressNode,
    Connection,
    MoneyNode,
    Node,
    PointerNode,
    SkuNode,
)
from trueup.connectors.shopify.shape import NOTHING, Amount, Id, Instant, Units


class WeightNode(Node, frozen=True, kw_only=True):
    """How heavy."""

    value: Amount
    unit: str | None = None


class MeasurementNode(Node, frozen=True, kw_only=True):
    """How large."""

    weight: WeightNode | None = None


class VariantItemNode(Node, frozen=True, kw_only=True):
    """The countable thing behind a variant."""

    id: Id | None = None
    tracked: bool | None = None
    requires_shipping: bool | None = None
    measurement: MeasurementNode | None = None


class VariantNode(Node, frozen=True, kw_only=True):
    """One variant."""

    id: Id
    title: str | None = None
    sku: str | None = None
    barcode: str | None = None
    price: Amount = NOTHING
    compare_at_price: Amount = NOTHING
    position: int | None = None
    inventory_policy: str | None = None
    inventory_item: VariantItemNode | None = None


class ProductNode(Node, frozen=True, kw_only=True):
    """One product."""

    id: Id
    title: str | None = None
    status: str | None = None
    vendor: str | None = None
    product_type: str | None = None
    handle: str | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None
    tags: tuple[str, ...] = ()
    variants: Connection[VariantNode] | None = None


class EmailNode(Node, frozen=True, kw_only=True):
    """An e-mail address and whether marketing may be sent there."""

    email_address: str | None = None
    marketing_state: str | None = None
    marketing_opt_in_level: str | None = None
    marketing_updated_at: Instant | None = None


class PhoneNode(Node, frozen=True, kw_only=True):
    """A telephone number."""

    phone_number: str | None = None


class SmsNode(Node, frozen=True, kw_only=True):
    """Whether marketing may be sent by text message."""

    marketing_state: str | None = None
    marketing_opt_in_level: str | None = None
    consent_updated_at: Instant | None = None


class CustomerNode(Node, frozen=True, kw_only=True):
    """One customer."""

    id: Id
    created_at: Instant | None = None
    updated_at: Instant | None = None
    state: str | None = None
    verified_email: bool | None = None
    tax_exempt: bool | None = None
    number_of_orders: Id | None = None
    amount_spent: MoneyNode | None = None
    locale: str | None = None
    tags: tuple[str, ...] = ()
    first_name: str | None = None
    last_name: str | None = None
    note: str | None = None
    default_email_address: EmailNode | None = None
    default_phone_number: PhoneNode | None = None
    sms_marketing_consent: SmsNode | None = None
    addresses: tuple[AddressNode, ...] = ()


class ItemNode(Node, frozen=True, kw_only=True):
    """One inventory item."""

    id: Id
    sku: str | None = None
    tracked: bool | None = None
    requires_shipping: bool | None = None
    unit_cost: MoneyNode | None = None
    country_code_of_origin: str | None = None
    harmonized_system_code: str | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None


class QuantityNode(Node, frozen=True, kw_only=True):
    """Units in one state."""

    name: str
    quantity: Units


class LevelNode(Node, frozen=True, kw_only=True):
    """What lies of one item at one location."""

    is_active: bool | None = None
    updated_at: Instant | None = None
    item: SkuNode
    location: SkuNode
    quantities: tuple[QuantityNode, ...] = ()


class LocationNode(Node, frozen=True, kw_only=True):
    """One place."""

    id: Id
    name: str | None = None
    is_active: bool | None = None
    fulfills_online_orders: bool | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None
    address: AddressNode | None = None


class DispositionNode(Node, frozen=True, kw_only=True):
    """What became of returned units."""

    type: str
    quantity: Units
    location: PointerNode | None = None


class ShippedRefNode(Node, frozen=True, kw_only=True):
    """A shipped line, by its id and by the order line it is of."""

    id: Id | None = None
    line_item: PointerNode | None = None


class ReverseLineNode(Node, frozen=True, kw_only=True):
    """Units on their way back."""

    fulfillment_line_item: ShippedRefNode | None = None
    dispositions: tuple[DispositionNode, ...] = ()


class ReverseNode(Node, frozen=True, kw_only=True):
    """One way back."""

    line_items: Connection[ReverseLineNode] | None = None


class ReturnLineNode(Node, frozen=True, kw_only=True):
    """Units of one line in a return."""

    quantity: Units = 0
    return_reason: str | None = None
    return_reason_note: str | None = None
    customer_note: str | None = None
    fulfillment_line_item: ShippedRefNode | None = None


class ReturnNode(Node, frozen=True, kw_only=True):
    """One return."""

    id: Id
    name: str | None = None
    status: str | None = None
    created_at: Instant | None = None
    closed_at: Instant | None = None
    order: PointerNode | None = None
    return_line_items: Connection[ReturnLineNode] | None = None
    reverse_fulfillment_orders: Connection[ReverseNode] | None = None
