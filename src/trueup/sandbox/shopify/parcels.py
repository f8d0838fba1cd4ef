"""Parcels: sent whole or in part, with tracking, delivered, or called back."""

from functools import partial

from trueup.sandbox.shopify import stock, totals
from trueup.sandbox.shopify.bodies_after import fulfillment_body
from trueup.sandbox.shopify.bodies_orders import order_body
from trueup.sandbox.shopify.model import Fulfillment, Line, Order
from trueup.sandbox.shopify.shop import Shop

__all__ = ["call_back", "deliver", "hand_over", "pack", "send"]


def pack(order: Order, wanted: dict[str, int] | None) -> list[tuple[Line, int]]:
    """Return lines and units to send: all that is left, or what `wanted` names by SKU."""
    chosen: list[tuple[Line, int]] = []
    left = dict(wanted or {})
    for line in order.lines:
        units = line.fulfillable
        if wanted is not None:
            units = min(units, left.get(line.sku or line.title, 0))
            left[line.sku or line.title] = left.get(line.sku or line.title, 0) - units
        if units > 0:
            chosen.append((line, units))
    return chosen


def send(
    shop: Shop, order: Order, chosen: list[tuple[Line, int]], *,
    company: str | None, numbers: tuple[str, ...],
) -> Fulfillment:  # fmt: skip
    """Send one parcel from the location of its first line."""
    now = shop.now()
    parcel = Fulfillment(
        shop.new_id(),
        f"{order.name}.{len(order.fulfillments) + 1}",
        chosen[0][0].location_id or next(iter(shop.locations)),
        now,
        now,
        [(line, units, shop.new_id()) for line, units in chosen],
        company=company,
        numbers=numbers,
    )
    order.fulfillments.append(parcel)
    for line, units in chosen:
        line.fulfilled += units
        stock.send(shop, line, units)
    order.updated_at = now
    state = totals.fulfillment_status(order)
    if state == "fulfilled" and order.financial_status == "paid":
        order.closed_at = now
    shop.emit("fulfillments/create", partial(fulfillment_body, shop, order, parcel))
    topic = "orders/fulfilled" if state == "fulfilled" else "orders/partially_fulfilled"
    shop.emit(topic, partial(order_body, shop, order))
    shop.emit("orders/updated", partial(order_body, shop, order))
    return parcel


def hand_over(shop: Shop, order: Order) -> None:
    """Record that a buyer at the till took everything along."""
    now = shop.now()
    taken = [(line, line.quantity, shop.new_id()) for line in order.lines if not line.tip]
    for line, units, _ in taken:
        line.fulfilled = units
    place = order.location_id or next(iter(shop.locations))
    order.fulfillments.append(Fulfillment(shop.new_id(), f"{order.name}.1", place, now, now, taken))
    order.closed_at = now


def deliver(shop: Shop, order: Order, parcel: Fulfillment) -> None:
    """The carrier says that the buyer has it."""
    parcel.shipment_status, parcel.delivered_at = "delivered", shop.now()
    _changed(shop, order, parcel)


def call_back(shop: Shop, order: Order, parcel: Fulfillment) -> None:
    """Cancel a parcel: its units are to be sent again."""
    parcel.status = "cancelled"
    for line, units, _ in parcel.lines:
        line.fulfilled -= units
        stock.send(shop, line, -units)
    order.closed_at = None
    _changed(shop, order, parcel)


def _changed(shop: Shop, order: Order, parcel: Fulfillment) -> None:
    parcel.updated_at = order.updated_at = shop.now()
    shop.emit("fulfillments/update", partial(fulfillment_body, shop, order, parcel))
    shop.emit("orders/updated", partial(order_body, shop, order))
