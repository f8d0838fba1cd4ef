"""The team by commands: invited to an address, and a second factor that was lost."""

import asyncio
from pathlib import Path

import pyotp

from tests.flow.command import Commands
from tests.flow.shop import KEY
from trueup.access.code import STEP_S
from trueup.access.door import Door
from trueup.access.factor import begin_factor, read_factor, turn_on
from trueup.access.password import Passwords
from trueup.access.session import Browser
from trueup.db.pool import connect
from trueup.govern.vault import Vault
from trueup.kernel.clock import SystemClock

BROWSER = Browser(address="10.0.0.7")


async def join_with_factor(dsn: str, link: str) -> None:
    """Let somebody in by a link, who turns the second factor on."""
    door = Door(Vault(KEY), passwords=Passwords(memory_kib=8, passes=1))
    async with await connect(dsn, application_name="test") as conn:
        secret = link.rpartition("/")[2]
        entered = await door.enter_by_link(conn, secret, "Ann", "nine brown kettles", BROWSER)
        visitor = await door.find_visitor(conn, entered.session)
        assert visitor
        await begin_factor(conn, door, visitor)
        factor = await read_factor(conn, door, visitor.member_id or 0)
        step = int(SystemClock().now().timestamp()) // STEP_S
        code = pyotp.TOTP(factor.secret or "").generate_otp(step)
        await turn_on(conn, door, visitor, code, BROWSER)


def test_a_lost_factor_is_taken_away_on_the_hubs_machine(tmp_path: Path, database_url: str) -> None:
    trueup = Commands(tmp_path, database_url)
    refused = trueup.json("people", "invite", "owner", "--email", "no address", status=2)
    assert "no e-mail address" in refused["error"]["message"]
    link = trueup.json("people", "invite", "owner", "--email", "Ann@brand.example")["link"]
    (invite,) = trueup.json("people", "list")["invites"]
    assert invite["email"] == "ann@brand.example"
    asyncio.run(join_with_factor(database_url, link))
    assert trueup.json("people", "list")["members"][0]["factor"] is True
    assert trueup.json("people", "take-factor", "ann") == {"name": "ann", "second_factor": False}
    (ann,) = trueup.json("people", "list")["members"]
    assert (ann["factor"], ann["sessions"]) == (False, 0)
    told = trueup.json("people", "take-factor", "Ann", status=2)
    assert "no second factor" in told["error"]["message"]
    newest = trueup.json("people", "trail")["trail"][0]
    assert (newest["did"], newest["who"]) == (
        *("took a member's second factor away", "the command line"),
    )
