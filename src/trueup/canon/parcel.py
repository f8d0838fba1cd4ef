"""Parcels: what a carrier says of one package, scan by scan, in one table of statuses.

A carrier tells a parcel in parts: a push has one scan, a list the last ones, a reading all. So the
versions of a parcel are united, and whoever tells less erases nothing. The result is the same for
every order in which the parts arrive.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Final, Self

import msgspec

from trueup.canon.customer import Address
from trueup.canon.record import Record, register
from trueup.kernel.money import Money


class ParcelStatus(StrEnum):
    """Where a package is. A carrier's code that is not known is `unknown`, never the nearest."""

    CREATED = "created"  # a label exists; the carrier has nothing yet
    PICKED_UP = "picked_up"  # the carrier has it
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    ATTEMPT_FAILED = "attempt_failed"  # nobody there, refused at the door, address not found
    AWAITING_COLLECTION = "awaiting_collection"  # it lies where the customer fetches it
    DELIVERED = "delivered"
    RETURNING = "returning"  # on its way back to the sender
    RETURNED = "returned"  # back at the sender
    HELD = "held"  # customs, a missing document, a clarification
    DAMAGED = "damaged"
    LOST = "lost"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


FINAL_STATUSES = frozenset(
    (
        *(ParcelStatus.DELIVERED, ParcelStatus.RETURNED),
        *(ParcelStatus.LOST, ParcelStatus.CANCELLED),
    )
)
"""After these a carrier has nothing more to do."""


class Scan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One scan, as the carrier tells it.

    Attributes:
        code: the carrier's own word, whole; what `status` was read from.
        place: where, as the carrier wrote it (a hub or a town, never an address).
        local_time: the carrier wrote no zone; `occurred_at` was read in the zone of the manifest.
    """

    status: ParcelStatus
    code: str
    occurred_at: datetime
    message: str | None = None
    place: str | None = None
    local_time: bool = False


class ParcelPerson(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is personal in a parcel: by its number anybody can read where it is."""

    tracking_number: str | None = None
    tracking_url: str | None = None
    label_url: str | None = None
    signed_by: str | None = None
    destination: Address | None = None


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What the carrier says of a parcel where no scan tells it: a void label, a turning round."""

    status: ParcelStatus
    code: str | None = None


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What the scans of a parcel tell together.

    Attributes:
        scans: each once, oldest first; the same for every order in which they came.
        attempts: failed attempts at delivery.
        returning: it is, or was, on its way back.
        shipped_at: when the carrier first had it.
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


SAME_ATTEMPT: Final = timedelta(hours=6)
"""A failure told again so soon, with nothing in between, is the same attempt."""

WORDS: Final = frozenset((ParcelStatus.CANCELLED, ParcelStatus.RETURNING))
"""A carrier's own word counts beside scans for these alone."""

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
_BACKWARDS: Final = frozenset((ParcelStatus.RETURNING, ParcelStatus.RETURNED))


def history_of(scans: Iterable[Scan]) -> History:
    """Return the history of scans that may repeat and come in any order.

    One scan is one code at one instant and place. Where it was told in two ways, the one that says
    more of where the parcel is counts.
    """
    each: dict[tuple[datetime, str, str | None], Scan] = {}
    for scan in scans:
        key = scan.occurred_at, scan.code, scan.place
        known = each.get(key)
        if known is None or _place(scan) > _place(known):
            each[key] = scan
    ordered = tuple(sorted(each.values(), key=_place))
    is_there = bool(ordered) and ordered[-1].status is ParcelStatus.DELIVERED
    return History(
        scans=ordered,
        attempts=_attempts(ordered),
        returning=any(scan.status in _BACKWARDS for scan in ordered),
        shipped_at=next((s.occurred_at for s in ordered if s.status in _WITH_CARRIER), None),
        delivered_at=ordered[-1].occurred_at if is_there else None,
    )


def standing(newest: Scan | None, word: Word | None) -> Word:
    """Return where a parcel is: what its newest scan says, or the carrier's own word.

    Args:
        newest: as the history has it.
        word: counts where there is no scan, and against one only where it is of `WORDS` and the
            scan is not final.
    """
    if newest is None:
        return word or Word(status=ParcelStatus.UNKNOWN)
    if word is not None and word.status in WORDS and newest.status not in FINAL_STATUSES:
        return word
    return Word(status=newest.status, code=newest.code)


