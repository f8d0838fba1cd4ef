"""The outbox: one number a channel, the newest, told once, and never guessed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.spine import Spine, open_spine
from trueup.contract.breaker import CircuitBreaker
from trueup.contract.connector import Receipt, ReceiptState
from trueup.contract.throttle import RETRY_DELAYS_S
from trueup.db.pool import connect
from trueup.intake.connections import find_account
from trueup.ledger.model import StockChange
from trueup.outbox.caller import Caller
from trueup.outbox.claim import claim_call, open_calls
from trueup.outbox.dispatch import Dispatcher
from trueup.outbox.enqueue import change_stock
from trueup.outbox.model import Call
from trueup.outbox.reads import revive_dead
from trueup.outbox.receipt import Verdict, forgive_unexplained, settle_call
from trueup.port import free_port
from trueup.sandbox.clock import ScaledClock
from trueup.sandbox.faults import ApiFault
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify.catalogue import SkuSeed
from trueup.sandbox.shopify.commands import Add, Adjust
from trueup.sandbox.shopify.shop import DEFAULT_TOKEN, ShopSettings

pytestmark = pytest.mark.anyio

COLUMNS = "state, value, available, believed, dropped, risen, sequence, attempts"


async def intent(spine: Spine, key: str = "TEE") -> dict[str, Any]:
    [row] = await spine.rows(f"SELECT {COLUMNS} FROM outbox.intent WHERE key = %s", key)  # noqa: S608 - our own names
    return dict(zip(COLUMNS.split(", "), row, strict=True))


async def listed(spine: Spine, *, units: int = 10, believed: int | None = None) -> None:
    """List TEE at the shop, with its books open; the channel believes what it is given."""
    await spine.take(spine.product(1, "TEE"), spine.movement("o", "opening", "TEE", units))
    if believed is not None:
        await spine.rows("UPDATE outbox.intent SET believed = %s RETURNING 1", believed)


async def claim(spine: Spine, *, count: int = 10) -> Call:
    call = await claim_call(spine.conn, spine.numbers["north"], "stock.set", count=count)
    assert call is not None
    return call


async def settle(spine: Spine, call: Call, state: ReceiptState, **receipt: Any) -> None:
    verdict = Verdict(receipt=Receipt(state=state, **receipt))
    await settle_call(spine.conn, call, [verdict] * len(call.claimed))


async def test_many_changes_are_one_number_the_newest(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await listed(spine)
        for n in range(1, 6):
            await spine.take(spine.order(n, "TEE"))
        before = await intent(spine)
        assert (before["state"], before["value"], before["available"]) == ("due", 5, 5)
        call = await claim(spine)
        assert [each.intent.value for each in call.claimed] == [5]
        north = spine.numbers["north"]
        assert await claim_call(spine.conn, north, "stock.set", count=10) is None


async def test_an_older_number_never_replaces_a_newer(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await listed(spine)
        now = await intent(spine)
        for sequence in (now["sequence"] - 1, now["sequence"]):
            stale = StockChange(
                sku="TEE", available=99, sequence=sequence, counted=True, before=0, own={}, own_live={},
                own_at={}, seen_at=datetime.now(UTC),
            )  # fmt: skip
            assert not await change_stock(spine.conn, [stale])
        assert await intent(spine) == now


async def test_what_changes_while_a_call_is_out_is_sent_after_it(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await listed(spine, believed=3)
        call = await claim(spine)
        await spine.take(spine.movement("r", "receipt", "TEE", 4))
        assert (await intent(spine))["state"] == "sending"
        await settle(spine, call, ReceiptState.DONE)
        after = await intent(spine)
        assert (after["state"], after["believed"], after["value"]) == ("due", 10, 14)


async def test_a_sale_of_the_channel_itself_needs_no_word_to_it(database_url: str) -> None:
    """It counted its own sale already: what it is believed to show falls with the books."""
    async with open_spine(database_url) as spine:
        await listed(spine, believed=3)
        await settle(spine, await claim(spine), ReceiptState.DONE)
        await spine.take(spine.order(1, "TEE"))
        after = await intent(spine)
        assert (after["state"], after["believed"], after["value"]) == ("settled", 9, 9)


async def test_a_sale_during_a_call_leaves_the_channel_lower_by_it(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await listed(spine, believed=3)
        call = await claim(spine)
        await spine.take(spine.order(1, "TEE"))
        await settle(spine, call, ReceiptState.DONE)
        after = await intent(spine)
        assert (after["believed"], after["value"], after["state"]) == (9, 9, "settled")


@pytest.mark.parametrize("sale_first", [True, False])
async def test_a_drop_is_explained_by_the_sale_that_is_read_later(
    database_url: str, *, sale_first: bool
) -> None:
    """The channel shows two fewer than was believed: two sales, read before or after."""
    async with open_spine(database_url) as spine:
        await listed(spine, believed=9)
        call = await claim(spine)
        sales = (spine.order(1, "TEE"), spine.order(2, "TEE"))
        if sale_first:
            await spine.take(*sales)
            await settle(spine, call, ReceiptState.LATER, observed=7)
        else:
            await settle(spine, call, ReceiptState.LATER, observed=7)
            seen = await intent(spine)
            # Never more than the channel can truly sell, whatever the books still say.
            assert (seen["dropped"], seen["value"], seen["believed"]) == (2, 8, 7)
            await spine.take(*sales)
        after = await intent(spine)
        assert (after["dropped"], after["risen"], after["believed"]) == (0, 0, 7)
        assert (after["value"], after["state"]) == (8, "due")


@pytest.mark.parametrize("cancel_first", [True, False])
async def test_a_rise_is_explained_by_the_cancellation_that_is_read_later(
    database_url: str, *, cancel_first: bool
) -> None:
    async with open_spine(database_url) as spine:
        await listed(spine)
        await spine.take(spine.order(1, "TEE"))
        await spine.rows("UPDATE outbox.intent SET believed = 4 RETURNING 1")
        call = await claim(spine)
        stamp = "2026-03-02T11:00:00-05:00"
        cancelled = spine.order(1, "TEE", updated_at=stamp, cancelled_at=stamp)
        if cancel_first:
            await spine.take(cancelled)
            await settle(spine, call, ReceiptState.LATER, observed=5)
        else:
            await settle(spine, call, ReceiptState.LATER, observed=5)
            assert (await intent(spine))["risen"] == 1
            await spine.take(cancelled)
        after = await intent(spine)
        assert (after["dropped"], after["risen"], after["believed"]) == (0, 0, 5)
        assert (after["value"], after["state"]) == (10, "due")


async def test_a_call_that_another_settled_is_not_settled_again(database_url: str) -> None:
    """A process that lost its account may still write: its numbers are on their way anew by then."""
    async with open_spine(database_url) as spine:
        await listed(spine, believed=9)
        first = await claim(spine)
        await settle(spine, first, ReceiptState.DONE)
        await spine.take(spine.movement("r", "receipt", "TEE", 2))
        second = await claim(spine)
        await settle(spine, first, ReceiptState.LATER, observed=3)
        after = await intent(spine)
        assert (after["state"], after["believed"], after["dropped"]) == ("sending", 10, 0)
        assert await spine.rows("SELECT state FROM outbox.call ORDER BY call_id") == [
            ("done",),
            ("sending",),
        ]
        assert await spine.rows("SELECT receipt FROM outbox.call_intent ORDER BY call_id") == [
            ("done",),
            (None,),
        ]
        await settle(spine, second, ReceiptState.DONE)
        assert (await intent(spine))["state"] == "settled"


async def test_patience_with_a_change_that_nothing_explains_ends(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await listed(spine, believed=9)
        await settle(spine, await claim(spine), ReceiptState.LATER, observed=7)
        north, now = spine.numbers["north"], datetime.now(UTC)
        early = datetime(2020, 1, 1, tzinfo=UTC)
        assert await forgive_unexplained(spine.conn, north, seen_before=early) == 0
        await asyncio.sleep(0.02)
        now = datetime.now(UTC)
        assert await forgive_unexplained(spine.conn, north, seen_before=now) == 1
        after = await intent(spine)
        assert (after["dropped"], after["value"], after["state"]) == (0, 10, "due")
        assert await spine.open_issues() == ["stock.change_unexplained"]


async def is_due_in(spine: Spine, seconds: float) -> list[str]:
    rows = await spine.rows(
        "SELECT key FROM outbox.intent WHERE connection_id = %s AND state = 'due'"
        " AND due_at <= now() + make_interval(secs => %s)",
        spine.numbers["north"],
        seconds,
    )
    return [key for (key,) in rows]


async def lowered(spine: Spine, *, lowers: bool = True) -> Call:
    call = await claim_call(
        spine.conn, spine.numbers["north"], "stock.set", count=10, lowers=lowers
    )
    assert call is not None
    return call


async def test_what_sells_faster_than_it_is_told_is_lowered_without_comparing(
    database_url: str,
) -> None:
    """South sells nothing; north sells on while two calls find another number than expected."""
    async with open_spine(database_url, "north", "south") as spine:
        await listed(spine, units=100, believed=100)
        for n, shows in enumerate((97, 95)):
            await spine.take(spine.movement(f"out{n}", "adjustment", "TEE", -10))
            call = await lowered(spine)
            assert [each.intent.lowers for each in call.claimed] == [False]
            await settle(spine, call, ReceiptState.LATER, observed=shows)
        # 80 are left by the books; five more are gone at north of which nothing was read.
        call = await lowered(spine)
        (wish,) = call.intents
        assert (wish.lowers, wish.expected, wish.value) == (True, 95, 75)
        assert [
            each.intents[0].lowers for each in await open_calls(spine.conn, spine.numbers["north"])
        ] == [True]
        await spine.take(spine.order(1, "TEE"))  # read while the call is on its way
        await settle(spine, call, ReceiptState.DONE)
        after = await intent(spine)
        assert (after["believed"], after["dropped"], after["value"]) == (75, 4, 75)
        assert await is_due_in(spine, 1.0) == []
        assert await is_due_in(spine, 2.5) == ["TEE"]  # it stands where nobody saw it: a look


async def test_what_was_lowered_is_looked_at_once_nothing_else_is_wanted(
    database_url: str,
) -> None:
    """It showed fewer than was believed when it was lowered, and stayed a unit off for good."""
    async with open_spine(database_url, "north", "south") as spine:
        await listed(spine, units=100, believed=100)
        for n, units in enumerate((-10, -5)):  # the second does not wait for a look at the first
            await spine.rows("UPDATE outbox.intent SET contended = 2 RETURNING 1")
            await spine.take(spine.movement(f"out{n}", "adjustment", "TEE", units))
            call = await lowered(spine)
            assert [each.intent.lowers for each in call.claimed] == [True]
            await settle(spine, call, ReceiptState.DONE)
        after = await intent(spine)
        assert (after["believed"], after["value"], after["state"]) == (85, 85, "due")
        later = datetime.now(UTC) + timedelta(seconds=3)
        look = await claim_call(
            spine.conn, spine.numbers["north"], "stock.set", count=10, lowers=True, now=later
        )
        assert look is not None
        (wish,) = look.intents
        assert (wish.lowers, wish.expected, wish.value) == (False, 85, 85)
        await settle(spine, look, ReceiptState.LATER, observed=84)  # nobody's sale, so far
        after = await intent(spine)
        assert (after["believed"], after["dropped"], after["value"]) == (84, 1, 84)
        assert after["state"] == "settled"


async def test_finding_what_is_wanted_is_no_contention(database_url: str) -> None:
    """Two sales that were found out by looking, days apart, say nothing of the third call."""
    async with open_spine(database_url, "north", "south") as spine:
        await listed(spine, units=100, believed=100)
        for left in (99, 98):
            await spine.rows(
                "UPDATE outbox.intent SET value = %s, available = %s, state = 'due', due_at = now()"
                " RETURNING 1",
                left,
                left,
            )
            await spine.rows("UPDATE outbox.intent SET unsure_down = 1 RETURNING 1")
            await settle(spine, await lowered(spine), ReceiptState.LATER, observed=left)
            assert (await intent(spine))["state"] == "settled"
        await spine.take(spine.movement("out", "adjustment", "TEE", -10))
        assert [each.intent.lowers for each in (await lowered(spine)).claimed] == [False]


async def test_a_vendor_that_can_not_lower_is_compared_for_ever(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await listed(spine, units=100, believed=100)
        for n in range(4):
            await spine.take(spine.movement(f"out{n}", "adjustment", "TEE", -10))
            call = await lowered(spine, lowers=False)
            assert [each.intent.lowers for each in call.claimed] == [False]
            await settle(spine, call, ReceiptState.LATER, observed=99 - n)


async def test_a_number_is_never_raised_without_comparing(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await listed(spine, units=100, believed=50)
        for shows in (49, 48, 47):
            call = await lowered(spine)
            assert [each.intent.lowers for each in call.claimed] == [False]
            await settle(spine, call, ReceiptState.LATER, observed=shows)


async def test_two_dispatchers_never_take_the_same_number(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        skus = [f"S{n:02}" for n in range(40)]
        for n, sku in enumerate(skus):
            await spine.append(
                spine.product(n + 1, sku), spine.movement(f"o{n}", "opening", sku, 60 - n)
            )
        await spine.apply()

        async def take() -> list[str]:
            found: list[str] = []
            async with await connect(database_url, application_name="test") as conn:
                north = spine.numbers["north"]
                while call := await claim_call(conn, north, "stock.set", count=3):
                    found += [each.intent.key for each in call.claimed]
            return found

        taken = await asyncio.gather(*(take() for _ in range(4)))
        keys = [key for found in taken for key in found]
        assert sorted(keys) == skus
        calls = await open_calls(spine.conn, spine.numbers["north"])
        assert len({call.idempotency_key for call in calls}) == len(calls)


async def test_what_is_nearest_to_zero_goes_first(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        for n, units in enumerate((9, 2, 5)):
            await spine.take(
                spine.product(n + 1, f"S{units}"),
                spine.movement(f"o{n}", "opening", f"S{units}", units),
            )
        order = [(await claim(spine, count=1)).claimed[0].intent.key for _ in range(3)]
        assert order == ["S2", "S5", "S9"]


# -- with a simulated shop at the other end ---------------------------------------------------------


@asynccontextmanager
async def selling(
    database_url: str, *, units: int = 10, **settings: str
) -> AsyncIterator[tuple[Spine, Sandbox, Dispatcher]]:
    """A shop lists TEE with 3 units while the books say `units`."""
    sandbox = Sandbox(ScaledClock())
    shop = sandbox.open_shop(ShopSettings(handle="north", points_per_s=2000))
    told: list[Any] = []
    shop.sinks.append(told.append)
    sandbox.do("north", Add(skus=[SkuSeed(sku="TEE", title="Tee", price="20.00", available=3)]))
    location = str(next(iter(shop.locations)))
    async with sandbox.serve(deliver=False) as url:
        given = {"api_base": f"{url}/north", "stock_location": location, **settings}
        async with open_spine(database_url, **given) as spine:
            from trueup.intake.connections import rotate_secret

            north = spine.numbers["north"]
            await rotate_secret(spine.conn, spine.hub.vault, north, "access_token", DEFAULT_TOKEN)
            products = [spine.delivery("north", e.topic, e.body) for e in told]
            await spine.take(*products, spine.movement("o", "opening", "TEE", units))
            account = await find_account(spine.conn, spine.hub.vault, "north")
            async with Caller(spine.folder, account) as caller:
                yield spine, sandbox, Dispatcher(spine.conn, spine.hub.vault, caller)


def shown(sandbox: Sandbox) -> int:
    return sum(level.available for level in sandbox.shop("north").levels.values())


async def run_until_settled(spine: Spine, dispatcher: Dispatcher, *, steps: int = 12) -> int:
    for made in range(steps):
        if (await intent(spine))["state"] in {"settled", "dead"}:
            return made
        if await dispatcher.step() == 0:
            await dispatcher.recover()
            await asyncio.sleep(0.03)
    return steps


async def test_a_number_arrives_and_its_reply_is_kept(database_url: str) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        await run_until_settled(spine, dispatcher)
        assert shown(sandbox) == 10
        assert (await intent(spine))["believed"] == 10
        assert await spine.one("SELECT count(*) FROM intake.event WHERE origin = 'reply'") >= 1
        assert await spine.one("SELECT count(*) FROM outbox.call WHERE finished_at IS NULL") == 0
        assert await dispatcher.step() == 0


async def test_where_the_comparison_fails_the_shop_is_read_and_not_overrun(
    database_url: str,
) -> None:
    """Somebody took a unit at the shop: nothing is written before that was seen."""
    async with selling(database_url) as (spine, sandbox, dispatcher):
        await run_until_settled(spine, dispatcher)
        sandbox.do("north", Adjust(sku="TEE", delta=-1, physical=False))
        await spine.take(spine.movement("r", "receipt", "TEE", 5))
        await run_until_settled(spine, dispatcher)
        after = await intent(spine)
        # One unit is gone there, perhaps sold: 15 in the books, and 14 at most are shown.
        assert (shown(sandbox), after["dropped"], after["value"]) == (14, 1, 14)
        codes = await spine.rows("SELECT code FROM outbox.call_intent WHERE code IS NOT NULL")
        assert ("compare_failed",) in codes


async def test_an_unknown_outcome_is_asked_for_under_the_same_key(database_url: str) -> None:
    """The shop did it and the answer was lost; the repeat does not do it twice."""
    async with selling(database_url, call_timeout_s="0.5") as (spine, sandbox, dispatcher):
        shop = sandbox.shop("north")
        await dispatcher.step()  # reads what stands there
        shop.faults.rules = [ApiFault(kind="timeout_after_work", probability=1.0)]
        await asyncio.sleep(0.05)
        await dispatcher.step()
        assert (await intent(spine))["state"] == "unknown"
        [unknown] = await open_calls(spine.conn, spine.numbers["north"])
        shop.faults.rules = []
        await dispatcher.recover()
        assert (await intent(spine))["state"] == "settled"
        assert shown(sandbox) == 10
        keys = [k for call in sandbox.door("north").calls for k in call.idempotency_keys]
        assert set(keys) == {unknown.idempotency_key}
        assert len(keys) >= 2
        sends = await spine.one("SELECT sends FROM outbox.call WHERE call_id = %s", unknown.call_id)
        assert sends == len(keys)


async def test_what_fails_again_and_again_is_given_up_and_can_be_revived(
    database_url: str,
) -> None:
    """The vendor does not answer: each failed try waits longer, and the schedule ends."""
    dead_end = f"http://127.0.0.1:{free_port()}/north"
    async with selling(database_url, api_base=dead_end) as (spine, _, dispatcher):
        for tried in range(len(RETRY_DELAYS_S)):
            before = await intent(spine)
            assert (before["state"], before["attempts"]) == ("due", tried)
            # While the breaker rests, nothing is asked and no try counts: let its pause be over.
            dispatcher._caller.breaker = CircuitBreaker()
            await dispatcher.step()
            await spine.rows("UPDATE outbox.intent SET due_at = now() RETURNING 1")
        dispatcher._caller.breaker = CircuitBreaker()
        await dispatcher.step()
        assert (await intent(spine))["state"] == "dead"
        assert await spine.open_issues() == ["outbox.given_up"]
        assert await dispatcher.step() == 0
        # A new fact brings it back by itself, and so does a person.
        await revive_dead(spine.conn, skus=["TEE"])
        after = await intent(spine)
        assert (after["state"], after["attempts"]) == ("due", 0)


async def test_being_asked_to_slow_down_is_no_failed_try(database_url: str) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        shop = sandbox.shop("north")
        shop.faults.rules = [ApiFault(kind="status", status=429, probability=1.0)]
        for _ in range(len(RETRY_DELAYS_S) + 2):
            await dispatcher.step()
            await spine.rows("UPDATE outbox.intent SET due_at = now() RETURNING 1")
        now = await intent(spine)
        assert (now["state"], now["attempts"]) == ("due", 0)
        shop.faults.rules = []
        await run_until_settled(spine, dispatcher)
        assert shown(sandbox) == 10
