"""Reservations over real sessions: one winner, all or nothing, each step once, whatever dies."""

import asyncio
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack

import psycopg
import pytest

from tests.support.spine import Spine, open_spine
from trueup.canon.reservation import Reservation, ReservationLine, ReservationState, Shortage
from trueup.db.pool import connect
from trueup.errors import ConfigError, InvariantBroken, KeyReused, ReservationClosed
from trueup.hub import Hub
from trueup.kernel.clock import ManualClock
from trueup.ledger.proof import prove_ledger
from trueup.replay import replay_log
from trueup.reserve import Answer, Reservations, Wish

pytestmark = pytest.mark.anyio

RACERS = 50
ROUNDS = int(os.environ.get("TRUEUP_RACES", "40"))
"""The figure to hold is 10,000; that takes an hour and more."""

HELD, CONFIRMED, SHIPPED = (
    ReservationState.HELD,
    ReservationState.CONFIRMED,
    ReservationState.SHIPPED,
)
RELEASED, EXPIRED, REFUSED = (
    ReservationState.RELEASED,
    ReservationState.EXPIRED,
    ReservationState.REFUSED,
)


def wish(
    *lines: tuple[str, int] | tuple[str, int, str], expires_in_s: int = 600, order: str = ""
) -> Wish:
    return Wish(
        lines=tuple(
            ReservationLine(sku=sku, quantity=units, site=site[0] if site else None)
            for sku, units, *site in lines
        ),
        expires_in_s=expires_in_s,
        for_order=order or None,
    )


async def opened(spine: Spine, **units: int) -> None:
    await spine.take(*(spine.movement(f"o{s}", "opening", s, n) for s, n in units.items()))


async def assert_sound(spine: Spine) -> None:
    """The books sum up, the log says the same again, and what is held is what records say."""
    proof = await prove_ledger(spine.conn)
    assert proof.holds, proof
    replayed = await replay_log(spine.conn, spine.hub)
    assert not replayed.differing, replayed.differences
    assert await spine.one("SELECT count(*) FROM intake.queue") == 0
    assert await spine.parked() == []
    held = await spine.one("SELECT coalesce(sum(units), 0) FROM ledger.hold")
    bodies = await spine.rows(
        "SELECT v.body FROM records.record r JOIN records.version v"
        " ON v.record_id = r.record_id AND v.event_id = r.event_id WHERE r.kind = 'reservation'"
    )
    assert held == sum(
        line["quantity"]
        for (body,) in bodies
        if body["state"] in {"held", "confirmed"}
        for line in body["lines"]
    )


@pytest.mark.timeout(300 + 2 * ROUNDS)
async def test_fifty_racers_have_one_winner_each_round(database_url: str) -> None:
    """Over real sessions, each racer with a key of its own; the winner gives the unit back."""
    async with open_spine(database_url) as spine, AsyncExitStack() as stack:
        await opened(spine, LAST=1)
        rooms = [Reservations(spine.hub) for _ in range(2)]  # as two processes would have them
        idle: asyncio.Queue[psycopg.AsyncConnection] = asyncio.Queue()
        for _ in range(8):
            session = await connect(database_url, application_name="racer")
            idle.put_nowait(await stack.enter_async_context(session))

        async def race(turn: int, racer: int) -> Answer:
            session = await idle.get()
            try:
                room = rooms[racer % 2]
                return await room.reserve(session, f"{turn}/{racer}", wish(("LAST", 1)))
            finally:
                idle.put_nowait(session)

        for turn in range(ROUNDS):
            answers = await asyncio.gather(*(race(turn, racer) for racer in range(RACERS)))
            winners = [a.reservation for a in answers if a.reservation.state is HELD]
            assert len(winners) == 1, f"round {turn}"
            losers = [a.reservation for a in answers if a.reservation.state is REFUSED]
            assert len(losers) == RACERS - 1
            assert {each.shortages for each in losers} == {
                (Shortage(sku="LAST", wanted=1, left=0),)
            }
            stock = await spine.stock("LAST")
            assert (stock.get("available", 0), stock["reserved"]) == (0, 1)
            await rooms[0].take(spine.conn, winners[0].ref, RELEASED)
        lowest = await spine.one(
            "SELECT min(left_over) FROM (SELECT sum(CASE place WHEN 'on_hand' THEN units WHEN"
            " 'reserved' THEN -units ELSE 0 END) OVER (ORDER BY event_id, ordinal"
            " GROUPS UNBOUNDED PRECEDING) AS left_over FROM ledger.posting) p"
        )
        assert lowest >= 0
        assert await spine.open_issues() == []
        if ROUNDS <= 100:
            await assert_sound(spine)


