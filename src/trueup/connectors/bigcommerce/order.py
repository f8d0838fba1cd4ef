"""Orders. Their amounts with tax are those that add up, whatever the store's prices show."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from trueup.canon.arithmetic import check_order
from trueup.canon.issue import Issue
from trueup.canon.link import Link, LinkSpace
from trueup.canon.order import (
    Discount,
    Order,
    OrderLine,
    OrderOrigin,
    OrderPerson,
    OrderTotals,
    PaymentStatus,
    ShippingLine,
    TaxLine,
)
from trueup.connectors.bigcommerce.fault import unknown_word
from trueup.connectors.bigcommerce.person import address_of, name_of
from trueup.connectors.bigcommerce.shape import (
    ConsignmentShape,
    LineShape,
    OrderShape,
    TaxShape,
    WholeOrderShape,
)
from trueup.connectors.bigcommerce.stamp import needed_instant
from trueup.contract.amount import ZERO, amount_of, needed_amount, price, sum_of, unit_price
from trueup.contract.connector import Mapped
from trueup.contract.fault import Unsound

_INCOMPLETE = 0
_CANCELLED, _DECLINED = 5, 6
_STATUSES = {
    1: "pending",
    2: "shipped",
    3: "partially_shipped",
    4: "refunded",
    _CANCELLED: "cancelled",
    _DECLINED: "declined",
    7: "awaiting_payment",
    8: "awaiting_pickup",
    9: "awaiting_shipment",
    10: "completed",
    11: "awaiting_fulfilment",
    12: "manual_verification",
    13: "disputed",
    14: "partially_refunded",
}
_PAYMENT = {
    "authorized": PaymentStatus.AUTHORISED,
    "capture pending": PaymentStatus.AUTHORISED,
    "captured": PaymentStatus.PAID,
    "paid": PaymentStatus.PAID,
    "declined": PaymentStatus.PENDING,
    "held for review": PaymentStatus.PENDING,
    "pending": PaymentStatus.PENDING,
    "partially refunded": PaymentStatus.PARTLY_REFUNDED,
    "refunded": PaymentStatus.REFUNDED,
    "void": PaymentStatus.VOIDED,
    "void pending": PaymentStatus.AUTHORISED,
}
# Where no payment provider speaks, the order's status tells as much as BigCommerce says of it.
_PAYMENT_BY_STATUS = {
    1: PaymentStatus.PENDING,
    4: PaymentStatus.REFUNDED,
    7: PaymentStatus.PENDING,
    11: PaymentStatus.PAID,
    12: PaymentStatus.PENDING,
    14: PaymentStatus.PARTLY_REFUNDED,
}
_ORIGINS = {
    **dict.fromkeys(("www", "iphone", "ipad", "android", "mobile", "buybutton"), OrderOrigin.WEB),
    "manual": OrderOrigin.DRAFT,
    **dict.fromkeys(("external", "checkout_api"), OrderOrigin.API),
    **dict.fromkeys(
        ("amazon", "ebay", "facebook", "facebookshop", "fbe", "instagram", "google", "tiktok"),
        OrderOrigin.MARKETPLACE,
    ),
    **dict.fromkeys(("square", "vend", "shopkeep", "pointofsale"), OrderOrigin.POS),
}


def map_order(whole: WholeOrderShape) -> Mapped:
    """Return the order."""
    shape = whole.order
    if shape.status_id == _INCOMPLETE:
        return Mapped(ignored="an incomplete order is a checkout that was not finished")
    issues: list[Issue] = []
    order = _order_of(shape, whole.taxes, issues)
    return Mapped(records=(order,), issues=(*issues, *check_order(order)))


def _order_of(shape: OrderShape, taxes: list[TaxShape], issues: list[Issue]) -> Order:
    ref = str(shape.id)
    currency = shape.default_currency_code or shape.currency_code
    if currency is None:
        raise Unsound("nothing", "a currency")
    updated_at = needed_instant(shape.date_modified, shape.date_created)
    status = _STATUSES.get(shape.status_id)
    if status is None:
        issues.append(unknown_word("order_status", str(shape.status_id), f"order/{ref}"))
    is_dead = shape.status_id in {_CANCELLED, _DECLINED}
    lines = [line for _, line in _lines(shape)]
    return Order(
        ref=ref,
        updated_at=updated_at,
        number=ref,
        placed_at=needed_instant(shape.date_created, shape.date_modified),
        currency=currency,
        lines=tuple(_line_of(line, currency) for line in lines),
        shipping=_shipping_of(shape, currency),
        totals=_totals_of(shape, currency),
        taxes_included=True,
        taxes=tuple(_tax_of(tax, currency) for tax in taxes),
        discounts=_discounts_of(lines, currency),
        origin=_ORIGINS.get((shape.order_source or "").lower(), OrderOrigin.UNKNOWN),
        origin_code=shape.order_source or None,
        payment_status=_payment_status(shape, issues),
        payment_code=shape.payment_status or None,
        fulfilment_code=status,
        cancelled_at=updated_at if is_dead else None,
        cancel_reason=status if is_dead else None,
        customer_ref=str(shape.customer_id) if shape.customer_id else None,
        deleted=bool(shape.is_deleted),
        links=_links_of(shape),
        person=_person_of(shape),
    )


def _lines(shape: OrderShape) -> Iterator[tuple[ConsignmentShape, LineShape]]:
    ways = shape.consignments
    by_mail = ways.email.gift_certificates if ways.email else None
    for group in (ways.shipping, ways.pickups, ways.downloads, by_mail):
        for way in group or ():
            found = way.line_items or []
            for line in found if isinstance(found, list) else [found]:
                yield way, line


def _line_of(shape: LineShape, currency: str) -> OrderLine:
    goods = needed_amount(shape.total_inc_tax, f"the total of line {shape.id}")
    net = amount_of(shape.discounted_total_inc_tax)
    if net is None:
        net = goods - sum_of(discount.amount for discount in shape.applied_discounts or ())
    each = unit_price(goods, shape.quantity)
    discount = each * shape.quantity - net if shape.quantity else ZERO
    tax = amount_of(shape.total_tax)
    parent = shape.parent_order_product_id
    return OrderLine(
        ref=str(shape.id),
        title=shape.name or "",
        quantity=shape.quantity,
        price=price(each if shape.quantity else net, currency),
        sku=shape.sku or None,
        product_ref=str(shape.product_id) if shape.product_id else None,
        variant_ref=str(shape.variant_id) if shape.variant_id else None,
        discount=price(discount, currency) if discount else None,
        taxes=(TaxLine(title="", rate=None, price=price(tax, currency)),) if tax else (),
        requires_shipping=shape.type == "physical",
        gift_card=shape.type == "giftcertificate",
        bundle_ref=str(parent) if parent else None,
    )


def _shipping_of(shape: OrderShape, currency: str) -> tuple[ShippingLine, ...]:
    found = []
    for index, way in enumerate(shape.consignments.shipping or ()):
        cost = amount_of(way.cost_inc_tax)
        if cost is not None:
            ref = str(way.id) if way.id else str(index)
            title = way.shipping_method or ""
            found.append(ShippingLine(ref=ref, title=title, price=price(cost, currency)))
    return tuple(found)


def _totals_of(shape: OrderShape, currency: str) -> OrderTotals:
    discounts = sum_of((shape.discount_amount, shape.coupon_discount))
    fees = sum_of((shape.handling_cost_inc_tax, shape.wrapping_cost_inc_tax))
    fees += sum_of(fee.cost_inc_tax for fee in shape.fees or ())
    goods = needed_amount(shape.subtotal_inc_tax, "subtotal_inc_tax")
    shipping, tax = amount_of(shape.shipping_cost_inc_tax), amount_of(shape.total_tax)
    return OrderTotals(
        total=price(needed_amount(shape.total_inc_tax, "total_inc_tax"), currency),
        subtotal=price(goods - discounts, currency),
        discounts=price(discounts, currency) if discounts else None,
        shipping=price(shipping, currency) if shipping is not None else None,
        tax=price(tax, currency) if tax is not None else None,
        fees=price(fees, currency) if fees else None,
    )


def _tax_of(shape: TaxShape, currency: str) -> TaxLine:
    percent = amount_of(shape.rate)
    rate = None
    if percent is not None:
        rate = format((percent / Decimal(100)).normalize(), "f") if percent else "0"
    return TaxLine(
        title=shape.name or "",
        rate=rate,
        price=price(needed_amount(shape.line_amount, "line_amount of a tax"), currency),
    )


def _discounts_of(lines: Iterable[LineShape], currency: str) -> tuple[Discount, ...]:
    """Return the discounts by what they are called, with what each took off all lines."""
    sums: dict[tuple[str, str | None], Decimal] = {}
    for line in lines:
        for each in line.applied_discounts or ():
            name = (each.name or each.code or "", each.code or None)
            sums[name] = sums.get(name, ZERO) + (amount_of(each.amount) or ZERO)
    return tuple(
        Discount(title=title, code=code, price=price(amount, currency))
        for (title, code), amount in sums.items()
    )


def _payment_status(shape: OrderShape, issues: list[Issue]) -> PaymentStatus:
    word = (shape.payment_status or "").lower()
    if not word:
        return _PAYMENT_BY_STATUS.get(shape.status_id, PaymentStatus.UNKNOWN)
    status = _PAYMENT.get(word)
    if status is None:
        issues.append(unknown_word("payment_status", word, f"order/{shape.id}"))
    return status or PaymentStatus.UNKNOWN


def _links_of(shape: OrderShape) -> tuple[Link, ...]:
    names = dict.fromkeys(
        str(name) for name in (shape.id, shape.external_id, shape.external_order_id) if name
    )
    links = [Link(LinkSpace.ORDER, name) for name in names]
    if shape.payment_provider_id:
        links.append(Link(LinkSpace.PAYMENT, str(shape.payment_provider_id)))
    return tuple(links)


def _person_of(shape: OrderShape) -> OrderPerson | None:
    billing = shape.billing_address
    to = next(iter(shape.consignments.shipping or ()), None)
    notes = [note for note in (shape.customer_message, shape.staff_notes) if note]
    person = OrderPerson(
        email=((billing.email or None) if billing else None)
        or ((to.email or None) if to else None),
        phone=((billing.phone or None) if billing else None)
        or ((to.phone or None) if to else None),
        name=name_of(billing) or name_of(to),
        billing=address_of(billing),
        shipping=address_of(to),
        note="\n".join(notes) or None,
        ip=shape.ip_address or None,
    )
    return None if person == OrderPerson() else person
