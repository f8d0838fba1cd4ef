"""Everything that can happen in a shop, as plain values: replayable, and the same over HTTP."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal, TypeAlias

import msgspec

from trueup.errors import ConfigError
from trueup.sandbox.shopify import (
    catalogue,
    checkout,
    customers,
    edits,
    holds,
    parcels,
    privacy,
    refunds,
    returns,
    stock,
)
from trueup.sandbox.shopify.bodies_orders import order_body
from trueup.sandbox.shopify.catalogue import SkuSeed
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.model import Line, Order
from trueup.sandbox.shopify.money import ZERO
from trueup.sandbox.shopify.refunds import RefundWish
from trueup.sandbox.shopify.shop import Shop

__all__ = [
    "Add",
    "Adjust",
    "CallBack",
    "Cancel",
    "Capture",
    "ChangeCustomer",
    "ChangeProduct",
    "Checkout",
    "CloseReturn",
    "Command",
    "Deliver",
    "Edit",
    "ForgetShop",
    "Fulfil",
    "OpenReturn",
    "Outcome",
    "Redact",
    "Refund",
    "RequestData",
    "Uninstall",
    "run",
]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a command.

    Attributes:
        status: `done`; `sold_out` (the shop refused the sale); `skipped` (nothing to do it to).
        order: name of the order concerned.
        detail: id of the thing made, or the SKU that was sold out.
    """

    status: Literal["done", "sold_out", "skipped"] = "done"
    order: str = ""
    order_id: int = 0
    detail: str = ""


class _Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """A command; `order` means an order's ref, name or id."""


class Checkout(_Command, tag="checkout", frozen=True, kw_only=True):
    """A buyer pays. `insist` sells even what the shop thinks is gone."""

    cart: Cart
    insist: bool = False


class Edit(_Command, tag="edit", frozen=True, kw_only=True):
    """The merchant edits an order: deltas by SKU, and new lines."""

    order: str
    changes: dict[str, int] = {}
    additions: list[CartLine] = []
    settle: bool = True


class Cancel(_Command, tag="cancel", frozen=True, kw_only=True):
    """An order is cancelled."""

    order: str
    reason: str = "customer"
    restock: bool = True
    refund: bool = True


class Capture(_Command, tag="capture", frozen=True, kw_only=True):
    """An authorized or pending order is paid."""

    order: str


class Refund(_Command, tag="refund", frozen=True, kw_only=True):
    """Money back; units by SKU (none: all that are left), `restock_type` as the vendor names it.

    Attributes:
        keep: part of the money that the merchant keeps, as text.
    """

    order: str
    units: dict[str, int] | None = None
    restock_type: Literal["cancel", "return", "no_restock"] = "no_restock"
    shipping: bool = False
    keep: str = "0"


class Fulfil(_Command, tag="fulfil", frozen=True, kw_only=True):
    """A parcel leaves; units by SKU, or all that is left."""

    order: str
    units: dict[str, int] | None = None
    company: str | None = "UPS"
    tracking_number: str | None = None


class Deliver(_Command, tag="deliver", frozen=True, kw_only=True):
    """The newest parcel arrives."""

    order: str


class CallBack(_Command, tag="call_back", frozen=True, kw_only=True):
    """The newest parcel is cancelled."""

    order: str


class OpenReturn(_Command, tag="open_return", frozen=True, kw_only=True):
    """A buyer wants to send units back; `wish` are their own words."""

    order: str
    units: dict[str, int]
    reason: str = "unwanted"
    wish: str | None = None
    approved: bool = True


class CloseReturn(_Command, tag="close_return", frozen=True, kw_only=True):
    """The newest open return arrives and is settled."""

    order: str
    restock: bool = True
    refund: bool = True


class Adjust(_Command, tag="adjust", frozen=True, kw_only=True):
    """The merchant corrects a quantity by hand in this shop.

    Attributes:
        physical: units really came or went (the world's truth moves too); False is a second
            writer who only changes this shop's number.
    """

    sku: str
    delta: int
    name: str = "available"
    location: int = 0
    physical: bool = True


class Add(_Command, tag="add_product", frozen=True, kw_only=True):
    """A product goes on sale."""

    skus: list[SkuSeed]


class ChangeProduct(_Command, tag="change_product", frozen=True, kw_only=True):
    """A product is changed."""

    sku: str
    title: str | None = None
    price: str | None = None
    status: str | None = None


