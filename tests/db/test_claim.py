"""The queue: order, lanes, waiting, parking and coming back."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tests.support.spine import Spine, open_spine
from trueup.intake.claim import claim_events
from trueup.intake.model import Event, Lane, NewEvent
from trueup.intake.park import (
    RETRY_DELAYS_S,
    Parking,
    discard_parked,
    park_events,
    postpone_event,
    requeue_parked,
)
from trueup.kernel.limits import PARTITIONS

pytestmark = pytest.mark.anyio

ALL = range(PARTITIONS)


async def claimed(spine: Spine, count: int = 100) -> list[Event]:
    return await claim_events(spine.conn, ALL, count)


def at(event: NewEvent, seconds: float, lane: Lane = Lane.LIVE) -> NewEvent:
    received_at = datetime.now(UTC) + timedelta(seconds=seconds)
    return msgspec.structs.replace(event, received_at=received_at, lane=lane)


async def test_live_events_go_before_a_backfill_and_older_before_newer(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await spine.append(
            at(spine.order(1, "TEE"), -50, Lane.BACKFILL),
            at(spine.order(2, "TEE"), -10),
            at(spine.order(3, "TEE"), -30),
            # Of a machine whose clock goes ahead: it is due all the same, after the others.
            at(spine.order(4, "TEE"), +60),
        )
        order = [event.entity[-1] for event in await claimed(spine)]
        assert order == ["3", "2", "4", "1"]
        assert [event.entity[-1] for event in await claimed(spine, 2)] == ["3", "2"]
        assert await claim_events(spine.conn, (), 10) == []


async def test_only_events_of_the_held_partitions_are_taken(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await spine.append(*(spine.order(n, "TEE") for n in range(50)))
        found = [e for p in ALL for e in await claim_events(spine.conn, (p,), 100)]
        assert len(found) == len({event.event_id for event in found}) == 50
        assert all(event.partition in ALL for event in found)


async def test_an_event_that_fails_waits_longer_each_time_and_is_parked_with_its_cause(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The failure is of one event; the others of its batch are applied at once."""
    async with open_spine(database_url) as spine:
        mapping = spine.folder.mapping
        real = mapping.map_source

        def failing(source: object) -> object:
            if b"5000000000007" in getattr(source, "body", b""):
                raise ValueError("order 7 and its like")
            return real(source)  # type: ignore[arg-type]

        monkeypatch.setattr(mapping, "map_source", failing)
        await spine.append(*(spine.order(n, "TEE") for n in range(5, 10)))
        await spine.apply()
        assert (await spine.stock("TEE"))["reserved"] == 4
        for tried in range(1, len(RETRY_DELAYS_S)):
            [(attempts, wait_s)] = await spine.rows(
                "SELECT attempts, extract(epoch FROM due_at - now())::float8 FROM intake.queue"
            )
            assert attempts == tried
            assert RETRY_DELAYS_S[tried - 1] - 2 < wait_s <= RETRY_DELAYS_S[tried - 1]
            assert await spine.parked() == []
            await spine.rows("UPDATE intake.queue SET due_at = now() RETURNING 1")
            await spine.apply()
        assert await spine.parked() == [("hub.failure", "ValueError: order 7 and its like")]
        assert await spine.one("SELECT count(*) FROM intake.queue") == 0
        monkeypatch.undo()
        [event_id] = await requeue_parked(spine.conn)
        await spine.apply()
        assert event_id
        assert (await spine.stock("TEE"))["reserved"] == 5
        assert await spine.parked() == []


async def test_parked_events_come_back_by_cluster_or_are_given_up(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await spine.append(*(spine.order(n, "TEE") for n in range(6)))
        events = await claimed(spine)
        await postpone_event(spine.conn, events[0])
        await park_events(
            spine.conn,
            [
                Parking(event=event, cause="odd" if n % 2 else "even", detail=f"number {n}")
                for n, event in enumerate(events)
            ],
        )
        clusters = await spine.rows("SELECT DISTINCT cluster FROM intake.parked ORDER BY 1")
        assert len(clusters) == 2
        assert await claimed(spine) == []
        assert len(await requeue_parked(spine.conn, cluster=clusters[0][0])) == 3
        assert len(await claimed(spine)) == 3
        left = [n for (n,) in await spine.rows("SELECT event_id FROM intake.parked ORDER BY 1")]
        assert await discard_parked(spine.conn, event_ids=left[:1]) == left[:1]
        assert await requeue_parked(spine.conn, event_ids=left) == left[1:]
        assert await spine.one("SELECT count(*) FROM intake.event") == 6


async def test_an_event_of_a_connection_that_is_gone_is_parked(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await spine.append(spine.order(1, "TEE"))
        spine.hub.use_connections([])
        await spine.apply()
        assert [cause for cause, _ in await spine.parked()] == ["connection.gone"]
