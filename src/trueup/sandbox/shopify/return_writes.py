"""What an app changes at returns: opened, agreed to, declined, processed with money and stock."""

from decimal import Decimal
from functools import partial
from typing import Any, Final

from trueup.sandbox.shopify import refunds
from trueup.sandbox.shopify.bodies_after import return_body
from trueup.sandbox.shopify.bodies_orders import order_body
from trueup.sandbox.shopify.model import (
    Disposition,
    Fulfillment,
    Line,
    Order,
    OrderReturn,
    ReturnLine,
)
from trueup.sandbox.shopify.money import ZERO, Pair
from trueup.sandbox.shopify.refunds import RefundWish
from trueup.sandbox.shopify.scopes import allow
from trueup.sandbox.shopify.shop import Shop, gid
from trueup.sandbox.shopify.view import Ask, Pick, listed, number_of
from trueup.sandbox.shopify.views_after import FulfillmentView, ReturnView

__all__ = ["approve", "create", "decline", "process", "returnable"]

_SCOPE: Final = "write_returns"
_NOTE_CHARS_MAX: Final = 255
_DECLINE_CHARS_MAX: Final = 500
_DEAD: Final = frozenset({"declined", "canceled"})
_Error = tuple[str, str, str]
"""Code, field, message."""


def create(ask: Ask, given: dict[str, Any]) -> Pick:
    """Open a return that the merchant agrees to; the first thing that is wrong refuses it."""
    allow(ask, "returnCreate", _SCOPE)
    shop = ask.shop
    order = shop.orders.get(number_of(given["orderId"], "Order") or 0)
    if order is None:
        return _kept("ReturnCreate", ("NOT_FOUND", "orderId", "Order not found."))
    free = {number: (line, left) for _, line, number, left in _returnable(order)}
    lines = []
    for it in given["returnLineItems"]:
        number = number_of(it["fulfillmentLineItemId"], "FulfillmentLineItem") or 0
        wrong = _unreturnable(it, free.get(number))
        if wrong is not None:
            return _kept("ReturnCreate", wrong)
        line, left = free[number]
        free[number] = (line, left - it["quantity"])
        reason = (it.get("returnReason") or "UNKNOWN").lower()
        note = it.get("returnReasonNote") or ""
        lines.append(ReturnLine(shop.new_id(), number, line, it["quantity"], reason, note))
    shop.begin()
    name = f"{order.name}-R{len(order.returns) + 1}"
    made = OrderReturn(shop.new_id(), order.id, name, "open", shop.now(), lines)
    order.returns.append(made)
    _tell(shop, order, made, "returns/approve")
    return _told(ask, "ReturnCreate", order, made)


def approve(ask: Ask, given: dict[str, Any]) -> Pick:
    """Agree to what a customer asked for."""
    allow(ask, "returnApproveRequest", _SCOPE)
    found = _find(ask.shop, given["id"])
    if found is None:
        return _kept("ReturnApproveRequest", ("NOT_FOUND", "id", "Return not found."))
    order, made = found
    if made.status != "requested":
        text = "Return is not approvable. Only returns with status REQUESTED can be approved."
        return _kept("ReturnApproveRequest", ("INVALID_STATE", "id", text))
    ask.shop.begin()
    made.status = "open"
    _tell(ask.shop, order, made, "returns/approve")
    return _told(ask, "ReturnApproveRequest", order, made)


def decline(ask: Ask, given: dict[str, Any]) -> Pick:
    """Do not agree to what a customer asked for."""
    allow(ask, "returnDeclineRequest", _SCOPE)
    found, note = _find(ask.shop, given["id"]), given.get("declineNote")
    if found is None:
        return _kept("ReturnDeclineRequest", ("NOT_FOUND", "id", "Return not found."))
    order, made = found
    if made.status != "requested":
        text = "Return is not declinable. Only non-refunded returns with status REQUESTED can be."
        return _kept("ReturnDeclineRequest", ("INVALID_STATE", "id", text))
    if len(note or "") > _DECLINE_CHARS_MAX:
        return _kept("ReturnDeclineRequest", ("TOO_LONG", "declineNote", "Note is too long."))
    ask.shop.begin()
    made.status, made.decline = "declined", (given["declineReason"], note)
    _tell(ask.shop, order, made, "returns/decline")
    return _told(ask, "ReturnDeclineRequest", order, made)


