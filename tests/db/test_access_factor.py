"""The second factor: turned on by a code, used up with each, spared by others, taken away."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

import pyotp
import pytest

from tests.db.test_access_people import BROWSER, DOER, LONG, House
from trueup.access.code import STEP_S
from trueup.access.door import Door
from trueup.access.factor import (
    begin_factor,
    pass_factor,
    read_factor,
    renew_spares,
    turn_off,
    turn_on,
)
from trueup.access.people import remove_member, take_factor
from trueup.access.rights import Role
from trueup.access.trail import list_trail
from trueup.access.visitor import Owes, Visitor
from trueup.db.pool import connect
from trueup.errors import ConfigError, GuessedTooOften, WrongCredentials
from trueup.govern.vault import Vault

pytestmark = pytest.mark.anyio


class Phone:
    """An app with somebody's secret."""

    def __init__(self, secret: str) -> None:
        self.app = pyotp.TOTP(secret)

    def code(self, now: datetime) -> str:
        return self.app.generate_otp(int(now.timestamp()) // STEP_S)


class Room(House):
    """A hub with somebody in it."""

    async def visitor(self, secret: str) -> Visitor:
        found = await self.door.find_visitor(self.conn, secret)
        assert found
        return found

    async def sign_in(self, name: str = "Ann") -> Visitor:
        entered = await self.door.sign_in(self.conn, name, LONG, BROWSER)
        return await self.visitor(entered.session)

    async def turn_on(self, visitor: Visitor) -> tuple[Phone, tuple[str, ...], Visitor]:
        await begin_factor(self.conn, self.door, visitor)
        factor = await read_factor(self.conn, self.door, visitor.member_id or 0)
        assert factor.secret
        phone = Phone(factor.secret)
        code = phone.code(self.clock.now())
        codes, secret = await turn_on(self.conn, self.door, visitor, code, BROWSER)
        return phone, codes, await self.visitor(secret)

    async def pass_on(self, visitor: Visitor, code: str) -> Visitor:
        return await self.visitor(await pass_factor(self.conn, self.door, visitor, code, BROWSER))


@pytest.fixture
async def room(database_url: str) -> AsyncIterator[Room]:
    async with await connect(database_url, application_name="test") as conn:
        yield Room(conn)


async def test_once_it_is_on_a_password_alone_opens_nothing(room: Room) -> None:
    first = await room.visitor(await room.join("Ann"))
    elsewhere = await room.sign_in()
    with pytest.raises(ConfigError, match="Begin first"):
        await turn_on(room.conn, room.door, first, "000000", BROWSER)
    await begin_factor(room.conn, room.door, first)
    with pytest.raises(WrongCredentials):
        await turn_on(room.conn, room.door, first, "no code", BROWSER)
    assert (await room.sign_in()).owes is Owes.NOTHING, "begun is not on"
    phone, codes, here = await room.turn_on(first)
    assert (here.owes, here.factor, len({*codes})) == (Owes.NOTHING, True, 10)
    rows = await room.conn.execute("SELECT session_id FROM access.session")
    assert await rows.fetchall() == [(here.session_id,)], elsewhere
    half = await room.sign_in()
    assert half.owes is Owes.CODE
    assert not half.may("orders.read")
    assert half.may("own.enter")
    room.clock.advance(seconds=STEP_S)
    whole = await room.pass_on(half, phone.code(room.clock.now()))
    assert (whole.owes, whole.session_id) == (Owes.NOTHING, half.session_id)
    with pytest.raises(ConfigError, match="on already"):
        await begin_factor(room.conn, room.door, whole)
    did = [row["did"] for row in await list_trail(room.conn)]
    assert did[:2] == ["signed in", "gave the right password"]
    kept = await room.conn.execute("SELECT f::text, s::text FROM access.factor f, access.spare s")
    text = str(await kept.fetchall())
    assert phone.app.secret not in text
    assert phone.app.secret.encode().hex() not in text
    assert codes[0] not in text


async def test_a_code_is_good_once_whoever_asks_first(room: Room, database_url: str) -> None:
    phone, codes, _ = await room.turn_on(await room.visitor(await room.join("Ann")))
    half = await room.sign_in()
    with pytest.raises(WrongCredentials, match="was used"):
        await room.pass_on(half, phone.code(room.clock.now()))
    room.clock.advance(seconds=STEP_S)
    now = phone.code(room.clock.now())
    async with await connect(database_url, application_name="test") as other:
        for code in (now, codes[0]):
            came = await asyncio.gather(
                pass_factor(room.conn, room.door, half, code, BROWSER),
                pass_factor(other, room.door, half, code, BROWSER),
                return_exceptions=True,
            )
            assert sorted(isinstance(each, WrongCredentials) for each in came) == [False, True]
    room.clock.advance(seconds=-STEP_S)
    with pytest.raises(WrongCredentials):
        await room.pass_on(half, now)
    with pytest.raises(WrongCredentials):
        await room.pass_on(half, codes[0])
    factor = await read_factor(room.conn, room.door, half.member_id or 0)
    assert (factor.spares, factor.secret) == (9, None)
    assert (await room.pass_on(half, codes[1].upper().replace("-", " "))).may("orders.read")


async def test_who_guesses_codes_waits(room: Room) -> None:
    phone, _, _ = await room.turn_on(await room.visitor(await room.join("Ann")))
    half = await room.sign_in()
    for _ in range(6):
        with pytest.raises(WrongCredentials):
            await room.pass_on(half, "123456")
    room.clock.advance(milliseconds=500)
    other = await room.sign_in()
    for each in (half, other):
        with pytest.raises(GuessedTooOften):
            await room.pass_on(each, phone.code(room.clock.now()))
    room.clock.advance(seconds=STEP_S)
    assert (await room.pass_on(half, phone.code(room.clock.now()))).may("orders.read")


async def test_a_role_that_has_to_have_it_owes_it_until_it_is_on(room: Room) -> None:
    room.door.factor_roles = frozenset({Role.FINANCE})
    owner = await room.visitor(await room.join("Ann"))
    fay = await room.visitor(await room.join("Fay", Role.FINANCE))
    assert (owner.owes, fay.owes) == (Owes.NOTHING, Owes.FACTOR)
    assert [fay.may(right) for right in ("money.read", "own.secure", "own.enter")] == [
        *(False, True, True)
    ]
    phone, codes, fay = await room.turn_on(fay)
    assert fay.may("money.read")
    room.clock.advance(seconds=STEP_S)
    with pytest.raises(ConfigError, match="has to have it"):
        await turn_off(room.conn, room.door, fay, phone.code(room.clock.now()), BROWSER)
    fresh = await renew_spares(room.conn, room.door, fay, codes[0], BROWSER)
    with pytest.raises(WrongCredentials):
        await renew_spares(room.conn, room.door, fay, codes[1], BROWSER)
    room.door.factor_roles = frozenset()
    room.clock.advance(seconds=STEP_S)
    await turn_off(room.conn, room.door, fay, fresh[0], BROWSER)
    assert (await room.sign_in("Fay")).owes is Owes.NOTHING


async def test_an_owner_takes_it_away_and_the_trail_says_so(room: Room) -> None:
    await room.join("Ann")
    with pytest.raises(ConfigError, match="no second factor"):
        await take_factor(room.conn, "Ann", DOER, room.clock.now())
    _, codes, bea = await room.turn_on(await room.visitor(await room.join("Bea", Role.VIEWER)))
    await take_factor(room.conn, "Bea", DOER, room.clock.now())
    left = await room.conn.execute(
        "SELECT session_id FROM access.session WHERE member_id = %s", (bea.member_id,)
    )
    assert await left.fetchall() == []
    again = await room.sign_in("Bea")
    assert again.owes is Owes.NOTHING
    with pytest.raises(WrongCredentials):
        await pass_factor(room.conn, room.door, again, codes[0], BROWSER)
    trail = [(row["did"], row["about"]) for row in await list_trail(room.conn)]
    assert ("took a member's second factor away", "Bea") in trail
    await room.turn_on(again)
    await remove_member(room.conn, "Bea", DOER, room.clock.now())
    kept = await room.conn.execute("SELECT 1 FROM access.factor")
    assert await kept.fetchall() == []


async def test_a_link_for_a_new_password_is_no_way_around_it(room: Room) -> None:
    await room.turn_on(await room.visitor(await room.join("Ann")))
    link = await room.reset("Ann")
    entered = await room.door.enter_by_link(room.conn, link, "", LONG + "!", BROWSER)
    assert (await room.visitor(entered.session)).owes is Owes.CODE


async def test_another_master_key_says_so_and_lets_nobody_in(room: Room, database_url: str) -> None:
    phone, _, _ = await room.turn_on(await room.visitor(await room.join("Ann")))
    half = await room.sign_in()
    door = Door(Vault(b"x" * 32), clock=room.clock)
    room.clock.advance(seconds=STEP_S)
    async with await connect(database_url, application_name="test") as conn:
        with pytest.raises(ConfigError, match="not the master key"):
            await pass_factor(conn, door, half, phone.code(room.clock.now()), BROWSER)