class ChangeCustomer(_Command, tag="change_customer", frozen=True, kw_only=True):
    """A customer is changed."""

    email: str
    first_name: str | None = None
    last_name: str | None = None
    phone: str | None = None
    email_consent: str | None = None
    tags: tuple[str, ...] | None = None


class RequestData(_Command, tag="request_data", frozen=True, kw_only=True):
    """A person asks what is known of them."""

    email: str


class Redact(_Command, tag="redact", frozen=True, kw_only=True):
    """A person is to be forgotten."""

    email: str


class Uninstall(_Command, tag="uninstall", frozen=True, kw_only=True):
    """The merchant removes the app."""


class ForgetShop(_Command, tag="forget_shop", frozen=True, kw_only=True):
    """Everything of the shop is to be forgotten."""


Command: TypeAlias = (
    Checkout | Edit | Cancel | Capture | Refund | Fulfil | Deliver | CallBack | OpenReturn
    | CloseReturn | Adjust | Add | ChangeProduct | ChangeCustomer | RequestData | Redact
    | Uninstall | ForgetShop
)  # fmt: skip


def run(shop: Shop, command: Command) -> Outcome:
    """Let a command happen; its events share one event id."""
    shop.begin()
    return _VERBS[type(command)](shop, command)


def find_order(shop: Shop, wanted: str) -> Order | None:
    """Return the order with this ref, name or id."""
    found = shop.by_ref.get(wanted)
    if found is not None:
        return found
    for order in shop.orders.values():
        if wanted in {order.name, str(order.id)}:
            return order
    return None


def _checkout(shop: Shop, command: Checkout) -> Outcome:
    gone = None if command.insist else checkout.sold_out(shop, command.cart)
    if gone is not None:
        return Outcome(status="sold_out", detail=gone)
    return _done(checkout.place(shop, command.cart))


def _edit(shop: Shop, command: Edit) -> Outcome:
    order = _open_order(shop, command.order)
    if order is None:
        return _SKIPPED
    changed = edits.edit(
        shop, order, changes=command.changes, additions=command.additions, settle=command.settle
    )
    return _done(order) if changed else _SKIPPED


def _cancel(shop: Shop, command: Cancel) -> Outcome:
    order = _open_order(shop, command.order)
    if order is None:
        return _SKIPPED
    refunds.cancel(
        shop, order, reason=command.reason, restock=command.restock, give_back=command.refund
    )
    return _done(order)


def _capture(shop: Shop, command: Capture) -> Outcome:
    order = _open_order(shop, command.order)
    if order is None or order.financial_status not in {"authorized", "pending"}:
        return _SKIPPED
    held = [each for each in order.transactions if each.kind == "authorization"]
    amount = held[0].amount if held else order.original_total
    checkout.pay(
        shop, order, amount, kind="capture" if held else "sale", gateway="bogus",
        parent=held[0].id if held else None,
    )  # fmt: skip
    order.financial_status, order.updated_at = "paid", shop.now()
    shop.emit("orders/paid", lambda: order_body(shop, order))
    shop.emit("orders/updated", lambda: order_body(shop, order))
    return _done(order)


def _refund(shop: Shop, command: Refund) -> Outcome:
    order = _open_order(shop, command.order)
    if order is None:
        return _SKIPPED
    lines: list[tuple[Line, int, str]] = []
    for line in order.lines:
        units = line.current
        if command.units is not None:
            units = min(units, command.units.get(line.sku or line.title, 0))
        if command.restock_type == "cancel":
            units = min(units, line.fulfillable)
        if command.restock_type == "return":
            units = min(units, line.fulfilled)
        if units > 0:
            lines.append((line, units, command.restock_type))
    if not lines and not command.shipping:
        return _SKIPPED
    keep = order.exchange.pair(Decimal(command.keep)) if command.keep != "0" else ZERO
    wish = RefundWish(lines=lines, shipping=command.shipping, keep=keep)
    return _done(order, refunds.refund(shop, order, wish).id)


def _fulfil(shop: Shop, command: Fulfil) -> Outcome:
    order = _open_order(shop, command.order)
    chosen = [] if order is None else _sendable(shop, order, command)
    if order is None or not chosen:
        return _SKIPPED
    number = command.tracking_number or f"1Z{shop.random.randrange(10**12):012}"
    sent = parcels.send(shop, order, chosen, company=command.company, numbers=(number,))
    return _done(order, sent.id)


def _sendable(shop: Shop, order: Order, command: Fulfil) -> list[tuple[Line, int]]:
    packed = parcels.pack(order, command.units)
    return [(line, units) for line, units in packed if not holds.is_held(shop, order, line)]