async def test_a_session_that_commits_later_is_not_taken(database_url: str) -> None:
    """Or the answer would leave before the commit."""
    async with open_spine(database_url) as spine:
        await opened(spine, A=1)
        await spine.conn.set_autocommit(False)
        with pytest.raises(InvariantBroken, match="autocommit"):
            await Reservations(spine.hub).reserve(spine.conn, "k", wish(("A", 1)))


async def test_many_lines_are_reserved_all_or_none(database_url: str) -> None:
    """Racers name the SKUs in both orders: no deadlock, and never half a cart."""
    async with open_spine(database_url) as spine:
        await opened(spine, A=10, B=7, C=100)
        room = Reservations(spine.hub)
        lines = [("A", 1), ("B", 1), ("C", 2)]

        async def racer(n: int) -> Answer:
            async with await connect(database_url, application_name="racer") as session:
                order = lines if n % 2 else lines[::-1]
                return await room.reserve(session, f"cart-{n}", wish(*order))

        answers = await asyncio.gather(*(racer(n) for n in range(20)))
        states = [answer.reservation.state for answer in answers]
        assert (states.count(HELD), states.count(REFUSED)) == (7, 13)
        left = {sku: (await spine.stock(sku)).get("available", 0) for sku in "ABC"}
        assert left == {"A": 3, "B": 0, "C": 86}
        refused = next(a.reservation for a in answers if a.reservation.state is REFUSED)
        assert refused.shortages == (Shortage(sku="B", wanted=1, left=0),)
        await assert_sound(spine)


