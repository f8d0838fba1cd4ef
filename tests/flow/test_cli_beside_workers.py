"""Bodies that are handed in while workers run: shared with them, applied once."""

import asyncio

import msgspec
import pytest

from tests.flow.shop import KEY, SAMPLES
from trueup.contract.connector import Piece
from trueup.contract.loader import find_connectors
from trueup.db.pool import connect
from trueup.govern.vault import Vault
from trueup.hub import Hub
from trueup.ingest import Handed, take_in
from trueup.intake.connections import create_connection, load_accounts
from trueup.ledger.proof import prove_ledger
from trueup.worker import Worker

pytestmark = pytest.mark.anyio


def bodies(count: int) -> list[Handed]:
    order = msgspec.json.decode((SAMPLES / "order.json").read_bytes())
    # Parcels, refunds and payments have ids of their own, which no two orders share.
    for inside in ("fulfillments", "refunds", "transactions"):
        order.pop(inside, None)
    handed = []
    for number in range(count):
        body = msgspec.json.encode(order | {"id": 10_000 + number, "name": f"#{number}"})
        piece = Piece(topic="orders/create", body=body)
        handed.append(Handed(name=str(number), piece=piece))
    return handed


async def test_a_worker_and_two_imports_apply_each_body_once(database_url: str) -> None:
    hub = Hub(Vault(KEY), find_connectors())
    async with await connect(database_url, application_name="test") as conn:
        await create_connection(
            conn, hub.vault, name="north", connector="shopify", settings={}, secrets={}
        )
        connection = (await load_accounts(conn, hub.vault))[0].connection
    hub.use_connections([connection])
    worker = Worker(database_url, hub)
    stop = asyncio.Event()
    working = asyncio.create_task(worker.run(stop))
    handed = bodies(300)
    first, second = await asyncio.gather(
        take_in(database_url, hub, connection, handed[:200]),
        take_in(database_url, hub, connection, handed[100:]),
    )
    stop.set()
    await working
    assert first.accepted + second.accepted == 300
    assert first.duplicates + second.duplicates == 100
    assert (first.unhandled, second.unhandled) == (0, 0)
    assert {fate.outcome for fate in (*first.events, *second.events)} == {"record"}
    async with await connect(database_url, application_name="test") as conn:
        assert (await prove_ledger(conn)).holds
        cursor = await conn.execute(
            "SELECT count(*), max(versions) FROM records.record WHERE kind = 'order'"
        )
        assert await cursor.fetchone() == (300, 1)


async def test_an_import_of_many_is_whole_or_nothing(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of three batches can not be written: the first is not in the log either."""
    import trueup.ingest

    hub = Hub(Vault(KEY), find_connectors())
    async with await connect(database_url, application_name="test") as conn:
        await create_connection(
            conn, hub.vault, name="north", connector="shopify", settings={}, secrets={}
        )
        connection = (await load_accounts(conn, hub.vault))[0].connection
        hub.use_connections([connection])
        real, batches = trueup.ingest.append_events, []

        async def failing(*args: object) -> object:
            batches.append(args)
            if len(batches) == 2:
                raise RuntimeError("killed")
            return await real(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(trueup.ingest, "append_events", failing)
        with pytest.raises(RuntimeError):
            await take_in(database_url, hub, connection, bodies(600))
        cursor = await conn.execute("SELECT count(*) FROM intake.event")
        assert await cursor.fetchone() == (0,)
