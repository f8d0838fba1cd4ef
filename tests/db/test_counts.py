"""Counts as of an instant: any order of arrival ends at what was counted, and what came after it.

TRUEUP_EXAMPLES sets how many histories are tried: 40 by default.
"""

import asyncio
import os
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.db.test_post import assert_proven, side_by_side
from tests.support.spine import Spine, open_spine
from trueup.intake.model import NewEvent

EXAMPLES = int(os.environ.get("TRUEUP_EXAMPLES", "40"))
START = datetime(2026, 3, 1, tzinfo=UTC)
SITES = ("main", "b")
LOCATIONS = {"main": 1, "b": 9}

_serial = count(1)


def at(hour: int) -> str:
    return (START + timedelta(hours=hour)).isoformat()


# -- facts, and what they mean to somebody who reads them in the order of their time ----------------

# A fact: kind, hour, units, site; of a movement also its last versions' (hour, units) or None where
# it is said to have been wrong altogether.
Fact = tuple[str, int, int, str]
SIGNED = {"adjustment", "quarantine", "opening"}


def truth(facts: Sequence[Fact]) -> dict[str, int]:
    """Return what lies at each site: facts by their time, counts after what they have seen."""
    shelves: dict[str, int] = defaultdict(int)

    def rank(fact: Fact) -> tuple[int, bool, int]:
        # Of two counts of one instant the lower holds, so it is read last.
        return (fact[1], fact[0] == "count", -fact[2])

    for kind, _, units, site in sorted(facts, key=rank):
        if kind == "count":
            shelves[site] = units
        elif kind in {"shipped", "quarantine"}:
            shelves[site] -= units
        elif kind == "transfer":
            shelves[site] -= units
            shelves[other(site)] += units
        else:
            shelves[site] += units
    return {site: units for site, units in shelves.items() if units}


def other(site: str) -> str:
    return SITES[1 - SITES.index(site)]


class History:
    """The events of some facts about one SKU of their own."""

    def __init__(self, spine: Spine) -> None:
        self.spine = spine
        self.sku = f"SKU-{next(_serial)}"
        self.told = 0

    def events(self, fact: Fact) -> list[NewEvent]:
        kind, hour, units, site = fact
        if kind == "shipped":
            return self._sale(hour, units, site)
        return [self.version(f"{self.sku}-{next(_serial)}", fact)]

    def version(self, ref: str, fact: Fact, **more: Any) -> NewEvent:
        kind, hour, units, site = fact
        if kind == "transfer":
            more["to_site"] = other(site)
        return self.spine.movement(
            ref, kind, self.sku, units, site=site, occurred_at=at(hour), **more
        )

    def _sale(self, hour: int, units: int, site: str) -> list[NewEvent]:
        number = 100_000 + next(_serial)
        order_id = 5_000_000_000_000 + number
        lines = [{"id": order_id * 10 + n, "quantity": 1, "sku": self.sku} for n in range(units)]
        parcel = {
            "id": number,
            "order_id": order_id,
            "status": "success",
            "location_id": LOCATIONS[site],
            "created_at": at(hour),
            # Its last change says nothing of when it left.
            "updated_at": at(hour + 500),
            "line_items": lines,
        }
        return [
            self.spine.order(number, *[self.sku] * units),
            self.spine.delivery("north", "fulfillments/create", parcel),
        ]

    async def on_hand(self) -> dict[str, int]:
        rows = await self.spine.rows(
            "SELECT b.site, b.on_hand FROM ledger.site_balance b JOIN ledger.sku s USING (sku_id)"
            " WHERE s.code = %s AND b.on_hand <> 0",
            self.sku,
        )
        return {site: int(units) for site, units in rows}


HOURS = st.integers(0, 6)
FACTS = st.tuples(
    st.sampled_from(
        ("opening", "receipt", "shipped", "adjustment", "quarantine", "transfer", "count", "count")
    ),
    HOURS,
    st.integers(1, 9),
    st.sampled_from(SITES),
)
HISTORIES = st.lists(FACTS, min_size=1, max_size=9)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def spine(runner: asyncio.Runner, module_database_url: str) -> Iterator[Spine]:
    opened = open_spine(module_database_url, location_sites="1=main,9=b")
    yield runner.run(opened.__aenter__())
    runner.run(opened.__aexit__())


async def deliver(spine: Spine, events: Sequence[NewEvent], pick: random.Random) -> None:
    """Deliver events in another order, some twice, in batches cut at random."""
    mixed = [*events, *pick.sample(events, k=pick.randrange(len(events) + 1))]
    pick.shuffle(mixed)
    while mixed:
        cut = pick.choice((1, 2, 5, 50))
        await spine.append(*mixed[:cut])
        del mixed[:cut]
        await spine.apply(count=pick.choice((1, 3, 50)))