async def test_lines_of_one_sku_add_up_and_all_shortages_are_told(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await opened(spine, A=3)
        await spine.take(spine.order(1, "NEVER-COUNTED"))
        room = Reservations(spine.hub)
        cart = wish(("A", 2), ("A", 2), ("NOBODY-KNOWS", 1), ("NEVER-COUNTED", 1))
        answer = await room.reserve(spine.conn, "k", cart)
        assert answer.reservation.state is REFUSED
        assert answer.reservation.shortages == (
            Shortage(sku="A", wanted=4, left=3),
            Shortage(sku="NOBODY-KNOWS", wanted=1, left=0),
            Shortage(sku="NEVER-COUNTED", wanted=1, left=0),
        )
        assert await spine.one("SELECT count(*) FROM ledger.sku WHERE code = 'NOBODY-KNOWS'") == 0
        await assert_sound(spine)


async def test_a_site_has_only_what_lies_there(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await opened(spine, A=2)
        await spine.take(spine.movement("r", "receipt", "A", 3, site="shop"))
        room = Reservations(spine.hub)
        first = await room.reserve(spine.conn, "1", wish(("A", 2, "shop")))
        assert first.reservation.state is HELD
        second = await room.reserve(spine.conn, "2", wish(("A", 2, "shop")))
        assert second.reservation.shortages == (Shortage(sku="A", site="shop", wanted=2, left=1),)
        elsewhere = await room.reserve(spine.conn, "3", wish(("A", 3)))
        assert elsewhere.reservation.state is HELD
        third = await room.reserve(spine.conn, "4", wish(("A", 1, "shop")))
        assert [each.left for each in third.reservation.shortages] == [0, 0]
        await room.take(spine.conn, first.reservation.ref, CONFIRMED)
        await room.take(spine.conn, first.reservation.ref, SHIPPED)
        sites = await spine.rows("SELECT site, on_hand FROM ledger.site_balance ORDER BY 1")
        assert sites == [("main", 2), ("shop", 1)]
        await assert_sound(spine)


async def test_the_same_key_gets_the_same_answer_for_ever(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await opened(spine, A=1)
        clock = ManualClock()
        room = Reservations(spine.hub, clock=clock)
        held = await room.reserve(spine.conn, "k", wish(("A", 1)))
        refused = await room.reserve(spine.conn, "late", wish(("A", 1)))
        clock.advance(days=400)
        assert (await room.find(spine.conn, held.reservation.ref)).state is EXPIRED  # type: ignore[union-attr]
        again = await Reservations(spine.hub).reserve(spine.conn, "k", wish(("A", 1)))
        assert again == Answer(reservation=held.reservation, repeated=True)
        # There is one again, but this key was answered.
        assert await room.reserve(spine.conn, "late", wish(("A", 1))) == Answer(
            reservation=refused.reservation, repeated=True
        )
        for other in (wish(("A", 2)), wish(("A", 1), expires_in_s=5), wish(("A", 1), order="7")):
            with pytest.raises(KeyReused):
                await room.reserve(spine.conn, "k", other)
        assert await spine.open_issues() == []
        assert (await spine.stock("A"))["available"] == 1
        await assert_sound(spine)


@pytest.mark.parametrize("bodies", [1, 2], ids=["one body", "two bodies"])
async def test_one_key_used_twenty_times_at_once(database_url: str, bodies: int) -> None:
    """Whoever is first decides; the others get its answer, or are told that the key is taken."""
    async with open_spine(database_url) as spine:
        await opened(spine, A=100, B=100)
        room = Reservations(spine.hub)

        async def ask(n: int) -> str:
            async with await connect(database_url, application_name="asker") as session:
                try:
                    got = await room.reserve(session, "k", wish(("AB"[n % bodies], 1)))
                except KeyReused:
                    return "reused"
                return "repeated" if got.repeated else "made"

        answers = await asyncio.gather(*(ask(n) for n in range(20)))
        assert answers.count("made") == 1
        assert answers.count("reused") == (0 if bodies == 1 else 10)
        left = [(await spine.stock(sku))["available"] for sku in ("A", "B")]
        assert sum(left) == 199
        assert await spine.open_issues() == []
        await assert_sound(spine)


async def test_each_step_happens_once(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await opened(spine, A=5)
        room = Reservations(spine.hub)

        async def many(ref: str, wanted: ReservationState) -> list[Reservation | None]:
            async def one() -> Reservation | None:
                async with await connect(database_url, application_name="asker") as session:
                    return await room.take(session, ref, wanted)

            return await asyncio.gather(*(one() for _ in range(6)))

        ref = (await room.reserve(spine.conn, "k", wish(("A", 2)))).reservation.ref
        with pytest.raises(ReservationClosed, match="held"):
            await room.take(spine.conn, ref, SHIPPED)
        for wanted in (CONFIRMED, SHIPPED):
            results = await many(ref, wanted)
            assert {each.state for each in results if each} == {wanted}
        assert await spine.stock("A") == {
            "available": 3, "on_hand": 3, "customer": 2, "supplier": -5,
        }  # fmt: skip
        assert (await room.take(spine.conn, ref, CONFIRMED)).state is SHIPPED  # type: ignore[union-attr]
        with pytest.raises(ReservationClosed, match="shipped"):
            await room.take(spine.conn, ref, RELEASED)
        assert await room.take(spine.conn, "nobody", RELEASED) is None
        other = (await room.reserve(spine.conn, "k2", wish(("A", 3)))).reservation.ref
        await room.take(spine.conn, other, CONFIRMED)
        await many(other, RELEASED)
        with pytest.raises(ReservationClosed, match="released"):
            await room.take(spine.conn, other, CONFIRMED)
        assert (await spine.stock("A"))["available"] == 3
        steps = await spine.rows(
            "SELECT external_id FROM intake.event WHERE topic = 'stock/reservation' ORDER BY 1"
        )
        told = sorted(step.split("/")[-1] for (step,) in steps)
        assert told == ["confirmed", "confirmed", "made", "made", "released", "shipped"]
        await assert_sound(spine)


async def test_what_expires_is_released_once_and_told_in_the_log(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await opened(spine, A=2, B=2)
        clock = ManualClock()
        room = Reservations(spine.hub, clock=clock)
        both = (await room.reserve(spine.conn, "k", wish(("A", 2), ("B", 1)))).reservation.ref
        kept = (await room.reserve(spine.conn, "k2", wish(("B", 1)))).reservation.ref
        await room.take(spine.conn, kept, CONFIRMED)
        clock.advance(seconds=599)
        assert await room.expire_due(spine.conn) == 0
        clock.advance(seconds=1)

        async def expire() -> int:
            async with await connect(database_url, application_name="scheduler") as session:
                return await room.expire_due(session)

        assert sum(await asyncio.gather(*(expire() for _ in range(6)))) >= 1
        assert await room.expire_due(spine.conn) == 0
        assert (await spine.stock("A"))["available"] == 2
        assert (await spine.stock("B"))["available"] == 1
        query = "SELECT count(*) FROM intake.event WHERE external_id = %s"
        assert await spine.one(query, f"reservation/{both}/expired") == 1
        assert await spine.one(query, f"reservation/{kept}/expired") == 0
        with pytest.raises(ReservationClosed, match="expired"):
            await room.take(spine.conn, both, CONFIRMED)
        assert (await room.take(spine.conn, both, RELEASED)).state is EXPIRED  # type: ignore[union-attr]
        await assert_sound(spine)


async def test_a_reservation_takes_what_has_expired_without_the_scheduler(
    database_url: str,
) -> None:
    async with open_spine(database_url) as spine:
        await opened(spine, A=1)
        clock = ManualClock()
        room = Reservations(spine.hub, clock=clock)
        first = await room.reserve(spine.conn, "1", wish(("A", 1), expires_in_s=10))
        clock.advance(seconds=11)
        assert (await room.reserve(spine.conn, "2", wish(("A", 1)))).reservation.state is HELD
        with pytest.raises(ReservationClosed, match="expired"):
            await room.take(spine.conn, first.reservation.ref, CONFIRMED)
        await assert_sound(spine)


async def test_confirming_races_expiry(database_url: str) -> None:
    """Two machines whose clocks differ: one sees the end come, the other confirms in time."""
    async with open_spine(database_url) as spine:
        await opened(spine, A=100)
        early, late = ManualClock(), ManualClock()
        late.advance(seconds=700)
        seller, scheduler = (Reservations(spine.hub, clock=c) for c in (early, late))
        refs = [
            (await seller.reserve(spine.conn, f"k{n}", wish(("A", 1)))).reservation.ref
            for n in range(30)
        ]

        async def confirm(ref: str) -> bool:
            async with await connect(database_url, application_name="seller") as session:
                try:
                    await seller.take(session, ref, CONFIRMED)
                except ReservationClosed:
                    return False
                return True

        async def expire() -> None:
            async with await connect(database_url, application_name="scheduler") as session:
                await scheduler.expire_due(session)

        mixed = [confirm(ref) for ref in refs]
        results = await asyncio.gather(*mixed[:15], expire(), *mixed[15:])
        confirmed = sum(result is True for result in results)
        assert (await spine.stock("A")).get("reserved", 0) == confirmed
        states = [await seller.find(spine.conn, ref) for ref in refs]
        assert sum(each is not None and each.state is CONFIRMED for each in states) == confirmed
        await assert_sound(spine)


async def test_reservations_race_orders_of_a_channel(database_url: str) -> None:
    """An order is a fact and is posted in any case; our own command never makes it worse."""
    async with open_spine(database_url) as spine:
        await opened(spine, A=20)
        await spine.append(*(spine.order(n, "A") for n in range(1, 16)))
        room = Reservations(spine.hub)

        async def reserve(n: int) -> ReservationState:
            async with await connect(database_url, application_name="seller") as session:
                return (await room.reserve(session, f"k{n}", wish(("A", 1)))).reservation.state

        results = await asyncio.gather(spine.apply(count=3), *(reserve(n) for n in range(15)))
        won = list(results).count(HELD)
        stock = await spine.stock("A")
        assert stock["reserved"] == 15 + won
        assert won >= 5
        made = await spine.rows(
            "SELECT p.event_id, e.topic, sum(CASE place WHEN 'on_hand' THEN units WHEN 'reserved'"
            " THEN -units ELSE 0 END) FROM ledger.posting p JOIN intake.event e USING (event_id)"
            " JOIN ledger.transaction t USING (event_id) GROUP BY 1, 2 ORDER BY 1"
        )
        assert len(made) == 1 + 15 + won
        if stock.get("available", 0) < 0:
            assert await spine.open_issues() == ["stock.oversold"]
        again = await room.reserve(spine.conn, "after", wish(("A", 1)))
        assert (again.reservation.state is HELD) == (stock.get("available", 0) > 0)
        await assert_sound(spine)


async def test_every_channel_is_told(database_url: str) -> None:
    async with open_spine(database_url, "north", "south") as spine:
        await opened(spine, A=5)
        await spine.take(
            spine.product(1, "A", name="north"), spine.product(1, "A", name="south")
        )  # fmt: skip
        room = Reservations(spine.hub)
        ref = (await room.reserve(spine.conn, "k", wish(("A", 2)))).reservation.ref
        query = "SELECT value FROM outbox.intent ORDER BY connection_id"
        assert await spine.rows(query) == [(3,), (3,)]
        await room.take(spine.conn, ref, RELEASED)
        assert await spine.rows(query) == [(5,), (5,)]


async def test_the_connection_of_our_own_is_made_once(database_url: str) -> None:
    """Six processes, none of which knows of any connection, reserve at the same moment."""
    async with open_spine(database_url) as spine:
        await spine.conn.execute(b"UPDATE intake.connection SET connector = 'gone'")

        async def ask(n: int) -> ReservationState:
            room = Reservations(Hub(spine.hub.vault, spine.hub.connectors))
            async with await connect(database_url, application_name="seller") as session:
                return (await room.reserve(session, f"k{n}", wish(("A", 1)))).reservation.state

        assert await asyncio.gather(*(ask(n) for n in range(6))) == [REFUSED] * 6
        query = "SELECT name FROM intake.connection WHERE connector = 'manual'"
        assert await spine.rows(query) == [("manual",)]


async def test_a_removed_connection_holds_up_nobody_else(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await opened(spine, A=5)
        clock = ManualClock()
        room = Reservations(spine.hub, clock=clock)
        await room.reserve(spine.conn, "old", wish(("A", 2)))
        await spine.conn.execute(b"UPDATE intake.connection SET state = 'removed'")
        clock.advance(seconds=601)
        later = Reservations(Hub(spine.hub.vault, spine.hub.connectors), clock=clock)
        answer = await later.reserve(spine.conn, "new", wish(("A", 3)))
        assert answer.reservation.state is HELD
        with pytest.raises(ConfigError, match="was removed"):
            await later.find(
                spine.conn, (await room.reserve(spine.conn, "old", wish(("A", 2)))).reservation.ref
            )
        clock.advance(seconds=601)
        assert await later.expire_due(spine.conn) == 2
        assert (await spine.stock("A"))["reserved"] == 2


STEPS: Sequence[tuple[str, str]] = (
    ("before the look", "SELECT FROM ledger.balance FOR UPDATE"),
    ("after the event", "LOCK TABLE records.version IN EXCLUSIVE MODE"),
    ("after the record", "LOCK TABLE ledger.posting IN EXCLUSIVE MODE"),
    ("after the postings", "LOCK TABLE ledger.hold IN EXCLUSIVE MODE"),
    ("after the intents", "LOCK TABLE intake.queue IN SHARE ROW EXCLUSIVE MODE"),
)


@pytest.mark.parametrize(("where", "lock"), STEPS, ids=[where for where, _ in STEPS])
async def test_a_session_killed_between_steps_leaves_nothing(
    database_url: str, where: str, lock: str
) -> None:
    """The server ends the session while it waits there; asked again, it happens once."""
    async with open_spine(database_url) as spine:
        await opened(spine, A=3)
        room = Reservations(spine.hub)

        async def cut(doing: str) -> None:
            killer = await connect(database_url, application_name="killer")
            async with killer, killer.transaction():
                await killer.execute(lock.encode())
                session = await connect(database_url, application_name="victim")
                call = (
                    room.reserve(session, "k", wish(("A", 2)))
                    if doing == "reserve"
                    else room.take(session, ref, CONFIRMED)
                )
                task = asyncio.create_task(call)
                for _ in range(400):
                    query = (
                        "SELECT pid FROM pg_stat_activity WHERE application_name = 'victim'"
                        " AND wait_event_type = 'Lock'"
                    )
                    if pid := await spine.one(query):
                        break
                    await asyncio.sleep(0.01)
                else:
                    task.cancel()
                    return  # this step writes nothing there
                await spine.one("SELECT pg_terminate_backend(%s)", pid)
                with pytest.raises(psycopg.OperationalError):
                    await task
                await session.close()

        await cut("reserve")
        assert (await spine.stock("A"))["available"] == 3
        query = "SELECT count(*) FROM intake.event WHERE topic = 'stock/reservation'"
        assert await spine.one(query) == 0
        answer = await room.reserve(spine.conn, "k", wish(("A", 2)))
        assert (answer.repeated, answer.reservation.state) == (False, HELD)
        ref = answer.reservation.ref
        if where in {"before the look", "after the event"}:
            await cut("confirm")
            assert (await room.find(spine.conn, ref)).state is HELD  # type: ignore[union-attr]
        await room.take(spine.conn, ref, CONFIRMED)
        assert (await spine.stock("A"))["reserved"] == 2
        await assert_sound(spine)
