"""What a reservation means for stock, and which step may follow which. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from trueup.canon.reservation import Reservation, ReservationLine, ReservationState, Shortage
from trueup.ledger.model import Place, Position, Positions
from trueup.ledger.rules import SiteOf

HOLDING = frozenset((ReservationState.HELD, ReservationState.CONFIRMED))
"""In these states its units are reserved."""

_STEPS = frozenset(
    (
        (ReservationState.HELD, ReservationState.CONFIRMED),
        (ReservationState.HELD, ReservationState.RELEASED),
        (ReservationState.CONFIRMED, ReservationState.RELEASED),
        (ReservationState.CONFIRMED, ReservationState.SHIPPED),
    )
)


def positions_of_reservation(reservation: Reservation, site_of: SiteOf) -> Positions:
    """Return where the units of a reservation are; a line without a site ships from the default."""
    positions: Counter[Position] = Counter()
    for line in reservation.lines:
        if reservation.state in HOLDING:
            positions[Position(line.sku, Place.DEMAND)] -= line.quantity
            positions[Position(line.sku, Place.RESERVED)] += line.quantity
        elif reservation.state is ReservationState.SHIPPED:
            site = line.site or site_of(None)
            positions[Position(line.sku, Place.ON_HAND, site)] -= line.quantity
            positions[Position(line.sku, Place.CUSTOMER)] += line.quantity
    return dict(positions)


def next_state(
    reservation: Reservation, wanted: ReservationState, now: datetime
) -> ReservationState | None:
    """Return the state to which a reservation goes when `wanted`; None where it stays.

    One whose time is over expires, whatever is wanted of it.
    """
    if reservation.state is ReservationState.HELD and now >= reservation.expires_at:
        return ReservationState.EXPIRED
    return wanted if (reservation.state, wanted) in _STEPS else None


def shortages_of(
    lines: Sequence[ReservationLine],
    available: Mapping[str, int],
    at_sites: Mapping[tuple[str, str], int],
) -> tuple[Shortage, ...]:
    """Return what there is too little of; nothing where all lines can be reserved.

    Args:
        lines: several may ask for one SKU: their units add up.
        available: per SKU; one that is missing has nothing left.
        at_sites: per (sku, site), for those that lines name.
    """
    wanted: Counter[tuple[str, str | None]] = Counter()
    for line in lines:
        wanted[line.sku, None] += line.quantity
        if line.site is not None:
            wanted[line.sku, line.site] += line.quantity
    short: list[Shortage] = []
    for (sku, site), units in wanted.items():
        left = max(0, available.get(sku, 0))
        if site is not None:
            left = max(0, min(left, at_sites.get((sku, site), 0)))
        if units > left:
            short.append(Shortage(sku=sku, wanted=units, left=left, site=site))
    return tuple(short)
