"""The team: links that are good once, roles, the last owner, and hashes that grow old."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import psycopg
import pytest

from trueup.access.door import ON_THIS_MACHINE, Door
from trueup.access.member import find_member
from trueup.access.password import Passwords
from trueup.access.people import (
    end_sessions,
    give_role,
    invite_member,
    list_invites,
    list_members,
    remove_member,
    reset_member,
)
from trueup.access.rights import Role
from trueup.access.session import Browser, find_visitor
from trueup.access.trail import Doer, list_trail
from trueup.db.pool import connect
from trueup.errors import ConfigError, HubError, LinkSpent
from trueup.govern.vault import Vault
from trueup.kernel.clock import ManualClock

pytestmark = pytest.mark.anyio

VAULT = Vault(b"k" * 32)
BROWSER = Browser(address="10.0.0.7", name="a test")
DOER = Doer(member_id=None, name=ON_THIS_MACHINE)
LONG = "seven brown kettles sing"


class House:
    """A hub with its door, whose time stands still."""

    def __init__(self, conn: psycopg.AsyncConnection) -> None:
        self.conn = conn
        self.clock = ManualClock()
        self.door = self.with_cost(8)

    def with_cost(self, memory_kib: int) -> Door:
        passwords = Passwords(memory_kib=memory_kib, passes=1)
        return Door(VAULT, passwords=passwords, clock=self.clock)

    async def invite(self, role: Role) -> str:
        return await invite_member(self.conn, role, DOER, self.clock.now(), self.door.limits)

    async def reset(self, name: str) -> str:
        return await reset_member(self.conn, name, DOER, self.clock.now(), self.door.limits)

    async def join(self, name: str, role: Role = Role.OWNER) -> str:
        link = await self.invite(role)
        entered = await self.door.enter_by_link(self.conn, link, name, LONG, BROWSER)
        return entered.session

    async def lets_in(self, session: str) -> bool:
        found = await find_visitor(self.conn, session, self.clock.now(), self.door.limits)
        return found is not None


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with await connect(database_url, application_name="test") as conn:
        yield House(conn)


async def test_a_link_lets_one_in_once_with_the_role_that_it_carries(house: House) -> None:
    link = await house.invite(Role.SUPPORT)
    enter = house.door.enter_by_link
    with pytest.raises(ConfigError):
        await enter(house.conn, link, "Sue", "short", BROWSER)
    entered = await enter(house.conn, link, " Sue  Ross ", LONG, BROWSER)
    assert (entered.member.name, entered.member.role) == ("Sue Ross", Role.SUPPORT)
    with pytest.raises(LinkSpent):
        await enter(house.conn, link, "Eve", LONG, BROWSER)
    other = await house.invite(Role.OWNER)
    with pytest.raises(ConfigError, match="already, or had it"):
        await enter(house.conn, other, "SUE ROSS", LONG, BROWSER)
    house.clock.advance(hours=24)
    with pytest.raises(LinkSpent):
        await enter(house.conn, other, "Eve", LONG, BROWSER)
    assert await list_invites(house.conn, house.clock.now()) == []
    assert [row["name"] for row in await list_members(house.conn)] == ["Sue Ross"]


async def test_of_two_who_use_one_link_at_once_one_comes_in(
    house: House, database_url: str
) -> None:
    link = await house.invite(Role.VIEWER)
    async with await connect(database_url, application_name="test") as other:
        came = await asyncio.gather(
            house.door.enter_by_link(house.conn, link, "Ann", LONG, BROWSER),
            house.door.enter_by_link(other, link, "Bea", LONG, BROWSER),
            return_exceptions=True,
        )
    assert sorted(isinstance(each, LinkSpent) for each in came) == [False, True]
    assert len(await list_members(house.conn)) == 1


async def test_a_new_password_ends_what_was_before_and_only_the_newest_link_is_good(
    house: House,
) -> None:
    session = await house.join("Ann")
    old, new = await house.reset("ann"), await house.reset("Ann")
    with pytest.raises(LinkSpent):
        await house.door.enter_by_link(house.conn, old, "", LONG, BROWSER)
    assert await house.lets_in(session), "the link alone changes nothing"
    with pytest.raises(ConfigError, match="guessed first"):
        await house.door.enter_by_link(house.conn, new, "Eve", "ann is the best", BROWSER)
    entered = await house.door.enter_by_link(house.conn, new, "Eve", LONG + "!", BROWSER)
    assert entered.member.name == "Ann", "whose link it is, whatever was typed"
    assert not await house.lets_in(session)
    assert await house.lets_in(entered.session)
    with pytest.raises(HubError, match="do not belong together"):
        await house.door.sign_in(house.conn, "Ann", LONG, BROWSER)
    assert (await house.door.sign_in(house.conn, "Ann", LONG + "!", BROWSER)).session
    with pytest.raises(ConfigError, match="no member"):
        await house.reset("Nobody")


async def test_who_is_removed_is_out_at_once_and_their_name_stays_theirs(house: House) -> None:
    await house.join("Ann")
    session = await house.join("Bea", Role.FINANCE)
    link = await house.reset("Bea")
    await remove_member(house.conn, "Bea", DOER, house.clock.now())
    assert not await house.lets_in(session)
    with pytest.raises(LinkSpent):
        await house.door.enter_by_link(house.conn, link, "", LONG, BROWSER)
    with pytest.raises(HubError, match="do not belong together"):
        await house.door.sign_in(house.conn, "Bea", LONG, BROWSER)
    with pytest.raises(ConfigError, match="or had it"):
        await house.join("Bea")


async def test_another_role_ends_sessions_and_there_is_always_an_owner(
    house: House, database_url: str
) -> None:
    first, second = await house.join("Ann"), await house.join("Bea", Role.VIEWER)
    now = house.clock.now()
    for refused in (
        give_role(house.conn, "Ann", Role.VIEWER, DOER, now),
        remove_member(house.conn, "Ann", DOER, now),
    ):
        with pytest.raises(ConfigError, match="last owner"):
            await refused
    await give_role(house.conn, "Bea", Role.OWNER, DOER, now)
    assert (await house.lets_in(first), await house.lets_in(second)) == (True, False)
    async with await connect(database_url, application_name="test") as other:
        done = await asyncio.gather(
            give_role(house.conn, "Ann", Role.VIEWER, DOER, now),
            remove_member(other, "Bea", DOER, now),
            return_exceptions=True,
        )
    assert sorted(isinstance(each, ConfigError) for each in done) == [False, True]
    owners = [row for row in await list_members(house.conn) if row["role"] == "owner"]
    assert len(owners) == 1
    assert await end_sessions(house.conn, owners[0]["name"], DOER, now) in {0, 1}
    trail = await list_trail(house.conn)
    assert trail[0]["did"] == "ended sessions"
    assert "Bea: viewer to owner" in {row["about"] for row in trail}
    older = await list_trail(house.conn, before=trail[0]["entry_id"], count=1)
    assert older == trail[1:2]


async def test_a_hash_of_other_parameters_is_made_anew_when_its_password_is_shown(
    house: House,
) -> None:
    await house.join("Ann")
    before = await find_member(house.conn, "Ann")
    stronger = house.with_cost(16)
    await stronger.sign_in(house.conn, "Ann", LONG, BROWSER)
    after = await find_member(house.conn, "Ann")
    assert before
    assert after
    assert "m=8," in str(before.password)
    assert "m=16," in str(after.password)
    house.clock.advance(seconds=timedelta(hours=1).total_seconds())
    await stronger.sign_in(house.conn, "Ann", LONG, BROWSER)
    assert (await find_member(house.conn, "Ann")) == after, "once"
