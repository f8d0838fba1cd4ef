"""Persons: one key each, also when two workers meet them at once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.spine import Conn, Spine, open_spine
from trueup.db.pool import connect
from trueup.govern.persons import Persona, destroy_keys, find_by_contact, open_keys, read_keys

pytestmark = pytest.mark.anyio


def persona(spine: Spine, name: str) -> Persona:
    index = spine.hub.vault.index
    return Persona(person=index("customer", name), email_index=index("email", f"{name}@x"))


async def keys_of(
    spine: Spine, conn: Conn, *personas: Persona, at: datetime | None = None
) -> dict[bytes, bytes]:
    seen_at = dict.fromkeys((each.person for each in personas), at or datetime.now(UTC))
    async with conn.transaction():
        return await open_keys(conn, spine.hub.vault, personas, seen_at=seen_at)


async def test_a_person_keeps_the_first_key(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        ada = persona(spine, "ada")
        first = await keys_of(spine, spine.conn, ada, ada)
        assert await keys_of(spine, spine.conn, ada) == first
        assert await read_keys(spine.conn, spine.hub.vault, [ada.person]) == first
        assert await keys_of(spine, spine.conn) == {}
        assert await find_by_contact(spine.conn, email_index=ada.email_index) == [ada.person]


async def test_two_workers_make_the_same_persons_at_once(database_url: str) -> None:
    """In opposite order, ten rounds: no deadlock, and both hold the same keys."""
    async with open_spine(database_url) as spine:
        for round_ in range(10):
            people = [persona(spine, f"{round_}-{n}") for n in range(20)]

            async def meet(mine: list[Persona]) -> dict[bytes, bytes]:
                async with await connect(database_url, application_name="test") as conn:
                    return await keys_of(spine, conn, *mine)

            one, two = await asyncio.gather(meet(people), meet(people[::-1]))
            assert one == two
            assert len(one) == 20


async def test_a_destroyed_key_does_not_come_back(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        ada, ben = persona(spine, "ada"), persona(spine, "ben")
        before = await keys_of(spine, spine.conn, ada, ben)
        seen_before = datetime.now(UTC) - timedelta(seconds=60)
        assert await destroy_keys(spine.conn, email_index=ada.email_index) == [ada.person]
        assert await destroy_keys(spine.conn, persons=[ada.person]) == []
        assert await find_by_contact(spine.conn, email_index=ada.email_index) == []
        # What came in before is applied without a key; who comes again begins anew.
        assert await keys_of(spine, spine.conn, ada, at=seen_before) == {}
        late = datetime.now(UTC) + timedelta(seconds=1)
        anew = await keys_of(spine, spine.conn, ada, ben, at=late)
        assert anew[ada.person] != before[ada.person]
        assert anew[ben.person] == before[ben.person]


async def test_a_contact_that_nobody_gave_finds_and_destroys_nobody(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        nameless = Persona(person=spine.hub.vault.index("customer", "x"))
        await keys_of(spine, spine.conn, nameless)
        assert await destroy_keys(spine.conn) == []
        assert await find_by_contact(spine.conn) == []
        assert len(await read_keys(spine.conn, spine.hub.vault, [nameless.person])) == 1