def process(ask: Ask, given: dict[str, Any]) -> Pick:
    """Confirm units of a return, say what becomes of them, and pay back for them."""
    allow(ask, "returnProcess", _SCOPE)
    shop, found = ask.shop, _find(ask.shop, given["returnId"])
    if found is None:
        return _kept("ReturnProcess", ("NOT_FOUND", "returnId", "Return not found."))
    order, made = found
    if made.status not in {"open", "closed"}:
        text = "Return must be open or closed to be processed."
        return _kept("ReturnProcess", ("INVALID_STATE", "returnId", text))
    lines = {line.id: line for line in made.lines}
    wished = [
        (lines.get(number_of(it["id"], "ReturnLineItem") or 0), it)
        for it in given.get("returnLineItems") or []
    ]
    wrong = next(filter(None, (_unprocessable(shop, line, it) for line, it in wished)), None)
    parts = [(line, it) for line, it in wished if line is not None]
    units = [(line.line, it["quantity"]) for line, it in parts]
    paid = (given.get("financialTransfer") or {}).get("issueRefund")
    wrong = wrong or (None if paid is None else _unpayable(order, units, paid))
    if wrong is not None:
        return _kept("ReturnProcess", wrong)
    shop.begin()
    if paid is not None:
        _refund(shop, order, made, parts, given)
    for line, it in parts:
        line.processed += it["quantity"]
        line.refunded += 0 if paid is None else it["quantity"]
        line.dispositions += [_disposition(each) for each in it.get("dispositions") or ()]
    done = all(sum(d.quantity for d in line.dispositions) == line.quantity for line in made.lines)
    closes = done and made.status == "open"
    if closes:
        made.status, made.closed_at = "closed", shop.now()
    _tell(shop, order, made, "returns/process", *(["returns/close"] if closes else []))
    return _told(ask, "ReturnProcess", order, made)


def returnable(ask: Ask, order_id: str, args: dict[str, Any]) -> object:
    """Return what of an order's parcels may still come back, parcel by parcel."""
    order = ask.shop.orders.get(number_of(order_id, "Order") or 0)
    if order is None:
        return listed(ask, (), str, args)
    free = {number: left for _, _, number, left in _returnable(order)}
    parcels = [it for it in order.fulfillments if any(number in free for *_, number in it.lines)]
    return listed(ask, parcels, lambda it: _returnable_parcel(ask, order, it, free), args)


def _returnable_parcel(ask: Ask, order: Order, parcel: Fulfillment, free: dict[int, int]) -> Pick:
    view = FulfillmentView(ask, order, parcel)
    inside = [part for part in parcel.lines if part[2] in free]

    def item(part: tuple[Line, int, int]) -> Pick:
        return Pick(
            "ReturnableFulfillmentLineItem", quantity=free[part[2]],
            fulfillment_line_item=view.inside(part),
        )  # fmt: skip

    return Pick(
        "ReturnableFulfillment", id=gid("ReturnableFulfillment", parcel.id), fulfillment=view,
        returnable_fulfillment_line_items=lambda **args: listed(ask, inside, item, args),
    )  # fmt: skip


def _returnable(order: Order) -> list[tuple[Fulfillment, Line, int, int]]:
    """Return (parcel, line, id of its line, units) of what was sent and is in no return."""
    alive = [each for each in order.returns if each.status not in _DEAD]
    back: dict[int, int] = {}
    for asked in (line for each in alive for line in each.lines):
        back[asked.fulfillment_line_id] = back.get(asked.fulfillment_line_id, 0) + asked.quantity
    found = []
    for parcel in order.fulfillments if order.cancelled_at is None else ():
        for line, units, number in parcel.lines if parcel.status == "success" else ():
            left = min(units - back.get(number, 0), line.current)
            if left > 0:
                found.append((parcel, line, number, left))
    return found


def _unreturnable(it: dict[str, Any], free: tuple[Line, int] | None) -> _Error | None:
    if free is None:
        return "INVALID", "fulfillmentLineItemId", "Fulfillment line item does not exist."
    if not 0 < it["quantity"] <= free[1]:
        return "INVALID", "quantity", "Quantity is not available for return."
    if len(it.get("returnReasonNote") or "") > _NOTE_CHARS_MAX:
        return "TOO_LONG", "returnReasonNote", "Return reason note is too long."
    return None