_trying = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),  # each try is minutes of database for a shrinker
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.timeout(1800)
def test_any_order_ends_at_what_was_counted(runner: asyncio.Runner, spine: Spine) -> None:
    @_trying
    @given(facts=HISTORIES, seed=st.integers(0, 2**32))
    @example(facts=[("receipt", 1, 5, "main"), ("count", 2, 4, "main")], seed=0)
    @example(facts=[("count", 2, 4, "main"), ("shipped", 2, 1, "main")], seed=1)
    @example(facts=[("count", 2, 4, "main"), ("count", 2, 3, "main")], seed=2)
    @example(facts=[("count", 1, 4, "b"), ("count", 3, 9, "b"), ("transfer", 2, 3, "b")], seed=3)
    def tried(facts: list[Fact], seed: int) -> None:
        history = History(spine)
        events = [event for fact in facts for event in history.events(fact)]
        runner.run(deliver(spine, events, random.Random(seed)))
        assert runner.run(history.on_hand()) == truth(facts)

    tried()
    assert runner.run(spine.parked()) == []
    runner.run(assert_proven(spine))


@pytest.mark.timeout(1800)
def test_corrected_and_deleted_counts_restate(runner: asyncio.Runner, spine: Spine) -> None:
    """A ref may be told anew: another number, another instant, another site, or not at all."""
    versions = st.lists(
        st.none() | FACTS.filter(lambda f: f[0] != "shipped"), min_size=1, max_size=3
    )

    @_trying
    @given(facts=HISTORIES, retold=st.lists(versions, min_size=1, max_size=3), seed=st.integers(0))
    @example(facts=[("receipt", 1, 5, "main")], retold=[[("count", 2, 4, "main"), None]], seed=0)
    @example(
        facts=[("receipt", 1, 5, "main"), ("shipped", 2, 1, "main")],
        retold=[[("count", 3, 4, "main"), ("count", 1, 9, "b")], [("count", 2, 6, "main"), None]],
        seed=7,
    )
    @example(
        facts=[
            ("count", 2, 2, "main"),
            ("transfer", 6, 7, "b"),
            ("count", 5, 2, "b"),
            ("count", 5, 2, "main"),
            ("receipt", 1, 4, "b"),
            ("opening", 5, 2, "b"),
            ("receipt", 4, 9, "b"),
            ("count", 6, 1, "main"),
            ("opening", 6, 9, "main"),
        ],
        retold=[[("count", 2, 1, "main"), None, None], [None]],
        seed=20_456_885_492_734_493_175_316_480,
    )
    def tried(facts: list[Fact], retold: list[list[Fact | None]], seed: int) -> None:
        history = History(spine)
        events = [event for fact in facts for event in history.events(fact)]
        last = []
        for told in retold:
            ref = f"{history.sku}-{next(_serial)}"
            for number, version in enumerate(told):
                fact = version or next((f for f in told if f), ("count", 1, 1, "main"))
                stamp = {"told_at": at(1_000 + number), "deleted": version is None}
                events.append(history.version(ref, fact, **stamp))
            last += [told[-1]] if told[-1] else []
        runner.run(deliver(spine, events, random.Random(seed)))
        assert runner.run(history.on_hand()) == truth([*facts, *last])

    tried()
    assert runner.run(spine.parked()) == []
    runner.run(assert_proven(spine))


def test_counts_and_late_facts_race(runner: asyncio.Runner, spine: Spine) -> None:
    """Sessions side by side, one event a batch: whoever comes second sees what the first did."""
    pick = random.Random(5)
    histories, facts, events = [History(spine) for _ in range(3)], {}, []
    for history in histories:
        kinds = ("receipt", "shipped", "adjustment", "transfer", "count", "count")
        facts[history.sku] = [
            (pick.choice(kinds), pick.randrange(12), pick.randrange(1, 9), pick.choice(SITES))
            for _ in range(60)
        ]
        events += [event for fact in facts[history.sku] for event in history.events(fact)]
    pick.shuffle(events)
    runner.run(spine.append(*events))
    runner.run(side_by_side(spine, 4, count=1))
    for history in histories:
        assert runner.run(history.on_hand()) == truth(facts[history.sku])
    runner.run(assert_proven(spine))


def test_a_late_parcel_moves_the_counts_difference(runner: asyncio.Runner, spine: Spine) -> None:
    """The books show a loss only as long as nobody has told where the unit went."""
    history = History(spine)

    async def story() -> None:
        for fact in (("receipt", 1, 5, "main"), ("count", 5, 3, "main")):
            await spine.take(*history.events(fact))
        assert (await spine.stock(history.sku))["loss"] == 2
        await spine.take(*history.events(("shipped", 4, 2, "main")))
        assert await spine.stock(history.sku) == {
            "available": 3,
            "on_hand": 3,
            "customer": 2,
            "supplier": -5,
        }
        await spine.take(*history.events(("shipped", 6, 1, "main")))
        assert (await spine.stock(history.sku))["on_hand"] == 2

    runner.run(story())


def test_where_the_lower_of_two_counts_ends_the_next_count_still_holds(
    runner: asyncio.Runner, spine: Spine
) -> None:
    """The other count of that instant held again, and the count after both kept its difference."""
    history = History(spine)

    async def story() -> None:
        for hour in (5, 2):
            await spine.take(*history.events(("count", hour, 2, "main")))
        lower = ("count", 2, 1, "main")
        ref = f"{history.sku}-lower"
        await spine.take(history.version(ref, lower, told_at=at(1_000)))
        await spine.take(history.version(ref, lower, told_at=at(1_001), deleted=True))
        assert await history.on_hand() == {"main": 2}

    runner.run(story())
    runner.run(assert_proven(spine))
