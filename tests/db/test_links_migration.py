"""Links become digests on a database with data: what was plain is gone, the rest stands."""

import json

import psycopg
import pytest

from trueup.db.migrate import migrate, read_migrations
from trueup.db.pool import connect

pytestmark = pytest.mark.anyio

LINKS = 50


async def test_a_database_with_data_takes_the_step(empty_database_url: str) -> None:
    migrations = read_migrations()
    before = [migration for migration in migrations if migration.number < LINKS]
    async with await connect(empty_database_url, application_name="test") as conn:
        await migrate(conn, before)
        for number, kind, body in (
            (1, "shipment", {"ref": "1", "tracking_numbers": ["EP1"], "tracking_urls": ["u"]}),
            (2, "order", {"ref": "2", "tags": ["ann"], "number": "#2"}),
            (3, "product", {"ref": "3", "tags": ["oak"]}),
            (4, "customer", {"ref": "4"}),
        ):
            await conn.execute(
                "INSERT INTO records.record (record_id, connection_id, kind, ref, entity,"
                " updated_at, raised_at, digest, occurred_at, event_id)"
                " VALUES (%s, 1, %s, %s, %s, now(), now(), 'd', now(), %s)",
                (number, kind, str(number), f"{kind}/{number}", number),
            )
            await conn.execute(
                "INSERT INTO records.version (record_id, event_id, stale, body)"
                " VALUES (%s, %s, false, %s::jsonb)",
                (number, number, json.dumps(body)),
            )
        await conn.execute("INSERT INTO records.link VALUES ('tracking', 'EP1', 1)")

        await migrate(conn, migrations)

        cursor = await conn.execute("SELECT record_id, body FROM records.version ORDER BY 1")
        assert await cursor.fetchall() == [
            (1, {"ref": "1"}),
            (2, {"ref": "2", "number": "#2"}),
            (3, {"ref": "3", "tags": ["oak"]}),
            (4, {"ref": "4"}),
        ]
        cursor = await conn.execute("SELECT count(*) FROM records.link")
        assert await cursor.fetchone() == (0,)
        # Whatever tells one of these again counts.
        cursor = await conn.execute(
            "SELECT kind FROM records.record WHERE digest = '' AND raised_at < '1971-01-01'"
            " ORDER BY 1"
        )
        assert await cursor.fetchall() == [("customer",), ("order",), ("shipment",)]
        with pytest.raises(psycopg.errors.RestrictViolation):
            await conn.execute("UPDATE records.version SET stale = true")