def _unprocessable(shop: Shop, line: ReturnLine | None, it: dict[str, Any]) -> _Error | None:
    if line is None:
        return "NOT_FOUND", "returnLineItems", "Return line item not found."
    if not 0 < it["quantity"] <= line.quantity - line.processed:
        return "INVALID", "quantity", "Quantity exceeds what can be processed."
    placed = it.get("dispositions") or []
    disposed = sum(each.quantity for each in line.dispositions)
    if sum(each["quantity"] for each in placed) > line.quantity - disposed:
        return "INVALID", "dispositions", "Quantity exceeds the remaining quantity."
    for each in placed:
        way = each["reverseFulfillmentOrderLineItemId"]
        if number_of(way, "ReverseFulfillmentOrderLineItem") != line.id:
            return "NOT_FOUND", "dispositions", "Reverse fulfillment order line item not found."
        place = each.get("locationId")
        known = place is not None and number_of(place, "Location") in shop.locations
        if not known and (place is not None or each["dispositionType"] == "RESTOCKED"):
            return "NOT_FOUND", "locationId", "Location not found."
    return None


def _unpayable(order: Order, units: list[tuple[Line, int]], paid: dict[str, Any]) -> _Error | None:
    payments = {it.id for it in order.transactions if it.kind in {"sale", "capture"}}
    wished = paid["orderTransactions"]
    if any(number_of(it["parentId"], "OrderTransaction") not in payments for it in wished):
        return "INVALID", "parentId", "Parent transaction is not a sale or a capture."
    currency = order.exchange.presentment
    if any(it["transactionAmount"]["currencyCode"] != currency for it in wished):
        return "INVALID", "transactionAmount", "Currency must be the presentment currency."
    if any(line.current < units for line, units in units):
        return "INVALID", "returnLineItems", "Quantity exceeds what can be refunded."
    if _sum(paid) > refunds.worth(order, units).presentment:
        return "INVALID", "orderTransactions", "Refund amount is more than can be refunded."
    return None


def _sum(paid: dict[str, Any]) -> Decimal:
    amounts = (Decimal(it["transactionAmount"]["amount"]) for it in paid["orderTransactions"])
    return sum(amounts, Decimal(0))


def _refund(
    shop: Shop,
    order: Order,
    made: OrderReturn,
    parts: list[tuple[ReturnLine, dict[str, Any]]],
    given: dict[str, Any],
) -> None:
    lines: list[tuple[Line, int, str]] = []
    places: dict[int, int] = {}
    for line, it in parts:
        back = [each for each in it.get("dispositions") or () if _is_restocked(each)]
        restocked = sum(each["quantity"] for each in back)
        if back:
            places[line.line.id] = number_of(back[0]["locationId"], "Location") or 0
        for units, kind in ((restocked, "return"), (it["quantity"] - restocked, "no_restock")):
            if units:
                lines.append((line.line, units, kind))
    worth = refunds.worth(order, [(line.line, it["quantity"]) for line, it in parts])
    paid = _sum(given["financialTransfer"]["issueRefund"])
    wish = RefundWish(
        lines=lines, keep=_less(order, worth, paid), return_id=made.id, note=given.get("note"),
        places=places,
    )  # fmt: skip
    made.refund_ids.append(refunds.refund(shop, order, wish).id)


def _less(order: Order, worth: Pair, paid: Decimal) -> Pair:
    """Return what the merchant keeps of it, in both currencies."""
    kept = worth.presentment - paid
    return order.exchange.pair(kept / order.exchange.rate) if kept else ZERO


def _is_restocked(each: dict[str, Any]) -> bool:
    return bool(each["dispositionType"] == "RESTOCKED")


def _disposition(each: dict[str, Any]) -> Disposition:
    place = each.get("locationId")
    number = None if place is None else number_of(place, "Location")
    return Disposition(each["dispositionType"].lower(), each["quantity"], number)


def _find(shop: Shop, return_id: str) -> tuple[Order, OrderReturn] | None:
    number = number_of(return_id, "Return")
    owned = ((order, each) for order in shop.orders.values() for each in order.returns)
    return next(((order, each) for order, each in owned if each.id == number), None)


def _tell(shop: Shop, order: Order, made: OrderReturn, *topics: str) -> None:
    order.updated_at = shop.now()
    for topic in topics:
        shop.emit(topic, partial(return_body, order, made))
    shop.emit("orders/updated", partial(order_body, shop, order))


def _told(ask: Ask, name: str, order: Order, made: OrderReturn) -> Pick:
    return Pick(f"{name}Payload", return_=ReturnView(ask, order, made), user_errors=[])


def _kept(name: str, wrong: _Error) -> Pick:
    code, field, message = wrong
    error = Pick("ReturnUserError", field=["input", field], code=code, message=message)
    return Pick(f"{name}Payload", return_=None, user_errors=[error])
