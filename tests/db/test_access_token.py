"""Tokens: what they may have, when they end, and that nobody ends or reads another's."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from tests.db.test_access_people import BROWSER, DOER, House
from trueup.access.people import give_role, remove_member
from trueup.access.rights import GRANTABLE, RIGHTS, Role
from trueup.access.secret import digest_of
from trueup.access.token import (
    DAYS_MAX,
    TOKENS_MAX,
    drop_tokens_of,
    find_bearer,
    list_tokens,
    make_token,
    revoke_token,
)
from trueup.access.trail import Doer, list_trail
from trueup.access.visitor import Visitor
from trueup.db.pool import connect
from trueup.errors import ConfigError

pytestmark = pytest.mark.anyio


class Room(House):
    """A hub with somebody who makes tokens."""

    async def member(self, name: str, role: Role) -> Visitor:
        found = await self.door.find_visitor(self.conn, await self.join(name, role))
        assert found
        return found

    async def make(
        self, whose: Visitor, scopes: Sequence[str] = ("orders.read",), days: int = 90
    ) -> str:
        doer = Doer(member_id=whose.member_id, name=whose.name, address=BROWSER.address)
        return await make_token(
            self.conn,
            whose,
            name="the till",
            scopes=scopes,
            days=days,
            doer=doer,
            now=self.clock.now(),
        )

    async def bearer(self, secret: str) -> Visitor | None:
        return await find_bearer(self.conn, secret, self.clock.now())


@pytest.fixture
async def room(database_url: str) -> AsyncIterator[Room]:
    async with await connect(database_url, application_name="test") as conn:
        yield Room(conn)


async def test_a_token_may_what_it_was_given_and_its_member_still_may(room: Room) -> None:
    await room.member("Ann", Role.OWNER)
    fay = await room.member("Fay", Role.FINANCE)
    secret = await room.make(fay, ["orders.read", "money.decide", "orders.read"])
    assert secret.startswith("trueup_")
    found = await room.bearer(secret)
    assert found
    assert (found.name, found.member_id, found.session_id) == ("Fay", fay.member_id, None)
    assert [right for right in RIGHTS if found.may(right)] == ["orders.read", "money.decide"]
    await give_role(room.conn, "Fay", Role.SUPPORT, DOER, room.clock.now())
    found = await room.bearer(secret)
    assert found
    assert [right for right in RIGHTS if found.may(right)] == ["orders.read"]
    rows = await room.conn.execute("SELECT digest, t::text FROM access.token t")
    ((digest, text),) = await rows.fetchall()
    assert bytes(digest) == digest_of(secret)
    assert secret not in text
    assert secret[:12] in text, "by which people know it again"
    ((about,),) = await (
        await room.conn.execute("SELECT about FROM access.trail WHERE did = 'made a token'")
    ).fetchall()
    assert about == f"{secret[:12]}, 90 days: orders.read, money.decide"


@pytest.mark.parametrize(
    ("scopes", "days", "said"),
    [
        ([], 90, "one right at least"),
        (["money.read"], 90, "what you have not: money.read"),
        (["people.decide"], 90, "what you have not"),
        (["own.secure"], 90, "what you have not"),
        (["orders.burn"], 90, "what you have not"),
        (["orders.read", "audit.read"], 90, "audit.read"),
        (["orders.read"], 0, "1 to 366"),
        (["orders.read"], DAYS_MAX + 1, "1 to 366"),
    ],
)
async def test_nobody_gives_more_than_they_have_nor_for_ever(
    room: Room, scopes: list[str], days: int, said: str
) -> None:
    vic = await room.member("Vic", Role.VIEWER)
    with pytest.raises(ConfigError, match=said):
        await room.make(vic, scopes, days)
    assert await list_tokens(room.conn, room.clock.now()) == []


async def test_a_token_ends_by_itself_by_its_member_or_with_them(room: Room) -> None:
    ann = await room.member("Ann", Role.OWNER)
    bea = await room.member("Bea", Role.VIEWER)
    short, long = await room.make(bea, days=1), await room.make(bea, days=30)
    assert await room.bearer(short)
    room.clock.advance(days=1)
    assert await room.bearer(short) is None
    assert await room.bearer(long)
    (row,) = await list_tokens(room.conn, room.clock.now(), member_id=bea.member_id)
    assert (row["who"], row["prefix"], row["used_at"]) == ("Bea", long[:12], room.clock.now())
    number, now = row["token_id"], room.clock.now()
    for whose in (ann.member_id, 0):
        with pytest.raises(ConfigError, match="no such token"):
            await revoke_token(room.conn, number, DOER, now, member_id=whose)
    with pytest.raises(ConfigError, match="no such token"):
        await revoke_token(room.conn, None, DOER, now)
    assert await room.bearer(long), "another's number ends nothing"
    await revoke_token(room.conn, number, DOER, now, member_id=bea.member_id)
    assert await room.bearer(long) is None
    assert (await list_trail(room.conn))[0]["about"] == f"{long[:12]} of Bea"
    other, own = await room.make(bea), await room.make(ann)
    await remove_member(room.conn, "Bea", DOER, now)
    assert await room.bearer(other) is None
    assert await room.bearer(own)
    await drop_tokens_of(room.conn, ann.member_id or 0)
    assert await list_tokens(room.conn, now) == []


@pytest.mark.parametrize("secret", ["", "trueup_", "x" * 50, "trueup_" + "é" * 43, "trueup_\x00"])
async def test_what_is_no_token_is_nobodys(room: Room, secret: str) -> None:
    assert await room.bearer(secret) is None
    assert await room.bearer(secret * 100) is None


async def test_there_are_so_many_and_no_more_also_at_once(room: Room, database_url: str) -> None:
    ann = await room.member("Ann", Role.OWNER)
    for _ in range(TOKENS_MAX - 1):
        await room.make(ann, list(GRANTABLE))
    async with await connect(database_url, application_name="test") as conn:
        other = Room(conn)
        came = await asyncio.gather(room.make(ann), other.make(ann), return_exceptions=True)
    assert any(isinstance(each, str) for each in came)
    with pytest.raises(ConfigError, match="revoke one first"):
        await room.make(ann)
    room.clock.advance(days=91)
    assert await room.make(ann), "those that are over do not count"
