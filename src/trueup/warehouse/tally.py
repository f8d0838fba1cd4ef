"""Add up a count sheet: rounds, bins, variances. Pure: the same entries in any order, the same."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import msgspec

from trueup.canon.count import CountEntry, CountLine, CountSheet, LineState
from trueup.canon.record import Record

Spell = tuple[datetime, datetime]
"""From the first to the last entry of a SKU."""


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A count sheet with everything that was entered and decided."""

    sheet: CountSheet
    entries: tuple[CountEntry, ...] = ()
    lines: tuple[CountLine, ...] = ()

    def round_of(self, sku: str) -> int:
        """Return in which round a SKU is counted now."""
        return 1 + sum(1 for e in self.lines if e.sku == sku and e.state is LineState.REFUSED)

    def is_decided(self, sku: str) -> bool:
        """Whether a SKU's present round was closed already."""
        now = self.round_of(sku)
        return any(line.sku == sku and line.round == now for line in self.lines)

    @property
    def waiting(self) -> tuple[CountLine, ...]:
        """Return what another person must look at."""
        return tuple(line for line in self.lines if line.state is LineState.WAITING)


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted of one SKU in its present round, in all its bins."""

    sku: str
    round: int
    units: int
    first_at: datetime
    counted_at: datetime
    by: tuple[str, ...]


def sheet_of(records: Iterable[Record]) -> Sheet | None:
    """Return the sheet that the records of its entity tell; None without the sheet itself."""
    known = list(records)
    sheet = next((each for each in known if isinstance(each, CountSheet)), None)
    if sheet is None:
        return None
    entries = [e for e in known if isinstance(e, CountEntry) and not e.deleted]
    return Sheet(
        sheet=sheet,
        entries=tuple(sorted(entries, key=lambda e: (e.counted_at, e.updated_at, e.ref))),
        lines=tuple(
            sorted(
                (each for each in known if isinstance(each, CountLine)),
                key=lambda each: (each.sku, each.round),
            )
        ),
    )


def tally(sheet: Sheet) -> tuple[Counted, ...]:
    """Return what was counted and is not decided yet.

    Of one bin the last entry counts: who counts it again counts it anew. Bins add up.
    """
    bins: dict[str, dict[str, CountEntry]] = defaultdict(dict)
    for entry in sheet.entries:  # the oldest first
        if entry.round == sheet.round_of(entry.sku) and not sheet.is_decided(entry.sku):
            bins[entry.sku][entry.bin] = entry
    return tuple(
        Counted(
            sku=sku,
            round=sheet.round_of(sku),
            units=sum(entry.quantity for entry in entries.values()),
            first_at=min(entry.counted_at for entry in entries.values()),
            counted_at=max(entry.counted_at for entry in entries.values()),
            by=tuple(sorted({entry.by for entry in entries.values()})),
        )
        for sku, entries in sorted(bins.items())
    )


def missing_of(sheet: Sheet, there: Collection[str]) -> tuple[str, ...]:
    """Return what should have been counted and was not.

    Args:
        sheet: as it stands.
        there: SKUs of which the books say that units lie at the site; they count only where the
            sheet names none.
    """
    wanted = set(sheet.sheet.skus) or set(there)
    counted = {each.sku for each in tally(sheet)}
    # Whatever was refused is to be counted again, on whichever sheet.
    wanted |= {line.sku for line in sheet.lines}
    return tuple(sorted(sku for sku in wanted - counted if not sheet.is_decided(sku)))


def line_of(
    sheet: CountSheet,
    counted: Counted,
    *,
    ref: str,
    book: int,
    moved: bool,
    now: datetime,
) -> CountLine:
    """Return what becomes of a counted SKU: booked at once, or waiting for another person.

    Args:
        sheet: has the tolerance.
        counted: in all bins.
        ref: of the line.
        book: what the books said at the instant of the last entry.
        moved: whether units came or left between the first and the last entry.
        now: when it was told.
    """
    allowed = max(sheet.tolerance_units, abs(book) * sheet.tolerance_percent // 100)
    within = abs(counted.units - book) <= allowed and not moved
    return CountLine(
        ref=ref,
        updated_at=now,
        sheet=sheet.ref,
        sku=counted.sku,
        round=counted.round,
        counted=counted.units,
        book=book,
        counted_at=counted.counted_at,
        state=LineState.POSTED if within else LineState.WAITING,
        moved=moved,
        counted_by=counted.by,
    )


def is_another(name: str, counted_by: Iterable[str]) -> bool:
    """Whether who decides is none of those who counted, however the name is written."""
    return _plain(name) not in {_plain(each) for each in counted_by}


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def booked_units(lines: Iterable[CountLine]) -> Mapping[str, int]:
    """Return the variance that was booked, per SKU."""
    done = (LineState.POSTED, LineState.APPROVED)
    return {line.sku: line.variance for line in lines if line.state in done}
