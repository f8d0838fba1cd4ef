"""Put a parcel's scans in order, each once, and read from them what became of it. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from trueup.canon.parcel import ParcelStatus, Scan

_SAME_ATTEMPT: Final = timedelta(hours=6)
"""A failure told again so soon, with nothing in between, is the same attempt."""

_RANK: Final = {
    **{status: rank for rank, status in enumerate(ParcelStatus, start=1)},
    ParcelStatus.UNKNOWN: 0,
}
_WITH_CARRIER: Final = frozenset(
    (
        *(ParcelStatus.PICKED_UP, ParcelStatus.IN_TRANSIT, ParcelStatus.OUT_FOR_DELIVERY),
        *(ParcelStatus.ATTEMPT_FAILED, ParcelStatus.AWAITING_COLLECTION, ParcelStatus.DELIVERED),
    )
)


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What the scans of a parcel tell together.

    Attributes:
        scans: each once, oldest first; the same for every order in which they came.
        attempts: failed attempts at delivery.
        returning: it is, or was, on its way back.
    """

    scans: tuple[Scan, ...]
    attempts: int = 0
    returning: bool = False
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None

    @property
    def newest(self) -> Scan | None:
        """The scan that decides where the parcel is; None where there is none."""
        return self.scans[-1] if self.scans else None


def history_of(scans: Iterable[Scan]) -> History:
    """Return the history of scans that may repeat and come in any order."""
    ordered = tuple(sorted(set(scans), key=_place))
    delivered_at = ordered[-1].occurred_at if ordered else None
    if ordered and ordered[-1].status is not ParcelStatus.DELIVERED:
        delivered_at = None
    backwards = {ParcelStatus.RETURNING, ParcelStatus.RETURNED}
    return History(
        scans=ordered,
        attempts=_attempts(ordered),
        returning=any(scan.status in backwards for scan in ordered),
        shipped_at=next((s.occurred_at for s in ordered if s.status in _WITH_CARRIER), None),
        delivered_at=delivered_at,
    )


def _place(scan: Scan) -> tuple[datetime, int, str, str, str]:
    """Of two scans of one instant the one that is further on is the newer."""
    texts = (scan.code, scan.message or "", scan.place or "")
    return scan.occurred_at, _RANK[scan.status], *texts


def _attempts(ordered: tuple[Scan, ...]) -> int:
    found, last = 0, None
    for scan in ordered:
        if scan.status is ParcelStatus.ATTEMPT_FAILED and (
            last is None or scan.occurred_at - last > _SAME_ATTEMPT
        ):
            found += 1
        last = scan.occurred_at if scan.status is ParcelStatus.ATTEMPT_FAILED else None
    return found
