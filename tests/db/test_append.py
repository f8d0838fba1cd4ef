"""The log takes each delivery once, and nothing in it changes."""

import asyncio
from datetime import timedelta

import msgspec
import psycopg
import pytest

from tests.support.spine import Spine, open_spine
from trueup.db.pool import connect
from trueup.intake.append import append_events

pytestmark = pytest.mark.anyio

APPEND_ONLY = (
    *("intake.event", "intake.dedupe", "records.version"),
    *("ledger.transaction", "ledger.posting"),
)


async def counts(spine: Spine) -> tuple[int, ...]:
    tables = ("intake.event", "intake.dedupe", "intake.event_key", "intake.queue")
    return tuple([await spine.one(f"SELECT count(*) FROM {table}") for table in tables])  # noqa: S608 - our own names


async def test_a_repeat_is_taken_once_and_answered_with_the_first(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        event = spine.order(1, "TEE")
        [first] = await spine.append(event)
        [again] = await spine.append(event)
        assert (first.repeated, first.conflicting) == (False, False)
        assert (again.event_id, again.repeated, again.conflicting) == (first.event_id, True, False)
        assert await counts(spine) == (1, 1, 1, 1)
        assert await spine.open_issues() == []


async def test_the_same_id_with_other_bytes_is_kept_out_and_said(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        event = spine.order(1, "TEE")
        other = msgspec.structs.replace(event, body=event.body + b" ")
        third = msgspec.structs.replace(event, body=event.body + b"  ")
        [first] = await spine.append(event)
        for conflict in (other, other, third):
            [answer] = await spine.append(conflict)
            assert (answer.event_id, answer.repeated) == (first.event_id, False)
            assert answer.conflicting
        assert await counts(spine) == (1, 1, 1, 1)
        # One issue for each other body, however often it comes.
        assert await spine.open_issues() == ["intake.id_reused", "intake.id_reused"]


async def test_the_same_delivery_twice_in_one_batch(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        one, two = spine.order(1, "TEE"), spine.order(2, "TEE")
        changed = msgspec.structs.replace(one, body=b"{}")
        answers = await spine.append(one, two, one, changed)
        assert answers[0].event_id == answers[2].event_id == answers[3].event_id
        assert answers[1].event_id != answers[0].event_id
        flags = [(answer.repeated, answer.conflicting) for answer in answers]
        # Which of the equal ones was first does not matter; one of them was.
        assert sorted(flags[n] for n in (0, 2, 3)).count((False, False)) == 1
        assert await counts(spine) == (2, 2, 2, 2)
        assert await spine.append() == []


async def test_two_sessions_append_the_same_deliveries_at_once(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        events = [spine.order(n, "TEE") for n in range(60)]

        async def append(n: int) -> list[tuple[int, bool]]:
            async with await connect(database_url, application_name="test") as conn:
                mine = events if n % 2 else list(reversed(events))
                answers = await append_events(conn, spine.hub.vault, mine)
                return sorted((answer.event_id, answer.repeated) for answer in answers)

        found = await asyncio.gather(*(append(n) for n in range(6)))
        numbers = {event_id for answers in found for event_id, _ in answers}
        fresh = [event_id for answers in found for event_id, repeated in answers if not repeated]
        assert len(numbers) == len(fresh) == len(set(fresh)) == 60
        assert await counts(spine) == (60, 60, 60, 60)
        assert await spine.open_issues() == []


async def test_one_id_of_two_connections_is_two_deliveries(database_url: str) -> None:
    async with open_spine(database_url, "north", "south") as spine:
        body = {"id": 1}
        await spine.append(
            spine.delivery("north", "orders/create", body, webhook_id="w"),
            spine.delivery("south", "orders/create", body, webhook_id="w"),
        )
        assert await counts(spine) == (2, 2, 2, 2)


async def test_what_is_only_kept_is_not_queued(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await spine.append(msgspec.structs.replace(spine.order(1, "TEE"), queued=False))
        assert await counts(spine) == (1, 1, 1, 0)


async def test_a_body_lies_sealed_and_its_key_apart(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await spine.append(spine.order(1, "TEE"))
        [(body, size)] = await spine.rows("SELECT body, body_bytes FROM intake.event")
        assert b"example.com" not in body
        assert size > len(body)
        [(wrapped,)] = await spine.rows("SELECT wrapped FROM intake.event_key")
        assert len(wrapped) == 61


@pytest.mark.parametrize("table", APPEND_ONLY)
async def test_what_was_written_stays(database_url: str, table: str) -> None:
    async with open_spine(database_url) as spine:
        await spine.take(spine.movement("o", "opening", "TEE", 5), spine.order(1, "TEE"))
        assert await spine.one(f"SELECT count(*) FROM {table}") > 0  # noqa: S608 - our own names
        column = "stale" if table == "records.version" else "event_id"
        for statement in (
            f"UPDATE {table} SET {column} = {column}",  # noqa: S608 - our own names
            f"DELETE FROM {table}",  # noqa: S608 - our own names
            f"TRUNCATE {table} CASCADE",
        ):
            with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
                await spine.rows(statement)


@pytest.mark.parametrize("part", [0, 15])
async def test_a_part_of_the_dedupe_keys_is_append_only_too(database_url: str, part: int) -> None:
    """The keys are cut into parts: their back door must be shut as well."""
    async with open_spine(database_url) as spine:
        await spine.append(*(spine.order(n, "TEE") for n in range(80)))
        for statement in ("DELETE FROM", "TRUNCATE"):
            with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
                await spine.rows(f"{statement} intake.dedupe_{part}")


async def test_a_clock_that_goes_ahead_holds_nothing_up(database_url: str) -> None:
    """One machine's clock says an hour later than the database's: its events are due all the same."""
    async with open_spine(database_url) as spine:
        event = spine.order(1, "TEE")
        ahead = msgspec.structs.replace(event, received_at=event.received_at + timedelta(hours=1))
        await spine.append(ahead)
        assert await spine.apply() == 1
