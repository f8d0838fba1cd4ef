"""What SKUs and channels earn: orders split by line, and summed. Pure."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from trueup.canon.order import OrderLine
from trueup.canon.refund import Refund
from trueup.ledger.kits import Kits
from trueup.ledger.money import EXACT
from trueup.ledger.rules import is_stocked
from trueup.margin.earned import Earned, Figure, Sale
from trueup.margin.layers import Certainty, least_known
from trueup.margin.shares import share_out

_NOTHING: Final = Decimal(0)
_HOWS_MAX: Final = 3
FIGURES: Final = ("revenue", "refunds", "goods", "fees", "shipping", "ads")


def by_channel(rows: Iterable[Earned]) -> list[Earned]:
    """Return what each channel earned, currency by currency."""
    return _summed(rows, lambda row: (row.connection, row.connection, row.connection))


def by_sku(rows: Iterable[Earned]) -> list[Earned]:
    """Return what each SKU earned at all channels, of orders that were split by line."""
    return _summed(rows, lambda row: (row.label, row.label, "all"))


def _summed(rows: Iterable[Earned], name: Callable[[Earned], tuple[str, str, str]]) -> list[Earned]:
    groups: dict[tuple[str, str, str, str], list[Earned]] = {}
    for row in rows:
        groups.setdefault((*name(row), row.currency), []).append(row)
    return [
        Earned(
            key=key,
            label=label,
            connection=connection,
            currency=currency,
            units=sum(row.units for row in of),
            placed_at=None,
            **{field: _sum([getattr(row, field) for row in of]) for field in FIGURES},
        )
        for (key, label, connection, currency), of in sorted(groups.items())
    ]


def _sum(figures: Sequence[Figure]) -> Figure:
    amount = _NOTHING
    for each in figures:
        amount = EXACT.add(amount, each.amount)
    certainty = least_known(each.certainty for each in figures)
    like_it = [each.how for each in figures if each.certainty is certainty]
    hows = list(dict.fromkeys(filter(None, like_it)))
    how = "; ".join(hows[:_HOWS_MAX]) + ("; and more" if len(hows) > _HOWS_MAX else "")
    if certainty is not Certainty.TOLD:
        how = f"{len(like_it)} of {len(figures)} are {certainty.value}: {how}"
    return Figure(amount=amount, certainty=certainty, how=how)


def split_by_line(sale: Sale, row: Earned, kits: Kits) -> list[Earned]:
    """Return an order's numbers line by line, each summing to the order's to the last digit.

    What is of the whole order is shared out by what the lines came to, and marked as estimated
    where there are several; refunds by what was refunded of them; goods by the parts they are of.
    """
    lines = [line for line in sale.order.lines if not line.tip and not line.gift_card]
    if not lines:
        return []
    nets = [max(_net(line), _NOTHING) for line in lines]
    weights = dict.fromkeys(FIGURES, nets)
    weights["refunds"] = _refund_weights(sale, lines) or nets
    weights["goods"] = _goods_weights(sale, lines, kits) or nets
    shares = {
        field: share_out(getattr(row, field).amount, weights[field], row.currency)
        for field in FIGURES
    }
    return [
        Earned(
            key=f"{row.key}/{line.ref}",
            label=line.sku or f"({line.title})",
            connection=row.connection,
            currency=row.currency,
            units=_units(line),
            placed_at=row.placed_at,
            **{
                field: _figure(getattr(row, field), shares[field][n], len(lines))
                for field in FIGURES
            },
        )
        for n, line in enumerate(lines)
    ]


def _figure(whole: Figure, amount: Decimal, lines: int) -> Figure:
    if lines == 1 or whole.certainty is not Certainty.TOLD or not whole.amount:
        return msgspec.structs.replace(whole, amount=amount)
    how = f"a share of {whole.how or 'the order'}, by line"
    return Figure(amount=amount, certainty=Certainty.ESTIMATED, how=how)


def _net(line: OrderLine) -> Decimal:
    gross = line.price.booked.amount * line.quantity
    return gross if line.discount is None else gross - line.discount.booked.amount


def _units(line: OrderLine) -> int:
    if not is_stocked(line):
        return 0
    return line.quantity if line.quantity_current is None else line.quantity_current


def _refund_weights(sale: Sale, lines: Sequence[OrderLine]) -> list[Decimal] | None:
    told = dict.fromkeys((line.ref for line in lines), _NOTHING)
    for record in sale.records.values():
        for part in record.lines if isinstance(record, Refund) and not record.deleted else ():
            if part.line_ref in told and part.subtotal is not None:
                told[part.line_ref] += max(part.subtotal.booked.amount, _NOTHING)
    found = list(told.values())
    return found if any(found) else None


def _goods_weights(sale: Sale, lines: Sequence[OrderLine], kits: Kits) -> list[Decimal] | None:
    """Return what the goods of each line cost: of a part in several lines by units."""
    code = sale.order.currency
    wanted: list[dict[str, int]] = []
    for line in lines:
        sku = line.sku or ""
        parts = (kits.parts_of(sku, sale.order.placed_at) or {sku: 1}) if is_stocked(line) else {}
        wanted.append({part: each * line.quantity for part, each in parts.items()})
    found = [_NOTHING] * len(lines)
    for sku, taken in sorted(sale.goods.items()):
        units = [of.get(sku, 0) for of in wanted]
        amount = max(taken.cost.get(code, _NOTHING), _NOTHING)
        if not any(units):
            continue
        for n, part in enumerate(share_out(amount, units, code)):
            found[n] += part
    return found if any(found) else None
