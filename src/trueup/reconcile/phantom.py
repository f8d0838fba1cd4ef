"""Phantom reservations: what shows that an order will never take the units it holds. Pure.

Only what facts prove is released by itself. What only its age, or half a fact, suggests is proposed
to a person.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from trueup.canon.order import Order, PaymentStatus
from trueup.canon.parcel import Parcel, ParcelStatus
from trueup.canon.record import Record
from trueup.canon.release import ReleaseLine, ReleaseReason
from trueup.canon.shipment import Shipment, ShipmentState

GONE_AFTER: Final = timedelta(hours=1)
"""An order is gone when its vendor knew nothing of it twice, so far apart."""

_LEFT: Final = frozenset(
    (
        *(ParcelStatus.PICKED_UP, ParcelStatus.IN_TRANSIT, ParcelStatus.OUT_FOR_DELIVERY),
        *(ParcelStatus.AWAITING_COLLECTION, ParcelStatus.DELIVERED, ParcelStatus.ATTEMPT_FAILED),
    )
)
_NEVER_PAID: Final = frozenset((PaymentStatus.EXPIRED, PaymentStatus.VOIDED))
_PAID_BACK: Final = frozenset((PaymentStatus.REFUNDED, PaymentStatus.VOIDED))


class Elsewhere(msgspec.Struct, frozen=True, kw_only=True):
    """A record of another system about the same order.

    Attributes:
        name: of its connection.
        spaces: the names that join it: "order" may be another shop's order of the same number.
    """

    record: Record
    name: str
    event_id: int
    spaces: frozenset[str]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was looked at about one suspect.

    Attributes:
        records: of the order's entity, as the vendor tells them now.
        open_units: that each line still holds, releases left out.
        knows: the vendor knows the order; None where it can not be asked.
        gone_at: when the vendor first knew nothing of it.
        alone: no other shop has an order of this number.
    """

    order: Order
    records: tuple[Record, ...]
    open_units: Mapping[str, int]
    asked_at: datetime
    knows: bool | None
    gone_at: datetime | None = None
    elsewhere: tuple[Elsewhere, ...] = ()
    alone: bool = True
    unpaid_after: timedelta = timedelta(days=7)
    old_after: timedelta = timedelta(days=30)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out: whether facts prove it, and what would be released."""

    reason: ReleaseReason
    proven: bool
    evidence: tuple[str, ...]
    lines: tuple[ReleaseLine, ...]


def judge_order(asked: Asked) -> Verdict | None:
    """Return what shows that the order will not take its units; None where nothing does."""
    if not asked.open_units:
        return None
    return _shipped(asked) or _gone(asked) or _closed(asked) or _unpaid(asked) or _old(asked)


def release_lines(
    asked: Asked,
    reason: ReleaseReason,
    evidence: Sequence[str],
    units: Mapping[str, int] | None = None,
    *,
    by: str = "hub",
    shipped_at: datetime | None = None,
) -> tuple[ReleaseLine, ...]:
    """Return the lines of a release; of everything that is open where `units` is None."""
    wanted = asked.open_units if units is None else units
    return tuple(
        ReleaseLine(
            line_ref=ref,
            units=min(count, asked.open_units.get(ref, 0)),
            reason=reason,
            decided_at=asked.asked_at,
            order_at=asked.order.updated_at,
            shipped_at=shipped_at,
            by=by,
            evidence=tuple(evidence),
        )
        for ref, count in sorted(wanted.items())
        if min(count, asked.open_units.get(ref, 0)) > 0
    )


def _verdict(
    asked: Asked,
    reason: ReleaseReason,
    evidence: Sequence[str],
    *,
    proven: bool,
    units: Mapping[str, int] | None = None,
    shipped_at: datetime | None = None,
) -> Verdict | None:
    lines = release_lines(asked, reason, evidence, units, shipped_at=shipped_at)
    if not lines:
        return None
    return Verdict(reason=reason, proven=proven, evidence=tuple(evidence), lines=lines)


def _gone(asked: Asked) -> Verdict | None:
    if asked.knows is not False:
        return None
    since = asked.gone_at or asked.asked_at
    evidence = [f"asked at {_at(asked.asked_at)}: the vendor knows no such order"]
    if since != asked.asked_at:
        evidence.append(f"nor did it at {_at(since)}")
    proven = asked.asked_at - since >= GONE_AFTER
    return _verdict(asked, ReleaseReason.GONE, evidence, proven=proven)


def _closed(asked: Asked) -> Verdict | None:
    order = asked.order
    if order.closed_at is None:
        return None
    evidence = [f"the vendor closed it at {_at(order.closed_at)}"]
    paid_back = order.payment_status in _PAID_BACK
    if paid_back:
        evidence.append(f"its payment is {order.payment_status.value}")
    return _verdict(asked, ReleaseReason.CLOSED, evidence, proven=paid_back)


def _unpaid(asked: Asked) -> Verdict | None:
    order, status = asked.order, asked.order.payment_status
    if status in _NEVER_PAID:
        evidence = [f"the vendor says that its payment is {status.value}"]
        return _verdict(asked, ReleaseReason.UNPAID, evidence, proven=True)
    age = asked.asked_at - order.placed_at
    if status is not PaymentStatus.PENDING or age < asked.unpaid_after:
        return None
    evidence = [f"placed at {_at(order.placed_at)} and not paid for {age.days} days"]
    return _verdict(asked, ReleaseReason.UNPAID, evidence, proven=False)


def _old(asked: Asked) -> Verdict | None:
    age = asked.asked_at - asked.order.placed_at
    if age < asked.old_after:
        return None
    evidence = [f"placed at {_at(asked.order.placed_at)}, {age.days} days ago, and still open"]
    return _verdict(asked, ReleaseReason.PERSON, evidence, proven=False)


def _shipped(asked: Asked) -> Verdict | None:
    """Return what another system says of units that have left.

    Proven where it names the lines: a shipment of another system with the same SKUs, or a parcel
    with the tracking number of the order's own shipment that waits. A parcel that only has the
    order's number says not what is in it; where one unit alone is open there is no doubt.
    """
    for each in asked.elsewhere:
        sure = bool(each.spaces - {"order"}) or asked.alone
        if isinstance(each.record, Shipment) and each.record.state is ShipmentState.SHIPPED:
            units = _by_sku(asked, each.record)
            at = each.record.shipped_at or each.record.created_at or each.record.updated_at
            evidence = [f"{each.name} shipped it at {_at(at)}: event/{each.event_id}"]
            reason = ReleaseReason.SHIPPED
            found = _verdict(asked, reason, evidence, proven=sure, units=units, shipped_at=at)
        elif isinstance(each.record, Parcel) and each.record.status in _LEFT:
            found = _by_parcel(asked, each, each.record, sure=sure)
        else:
            continue
        if found is not None:
            return found
    return None


def _by_parcel(asked: Asked, each: Elsewhere, parcel: Parcel, *, sure: bool) -> Verdict | None:
    at = parcel.shipped_at or parcel.updated_at
    evidence = [f"{each.name} says {parcel.status.value} since {_at(at)}: event/{each.event_id}"]
    reason = ReleaseReason.SHIPPED
    if "tracking" in each.spaces:
        waiting = [
            r
            for r in asked.records
            if isinstance(r, Shipment) and r.state is ShipmentState.PENDING and not r.deleted
        ]
        if len(waiting) == 1:
            units = {line.line_ref: line.quantity for line in waiting[0].lines}
            evidence.append(f"it has the number of shipment/{waiting[0].ref}, which waits")
            return _verdict(asked, reason, evidence, proven=True, units=units, shipped_at=at)
    alone = sure and sum(asked.open_units.values()) == 1
    delivered = parcel.status is ParcelStatus.DELIVERED
    if not alone:
        evidence.append("it does not say what is in it")
    return _verdict(asked, reason, evidence, proven=alone and delivered, shipped_at=at)


def _by_sku(asked: Asked, shipment: Shipment) -> dict[str, int]:
    """Return units by line of the order, for the SKUs that another system shipped."""
    left: dict[str, int] = {}
    for part in shipment.lines:
        if part.sku:
            left[part.sku] = left.get(part.sku, 0) + part.quantity
    units: dict[str, int] = {}
    for line in asked.order.lines:
        taken = min(left.get(line.sku or "", 0), asked.open_units.get(line.ref, 0))
        if taken:
            units[line.ref] = taken
            left[line.sku or ""] -= taken
    return units


def held_by_sku(order: Order, open_units: Mapping[str, int]) -> dict[str, int]:
    """Return the units that an order holds, by the SKU of its lines."""
    units: dict[str, int] = {}
    for line in order.lines:
        if line.sku and open_units.get(line.ref):
            units[line.sku] = units.get(line.sku, 0) + open_units[line.ref]
    return units


def order_among(records: Iterable[Record]) -> Order | None:
    """Return the order of an entity."""
    return next((each for each in records if isinstance(each, Order)), None)


def _at(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds")
