"""The nodes of the GraphQL API as the documents ask for them."""

from typing import Generic, TypeVar

import msgspec

from trueup.connectors.shopify.amount import Currency
from trueup.connectors.shopify.shape import NOTHING, Amount, Id, Instant, Units

T = TypeVar("T")


class Node(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """One object of a reply."""


class Edge(Node, Generic[T], frozen=True, kw_only=True):
    """One element of a connection in its older form."""

    node: T


class PageInfo(Node, frozen=True, kw_only=True):
    """Whether a connection goes on."""

    has_next_page: bool = False
    end_cursor: str | None = None


class Connection(Node, Generic[T], frozen=True, kw_only=True):
    """A list that may have been cut short."""

    nodes: list[T] | None = None
    edges: list[Edge[T]] | None = None
    page_info: PageInfo | None = None

    def all(self) -> list[T]:
        """Return what is here, in either form."""
        if self.nodes is not None:
            return self.nodes
        return [edge.node for edge in self.edges or ()]

    @property
    def is_cut(self) -> bool:
        """Tell whether there is more at the vendor than here."""
        return self.page_info is not None and self.page_info.has_next_page


class MoneyNode(Node, frozen=True, kw_only=True):
    """One amount."""

    amount: Amount
    currency_code: Currency | None = None


class BagNode(Node, frozen=True, kw_only=True):
    """One amount in both currencies."""

    shop_money: MoneyNode
    presentment_money: MoneyNode | None = None


class PointerNode(Node, frozen=True, kw_only=True):
    """Something that is only pointed at."""

    id: Id | None = None
    updated_at: Instant | None = None


class CountNode(Node, frozen=True, kw_only=True):
    """How many there are."""

    count: int = 0


class AddressNode(Node, frozen=True, kw_only=True):
    """A postal address."""

    name: str | None = None
    company: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    province: str | None = None
    zip: str | None = None
    country_code_v2: str | None = msgspec.field(name="countryCodeV2", default=None)
    country_code: str | None = None
    phone: str | None = None


class TaxNode(Node, frozen=True, kw_only=True):
    """One tax."""

    title: str | None = None
    rate: Amount = NOTHING
    channel_liable: bool | None = None
    price_set: BagNode | None = None


class IndexNode(Node, frozen=True, kw_only=True):
    """Which discount it is."""

    index: int | None = None


class AllocationNode(Node, frozen=True, kw_only=True):
    """What part of one discount fell on a line."""

    allocated_amount_set: BagNode | None = None
    discount_application: IndexNode | None = None


class ApplicationNode(Node, frozen=True, kw_only=True):
    """One discount."""

    index: int | None = None
    code: str | None = None
    title: str | None = None


class TrackedNode(Node, frozen=True, kw_only=True):
    """Whether stock is counted."""

    tracked: bool | None = None


class LineVariantNode(Node, frozen=True, kw_only=True):
    """The variant that a line sold."""

    id: Id
    inventory_item: TrackedNode | None = None


class DutyNode(Node, frozen=True, kw_only=True):
    """One import duty."""

    price: BagNode | None = None


class LineNode(Node, frozen=True, kw_only=True):
    """One line of an order."""

    id: Id | None = None
    title: str | None = None
    name: str | None = None
    quantity: Units | None = None
    current_quantity: Units | None = None
    sku: str | None = None
    requires_shipping: bool | None = None
    is_gift_card: bool | None = None
    variant: LineVariantNode | None = None
    product: PointerNode | None = None
    line_item_group: PointerNode | None = None
    original_unit_price_set: BagNode | None = None
    discount_allocations: tuple[AllocationNode, ...] = ()
    tax_lines: tuple[TaxNode, ...] = ()
    duties: tuple[DutyNode, ...] = ()


class ShippingNode(Node, frozen=True, kw_only=True):
    """One way of shipping."""

    id: Id | None = None
    title: str | None = None
    is_removed: bool | None = None
    original_price_set: BagNode | None = None
    discounted_price_set: BagNode | None = None
    discount_allocations: tuple[AllocationNode, ...] = ()
    tax_lines: tuple[TaxNode, ...] = ()


class TrackingNode(Node, frozen=True, kw_only=True):
    """One parcel number."""

    company: str | None = None
    number: str | None = None
    url: str | None = None


class ServiceNode(Node, frozen=True, kw_only=True):
    """Who fulfils."""

    handle: str | None = None


class SkuNode(Node, frozen=True, kw_only=True):
    """A line, an item or a place that must be named."""

    id: Id
    sku: str | None = None


class ShippedLineNode(Node, frozen=True, kw_only=True):
    """Units of a line in a fulfilment."""

    quantity: Units | None = None
    line_item: SkuNode | None = None


class OrderPointerNode(Node, frozen=True, kw_only=True):
    """The order of a fulfilment."""

    id: Id | None = None
    email: str | None = None
    shipping_address: AddressNode | None = None


class FulfillmentNode(Node, frozen=True, kw_only=True):
    """One fulfilment."""

    id: Id
    status: str | None = None
    display_status: str | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None
    location: PointerNode | None = None
    service: ServiceNode | None = None
    order: OrderPointerNode | None = None
    tracking_info: tuple[TrackingNode, ...] = ()
    fulfillment_line_items: Connection[ShippedLineNode] | None = None


class TransactionNode(Node, frozen=True, kw_only=True):
    """One payment transaction."""

    id: Id
    kind: str | None = None
    status: str | None = None
    gateway: str | None = None
    amount_set: BagNode | None = None
    created_at: Instant | None = None
    processed_at: Instant | None = None
    authorization_code: str | None = None
    payment_id: str | None = None
    error_code: str | None = None
    test: bool | None = None
    parent_transaction: PointerNode | None = None
    order: PointerNode | None = None


class RefundLineNode(Node, frozen=True, kw_only=True):
    """Units of a line that were refunded."""

    id: Id | None = None
    quantity: Units = 0
    restock_type: str | None = None
    location: PointerNode | None = None
    line_item: PointerNode | None = None
    subtotal_set: BagNode | None = None
    total_tax_set: BagNode | None = None


class AdjustmentNode(Node, frozen=True, kw_only=True):
    """A part of a refund that is not a line."""

    reason: str | None = None
    amount_set: BagNode | None = None
    tax_amount_set: BagNode | None = None


class RefundShippingNode(Node, frozen=True, kw_only=True):
    """Shipping that was refunded."""

    subtotal_amount_set: BagNode | None = None


class RefundNode(Node, frozen=True, kw_only=True):
    """One refund."""

    id: Id
    created_at: Instant | None = None
    processed_at: Instant | None = None
    order: PointerNode | None = None
    return_: PointerNode | None = msgspec.field(name="return", default=None)
    refund_line_items: Connection[RefundLineNode] | None = None
    order_adjustments: Connection[AdjustmentNode] | None = None
    refund_shipping_lines: Connection[RefundShippingNode] | None = None
    transactions: Connection[TransactionNode] | None = None


class OrderNode(Node, frozen=True, kw_only=True):
    """One order; lists without lines come from a bulk export."""

    id: Id
    name: str | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None
    processed_at: Instant | None = None
    cancelled_at: Instant | None = None
    cancel_reason: str | None = None
    closed_at: Instant | None = None
    test: bool | None = None
    currency_code: Currency | None = None
    presentment_currency_code: Currency | None = None
    taxes_included: bool | None = None
    source_name: str | None = None
    display_financial_status: str | None = None
    display_fulfillment_status: str | None = None
    email: str | None = None
    phone: str | None = None
    note: str | None = None
    client_ip: str | None = None
    tags: tuple[str, ...] = ()
    customer: PointerNode | None = None
    retail_location: PointerNode | None = None
    billing_address: AddressNode | None = None
    shipping_address: AddressNode | None = None
    tax_lines: tuple[TaxNode, ...] = ()
    subtotal_price_set: BagNode | None = None
    total_price_set: BagNode | None = None
    current_total_price_set: BagNode | None = None
    total_tax_set: BagNode | None = None
    total_discounts_set: BagNode | None = None
    total_shipping_price_set: BagNode | None = None
    original_total_duties_set: BagNode | None = None
    original_total_additional_fees_set: BagNode | None = None
    total_tip_received_set: BagNode | None = None
    total_outstanding_set: BagNode | None = None
    fulfillments_count: CountNode | None = None
    transactions_count: CountNode | None = None
    discount_applications: Connection[ApplicationNode] | None = None
    shipping_lines: Connection[ShippingNode] | None = None
    line_items: Connection[LineNode] | None = None
    fulfillments: list[FulfillmentNode] | Connection[FulfillmentNode] | None = None
    refunds: list[RefundNode] | Connection[RefundNode] | None = None
    transactions: list[TransactionNode] | Connection[TransactionNode] | None = None
