"""Tokens that expire: renewed in time, by one at a time, and never lost."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from tests.flow.consent import Granted, sign_in
from tests.flow.shop import open_shop
from trueup.contract.connector import Request
from trueup.errors import AuthExpired, DatabaseUnavailable, Unavailable
from trueup.intake.connections import rotate_secret
from trueup.outbox import tokens as upkeep
from trueup.outbox.exchange import exchange

pytestmark = pytest.mark.anyio

LIFE_S = 3600
DUE_S = LIFE_S * 0.9 + 1


@pytest.fixture
async def granted(database_url: str) -> AsyncIterator[Granted]:
    async with open_shop(database_url, refresh_once=True) as stage:
        yield await sign_in(stage)


async def shop_check(granted: Granted) -> str:
    """Make one call of the connection, as any room does."""
    async with granted.stage.access() as access:
        reply = await access.send(access.folder.api.check_request())
        return dict(access.folder.api.checked(reply))["domain"]


async def test_a_call_carries_the_token_that_was_handed_out(granted: Granted) -> None:
    assert await shop_check(granted) == "north.myshopify.com"
    assert granted.consents.swaps == {"code": 1, "refresh_token": 0, "client_credentials": 0}
    sealed = await granted.stage.rows("SELECT access_sealed, refresh_sealed FROM intake.token")
    assert not any(b"shp" in bytes(each) for row in sealed for each in row)


async def test_it_is_renewed_before_it_expires_and_rotated(granted: Granted) -> None:
    before = await granted.stored()
    await granted.age(LIFE_S * 0.9 - 30)
    await shop_check(granted)
    assert granted.consents.swaps["refresh_token"] == 0
    await granted.age(31)
    await shop_check(granted)
    after = await granted.stored()
    assert granted.consents.swaps["refresh_token"] == 1
    assert after.generation == before.generation + 1
    assert after.access_token != before.access_token
    assert after.refresh_token != before.refresh_token


@pytest.mark.parametrize(("life_s", "margin_s"), [(3600, 360), (300, 60), (60, 30), (10, 5)])
def test_the_margin_is_a_tenth_and_at_least_a_minute(life_s: int, margin_s: int) -> None:
    from datetime import UTC, datetime, timedelta

    now = datetime.now(UTC)
    expires_at = now + timedelta(seconds=life_s)
    token = upkeep.StoredToken(
        access_token="a", refresh_token=None, basis=b"", asked_at=now, expires_at=expires_at
    )
    assert upkeep.due_at(token) == expires_at - timedelta(seconds=margin_s)


async def test_of_many_processes_one_asks(granted: Granted) -> None:
    """A vendor that forgets a refresh token once it was used would lock out all but one."""
    await granted.age(DUE_S)
    granted.stage.fail(kind="slow", operation="access_token", delay_s=0.3, next_calls=1)
    each = [await granted.tokens() for _ in range(8)]
    found = await asyncio.gather(*(tokens.access_token() for tokens in each))
    assert len(set(found)) == 1
    assert granted.consents.swaps["refresh_token"] == 1


async def test_a_token_that_is_turned_away_is_renewed_once_and_the_call_sent_again(
    granted: Granted,
) -> None:
    granted.consents.forget_tokens()
    assert await shop_check(granted) == "north.myshopify.com"
    assert granted.consents.swaps["refresh_token"] == 1
    door = granted.stage.sandbox.door("north")
    assert [call.status for call in door.calls][-3:] == [401, 200, 200]


async def test_a_vendor_that_turns_everything_away_is_not_asked_again_and_again(
    granted: Granted,
) -> None:
    granted.stage.fail(kind="status", status=401, probability=1.0, operation="shop")
    async with granted.stage.access() as access:
        for _ in range(4):
            with pytest.raises(AuthExpired) as caught:
                await access.send(access.folder.api.check_request())
    assert granted.consents.swaps["refresh_token"] == 1
    assert "connect shopify --again north" in str(caught.value.context["fix"])


async def test_many_calls_that_are_turned_away_together_go_on_with_one_new_token(
    granted: Granted,
) -> None:
    granted.consents.forget_tokens()
    async with granted.stage.access() as access:
        request: Request = access.folder.api.check_request()
        replies = await asyncio.gather(*(access.caller.send(request) for _ in range(4)))
    assert [reply.status for reply in replies] == [200] * 4
    assert granted.consents.swaps["refresh_token"] == 1


async def test_a_lost_reply_is_made_good_by_the_old_refresh_token(database_url: str) -> None:
    """The vendor rotated, and nobody heard: the old one, still in the table, is tried again."""
    async with open_shop(database_url) as stage:
        granted = await sign_in(stage)
        await granted.age(LIFE_S + 1)
        stage.fail(kind="reset_after_work", operation="access_token", next_calls=1)
        before = await granted.stored()
        tokens = await granted.tokens()
        with pytest.raises(Unavailable):
            await tokens.access_token()
        assert (await granted.stored()).refresh_token == before.refresh_token
        await tokens.access_token()
        assert granted.consents.swaps["refresh_token"] == 2
        await granted.age(LIFE_S + 1)
        await tokens.access_token(spent=(await granted.stored()).access_token)
        assert granted.consents.swaps["refresh_token"] == 3


async def test_a_process_that_dies_before_it_kept_the_token_leaves_the_old_one(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_shop(database_url) as stage:
        granted = await sign_in(stage)
        await granted.age(LIFE_S + 1)
        before = await granted.stored()

        async def die(*_: object, **__: object) -> None:
            raise SystemError("killed")

        with monkeypatch.context() as patched:
            patched.setattr(upkeep, "store_token", die)
            with pytest.raises(SystemError):
                await (await granted.tokens()).access_token()
        assert granted.consents.swaps["refresh_token"] == 1
        assert (await granted.stored()).refresh_token == before.refresh_token
        assert await shop_check(granted)
        assert (await granted.stored()).refresh_token != before.refresh_token


async def test_a_database_that_goes_away_in_between_does_not_lose_the_token(
    granted: Granted,
) -> None:
    """The session ends between the vendor's reply and the commit: it is kept over another one."""
    await granted.age(LIFE_S + 1)
    granted.stage.fail(kind="slow", operation="access_token", delay_s=0.6, next_calls=1)
    tokens = await granted.tokens()
    waiting = asyncio.create_task(tokens.access_token())
    await asyncio.sleep(0.3)
    (ended,) = await granted.stage.rows(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE application_name = 'trueup-tokens' AND datname = current_database()"
    )
    assert ended == (1,)
    found = await waiting
    assert (await granted.stored()).access_token == found
    assert granted.consents.swaps["refresh_token"] == 1
    assert await shop_check(granted)


