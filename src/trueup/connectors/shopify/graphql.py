"""Turn an order of the GraphQL API into the shape of a webhook, so that one mapping serves both."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from trueup.connectors.shopify.amount import BagShape, MoneyShape, price_of
from trueup.connectors.shopify.node import (
    AddressNode,
    AllocationNode,
    BagNode,
    Connection,
    FulfillmentNode,
    LineNode,
    OrderNode,
    PointerNode,
    RefundNode,
    ShippingNode,
    T,
    TaxNode,
    TransactionNode,
)
from trueup.connectors.shopify.shape import (
    NOTHING,
    AddressShape,
    AdjustmentShape,
    AllocationShape,
    ApplicationShape,
    DutyShape,
    FulfillmentShape,
    Id,
    LineShape,
    OrderShape,
    Ref,
    RefundLineShape,
    RefundShape,
    RefundShippingShape,
    ShippedLineShape,
    ShippingShape,
    TaxShape,
    TransactionShape,
)

# A webhook's shipment_status knows only what a carrier saw.
_SCANNED = frozenset(
    (
        *("attempted_delivery", "confirmed", "delayed", "delivered", "failure", "in_transit"),
        *("label_printed", "label_purchased", "out_for_delivery", "ready_for_pickup"),
        *("picked_up", "carrier_picked_up"),
    )
)


def order_shape(node: OrderNode) -> OrderShape:
    """Return the order as a webhook would tell it."""
    tips = node.total_tip_received_set
    total = node.total_price_set
    outstanding = node.total_outstanding_set
    return OrderShape(
        id=node.id,
        name=node.name,
        created_at=node.created_at,
        updated_at=node.updated_at,
        processed_at=node.processed_at,
        cancelled_at=node.cancelled_at,
        cancel_reason=node.cancel_reason,
        closed_at=node.closed_at,
        test=node.test,
        currency=node.currency_code or (total.shop_money.currency_code if total else None),
        presentment_currency=node.presentment_currency_code,
        taxes_included=node.taxes_included,
        source_name=node.source_name,
        financial_status=node.display_financial_status,
        fulfillment_status=node.display_fulfillment_status,
        email=node.email,
        phone=node.phone,
        note=node.note,
        browser_ip=node.client_ip,
        tags=list(node.tags),
        customer=Ref(id=node.customer.id) if node.customer else None,
        location_id=pointed(node.retail_location),
        billing_address=address_shape(node.billing_address),
        shipping_address=address_shape(node.shipping_address),
        line_items=_lines(node),
        shipping_lines=[_shipping(line) for line in _all(node.shipping_lines)],
        tax_lines=_taxes(node.tax_lines),
        discount_applications=[
            ApplicationShape(code=applied.code, title=applied.title)
            for applied in sorted(_all(node.discount_applications), key=lambda a: a.index or 0)
        ],
        fulfillments=[fulfillment_shape(f, node) for f in _all(node.fulfillments)],
        refunds=[refund_shape(refund) for refund in _all(node.refunds)],
        transactions=[transaction_shape(t) for t in _all(node.transactions)],
        total_price_set=_bag(node.total_price_set),
        subtotal_price_set=_bag(node.subtotal_price_set),
        total_tax_set=_bag(node.total_tax_set),
        total_discounts_set=_bag(node.total_discounts_set),
        total_shipping_price_set=_bag(node.total_shipping_price_set),
        original_total_duties_set=_bag(node.original_total_duties_set),
        original_total_additional_fees_set=_bag(node.original_total_additional_fees_set),
        # A webhook tells these two in the shop's currency only.
        total_tip_received=tips.shop_money.amount if tips else NOTHING,
        total_outstanding=outstanding.shop_money.amount if outstanding else NOTHING,
        current_total_price_set=_bag(node.current_total_price_set),
    )


def is_cut(node: OrderNode) -> bool:
    """Tell whether the vendor has more of this order than the node holds."""
    if any(map(_is_cut, (node.line_items, node.shipping_lines, node.discount_applications))):
        return True
    if any(_is_cut(f.fulfillment_line_items) for f in _all(node.fulfillments)):
        return True
    if any(_is_refund_cut(refund) for refund in _all(node.refunds)):
        return True
    shipped, paid = node.fulfillments_count, node.transactions_count
    return (shipped is not None and shipped.count > len(_all(node.fulfillments))) or (
        paid is not None and paid.count > len(_all(node.transactions))
    )


def _is_refund_cut(node: RefundNode) -> bool:
    goods, money = node.refund_line_items, node.transactions
    return any(map(_is_cut, (goods, money, node.order_adjustments, node.refund_shipping_lines)))


def _is_cut(connection: Connection[Any] | None) -> bool:
    return connection is not None and connection.is_cut


def is_bare(node: OrderNode) -> bool:
    """Tell whether fulfilments or refunds are only named, as in a bulk export."""
    shipped = any(f.fulfillment_line_items is None for f in _all(node.fulfillments))
    return shipped or any(r.refund_line_items is None for r in _all(node.refunds))


def fulfillment_shape(node: FulfillmentNode, order: OrderNode | None = None) -> FulfillmentShape:
    """Return the fulfilment as a webhook would tell it."""
    whose = node.order
    scan = (node.display_status or "").lower()
    tracking = node.tracking_info
    return FulfillmentShape(
        id=node.id,
        order_id=(whose.id if whose else None) or (order.id if order else None),
        status=node.status,
        shipment_status=scan if scan in _SCANNED else None,
        created_at=node.created_at,
        updated_at=node.updated_at,
        location_id=pointed(node.location),
        service=node.service.handle if node.service else None,
        tracking_company=tracking[0].company if tracking else None,
        tracking_numbers=[parcel.number for parcel in tracking],
        tracking_urls=[parcel.url for parcel in tracking],
        email=whose.email if whose else None,
        destination=address_shape(whose.shipping_address) if whose else None,
        line_items=[
            ShippedLineShape(
                id=line.line_item.id,
                quantity=line.quantity or 0,
                sku=line.line_item.sku,
            )
            for line in _all(node.fulfillment_line_items)
            if line.line_item
        ],
    )


def refund_shape(node: RefundNode) -> RefundShape:
    """Return the refund as a webhook would tell it."""
    return RefundShape(
        id=node.id,
        order_id=pointed(node.order),
        created_at=node.created_at,
        processed_at=node.processed_at,
        return_=Ref(id=node.return_.id) if node.return_ else None,
        refund_line_items=[
            RefundLineShape(
                id=line.id,
                line_item_id=pointed(line.line_item),
                quantity=line.quantity,
                restock_type=line.restock_type,
                location_id=pointed(line.location),
                subtotal_set=_bag(line.subtotal_set),
                total_tax_set=_bag(line.total_tax_set),
            )
            for line in _all(node.refund_line_items)
        ],
        order_adjustments=[
            AdjustmentShape(kind=_adjustment_kind(part.reason), amount_set=_bag(part.amount_set))
            for part in _all(node.order_adjustments)
        ],
        refund_shipping_lines=[
            RefundShippingShape(subtotal_amount_set=_bag(line.subtotal_amount_set))
            for line in _all(node.refund_shipping_lines)
        ],
        transactions=[transaction_shape(t) for t in _all(node.transactions)],
    )


def transaction_shape(node: TransactionNode) -> TransactionShape:
    """Return the transaction as a webhook would tell it."""
    return TransactionShape(
        id=node.id,
        order_id=pointed(node.order),
        kind=node.kind,
        status=node.status,
        gateway=node.gateway,
        amount_set=_bag(node.amount_set),
        created_at=node.created_at,
        processed_at=node.processed_at,
        authorization=node.authorization_code,
        payment_id=node.payment_id,
        error_code=node.error_code,
        test=node.test,
        parent_id=pointed(node.parent_transaction),
    )


def address_shape(node: AddressNode | None) -> AddressShape | None:
    """Return the address as a webhook would tell it."""
    if node is None:
        return None
    return AddressShape(
        name=node.name,
        company=node.company,
        address1=node.address1,
        address2=node.address2,
        city=node.city,
        province=node.province,
        zip=node.zip,
        country_code=node.country_code_v2 or node.country_code,
        phone=node.phone,
    )


def pointed(node: PointerNode | None) -> Id | None:
    """Return the id of what is pointed at."""
    return node.id if node else None


def _lines(order: OrderNode) -> list[LineShape] | None:
    """Return the lines; None where they are not told, or not which and how many units.

    The API does not mark the line of a tip: it is the one of no product that costs the tips.
    """
    nodes = _all(order.line_items)
    if order.line_items is None or any(node.quantity is None or node.id is None for node in nodes):
        return None
    tips = price_of(_bag(order.total_tip_received_set))
    marked = False
    lines = []
    for node in nodes:
        line = _line(node)
        if tips is not None and tips.booked and not marked and _costs(node, tips.amount):
            marked = True
            line = msgspec.structs.replace(line, tip={})
        lines.append(line)
    return lines


def _costs(node: LineNode, tips: Decimal) -> bool:
    if node.variant or node.product or node.sku or node.requires_shipping or node.is_gift_card:
        return False
    price = price_of(_bag(node.original_unit_price_set))
    return price is not None and price.amount * (node.quantity or 0) == tips


def _line(node: LineNode) -> LineShape:
    item = node.variant.inventory_item if node.variant else None
    tracked = node.variant is not None and (item is None or item.tracked is not False)
    group = node.line_item_group
    return LineShape(
        id=node.id or "?",
        title=node.title,
        name=node.name,
        quantity=node.quantity or 0,
        current_quantity=node.current_quantity,
        price_set=_bag(node.original_unit_price_set),
        sku=node.sku,
        variant_id=node.variant.id if node.variant else None,
        product_id=pointed(node.product),
        requires_shipping=node.requires_shipping,
        gift_card=node.is_gift_card,
        variant_inventory_management="shopify" if tracked else None,
        discount_allocations=_allocations(node.discount_allocations),
        tax_lines=_taxes(node.tax_lines),
        duties=[DutyShape(price=_bag(duty.price)) for duty in node.duties],
        line_item_group=Ref(id=group.id) if group else None,
    )


def _shipping(node: ShippingNode) -> ShippingShape:
    return ShippingShape(
        id=node.id,
        title=node.title,
        price_set=_bag(node.original_price_set),
        discounted_price_set=_bag(node.discounted_price_set),
        discount_allocations=_allocations(node.discount_allocations),
        tax_lines=_taxes(node.tax_lines),
        is_removed=node.is_removed,
    )


def _allocations(nodes: Sequence[AllocationNode]) -> list[AllocationShape]:
    return [
        AllocationShape(
            amount_set=_bag(node.allocated_amount_set),
            discount_application_index=node.discount_application.index
            if node.discount_application
            else None,
        )
        for node in nodes
    ]


def _taxes(nodes: Iterable[TaxNode]) -> list[TaxShape]:
    return [
        TaxShape(
            title=node.title,
            rate=node.rate,
            price_set=_bag(node.price_set),
            channel_liable=node.channel_liable,
        )
        for node in nodes
    ]


def _adjustment_kind(reason: str | None) -> str | None:
    """The API gives the reason where a webhook gives the kind; both name a difference alike."""
    return (reason or "").lower() or None


def _bag(node: BagNode | None) -> BagShape | None:
    if node is None:
        return None
    shop, presented = node.shop_money, node.presentment_money
    return BagShape(
        MoneyShape(shop.amount, shop.currency_code or "XXX"),
        MoneyShape(presented.amount, presented.currency_code or "XXX") if presented else None,
    )


def _all(items: Sequence[T] | Connection[T] | None) -> list[T]:
    if items is None:
        return []
    return items.all() if isinstance(items, Connection) else list(items)
