"""Returns: asked for, approved, goods back, money back, closed."""

from functools import partial

from trueup.sandbox.shopify import refunds
from trueup.sandbox.shopify.bodies_after import return_body
from trueup.sandbox.shopify.bodies_orders import order_body
from trueup.sandbox.shopify.model import Disposition, Line, Order, OrderReturn, ReturnLine
from trueup.sandbox.shopify.refunds import RefundWish
from trueup.sandbox.shopify.shop import Shop

__all__ = ["ALIVE", "close", "open_return"]

ALIVE = frozenset({"requested", "open"})


def open_return(
    shop: Shop, order: Order, wanted: dict[str, int], *, reason: str, wish: str | None,
    approved: bool,
) -> OrderReturn | None:  # fmt: skip
    """Open a return of sent units, by SKU; None when nothing of them can come back.

    With `approved` the merchant has agreed already, so the buyer's asking is skipped; `wish` is
    what the buyer says of it.
    """
    lines: list[ReturnLine] = []
    for parcel in order.fulfillments:
        if parcel.status != "success":
            continue
        for line, units, number in parcel.lines:
            take = min(units, line.current, wanted.get(line.sku or line.title, 0))
            if take > 0:
                wanted = wanted | {line.sku or line.title: wanted[line.sku or line.title] - take}
                lines.append(ReturnLine(shop.new_id(), number, line, take, reason, wish=wish))
    if not lines:
        return None
    made = OrderReturn(
        shop.new_id(), order.id, f"{order.name}-R{len(order.returns) + 1}",
        "open" if approved else "requested", shop.now(), lines,
    )  # fmt: skip
    order.returns.append(made)
    order.updated_at = shop.now()
    topic = "returns/approve" if approved else "returns/request"
    shop.emit(topic, partial(return_body, order, made))
    shop.emit("orders/updated", partial(order_body, shop, order))
    return made


def close(shop: Shop, order: Order, made: OrderReturn, *, restock: bool, pay: bool) -> None:
    """The goods arrived: restock them (or not), give the money back, close the return."""
    kind = "return" if restock else "no_restock"
    lines: list[tuple[Line, int, str]] = []
    for each in made.lines:
        before = sum(units for line, units, _ in lines if line is each.line)
        units = min(each.quantity - each.refunded, each.line.current - before)
        if units > 0:
            lines.append((each.line, units, kind))
    wish = RefundWish(lines=lines, pay=pay, return_id=made.id)
    refund = refunds.refund(shop, order, wish)
    made.refund_ids.append(refund.id)
    for line in made.lines:
        line.processed = line.refunded = line.quantity
        done = "restocked" if restock else "not_restocked"
        line.dispositions = [Disposition(done, line.quantity, line.line.location_id)]
    made.status, made.closed_at = "closed", shop.now()
    order.updated_at = shop.now()
    shop.emit("returns/close", partial(return_body, order, made))
    shop.emit("orders/updated", partial(order_body, shop, order))
