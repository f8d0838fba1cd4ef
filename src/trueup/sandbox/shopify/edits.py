"""Order edits: units added, units taken off, lines added after the sale."""

from decimal import Decimal
from functools import partial

from trueup.errors import invariant
from trueup.sandbox.shopify import checkout, stock, totals
from trueup.sandbox.shopify.bodies_after import edit_body
from trueup.sandbox.shopify.bodies_orders import order_body
from trueup.sandbox.shopify.checkout import CartLine
from trueup.sandbox.shopify.model import Line, Order, TaxLine
from trueup.sandbox.shopify.shop import Shop

__all__ = ["edit"]


def edit(
    shop: Shop, order: Order, *, changes: dict[str, int], additions: list[CartLine], settle: bool
) -> bool:
    """Change units by SKU (a delta) and add lines; False when nothing could be changed.

    Units can be taken off only while they were neither sent nor refunded. With `settle` the
    buyer pays what is owed then.
    """
    added: list[tuple[Line, int]] = []
    taken: list[tuple[Line, int]] = []
    for sku, delta in changes.items():
        line, units = _pick(order, sku, delta)
        if line is None or units == 0:
            continue
        if units > 0:
            _grow(shop, order, line, units)
            added.append((line, units))
        else:
            _shrink(shop, order, line, -units)
            taken.append((line, -units))
    for wish in additions:
        line = checkout.build_line(shop, order, wish, Decimal(shop.settings.tax_rate))
        order.lines.append(line)
        stock.sell(shop, order, line, line.quantity)
        added.append((line, line.quantity))
    if not added and not taken:
        return False
    order.edited, order.updated_at = True, shop.now()
    _settle(shop, order, settle=settle)
    number = shop.new_id()
    shop.emit("orders/edited", partial(edit_body, shop, order, number, added=added, taken=taken))
    shop.emit("orders/updated", partial(order_body, shop, order))
    return True


def _pick(order: Order, sku: str, delta: int) -> tuple[Line | None, int]:
    """Return the line to change and by how much; as much as can be taken off, at most."""
    lines = [line for line in order.lines if (line.sku or line.title) == sku and not line.tip]
    if delta >= 0:
        return (lines[0] if lines else None), delta
    for line in lines:
        units = min(-delta, line.fulfillable, line.current)
        if units > 0:
            return line, -units
    return None, 0


def _grow(shop: Shop, order: Order, line: Line, units: int) -> None:
    line.quantity += units
    more = line.unit_price * units
    rates = [tax.rate for tax in line.tax_lines]
    line.tax_lines = [
        TaxLine(tax.title, rate,
                tax.price + order.exchange.tax(more, rate, included=order.taxes_included))
        for tax, rate in zip(line.tax_lines, rates, strict=True)
    ]  # fmt: skip
    stock.sell(shop, order, line, units)


def _shrink(shop: Shop, order: Order, line: Line, units: int) -> None:
    invariant(units <= line.fulfillable, "only units not yet sent can be taken off")
    line.removed += units
    stock.give_back(shop, order, line, units, committed=True, restock=True)


def _settle(shop: Shop, order: Order, *, settle: bool) -> None:
    money_in, money_back = totals.received(order)
    owed = totals.current(order).total - (money_in - money_back)
    if owed.shop > 0 and order.financial_status in {"paid", "partially_refunded"}:
        if settle:
            checkout.pay(shop, order, owed, kind="sale", gateway="bogus")
        else:
            order.financial_status = "partially_paid"
