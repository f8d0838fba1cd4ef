"""What the database calls another band is what the rule calls one, and nobody is named twice."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from tests.support.spine import open_spine
from trueup.decisions.model import to_json
from trueup.decisions.patrons.history import Patron
from trueup.decisions.patrons.interval import Interval
from trueup.decisions.patrons.portraits import (
    Band,
    Change,
    Cuts,
    Risk,
    band_of,
    draw,
    moved,
    portraits_due,
)
from trueup.models.value.rfm import Tier

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
LAST = date(2026, 11, 1)
CUTS = Cuts(stays=60, leaves=30, moved_days=7, apart=timedelta(days=7))
ALIVES = ("0", "0.2999", "0.3", "0.5999", "0.6", "1")
DAYS = (None, 20, 26, 27)
TOLD = (
    None,
    *(
        Band(tier=tier, risk=risk, next_on=None if days is None else LAST + timedelta(days=days))
        for tier, risk, days in product(Tier, Risk, (None, 20))
        if tier in {Tier.TOP, Tier.LOW}
    ),
)


def patron(n: int, alive: str, days: int | None) -> Patron:
    return Patron(
        person=n.to_bytes(2, "big"),
        persons=(n.to_bytes(2, "big"),),
        connection_id=1,
        order_ref=str(n),
        currency="EUR",
        purchases=3,
        last_on=LAST,
        interval=None if days is None else Interval(days=days, spread=0.1),
        alive=Decimal(alive),
        worth=Decimal(n),
        spend=Decimal(1),
        tier=Tier.TOP.value,
        told_by="rule",
    )


async def keep(conn: Any, each: Patron) -> None:
    band = band_of(each, CUTS)
    await conn.execute(
        "INSERT INTO decisions.patron (person, persons, connection_id, order_ref, currency,"
        " purchases, last_on, interval_days, next_on, alive, worth, spend, tier, told_by, worked_on)"
        " VALUES (%s, %s, 1, %s, 'EUR', 3, %s, %s, %s, %s, %s, 1, %s, 'rule', %s)",
        (
            *(each.person, [each.person], each.order_ref, LAST),
            *(each.interval.days if each.interval else None, band.next_on),
            *(each.alive, each.worth, each.tier, LAST),
        ),
    )


async def told(conn: Any, each: Patron, band: Band, at: datetime) -> None:
    await conn.execute(
        "INSERT INTO decisions.portrait VALUES (%s, 1, %s, %s, %s, %s)",
        (each.person, band.tier.value, band.risk.value, band.next_on, at),
    )


async def test_the_database_calls_moved_what_the_rule_does(database_url: str) -> None:
    cases = [(a, d, was) for a, d, was in product(ALIVES, DAYS, TOLD)]
    async with open_spine(database_url, "north") as spine:
        expected = {}
        for n, (alive, days, was) in enumerate(cases, 1):
            one = patron(n, alive, days)
            await keep(spine.conn, one)
            if was is not None:
                await told(spine.conn, one, was, NOW - CUTS.apart)
            now = band_of(one, CUTS)
            if moved(was, now, CUTS.moved_days) is not None:
                expected[one.person.hex()] = (now, was)
        assert 100 < len(expected) < len(cases)
        due = await portraits_due(spine.conn, "profile", 1, CUTS, NOW, count=9_999)
        assert {each.person: (each.now, each.was) for each in due} == expected
        first = [each.was is None for each in due]
        assert first == sorted(first), "of whom it was told already first"
        # Just told of, nobody is told of again; at another CRM nobody was told of yet.
        early = await portraits_due(
            spine.conn, "profile", 1, CUTS, NOW - timedelta(seconds=1), count=9_999
        )
        assert {each.was for each in early} == {None}
        other = await portraits_due(spine.conn, "profile", 2, CUTS, NOW, count=9_999)
        assert len(other) == len(cases)


@pytest.mark.parametrize(
    ("state", "named"), [("proposed", True), ("ordered", True), ("refused", True), ("done", False)]
)
async def test_whom_a_decision_names_is_not_named_again(
    database_url: str, state: str, *, named: bool
) -> None:
    async with open_spine(database_url, "north") as spine:
        one, other = patron(1, "1", 20), patron(2, "1", 20)
        for each in (one, other):
            await keep(spine.conn, each)
        change = Change(person="0001", order="o", last_on=LAST, now=band_of(one, CUTS))
        await spine.conn.execute(
            "INSERT INTO decisions.decision (rule, version, mode, subject, episode, facts, digest,"
            " evidence, reason, actions, alternatives, state, proposed_at, lapses_at, ended_at)"
            " VALUES ('profile', 1, 'ask', 's', 'e', %s::jsonb, ''::bytea, '{}', '', '[]', '[]',"
            " %s, %s, %s, CASE WHEN %s IN ('refused', 'done') THEN %s END)",
            (to_json({"changes": [change]}), state, NOW, NOW, state, NOW),
        )
        due = await portraits_due(spine.conn, "profile", 1, CUTS, NOW, count=9)
        assert {each.person for each in due} == {"0002"} | (set() if named else {"0001"})
        again = await portraits_due(
            spine.conn, "profile", 1, CUTS, NOW, people=[one.person], count=9
        )
        assert [each.person for each in again] == ["0001"], "asked for by name it is told"
        # Turned down in another tier, or long ago, it is asked for again.
        await spine.conn.execute("UPDATE decisions.patron SET tier = 'low'")
        found = await portraits_due(spine.conn, "profile", 1, CUTS, NOW, count=9)
        assert ("0001" in {each.person for each in found}) == (state in {"refused", "done"})


async def test_what_is_no_longer_so_is_not_drawn(database_url: str) -> None:
    async with open_spine(database_url, "north") as spine:
        one = patron(1, "1", 20)
        await keep(spine.conn, one)
        band = band_of(one, CUTS)
        low = Band(tier=Tier.LOW, risk=band.risk, next_on=band.next_on)
        assert not await draw(spine.conn, "0001", 1, low, LAST, NOW)
        assert not await draw(spine.conn, "0001", 1, band, LAST + timedelta(days=1), NOW)
        assert not await draw(spine.conn, "0099", 1, band, LAST, NOW)
        for _ in range(2):
            assert await draw(spine.conn, "0001", 1, band, LAST, NOW)
        assert await portraits_due(spine.conn, "profile", 1, CUTS, NOW, count=9) == []
        await spine.conn.execute("DELETE FROM decisions.patron")
        cursor = await spine.conn.execute("SELECT count(*) FROM decisions.portrait")
        assert await cursor.fetchone() == (0,)
