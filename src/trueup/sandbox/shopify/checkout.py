"""A buyer pays: lines, discounts, taxes, shipping and payments become an order."""

from decimal import Decimal
from functools import partial

import msgspec

from trueup.sandbox.shopify import customers, parcels, stock, totals
from trueup.sandbox.shopify.bodies_after import transaction_body
from trueup.sandbox.shopify.bodies_orders import order_body
from trueup.sandbox.shopify.catalogue import variant_of
from trueup.sandbox.shopify.customers import CustomerSeed
from trueup.sandbox.shopify.model import (
    Allocation,
    Discount,
    Duty,
    Line,
    LineGroup,
    Order,
    ShippingLine,
    TaxLine,
    Transaction,
)
from trueup.sandbox.shopify.money import Exchange, Pair
from trueup.sandbox.shopify.shop import Shop

__all__ = ["Cart", "CartLine", "build_line", "pay", "place", "sold_out"]


class CartLine(msgspec.Struct, frozen=True, kw_only=True):
    """One wish: a SKU of the shop, or with `sku` None a custom item with title and price.

    Attributes:
        discount: amount taken off this line, as text in the shop's currency.
        bundle: title of the bundle that this line is a component of.
        duty: import duty on the line, as text.
    """

    sku: str | None = None
    quantity: int = 1
    title: str | None = None
    price: str | None = None
    discount: str | None = None
    bundle: str | None = None
    duty: str | None = None
    gift_card: bool = False


