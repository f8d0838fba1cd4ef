"""Connecting by signing in: a real command, a real browser's requests, real sockets."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.flow.command import Commands
from tests.flow.consent import decide, fields_of
from tests.flow.shop import Connected, open_shop
from trueup.contract.loader import find_connectors

pytestmark = pytest.mark.anyio

LIFE_S = 3600


@pytest.fixture
def trueup(tmp_path: Path, database_url: str) -> Commands:
    return Commands(tmp_path, database_url)


class Running:
    """A `trueup connect` that waits for its person."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self.process = process
        self.address = address

    @property
    def state(self) -> str:
        return fields_of(self.address)["state"]

    async def come_back(self, location: str, status: int = 200) -> str:
        """Follow the vendor's redirect, as the browser does; returns the page."""
        async with httpx.AsyncClient() as browser:
            page = await browser.get(location)
        assert page.status_code == status, page.text
        assert page.headers["referrer-policy"] == "same-origin"
        assert "script" not in page.text
        return page.text

    async def end(self, status: int = 0) -> Any:
        out, told = await asyncio.wait_for(self.process.communicate(), 60)
        assert self.process.returncode == status, (out, told)
        for word in (self.state, "shpat_", "shprt_", "sandbox-secret"):
            assert word not in (out + told).decode()
        return json.loads(out)


@asynccontextmanager
async def connecting(trueup: Commands, stage: Connected, *more: str) -> AsyncIterator[Running]:
    words = more if "--again" in more else ("--name", "north", *wishes(stage), *more)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "trueup.cli.main", "connect", "shopify", *words),
        *("--no-browser", "--callback-port", "0", "--json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ
        | {"TRUEUP_CONFIG": str(trueup.config), "TRUEUP_SECRET_CLIENT_SECRET": "sandbox-secret"},
    )
    assert process.stderr is not None
    try:
        while line := (await asyncio.wait_for(process.stderr.readline(), 30)).decode():
            if line.startswith("http"):
                break
        assert line, await process.communicate()
        yield Running(process, line.strip())
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def wishes(stage: Connected) -> tuple[str, ...]:
    settings = {
        "shop_domain": "north.myshopify.com",
        "api_base": f"{stage.base_url}/north",
        "auth_kind": "oauth",
        "client_id": "sandbox-client",
    }
    return tuple(word for key, value in settings.items() for word in ("--set", f"{key}={value}"))


async def test_a_person_signs_in_and_the_connection_works(
    trueup: Commands, database_url: str
) -> None:
    async with open_shop(database_url) as stage:
        stage.buy(2)
        async with connecting(trueup, stage) as running:
            page = await running.come_back(await decide(running.address))
            assert "Signed in for north" in page
            assert "You can close this window" in page
            told = await running.end()
        assert (told["signed_in"], told["again"]) == (True, False)
        assert "orders" in told["may_read"]
        actions = find_connectors()["shopify"].manifest.actions
        assert told["may_write"] == [action.name for action in actions]
        assert "write_inventory" in told["learnt"]["scopes"]
        done = await trueup.in_thread("backfill", "north", "--resource", "orders")
        assert done["resources"][0]["done"] == 2
        (one,) = (await trueup.in_thread("connections"))["connections"]
        assert (one["health"], one["secrets"]) == ("healthy", ["client_secret"])
        ((kept,),) = await stage.rows("SELECT count(*) FROM intake.authorisation")
        assert kept == 1
        ((blank,),) = await stage.rows(
            "SELECT length(draft_sealed) + length(answer_sealed) FROM intake.authorisation"
        )
        assert blank == 0


async def test_who_does_not_agree_ends_it(trueup: Commands, database_url: str) -> None:
    async with open_shop(database_url) as stage:
        async with connecting(trueup, stage) as running:
            page = await running.come_back(await decide(running.address, "deny"), 403)
            assert "not agreed" in page
            told = await running.end(status=1)
        assert "access_denied" in told["error"]["message"]
        assert (await trueup.in_thread("connections"))["connections"] == []