def _deliver(shop: Shop, command: Deliver) -> Outcome:
    order = find_order(shop, command.order)
    if order is None or not order.fulfillments:
        return _SKIPPED
    parcels.deliver(shop, order, order.fulfillments[-1])
    return _done(order)


def _call_back(shop: Shop, command: CallBack) -> Outcome:
    order = find_order(shop, command.order)
    open_ones = [it for it in order.fulfillments if it.status == "success"] if order else []
    if order is None or not open_ones:
        return _SKIPPED
    parcels.call_back(shop, order, open_ones[-1])
    return _done(order)


def _open_return(shop: Shop, command: OpenReturn) -> Outcome:
    order = find_order(shop, command.order)
    if order is None:
        return _SKIPPED
    made = returns.open_return(
        shop, order, command.units, reason=command.reason, wish=command.wish,
        approved=command.approved,
    )  # fmt: skip
    return _SKIPPED if made is None else _done(order, made.id)


def _close_return(shop: Shop, command: CloseReturn) -> Outcome:
    order = find_order(shop, command.order)
    waiting = [it for it in order.returns if it.status in returns.ALIVE] if order else []
    if order is None or not waiting:
        return _SKIPPED
    returns.close(shop, order, waiting[-1], restock=command.restock, pay=command.refund)
    return _done(order, waiting[-1].id)


def _adjust(shop: Shop, command: Adjust) -> Outcome:
    variant = catalogue.variant_of(shop, command.sku)
    places = list(shop.locations)
    if command.location >= len(places):
        raise ConfigError("The shop has no such location.", location=command.location)
    place = places[command.location]
    level = stock.level_of(shop, variant.item.id, place)
    if command.physical and shop.witness is not None:
        shop.witness.counted(shop.settings.handle, command.sku, command.delta)
    stock.change(shop, level, command.name, command.delta)
    return Outcome(detail=str(getattr(level, command.name)))


def _add(shop: Shop, command: Add) -> Outcome:
    return Outcome(detail=str(catalogue.add_product(shop, command.skus).id))


def _change_product(shop: Shop, command: ChangeProduct) -> Outcome:
    product = catalogue.update_product(
        shop, command.sku, title=command.title, price=command.price, status=command.status
    )
    return Outcome(detail=str(product.id))


def _change_customer(shop: Shop, command: ChangeCustomer) -> Outcome:
    found = customers.update(
        shop, command.email, first_name=command.first_name, last_name=command.last_name,
        phone=command.phone, email_consent=command.email_consent, tags=command.tags,
    )  # fmt: skip
    return _SKIPPED if found is None else Outcome(detail=str(found.id))


def _request_data(shop: Shop, command: RequestData) -> Outcome:
    found = shop.by_email.get(command.email.lower())
    if found is None:
        return _SKIPPED
    privacy.request_data(shop, found)
    return Outcome(detail=str(found.id))


def _redact(shop: Shop, command: Redact) -> Outcome:
    found = shop.by_email.get(command.email.lower())
    if found is None:
        return _SKIPPED
    privacy.redact(shop, found)
    return Outcome(detail=str(found.id))


def _uninstall(shop: Shop, _: Uninstall) -> Outcome:
    privacy.uninstall(shop)
    return Outcome()


def _forget_shop(shop: Shop, _: ForgetShop) -> Outcome:
    privacy.forget_shop(shop)
    return Outcome()


def _open_order(shop: Shop, wanted: str) -> Order | None:
    order = find_order(shop, wanted)
    return None if order is None or order.cancelled_at is not None else order


def _done(order: Order, made: int | None = None) -> Outcome:
    detail = "" if made is None else str(made)
    return Outcome(order=order.name, order_id=order.id, detail=detail)


_SKIPPED = Outcome(status="skipped")
_VERBS: dict[type, Callable[[Shop, Any], Outcome]] = {
    Checkout: _checkout,
    Edit: _edit,
    Cancel: _cancel,
    Capture: _capture,
    Refund: _refund,
    Fulfil: _fulfil,
    Deliver: _deliver,
    CallBack: _call_back,
    OpenReturn: _open_return,
    CloseReturn: _close_return,
    Adjust: _adjust,
    Add: _add,
    ChangeProduct: _change_product,
    ChangeCustomer: _change_customer,
    RequestData: _request_data,
    Redact: _redact,
    Uninstall: _uninstall,
    ForgetShop: _forget_shop,
}
