"""What arrivals and transfers mean for stock. Pure: totals, whatever the order of arrival.

A transfer holds the postings of everything that came of it, as an order does: sent, arrived in
parts, and once it is closed what never came. Without the transfer an arrival places nothing yet.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from trueup.canon.dock import Arrival, ArrivalSource, Transfer
from trueup.canon.record import Record
from trueup.ledger.model import Place, Position, Positions

DOCK_KINDS = frozenset((Arrival.kind, Transfer.kind))
"""Kinds of records whose postings are told here."""


class Placed(NamedTuple):
    """Where the units of a record are, and the SKUs whose books begin with it."""

    positions: Positions
    opens: frozenset[str] = frozenset()


def placed_by(body: Record, beside: Iterable[Record]) -> Placed | None:
    """Return what a record of the dock places; None for any other record.

    Args:
        body: the record.
        beside: all current records of its entity, itself among them.
    """
    if isinstance(body, Transfer):
        arrivals = (each for each in beside if isinstance(each, Arrival))
        return Placed(positions_of_transfer(body, arrivals))
    if isinstance(body, Arrival):
        if body.source is ArrivalSource.TRANSFER:
            return Placed({})
        # Also of one that was taken back: whether it opened them may not hang on what came first.
        return Placed(positions_of_arrival(body), frozenset(line.sku for line in body.lines))
    return None


def positions_of_arrival(arrival: Arrival) -> Positions:
    """Return where the units of an arrival are: from a supplier, or out of a transfer."""
    moved: Counter[Position] = Counter()
    transferred = arrival.source is ArrivalSource.TRANSFER
    origin = Place.IN_TRANSIT if transferred else Place.SUPPLIER
    for line in () if arrival.deleted else arrival.lines:
        moved[Position(line.sku, origin)] -= line.quantity + line.damaged
        shelf = Position(line.sku, Place.ON_HAND, arrival.site, arrival.occurred_at)
        moved[shelf] += line.quantity
        moved[Position(line.sku, Place.QUARANTINE, arrival.site)] += line.damaged
    return _whole(moved)


def positions_of_transfer(transfer: Transfer, arrivals: Iterable[Arrival]) -> Positions:
    """Return where the units of a transfer are.

    Args:
        transfer: as it was sent.
        arrivals: all that came of it.
    """
    moved: Counter[Position] = Counter()
    for line in () if transfer.deleted else transfer.lines:
        shelf = Position(line.sku, Place.ON_HAND, transfer.from_site, transfer.occurred_at)
        moved[shelf] -= line.quantity
        moved[Position(line.sku, Place.IN_TRANSIT)] += line.quantity
    for arrival in arrivals:
        moved.update(positions_of_arrival(arrival))
    if transfer.closed:
        for position in [each for each in moved if each.place is Place.IN_TRANSIT]:
            never_came = moved.pop(position)
            moved[Position(position.sku, Place.LOSS)] += never_came
    return _whole(moved)


def _whole(moved: Counter[Position]) -> Positions:
    return {position: units for position, units in moved.items() if units}