async def test_a_forged_callback_changes_nothing(trueup: Commands, database_url: str) -> None:
    """Wrong state, another's signature, a field twice, no code: then the right one still counts."""
    async with open_shop(database_url) as stage, connecting(trueup, stage) as running:
        location = await decide(running.address)
        base, _, _ = location.partition("?")
        fields = fields_of(location)
        consents = stage.sandbox.door("north").consents
        unsigned = {name: value for name, value in fields.items() if name != "hmac"}
        forged = [
            {**fields, "state": "x" * 43},
            {**fields, "hmac": "0" * 64},
            {**fields, "code": "other"},
            {name: value for name, value in fields.items() if name != "state"},
            unsigned,
            consents.sign({**unsigned, "shop": "other.myshopify.com"}),
            consents.sign({name: unsigned[name] for name in ("shop", "state", "timestamp")}),
            {"state": "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")},
        ]
        for each in forged:
            page = await running.come_back(str(httpx.URL(base, params=each)), 400)
            assert "Not connected" in page
            assert running.state not in page
        await running.come_back(f"{location}&code=twice", 400)
        await running.come_back(base, 400)
        await running.come_back(location)
        assert (await running.end())["signed_in"]


async def test_a_state_counts_once_and_ten_minutes(trueup: Commands, database_url: str) -> None:
    async with open_shop(database_url) as stage:
        async with connecting(trueup, stage) as running:
            location = await decide(running.address)
            await stage.rows(
                "UPDATE intake.authorisation SET opened_at = opened_at - interval '1 h',"
                " expires_at = expires_at - interval '1 h' RETURNING 1"
            )
            assert "too old" in await running.come_back(location, 400)
        async with connecting(trueup, stage) as running:
            stage.fail(kind="slow", operation="access_token", delay_s=60, next_calls=1)
            location = await decide(running.address)
            await running.come_back(location)
            assert "used before" in await running.come_back(location, 400)
            ended = asyncio.create_task(running.end())
            while not ended.done():
                # The vendor may begin to be slow after any of these.
                stage.sandbox.clock.advance(60)
                await asyncio.wait([ended], timeout=0.5)
            assert (await ended)["signed_in"]


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"kind": "status", "status": 500}, 3, "connector.unavailable"),
        ({"kind": "reset_after_work"}, 3, "connector.unavailable"),
        ({"kind": "timeout_after_work"}, 3, "connector.unavailable"),
        ({"kind": "status", "status": 401}, 1, "connector.auth_expired"),
    ],
)
async def test_a_token_that_is_not_handed_out_stores_nothing(
    trueup: Commands, database_url: str, fault: dict[str, Any], status: int, code: str
) -> None:
    async with open_shop(database_url) as stage:
        async with connecting(trueup, stage) as running:
            stage.fail(operation="access_token", next_calls=1, **fault)
            await running.come_back(await decide(running.address))
            told = await running.end(status=status)
        assert told["error"]["code"] == code
        assert (await trueup.in_thread("connections"))["connections"] == []
        assert await stage.rows("SELECT 1 FROM intake.token") == []


async def test_a_code_that_somebody_else_used_is_refused(
    trueup: Commands, database_url: str
) -> None:
    async with open_shop(database_url) as stage, connecting(trueup, stage) as running:
        location = await decide(running.address)
        stolen = {
            "client_id": "sandbox-client",
            "client_secret": "sandbox-secret",
            "code": fields_of(location)["code"],
        }
        assert stage.sandbox.door("north").consents.swap(stolen).status == 200
        await running.come_back(location)
        told = await running.end(status=1)
        assert told["error"]["code"] == "connector.refused"


async def test_signing_in_again_keeps_the_history(trueup: Commands, database_url: str) -> None:
    async with open_shop(database_url) as stage:
        stage.buy(3)
        async with connecting(trueup, stage) as running:
            await running.come_back(await decide(running.address))
            await running.end()
        await trueup.in_thread("backfill", "north", "--resource", "orders")
        ((number, events),) = await stage.rows(
            "SELECT connection_id, count(*) FROM intake.event GROUP BY 1"
        )
        stage.sandbox.door("north").consents.withdraw()
        told = await trueup.in_thread("backfill", "north", "--resource", "products", status=1)
        assert "trueup connect shopify --again north" in str(told)
        async with connecting(trueup, stage, "--again", "north") as running:
            await running.come_back(await decide(running.address))
            assert (await running.end())["again"]
        await trueup.in_thread("backfill", "north", "--resource", "products")
        ((again, more),) = await stage.rows(
            "SELECT connection_id, count(*) FROM intake.event GROUP BY 1"
        )
        assert again == number
        assert more > events