async def test_a_call_that_is_given_up_does_not_lose_the_token(granted: Granted) -> None:
    await granted.age(LIFE_S + 1)
    before = await granted.stored()
    granted.stage.fail(kind="slow", operation="access_token", delay_s=0.3, next_calls=1)
    tokens = await granted.tokens()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.15):
            await tokens.access_token()
    for _ in range(100):
        if (await granted.stored()).generation > before.generation:
            break
        await asyncio.sleep(0.02)
    assert await shop_check(granted)
    assert granted.consents.swaps["refresh_token"] == 1


async def test_a_vendor_that_is_down_is_not_asked_for_tokens_again_and_again(
    granted: Granted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The breaker stands before the token's endpoint too, and one probe asks whether it is back."""
    await granted.age(LIFE_S + 1)
    granted.stage.fail(kind="status", status=503, operation="access_token", probability=1.0)
    asked = 0

    async def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal asked
        asked += 1
        return await exchange(*args, **kwargs)

    monkeypatch.setattr(upkeep, "exchange", counted)
    async with granted.stage.access() as access:
        caller, request = access.caller, access.folder.api.check_request()
        for _ in range(20):
            with pytest.raises(Unavailable):
                await caller.send(request)
        assert asked == caller.breaker.failures_max
        assert caller.breaker.state == "open"
        caller.breaker = msgspec.structs.replace(caller.breaker, until=access.clock.now())
        for _ in range(5):
            with pytest.raises(Unavailable):
                await caller.send(request)
        assert asked == caller.breaker.failures_max + 1, "one probe, and a longer rest"
        granted.stage.heal()
        caller.breaker = msgspec.structs.replace(caller.breaker, until=access.clock.now())
        assert (await caller.send(request)).status == 200
        assert caller.breaker.state == "closed"


async def test_what_is_still_good_is_used_while_the_endpoint_is_down(granted: Granted) -> None:
    await granted.age(DUE_S)
    granted.stage.fail(kind="status", status=503, operation="access_token", probability=1.0)
    assert await shop_check(granted)
    await granted.age(LIFE_S)
    with pytest.raises(Unavailable):
        await (await granted.tokens()).access_token()
    granted.stage.heal()
    assert await (await granted.tokens()).access_token()


async def test_a_withdrawn_consent_asks_a_person_once(granted: Granted) -> None:
    granted.consents.withdraw()
    door = granted.stage.sandbox.door("north")
    tokens = await granted.tokens()
    spent = (await granted.stored()).access_token
    for _ in range(3):
        with pytest.raises(AuthExpired) as caught:
            await tokens.access_token(spent=spent)
        assert caught.value.context["reason"] == "invalid_grant"
    assert "trueup connect shopify --again north" in str(caught.value.context["fix"])
    assert [call.operations for call in door.calls].count(["access_token"]) == 2
    assert (await granted.stored()).refused == "invalid_grant"
    # Some minutes later the vendor is asked again: it may have been its own mistake.
    await granted.stage.rows(
        "UPDATE intake.token SET refused_at = refused_at - interval '1 h' RETURNING 1"
    )
    with pytest.raises(AuthExpired):
        await tokens.access_token(spent=spent)
    assert [call.operations for call in door.calls].count(["access_token"]) == 3


async def test_what_people_gave_anew_counts_at_once(granted: Granted) -> None:
    """A refresh token that a person gives replaces what was had by another one."""
    first = await granted.stored()
    assert first.refresh_token is not None
    async with granted.stage.conn() as conn:
        given = first.refresh_token
        await rotate_secret(conn, granted.stage.hub.vault, granted.number, "refresh_token", given)
    tokens = await granted.tokens()
    assert "rotate-secret north refresh_token" in tokens.how_to_fix
    found = await tokens.access_token()
    assert found != first.access_token
    assert granted.consents.swaps["refresh_token"] == 1
    assert (await granted.stored()).basis != first.basis
    assert await tokens.access_token() == found


async def test_who_never_signed_in_is_told_to(granted: Granted) -> None:
    await granted.stage.rows("DELETE FROM intake.token RETURNING 1")
    with pytest.raises(AuthExpired, match="signed in"):
        await (await granted.tokens()).access_token()
    assert granted.consents.swaps["refresh_token"] == 0


async def test_a_token_kept_meanwhile_is_not_overwritten(granted: Granted) -> None:
    """Of two that lost sight of each other's lock, the one that was first counts for both."""
    from trueup.intake.tokens import store_token

    stored = await granted.stored()
    async with granted.stage.conn() as conn:
        vault, number = granted.stage.hub.vault, granted.number
        assert await store_token(conn, vault, number, stored, after=0) is None
        assert await store_token(conn, vault, number, stored, after=stored.generation) == 2
        assert await store_token(conn, vault, number, stored, after=stored.generation) is None


async def test_without_a_database_there_is_no_token(granted: Granted) -> None:
    account = await granted.stage.account()
    folder = granted.stage.hub.connectors["shopify"]
    nowhere = "host=/nowhere dbname=none connect_timeout=1"
    tokens = upkeep.open_tokens(nowhere, granted.stage.hub.vault, folder, account)
    assert tokens is not None
    with pytest.raises(DatabaseUnavailable):
        await tokens.access_token()


async def test_a_dead_endpoint_is_named_and_bounded(
    granted: Granted, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trueup.contract.grant import Grant
    from trueup.outbox import exchange as room

    monkeypatch.setattr(room, "EXCHANGE_TIMEOUT_S", 0.3)
    granted.stage.fail(kind="timeout_after_work", operation="access_token", next_calls=1)
    account = await granted.stage.account()
    with pytest.raises(Unavailable, match="did not answer"):
        await exchange(
            granted.stage.hub.connectors["shopify"],
            account.connection.settings,
            account.secret_values() | {"refresh_token": "r"},
            Grant(kind="refresh"),
        )


async def test_the_issue_says_what_a_person_does(granted: Granted) -> None:
    """The scheduler's one issue for the connection carries the fix that fits this connection."""
    from trueup.scheduler import _failure

    granted.consents.withdraw()
    await granted.age(LIFE_S + 1)
    with pytest.raises(AuthExpired) as caught:
        await shop_check(granted)
    issue = _failure("north", "poll.orders", caught.value)
    assert issue.how_to_fix == "Sign in again: trueup connect shopify --again north."
    assert issue.ref == "connection/north"
    plain = _failure("north", "poll.orders", AuthExpired(status=401))
    assert "rotate-secret north" in plain.how_to_fix
