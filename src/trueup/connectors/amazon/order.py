"""One order of Amazon's, with its packages.

An order that Amazon sends out itself (FBA) takes nothing from the merchant's shelves: its lines are
not `stocked`, so that the ledger reserves and moves no unit for them, and it lies at the location
"FBA-<marketplace>". What Amazon holds is told by the FBA inventory instead.
"""

from datetime import UTC

from trueup.canon.arithmetic import check_order
from trueup.canon.customer import Address
from trueup.canon.issue import Issue, Severity
from trueup.canon.link import Link, LinkSpace
from trueup.canon.order import (
    Discount,
    Order,
    OrderLine,
    OrderOrigin,
    OrderPerson,
    PaymentStatus,
)
from trueup.canon.record import Record
from trueup.connectors.amazon.amount import price_of
from trueup.connectors.amazon.fault import unknown
from trueup.connectors.amazon.marketplace import FBA_PREFIX, currency_of
from trueup.connectors.amazon.package import shipments_of
from trueup.connectors.amazon.proceeds import (
    ItemMoney,
    item_money,
    line_discount,
    shipping_lines,
    tax_lines,
    totals_of,
)
from trueup.connectors.amazon.shape import AddressShape, ItemShape, OrderShape
from trueup.contract.amount import NO_CURRENCY
from trueup.contract.connector import Mapped

_PAYMENT = {
    "PENDING_AVAILABILITY": PaymentStatus.PENDING,
    "PENDING": PaymentStatus.PENDING,
    "UNSHIPPED": PaymentStatus.AUTHORISED,
    "PARTIALLY_SHIPPED": PaymentStatus.PARTLY_PAID,
    "SHIPPED": PaymentStatus.PAID,
    "CANCELLED": PaymentStatus.VOIDED,
    "UNFULFILLABLE": PaymentStatus.UNKNOWN,
}
"""Amazon charges the buyer when goods leave; before that the payment is only authorised."""

_OWN_NUMBER = "SELLER_ORDER_ID"
_ORIGINS = {"AMAZON": OrderOrigin.MARKETPLACE, "NON_AMAZON": OrderOrigin.API}


def map_order(shape: OrderShape) -> Mapped:
    """Return the order and its shipments; raises `Unsound`."""
    currency, issues = _currency(shape)
    money = [
        item_money(item, currency, f"/orderItems/{n}") for n, item in enumerate(shape.order_items)
    ]
    issues += [issue for item in money for issue in item.issues]
    fulfilment = shape.fulfillment
    status = fulfilment.fulfillment_status if fulfilment else None
    if status is not None and status not in _PAYMENT:
        expected = ", ".join(sorted(_PAYMENT))
        place = "/fulfillment/fulfillmentStatus"
        issues.append(unknown("amazon.fulfilment_status_unknown", place, expected, status))
    by_amazon, told = _sent_by(shape)
    issues += [*told, *_strange_names(shape)]
    totals = totals_of(shape, money, currency)
    order = _order(shape, money, currency, by_amazon=by_amazon)
    if not totals.known and shape.order_items:
        issues.append(_prices_pending(order.ref))
    records: list[Record] = [order]
    if not by_amazon:
        shipments, more = shipments_of(shape)
        records += shipments
        issues += more
    if totals.known:
        issues += check_order(order)
    return Mapped(records=tuple(records), issues=tuple(issues))


def _order(shape: OrderShape, money: list[ItemMoney], currency: str, *, by_amazon: bool) -> Order:
    status = shape.fulfillment.fulfillment_status if shape.fulfillment else None
    totals = totals_of(shape, money, currency)
    updated_at = shape.last_updated_time.astimezone(UTC)
    cancelled = status == "CANCELLED"
    marketplace = shape.sales_channel.marketplace_id
    lines = zip(shape.order_items, money, strict=True)
    return Order(
        ref=shape.order_id,
        updated_at=updated_at,
        links=_links(shape),
        number=shape.order_id,
        placed_at=shape.created_time.astimezone(UTC),
        currency=currency,
        lines=tuple(_line(item, each, currency, by_amazon=by_amazon) for item, each in lines),
        totals=totals.totals,
        taxes_included=totals.taxes_included,
        origin=_ORIGINS.get(shape.sales_channel.channel_name, OrderOrigin.UNKNOWN),
        origin_code=_origin_code(shape),
        payment_status=_PAYMENT.get(status or "", PaymentStatus.UNKNOWN),
        fulfilment_code=status,
        # Amazon does not say when: no later than the change that told it.
        cancelled_at=updated_at if cancelled else None,
        cancel_reason=_cancel_reason(shape) if cancelled else None,
        shipping=shipping_lines(shape, money, currency),
        taxes=tax_lines(money, currency),
        discounts=_promotions(shape),
        location_ref=f"{FBA_PREFIX}{marketplace or 'unknown'}" if by_amazon else None,
        person=_person(shape),
    )


def _currency(shape: OrderShape) -> tuple[str, list[Issue]]:
    """Return the order's currency; while no price is told, its marketplace's."""
    if shape.proceeds and shape.proceeds.grand_total:
        return shape.proceeds.grand_total.currency_code, []
    for item in shape.order_items:
        if item.proceeds and item.proceeds.breakdowns:
            return item.proceeds.breakdowns[0].subtotal.currency_code, []
        if item.product.price and item.product.price.unit_price:
            return item.product.price.unit_price.currency_code, []
    marketplace = shape.sales_channel.marketplace_id
    found = currency_of(marketplace)
    if found is not None:
        return found, []
    place = "/salesChannel/marketplaceId"
    return NO_CURRENCY, [
        unknown("amazon.marketplace_unknown", place, "a known marketplace", marketplace or "none")
    ]