def _place(scan: Scan) -> tuple[datetime, int, str, str, str, bool]:
    """Of two scans of one instant the one that is further on is the newer."""
    texts = (scan.code, scan.message or "", scan.place or "")
    return scan.occurred_at, _RANK[scan.status], *texts, scan.local_time


def _attempts(ordered: tuple[Scan, ...]) -> int:
    found, last = 0, None
    for scan in ordered:
        if scan.status is ParcelStatus.ATTEMPT_FAILED and (
            last is None or scan.occurred_at - last > SAME_ATTEMPT
        ):
            found += 1
        last = scan.occurred_at if scan.status is ParcelStatus.ATTEMPT_FAILED else None
    return found


@register
class Parcel(Record, frozen=True, kw_only=True):
    """One package at a carrier.

    Attributes:
        status: of the newest scan.
        status_code: the carrier's own word for it.
        attempts: failed attempts at delivery so far.
        returning: it is, or was, on its way back.
        expected_on: the day the carrier promises.
        word: the carrier's own, where no scan tells it.
        postage: what its label cost, where it was bought with the carrier's connection.
        told: when fields were last told, for those that `updated_at` is newer than.
    """

    kind: ClassVar[str] = "parcel"
    unites: ClassVar[bool] = True

    status: ParcelStatus
    status_code: str | None = None
    carrier: str | None = None
    service: str | None = None
    scans: tuple[Scan, ...] = ()
    attempts: int = 0
    returning: bool = False
    expected_on: date | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    weight_g: int | None = None
    word: Word | None = None
    postage: Money | None = None
    told: tuple[tuple[str, datetime], ...] = ()
    person: ParcelPerson | None = None

    def united(self, other: Self) -> Self:
        """Return what both tell: scans and links of either, of all else the newest word."""
        history = history_of((*self.scans, *other.scans))
        updated_at = max(self.updated_at, other.updated_at)
        newest = _newest(_tellings(self), _tellings(other))
        word: Word | None = newest["word"][2]
        stands = standing(history.newest, word)
        scanned = bool(history.scans)
        plain = {name: newest[name][2] if name in newest else None for name in _PLAIN}
        personal = {name: newest[name][2] for name in _PERSONAL if name in newest}
        return msgspec.structs.replace(
            self,
            **plain,
            updated_at=updated_at,
            deleted=self.deleted or other.deleted,
            links=tuple(sorted({*self.links, *other.links}, key=msgspec.structs.astuple)),
            status=stands.status,
            status_code=stands.code,
            scans=history.scans,
            attempts=history.attempts if scanned else max(self.attempts, other.attempts),
            returning=self.returning or other.returning or history.returning,
            shipped_at=_first(self.shipped_at, other.shipped_at),
            delivered_at=history.delivered_at
            if scanned
            else _first(self.delivered_at, other.delivered_at),
            word=word if scanned else None,
            told=tuple(sorted((n, at) for n, (at, *_) in newest.items() if at != updated_at)),
            person=ParcelPerson(**personal) if personal else None,
        )


_PLAIN: Final = ("carrier", "service", "expected_on", "weight_g", "postage")
_PERSONAL: Final = tuple(field.name for field in msgspec.structs.fields(ParcelPerson))

_Telling = tuple[datetime, bytes, Any]
"""When a field was told, its value as JSON, which decides at one instant, and the value."""


def _tellings(parcel: Parcel) -> dict[str, _Telling]:
    """Return what a parcel tells beside its scans; a field that it does not tell is left out."""
    at_of = dict(parcel.told)
    found: dict[str, Any] = {name: getattr(parcel, name) for name in _PLAIN}
    if parcel.person is not None:
        found |= {name: getattr(parcel.person, name) for name in _PERSONAL}
    told = {name: value for name, value in found.items() if value is not None}
    # That the carrier has no word of its own is told as well: the newer scans count again.
    told["word"] = parcel.word
    if not parcel.scans:
        told["word"] = Word(status=parcel.status, code=parcel.status_code)
    return {
        name: (at_of.get(name, parcel.updated_at), msgspec.json.encode(value), value)
        for name, value in told.items()
    }


def _newest(one: dict[str, _Telling], two: dict[str, _Telling]) -> dict[str, _Telling]:
    newest = dict(one)
    for name, telling in two.items():
        if name not in newest or telling[:2] > newest[name][:2]:
            newest[name] = telling
    return newest


def _first(one: datetime | None, two: datetime | None) -> datetime | None:
    return min((at for at in (one, two) if at is not None), default=None)
