"""What a reservation means for stock, and which step may follow which. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from trueup.canon.reservation import Reservation, ReservationLine, ReservationState, Shortage
from trueup.ledger.kits import NO_KITS, Kits
from trueup.ledger.model import Place, Position, Positions
from trueup.ledger.rules import SiteOf, add_sold

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


def positions_of_reservation(
    reservation: Reservation, site_of: SiteOf, kits: Kits = NO_KITS
) -> Positions:
    """Return where the units of a reservation are; a line without a site ships from the default."""
    positions: Counter[Position] = Counter()
    for line in reservation.lines:
        placed: Positions = {}
        site, at = line.site or site_of(None), reservation.updated_at
        if reservation.state in HOLDING:
            placed = {
                Position(line.sku, Place.DEMAND): -line.quantity,
                Position(line.sku, Place.RESERVED, site): line.quantity,
            }
        elif reservation.state is ReservationState.SHIPPED:
            placed = {
                Position(line.sku, Place.ON_HAND, site, at): -line.quantity,
                Position(line.sku, Place.CUSTOMER): line.quantity,
            }
        add_sold(positions, placed, kits.parts_of(line.sku, reservation.created_at))
    return {position: units for position, units in positions.items() if units}


def lines_apart(
    lines: Iterable[ReservationLine], kits: Kits, at: datetime
) -> tuple[ReservationLine, ...]:
    """Return the lines with kits taken apart: what must be there, and where."""
    return tuple(
        ReservationLine(sku=sku, quantity=line.quantity * units, site=line.site)
        for line in lines
        for sku, units in (kits.parts_of(line.sku, at) or {line.sku: 1}).items()
    )


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
