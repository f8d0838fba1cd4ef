"""What released units mean for stock. Pure: the order's facts count first, whenever they come.

A release adds to an order's facts what they do not say: that units are no longer wanted, or that
they have left. It never takes more than the order still holds. So where the facts tell it
themselves later, nothing of the release is left, and no unit counts twice.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from trueup.canon.order import Order, OrderLine, PaymentStatus
from trueup.canon.record import Record
from trueup.canon.refund import Refund, RefundLine, Restock
from trueup.canon.release import Release, ReleaseLine, ReleaseReason
from trueup.canon.shipment import Shipment, ShipmentLine, ShipmentState
from trueup.ledger.kits import NO_KITS, Kits
from trueup.ledger.model import Place, Positions
from trueup.ledger.rules import SiteOf, difference, is_stocked, positions_of_order

_UNPAID = frozenset(
    (
        *(PaymentStatus.PENDING, PaymentStatus.EXPIRED, PaymentStatus.VOIDED),
        PaymentStatus.UNKNOWN,
    )
)


def positions_of_release(
    records: Iterable[Record], site_of: SiteOf, kits: Kits = NO_KITS
) -> Positions:
    """Return what an order's releases move, beside what the order itself moves.

    Args:
        records: the current records of the order's entity, in any order.
        site_of: maps a vendor's location to a site.
        kits: what the codes on its lines stand for.
    """
    known = list(records)
    told = told_with_releases(known, site_of, kits)
    if told is known:
        return {}
    return difference(
        positions_of_order(told, site_of, kits), positions_of_order(known, site_of, kits)
    )


def told_with_releases(known: list[Record], site_of: SiteOf, kits: Kits = NO_KITS) -> list[Record]:
    """Return an order's facts as if its vendor had told its releases too; as they are without."""
    order = _order_of(known)
    if order is None or not any(isinstance(each, Release) for each in known):
        return known
    _, cancelled, shipped = _taken(known, order, site_of, kits)
    return _told(known, order, cancelled, shipped)


def held_units(records: Iterable[Record], site_of: SiteOf, kits: Kits = NO_KITS) -> dict[str, int]:
    """Return how many units each line of an order holds, after what was released."""
    known = list(records)
    order = _order_of(known)
    if order is None:
        return {}
    left, _, _ = _taken(known, order, site_of, kits)
    return {ref: units for ref, units in left.items() if units > 0}


def _taken(
    known: Sequence[Record], order: Order, site_of: SiteOf, kits: Kits
) -> tuple[dict[str, int], Counter[str], list[tuple[ReleaseLine, int]]]:
    """Return what is left per line, and what releases take: let go, and sent out."""
    lines = [line for r in known if isinstance(r, Release) for line in r.lines]
    left = open_units(known, site_of, kits)
    cancelled: Counter[str] = Counter()
    shipped: list[tuple[ReleaseLine, int]] = []
    for line in sorted(lines, key=_first):
        units = min(line.units, left.get(line.line_ref, 0)) if holds(line, order) else 0
        if units <= 0:
            continue
        left[line.line_ref] -= units
        if line.reason is ReleaseReason.SHIPPED:
            shipped.append((line, units))
        else:
            cancelled[line.line_ref] += units
    return left, cancelled, shipped


def holds(line: ReleaseLine, order: Order) -> bool:
    """Whether a release still counts, by what the order says now."""
    if line.reason is ReleaseReason.SHIPPED:
        return True
    if line.reason is ReleaseReason.UNPAID:
        return order.payment_status in _UNPAID
    if line.reason is ReleaseReason.CLOSED:
        return order.closed_at is not None
    # The vendor has told something newer of it: so it lives.
    return order.updated_at <= line.order_at


def open_units(records: Iterable[Record], site_of: SiteOf, kits: Kits = NO_KITS) -> dict[str, int]:
    """Return how many units each line of an order still holds, releases left out."""
    known = [each for each in records if not isinstance(each, Release)]
    order = _order_of(known)
    if order is None or order.test or order.deleted:
        return {}
    others = [each for each in known if each is not order]
    found = {}
    for line in order.lines:
        if is_stocked(line):
            held = _reserved(
                [msgspec.structs.replace(order, lines=(line,)), *others], site_of, kits
            )
            found[line.ref] = _units_of(order, line, held, site_of, kits)
    return {ref: units for ref, units in found.items() if units > 0}


def _units_of(
    order: Order, line: OrderLine, held: Counter[str], site_of: SiteOf, kits: Kits
) -> int:
    """Return units of the line: what it holds, by what one unit of it would hold."""
    one = msgspec.structs.replace(line, quantity=1, quantity_current=None)
    alone = msgspec.structs.replace(order, lines=(one,), cancelled_at=None)
    per_unit = _reserved([alone], site_of, kits)
    return min((held[sku] // units for sku, units in per_unit.items()), default=0)


def _reserved(records: Sequence[Record], site_of: SiteOf, kits: Kits) -> Counter[str]:
    held: Counter[str] = Counter()
    for position, units in positions_of_order(records, site_of, kits).items():
        if position.place is Place.RESERVED:
            held[position.sku] += units
    return held


def _first(line: ReleaseLine) -> tuple[bool, str, str]:
    """Order releases: what has left goes before what is only let go."""
    return line.reason is not ReleaseReason.SHIPPED, line.reason.value, line.line_ref


def _order_of(records: Iterable[Record]) -> Order | None:
    return next((each for each in records if isinstance(each, Order)), None)


def _told(
    records: Sequence[Record],
    order: Order,
    cancelled: Counter[str],
    shipped: Sequence[tuple[ReleaseLine, int]],
) -> list[Record]:
    """Return the order's facts as they would be if its vendor had told what was released."""
    lines = tuple(
        line
        if line.quantity_current is None or not cancelled[line.ref]
        else msgspec.structs.replace(
            line, quantity_current=max(0, line.quantity_current - cancelled[line.ref])
        )
        for line in order.lines
    )
    told: list[Record] = [each for each in records if each is not order]
    told.append(msgspec.structs.replace(order, lines=lines))
    if cancelled:
        told.append(
            Refund(
                ref="release",
                updated_at=order.updated_at,
                lines=tuple(
                    RefundLine(line_ref=ref, quantity=units, restock=Restock.CANCEL)
                    for ref, units in sorted(cancelled.items())
                ),
            )
        )
    told += [
        Shipment(
            ref=f"release/{line.line_ref}",
            updated_at=line.decided_at,
            state=ShipmentState.SHIPPED,
            shipped_at=line.shipped_at or line.decided_at,
            lines=(ShipmentLine(line_ref=line.line_ref, quantity=units),),
        )
        for line, units in shipped
    ]
    return told