def _sent_by(shape: OrderShape) -> tuple[bool, list[Issue]]:
    """Tell whether Amazon sends it out; where that is not clear, stock of ours is set aside."""
    told = shape.fulfillment.fulfilled_by if shape.fulfillment else None
    if told in {"AMAZON", "MERCHANT"} or (told is None and shape.fulfillment is None):
        return told == "AMAZON", []
    place = "/fulfillment/fulfilledBy"
    return False, [
        unknown("amazon.fulfilled_by_unknown", place, "AMAZON or MERCHANT", told or "nothing")
    ]


def _strange_names(shape: OrderShape) -> list[Issue]:
    """Return what is not known of where the order was born and what it is called."""
    issues = []
    channel = shape.sales_channel.channel_name
    if channel not in _ORIGINS:
        expected = ", ".join(_ORIGINS)
        place = "/salesChannel/channelName"
        issues.append(unknown("amazon.channel_unknown", place, expected, channel))
    for number, alias in enumerate(shape.order_aliases or []):
        if alias.alias_type != _OWN_NUMBER:
            place = f"/orderAliases/{number}/aliasType"
            issues.append(unknown("amazon.alias_unknown", place, _OWN_NUMBER, alias.alias_type))
    return issues


def _line(item: ItemShape, money: ItemMoney, currency: str, *, by_amazon: bool) -> OrderLine:
    return OrderLine(
        ref=item.order_item_id,
        title=item.product.title or item.product.seller_sku or item.product.asin or "",
        quantity=item.quantity_ordered,
        quantity_current=_still_wanted(item),
        price=price_of(money.unit if money.unit is not None else money.goods, currency),
        sku=item.product.seller_sku or None,
        variant_ref=item.product.seller_sku or None,
        product_ref=item.product.asin or None,
        discount=line_discount(money, currency),
        taxes=tax_lines([money], currency, shipping=False),
        stocked=not by_amazon,
    )


def _still_wanted(item: ItemShape) -> int | None:
    """Return units that left or shall still leave; None where nothing is told or all are."""
    told = item.fulfillment
    executed = item.cancellation is not None and item.cancellation.cancellation_execution
    if told is None or (told.quantity_fulfilled is None and told.quantity_unfulfilled is None):
        return 0 if executed else None
    wanted = (told.quantity_fulfilled or 0) + (told.quantity_unfulfilled or 0)
    return wanted if wanted < item.quantity_ordered else None


def _origin_code(shape: OrderShape) -> str:
    """Return Amazon's own words for where it came from: channel, programmes, replacement."""
    words = [shape.sales_channel.channel_name, *(shape.programs or [])]
    words += [each.association_type or "" for each in shape.associated_orders or []]
    return " ".join(filter(None, words))[:200]


def _cancel_reason(shape: OrderShape) -> str | None:
    for item in shape.order_items:
        done = item.cancellation.cancellation_execution if item.cancellation else None
        if done is not None:
            return " ".join(filter(None, (done.cancelled_by, done.cancel_reason))) or None
    return None


def _promotions(shape: OrderShape) -> tuple[Discount, ...]:
    named = {
        each.promotion_id: None
        for item in shape.order_items
        for each in (item.promotion.breakdowns if item.promotion else None) or []
        if each.promotion_id
    }
    return tuple(Discount(title=name) for name in named if name)


def _links(shape: OrderShape) -> tuple[Link, ...]:
    aliases = [a.alias_id for a in shape.order_aliases or [] if a.alias_type == _OWN_NUMBER]
    names = dict.fromkeys([shape.order_id, *filter(None, aliases)])
    return tuple(Link(LinkSpace.ORDER, name) for name in names)


def _person(shape: OrderShape) -> OrderPerson | None:
    buyer = shape.buyer
    address = shape.recipient.delivery_address if shape.recipient else None
    gifts = [
        item.fulfillment.packing.gift_option.gift_message
        for item in shape.order_items
        if item.fulfillment and item.fulfillment.packing and item.fulfillment.packing.gift_option
    ]
    number = buyer.buyer_purchase_order_number if buyer else None
    notes = [f"Purchase order {number}" if number else None, *gifts]
    company = buyer.buyer_company_name if buyer else None
    person = OrderPerson(
        email=(buyer.buyer_email or None) if buyer else None,
        phone=(address.phone or None) if address else None,
        name=(buyer.buyer_name or None) if buyer else None,
        billing=Address(company=company) if company else None,
        shipping=address_of(address) if address else None,
        note="\n".join(filter(None, notes)) or None,
    )
    return None if person == OrderPerson() else person


def address_of(shape: AddressShape) -> Address:
    """Return a postal address."""
    lines = (shape.address_line1, shape.address_line2, shape.address_line3)
    return Address(
        name=shape.name or None,
        company=shape.company_name or None,
        lines=tuple(line for line in lines if line),
        city=shape.city or None,
        province=shape.state_or_region or shape.district_or_county or None,
        postcode=shape.postal_code or None,
        country=shape.country_code or None,
        phone=shape.phone or None,
    )


def _prices_pending(ref: str) -> Issue:
    return Issue(
        code="amazon.prices_pending",
        severity=Severity.NOTE,
        pointer="/proceeds/grandTotal",
        expected="a total",
        found="none yet",
        how_to_fix="Nothing is to be done: Amazon tells prices once the payment is authorised.",
        ref=f"order/{ref}",
    )
