"""Tokens between real processes: one asks, and one that is killed in between costs nothing."""

import asyncio
import sys

import pytest

from tests.flow.consent import Granted, sign_in
from tests.flow.shop import open_shop

pytestmark = pytest.mark.anyio

LIFE_S = 3600

_ASK = """
import asyncio, os, signal, sys
from tests.flow.shop import KEY
from trueup.contract.loader import load_connector
from trueup import connectors
from pathlib import Path
from trueup.db.pool import connect
from trueup.govern.vault import Vault
from trueup.intake.connections import find_account
from trueup.outbox import tokens

async def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

async def ask(conninfo, fate):
    vault = Vault(KEY)
    folder = load_connector(Path(connectors.__file__).parent / "shopify")
    async with await connect(conninfo, application_name="test") as conn:
        account = await find_account(conn, vault, "north")
    if fate == "killed":
        tokens.store_token = die
    held = tokens.open_tokens(conninfo, vault, folder, account)
    print("ready", flush=True)
    sys.stdin.readline()
    print(await held.access_token(), flush=True)

asyncio.run(ask(*sys.argv[1:]))
"""


async def start(granted: Granted, fate: str = "lives") -> asyncio.subprocess.Process:
    """Start a process that waits for a line, and then wants a token."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _ASK, granted.stage.conninfo, fate),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert (await asyncio.wait_for(process.stdout.readline(), 30)).strip() == b"ready"
    return process


async def go(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    out, _ = await asyncio.wait_for(process.communicate(b"go\n"), 60)
    return process.returncode, out.decode().strip()


async def test_of_four_processes_one_asks_a_vendor_that_forgets_at_once(database_url: str) -> None:
    async with open_shop(database_url, refresh_once=True) as stage:
        granted = await sign_in(stage)
        await granted.age(LIFE_S + 1)
        stage.fail(kind="slow", operation="access_token", delay_s=0.4, next_calls=1)
        processes = [await start(granted) for _ in range(4)]
        ended = await asyncio.gather(*(go(process) for process in processes))
        assert {status for status, _ in ended} == {0}
        assert len({token for _, token in ended}) == 1
        assert granted.consents.swaps["refresh_token"] == 1


async def test_a_process_killed_between_reply_and_commit_is_made_good_by_the_next(
    database_url: str,
) -> None:
    """The vendor rotated and the new token died with the process: the old one is still there."""
    async with open_shop(database_url) as stage:
        granted = await sign_in(stage)
        await granted.age(LIFE_S + 1)
        before = await granted.stored()
        status, _ = await go(await start(granted, "killed"))
        assert status == -9
        assert granted.consents.swaps["refresh_token"] == 1
        assert (await granted.stored()).refresh_token == before.refresh_token
        status, token = await go(await start(granted))
        assert status == 0
        after = await granted.stored()
        assert (after.access_token, after.generation) == (token, before.generation + 1)
        assert granted.consents.knows(token)
        assert granted.consents.swaps["refresh_token"] == 2