class Cart(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a checkout says.

    Attributes:
        channel: `web`, `pos`, `shopify_draft_order` or any other source name.
        payment: `paid` (sale), `authorized` (captured later) or `pending`.
        gift_card: amount paid by gift card, as text; the rest by the gateway.
        code, code_percent: a discount code over the whole cart.
    """

    lines: list[CartLine]
    ref: str = ""
    customer: CustomerSeed | None = None
    channel: str = "web"
    payment: str = "paid"
    gateway: str = "bogus"
    shipping: str | None = "5.00"
    tip: str | None = None
    gift_card: str | None = None
    code: str | None = None
    code_percent: str = "10"
    presentment_currency: str | None = None
    presentment_rate: str = "1"
    taxes_included: bool | None = None
    tax_rate: str | None = None
    test: bool = False
    note: str | None = None
    tags: tuple[str, ...] = ()


def sold_out(shop: Shop, cart: Cart) -> str | None:
    """Return the first SKU that the shop will not sell any more, or None."""
    wanted: dict[str, int] = {}
    for line in cart.lines:
        if line.sku is not None:
            wanted[line.sku] = wanted.get(line.sku, 0) + line.quantity
    for sku, units in wanted.items():
        variant = variant_of(shop, sku)
        if not variant.item.tracked or variant.policy == "continue":
            continue
        left = sum(
            stock.level_of(shop, variant.item.id, place.id).available
            for place in shop.locations.values()
            if place.active and place.online
        )
        if left < units:
            return sku
    return None


def place(shop: Shop, cart: Cart) -> Order:
    """Turn a cart into an order; the caller has asked `sold_out` before."""
    now = shop.now()
    order = Order(
        id=shop.new_id(),
        number=shop.new_number(),
        token=f"{shop.random.getrandbits(128):032x}",
        ref=cart.ref,
        exchange=_exchange(shop, cart),
        taxes_included=shop.settings.taxes_included
        if cart.taxes_included is None
        else cart.taxes_included,
        created_at=now,
        updated_at=now,
        source_name=cart.channel,
        lines=[],
        shipping_lines=[],
        discounts=[],
        customer=customers.find_or_create(shop, cart.customer) if cart.customer else None,
        address=None,
        test=cart.test,
        note=cart.note,
        tags=cart.tags,
    )
    order.address = order.customer.address if order.customer and cart.channel != "pos" else None
    _fill(shop, order, cart)
    shop.orders[order.id] = order
    shop.by_ref[cart.ref or order.name] = order
    order.original_total = totals.ordered(order).total
    _pay_cart(shop, order, cart)
    _take_stock(shop, order)
    _note_customer(shop, order)
    _tell(shop, order)
    return order


def build_line(shop: Shop, order: Order, wish: CartLine, rate: Decimal) -> Line:
    """Build one line with its own discount, duty and tax (not yet the order's code)."""
    variant = variant_of(shop, wish.sku) if wish.sku is not None else None
    amount = Decimal(wish.price) if wish.price else variant.price if variant else Decimal(0)
    title = wish.title or (variant.product.title if variant else "Custom item")
    line = Line(
        id=shop.new_id(),
        variant=variant,
        title=title,
        sku=variant.sku if variant else None,
        quantity=wish.quantity,
        unit_price=order.exchange.pair(amount),
        variant_title=variant.title if variant and variant.title != "Default Title" else None,
        vendor=variant.product.vendor if variant else None,
        taxable=variant.taxable if variant else not wish.gift_card,
        requires_shipping=variant.item.requires_shipping if variant else not wish.gift_card,
        gift_card=wish.gift_card,
        grams=variant.grams if variant else 0,
        location_id=stock.place_for(shop, variant, wish.quantity),
    )
    if wish.discount is not None:
        value = Decimal(wish.discount)
        discount = Discount(
            len(order.discounts), "manual", "Line discount", value, "fixed_amount",
            "each", "explicit",
        )  # fmt: skip
        order.discounts.append(discount)
        line.allocations.append(Allocation(discount, order.exchange.pair(value)))
    if wish.duty is not None:
        price = order.exchange.pair(Decimal(wish.duty))
        line.duties.append(Duty(shop.new_id(), "610910", "CN", price))
    _tax_line(shop, order, line, rate)
    return line


def pay(
    shop: Shop, order: Order, amount: Pair, *, kind: str, gateway: str, parent: int | None = None
) -> Transaction:
    """Record one successful movement of money and tell of it."""
    paid = Transaction(
        shop.new_id(), kind, gateway, amount, shop.now(), parent_id=parent, test=order.test
    )
    order.transactions.append(paid)
    shop.emit("order_transactions/create", partial(transaction_body, shop, order, paid))
    return paid


def _fill(shop: Shop, order: Order, cart: Cart) -> None:
    rate = Decimal(cart.tax_rate or shop.settings.tax_rate)
    groups: dict[str, LineGroup] = {}
    for wish in cart.lines:
        line = build_line(shop, order, wish, Decimal(0))
        if wish.bundle is not None:
            fresh = LineGroup(shop.new_id(), wish.bundle, 1)
            line.group = groups.setdefault(wish.bundle, fresh)
        order.lines.append(line)
    if cart.code is not None:
        _spread_code(order, cart.code, Decimal(cart.code_percent))
    for line in order.lines:
        _tax_line(shop, order, line, rate)
    if cart.tip is not None:
        tip = build_line(shop, order, CartLine(title="Tip", price=cart.tip), Decimal(0))
        tip.tip, tip.taxable, tip.requires_shipping = True, False, False
        order.lines.append(tip)
    if cart.shipping is not None and cart.channel != "pos":
        ship = ShippingLine(
            shop.new_id(), "Standard", "STANDARD", order.exchange.pair(Decimal(cart.shipping))
        )
        tax = order.exchange.tax(ship.net, rate, included=order.taxes_included)
        if tax:
            ship.tax_lines.append(TaxLine(shop.settings.tax_title, rate, tax))
        order.shipping_lines.append(ship)
    if cart.channel == "pos":
        order.location_id = next(iter(shop.locations))


def _exchange(shop: Shop, cart: Cart) -> Exchange:
    own = shop.settings.currency
    return Exchange(
        shop=own,
        presentment=cart.presentment_currency or own,
        rate=Decimal(cart.presentment_rate),
    )


def _spread_code(order: Order, code: str, percent: Decimal) -> None:
    discount = Discount(len(order.discounts), "discount_code", code, percent, "percentage")
    order.discounts.append(discount)
    for line in order.lines:
        part = order.exchange.tax(line.net, percent / 100, included=False)
        if part:
            line.allocations.append(Allocation(discount, part))


def _tax_line(shop: Shop, order: Order, line: Line, rate: Decimal) -> None:
    line.tax_lines = []
    if line.taxable and rate:
        tax = order.exchange.tax(line.net, rate, included=order.taxes_included)
        line.tax_lines.append(TaxLine(shop.settings.tax_title, rate, tax))


def _pay_cart(shop: Shop, order: Order, cart: Cart) -> None:
    left = order.original_total
    if cart.payment == "pending":
        order.financial_status = "pending"
        return
    if cart.gift_card is not None:
        card = order.exchange.pair(Decimal(cart.gift_card))
        card = card if card.shop <= left.shop else left
        pay(shop, order, card, kind="sale", gateway="gift_card")
        left -= card
    kind = "authorization" if cart.payment == "authorized" else "sale"
    if left:
        pay(shop, order, left, kind=kind, gateway=cart.gateway)
    order.financial_status = "authorized" if kind == "authorization" and left else "paid"


def _take_stock(shop: Shop, order: Order) -> None:
    at_till = order.source_name == "pos"
    for line in order.lines:
        stock.sell(shop, order, line, line.quantity, sent=at_till)
    if at_till:
        parcels.hand_over(shop, order)


def _note_customer(shop: Shop, order: Order) -> None:
    customer = order.customer
    if customer is None:
        return
    customer.orders_count += 1
    customer.total_spent += order.original_total.shop
    customer.last_order_id, customer.last_order_name = order.id, order.name
    customers.touch(shop, customer)


def _tell(shop: Shop, order: Order) -> None:
    shop.emit("orders/create", partial(order_body, shop, order))
    if order.financial_status == "paid":
        shop.emit("orders/paid", partial(order_body, shop, order))
    shop.emit("orders/updated", partial(order_body, shop, order))
    if order.fulfillments:
        shop.emit("orders/fulfilled", partial(order_body, shop, order))