async def test_the_hubs_own_address_takes_the_callback(trueup: Commands, database_url: str) -> None:
    """With a public address the web process is come back to; strangers get nothing there."""
    from trueup.api.app import TrueupApp

    async with open_shop(database_url) as stage:
        more = ("--set", "public_url=http://127.0.0.1:9")
        async with connecting(trueup, stage, *more) as running:
            location = await decide(running.address)
            assert location.startswith("http://127.0.0.1:9/oauth/callback?")
            web = TrueupApp(database_url, stage.hub, body_bytes_max=1000, token="t" * 43)
            async with web.rest.lifespan():
                transport = httpx.ASGITransport(app=web)
                async with httpx.AsyncClient(transport=transport, base_url="http://hub") as browser:
                    path = location.removeprefix("http://127.0.0.1:9")
                    wrong = await browser.get("/oauth/callback?state=none&code=x")
                    page = await browser.get(path)
                    replayed = await browser.get(path)
                    posted = await browser.post(path)
            assert (wrong.status_code, replayed.status_code) == (400, 400)
            assert posted.status_code in {403, 405}
            assert (page.status_code, "Signed in for north" in page.text) == (200, True)
            assert "default-src 'none'" in page.headers["content-security-policy"]
            assert (await running.end())["signed_in"]


async def test_an_app_of_ones_own_is_let_in_by_itself(trueup: Commands, database_url: str) -> None:
    """Nobody signs in; a new token is had before the last one expires, and on a new secret."""
    async with open_shop(database_url) as stage:
        words = [word.replace("auth_kind=oauth", "auth_kind=client") for word in wishes(stage)]
        base = ("connect", "shopify", "--name", "north", *words)
        env = {"TRUEUP_SECRET_CLIENT_SECRET": "wrong"}
        told = await trueup.in_thread(*base, status=1, env=env)
        assert told["error"]["code"] == "connector.auth_expired"
        assert await stage.rows("SELECT 1 FROM intake.connection") == []
        env = {"TRUEUP_SECRET_CLIENT_SECRET": "sandbox-secret"}
        told = await trueup.in_thread(*base, env=env)
        assert told["signed_in"]
        swaps = stage.sandbox.door("north").consents.swaps
        await trueup.in_thread("backfill", "north", "--resource", "orders")
        assert swaps == {"code": 0, "refresh_token": 0, "client_credentials": 1}
        await stage.rows(
            "UPDATE intake.token SET asked_at = asked_at - interval '22 h',"
            " expires_at = expires_at - interval '22 h' RETURNING 1"
        )
        await trueup.in_thread("backfill", "north", "--resource", "products")
        assert swaps["client_credentials"] == 2
        await trueup.in_thread("rotate-secret", "north", "client_secret", "--value", "other")
        told = await trueup.in_thread("backfill", "north", "--resource", "products", status=1)
        assert "rotate-secret north" in str(told)


async def test_what_is_missing_is_told_before_anybody_is_sent(
    trueup: Commands, database_url: str
) -> None:
    async with open_shop(database_url) as stage:
        base = ("connect", "shopify", "--name", "north")
        told = await trueup.in_thread(
            *base, *wishes(stage)[:-2], status=2, env={"TRUEUP_SECRET_CLIENT_SECRET": "s"}
        )
        assert "client_id" in told["error"]["message"]
        told = await trueup.in_thread(*base, *wishes(stage), status=2)
        assert "client_secret" in told["error"]["message"]
        told = await trueup.in_thread("connect", "shopify", status=2)
        assert "--name" in told["error"]["message"]
        told = await trueup.in_thread("connect", "shopify", "--again", "nobody", status=2)
        assert "nobody" in told["error"]["message"]
