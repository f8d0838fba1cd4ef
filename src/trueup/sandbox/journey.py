"""What happens to parcels at a simulated carrier: stories, scans that come late or twice."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from trueup.sandbox.clock import Clock
from trueup.sandbox.vendor import Vendor

__all__ = ["STORIES", "CarrierTwin", "Happening", "Moment", "Story", "Travelling"]

Happening = Literal[
    "made",
    "picked_up",
    "hub",
    "out_for_delivery",
    "failed",
    "delivered",
    "turned_back",
    "back_at_sender",
    "unheard_of",
]
Story = Literal["straight", "second_try", "returned", "unheard_of"]

_H: Final = 3600.0
STORIES: Final[Mapping[Story, tuple[tuple[float, Happening], ...]]] = MappingProxyType(
    {
        "straight": (
            *((0.0, "made"), (6 * _H, "picked_up"), (20 * _H, "hub"), (44 * _H, "hub")),
            *((50 * _H, "out_for_delivery"), (55 * _H, "delivered")),
        ),
        "second_try": (
            *((0.0, "made"), (6 * _H, "picked_up"), (20 * _H, "hub")),
            *((50 * _H, "out_for_delivery"), (55 * _H, "failed")),
            *((74 * _H, "out_for_delivery"), (78 * _H, "delivered")),
        ),
        "returned": (
            *((0.0, "made"), (6 * _H, "picked_up"), (20 * _H, "hub")),
            *((50 * _H, "out_for_delivery"), (55 * _H, "failed")),
            *((74 * _H, "out_for_delivery"), (79 * _H, "failed")),
            *((98 * _H, "turned_back"), (140 * _H, "back_at_sender")),
        ),
        "unheard_of": (
            *((0.0, "made"), (6 * _H, "picked_up"), (20 * _H, "hub")),
            *((30 * _H, "unheard_of"), (50 * _H, "out_for_delivery"), (55 * _H, "delivered")),
        ),
    }
)
"""Seconds after the parcel was made, and what happens then."""

_LATE_S: Final = 8 * _H


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One scan: what happened, and when; it may be told later."""

    at: datetime
    what: Happening
    place: str


@dataclass(slots=True)
class Travelling:
    """One parcel on its way; `scans` stand in the order in which they were told."""

    number: str
    order: str
    made_at: datetime
    updated_at: datetime
    number_of: int
    scans: list[Moment] = field(default_factory=list)
    coming: list[tuple[datetime, Moment]] = field(default_factory=list)

    @property
    def newest(self) -> Moment:
        """The scan that says where it is, whatever was told last."""
        return max(self.scans, key=lambda scan: scan.at)


class CarrierTwin(Vendor):
    """A simulated carrier: parcels travel by its clock, and each scan is told.

    Args:
        clock: the carrier's time.
        seed: decides stories, lateness and repeats.
        late: the chance that a scan is told hours after it was made, when others overtook it.
        twice: the chance that a scan is told twice.
    """

    places: tuple[str, ...] = ("North Hub", "South Hub")

    def __init__(
        self, clock: Clock | None = None, *, seed: int = 0, late: float = 0.1, twice: float = 0.1
    ) -> None:
        super().__init__(clock, seed=seed)
        self.chance = Random(f"{type(self).__name__}:{seed}:journeys")  # noqa: S311 - a seeded simulation
        self.late, self.twice = late, twice
        self.parcels: dict[str, Travelling] = {}

    # -- for subclasses ------------------------------------------------------------------------

    def new_number(self, count: int) -> str:
        """Return the tracking number of the parcel of this count."""
        return f"{10_000_000_000_000 + count * 7}"

    def tell(self, parcel: Travelling, moment: Moment) -> None:
        """Send the webhook of one scan, which is in the parcel's history already."""
        raise NotImplementedError

    # -- for whoever drives it -----------------------------------------------------------------

    def ship(self, order: str, story: Story | None = None) -> Travelling:
        """Make a parcel; without a story the seed chooses one."""
        known: tuple[Story, ...] = tuple(STORIES)
        chosen: Story = self.chance.choice(known) if story is None else story
        count = len(self.parcels) + 1
        now = self.now()
        parcel = Travelling(self.new_number(count), order, now, now, count)
        for after_s, what in STORIES[chosen]:
            at = now + timedelta(seconds=after_s)
            moment = Moment(at=at, what=what, place=self.chance.choice(self.places))
            told_at = at
            if after_s > 0 and self.chance.random() < self.late:
                told_at = at + timedelta(seconds=_LATE_S)
            parcel.coming.append((told_at, moment))
            if self.chance.random() < self.twice:
                parcel.coming.append((told_at + timedelta(minutes=5), moment))
        parcel.coming.sort(key=lambda entry: entry[0])
        self.parcels[parcel.number] = parcel
        self.tick()
        return parcel

    def tick(self) -> int:
        """Tell every scan that has become due, in the order in which they become known."""
        told = 0
        for _, parcel, moment in sorted(self._due(), key=lambda due: (due[0], due[1].number_of)):
            parcel.scans.append(moment)
            parcel.updated_at = max(parcel.updated_at + timedelta(seconds=1), self.now())
            self.tell(parcel, moment)
            told += 1
        return told

    def travel(self, hours: float) -> None:
        """Let time pass hour by hour, and scans be made."""
        for _ in range(round(hours)):
            self.clock.advance(_H)
            self.tick()

    def _due(self) -> Iterator[tuple[datetime, Travelling, Moment]]:
        now = self.now()
        for parcel in self.parcels.values():
            due = [entry for entry in parcel.coming if entry[0] <= now]
            parcel.coming = [entry for entry in parcel.coming if entry[0] > now]
            yield from ((told_at, parcel, moment) for told_at, moment in due)
