"""What is in a channel's number already, and what is not: stories that seeds of `make sim` told."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.db.test_outbox import claim, listed, selling, settle, shown
from tests.support.spine import Spine, open_spine
from trueup.contract.connector import Receipt, ReceiptState
from trueup.intake.duties import write_duty
from trueup.outbox.dispatch import _by_level
from trueup.outbox.receipt import CHECK_DELAY_S, Verdict, forgive_unexplained, settle_call
from trueup.outbox.submitted import settle_submitted, submitted_calls

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
COLUMNS = "state, value, believed, dropped, risen, unsure_down, unsure_up, look"


async def intent(spine: Spine) -> dict[str, Any]:
    [row] = await spine.rows(f"SELECT {COLUMNS} FROM outbox.intent WHERE key = 'TEE'")  # noqa: S608 - our own names
    return dict(zip(COLUMNS.split(", "), row, strict=True))


async def see(spine: Spine, observed: int, *, at: datetime = NOW) -> None:
    """Let a call find another number there than it expected."""
    receipt = Receipt(state=ReceiptState.LATER, observed=observed)
    call = await claim(spine)
    await settle_call(spine.conn, call, [Verdict(receipt=receipt)] * len(call.claimed), now=at)


def sold(spine: Spine, number: int, at: datetime, **fields: Any) -> Any:
    stamp = at.isoformat()
    times = {"created_at": stamp, "processed_at": stamp, "updated_at": stamp}
    return spine.order(number, "TEE", **(times | fields))


async def test_a_sale_before_the_first_look_is_in_the_number_already(database_url: str) -> None:
    """Seed 38: the channel was told 0 by nobody, showed 1, and sold what was not there."""
    async with open_spine(database_url) as spine:
        await listed(spine, units=5)
        await see(spine, 4)  # one was sold before anybody looked
        await settle(spine, await claim(spine), ReceiptState.DONE)
        await spine.take(sold(spine, 1, NOW - timedelta(minutes=10)))
        after = await intent(spine)
        assert (after["believed"], after["value"], after["state"]) == (5, 4, "due")


async def test_a_sale_of_which_nobody_is_sure_is_found_out_by_the_next_call(
    database_url: str,
) -> None:
    """Seed 45: it was taken for another program's doing, and the channel sold less for it."""
    async with open_spine(database_url) as spine:
        await listed(spine, units=5)
        await see(spine, 3)
        await spine.take(sold(spine, 1, NOW + timedelta(seconds=10)))
        assert (await intent(spine))["unsure_down"] == 1
        await see(spine, 2)  # it was sold after the look
        after = await intent(spine)
        assert (after["believed"], after["value"], after["dropped"]) == (2, 4, 0)
        assert after["unsure_down"] == 0


async def test_a_look_that_a_sale_overtook_is_not_a_restock(database_url: str) -> None:
    """Seed 49: one number was read, then a sale was, and the rise hid a later sale for good."""
    async with open_spine(database_url) as spine:
        await listed(spine, units=2)
        await spine.rows("UPDATE outbox.intent SET believed = 3 RETURNING 1")
        call = await claim(spine)
        await spine.take(sold(spine, 1, NOW), sold(spine, 2, NOW))  # 3, 2, 1; and it read 2
        await settle(spine, call, ReceiptState.LATER, observed=2)
        after = await intent(spine)
        assert (after["believed"], after["dropped"], after["risen"]) == (1, 0, 0)
        assert (after["unsure_up"], after["state"]) == (1, "due")  # it may be 2 there: look again


async def test_a_sale_after_the_look_does_not_explain_what_was_missing_then(
    database_url: str,
) -> None:
    """Seed 7: the sale that was missing came later, and was taken for nobody's."""
    async with open_spine(database_url) as spine:
        await listed(spine, units=10)
        await spine.rows("UPDATE outbox.intent SET believed = 9 RETURNING 1")
        await see(spine, 8)
        await spine.take(sold(spine, 2, NOW + timedelta(minutes=5)))
        after = await intent(spine)
        assert (after["dropped"], after["believed"], after["value"]) == (1, 7, 8)
        # It is read at last, with a change of its own since; it was sold when it was placed.
        late = (NOW + timedelta(minutes=6)).isoformat()
        await spine.take(sold(spine, 1, NOW - timedelta(minutes=1), updated_at=late))
        after = await intent(spine)
        assert (after["dropped"], after["believed"], after["value"]) == (0, 7, 8)


async def test_what_was_explained_is_looked_at_once_more(database_url: str) -> None:
    """Seed 27: the wrong sale explained it, both numbers were equal, and nobody looked again."""
    async with open_spine(database_url) as spine:
        await listed(spine, units=10)
        await spine.rows(
            "UPDATE outbox.intent SET believed = 10, value = 10, available = 10 RETURNING 1"
        )
        await spine.rows("UPDATE outbox.intent SET state = 'due' RETURNING 1")
        await see(spine, 9)
        await settle(spine, await claim(spine), ReceiptState.DONE) if (
            (await intent(spine))["state"] == "due"
        ) else None
        await spine.take(sold(spine, 1, NOW - timedelta(minutes=1)))
        after = await intent(spine)
        assert (after["believed"], after["value"], after["dropped"]) == (9, 9, 0)
        assert (after["look"], after["state"]) == (True, "due")
        await settle(spine, await claim(spine), ReceiptState.DONE)
        assert ((await intent(spine))["look"], (await intent(spine))["state"]) == (False, "settled")


async def test_a_sale_before_the_first_look_explains_nothing_that_was_seen_later(
    database_url: str,
) -> None:
    """Seed 14: the one that was missing stayed unread, and the number was raised over it."""
    async with open_spine(database_url) as spine:
        await listed(spine, units=5)
        await see(spine, 4)
        await see(spine, 3, at=NOW + timedelta(minutes=5))
        await spine.take(sold(spine, 1, NOW - timedelta(minutes=10)))
        after = await intent(spine)
        assert (after["dropped"], after["value"]) == (1, 3)


async def test_a_first_look_that_was_cut_off_is_not_sent_as_a_number(database_url: str) -> None:
    """Seed 250: the process died before the look; its successor set 12 over sales not read."""
    async with selling(database_url) as (spine, sandbox, dispatcher):
        await claim(spine)  # durable, and whoever claimed it is no more
        await dispatcher.recover()
        assert shown(sandbox) == 3
        after = await intent(spine)
        assert (after["believed"], after["state"]) == (3, "due")


async def test_a_sale_is_no_later_than_when_it_was_told(database_url: str) -> None:
    """A channel's clock ran ahead: what was missing stayed missing, and each sale counted twice."""
    async with open_spine(database_url) as spine:
        told_at = datetime.now(UTC)
        await listed(spine, units=5)
        await see(spine, 5, at=told_at - timedelta(minutes=5))
        await spine.rows("UPDATE outbox.intent SET state = 'due' RETURNING 1")
        await see(spine, 4, at=told_at)
        assert (await intent(spine))["dropped"] == 1
        await spine.take(sold(spine, 1, told_at + timedelta(minutes=12)))
        after = await intent(spine)
        assert (after["believed"], after["value"], after["dropped"]) == (4, 4, 0)
        assert (after["look"], after["state"]) == (True, "due")


async def test_a_first_look_that_finds_what_was_wanted_is_a_look(database_url: str) -> None:
    """Seed 234: a sale from before it was counted once more, and the channel showed one too many."""
    async with open_spine(database_url) as spine:
        await listed(spine, units=5)
        await settle(spine, await claim(spine), ReceiptState.DONE)  # it showed five
        assert (await intent(spine))["state"] == "settled"
        await spine.take(sold(spine, 1, datetime.now(UTC) - timedelta(minutes=10)))
        after = await intent(spine)
        assert (after["believed"], after["value"], after["unsure_down"]) == (5, 4, 1)
        assert after["state"] == "due"


async def test_a_word_of_the_channel_itself_is_a_look(database_url: str) -> None:
    from trueup.outbox.enqueue import observe_levels

    async with open_spine(database_url) as spine:
        await listed(spine, units=5)
        await observe_levels(spine.conn, [(spine.numbers["north"], "TEE", "2001", 5)])
        assert (await intent(spine))["state"] == "settled"
        await spine.take(sold(spine, 1, datetime.now(UTC) - timedelta(minutes=10)))
        assert (await intent(spine))["unsure_down"] == 1


async def test_comparing_where_it_may_have_been_higher_is_a_look(database_url: str) -> None:
    """Seed 46: a sale unread then made the number equal by chance, and counted once more."""
    async with open_spine(database_url) as spine:
        await listed(spine, units=5)
        await see(spine, 5, at=NOW)
        later = NOW + timedelta(minutes=10)
        await spine.rows("UPDATE outbox.intent SET unsure_up = 1, state = 'due' RETURNING 1")
        done = Verdict(receipt=Receipt(state=ReceiptState.DONE))
        await settle_call(spine.conn, await claim(spine), [done], now=later)
        assert (await intent(spine))["state"] == "settled"
        await spine.take(sold(spine, 1, later - timedelta(minutes=1)))
        after = await intent(spine)
        assert (after["believed"], after["unsure_down"], after["state"]) == (5, 1, "due")
        # Where only fewer may have stood there, what is equal is right: no look calls for the next.
        await settle_call(spine.conn, await claim(spine), [done], now=later + timedelta(hours=1))
        await spine.take(sold(spine, 2, later + timedelta(minutes=30)))
        after = await intent(spine)
        assert (after["believed"], after["unsure_down"], after["state"]) == (3, 0, "settled")


@pytest.mark.parametrize("undone", [True, False])
async def test_what_made_it_equal_together_came_before(database_url: str, *, undone: bool) -> None:
    """Seed 20850: an undone unit and a sale were both in the number; one counted as later."""
    async with open_spine(database_url) as spine:
        await listed(spine, units=5)
        await see(spine, 5, at=NOW)
        unsure = "unsure_down" if undone else "unsure_up"
        await spine.rows(f"UPDATE outbox.intent SET {unsure} = 2, state = 'due' RETURNING 1")  # noqa: S608 - our own names
        call = await claim(spine)
        change = "believed + 1, moved_up = 1" if undone else "believed - 1, moved_down = 1"
        await spine.rows(f"UPDATE outbox.intent SET believed = {change} RETURNING 1")  # noqa: S608 - our own names
        done = Verdict(receipt=Receipt(state=ReceiptState.DONE))
        await settle_call(spine.conn, call, [done], now=NOW + timedelta(minutes=10))
        after = await intent(spine)
        assert (after["unsure_down"], after["unsure_up"]) == ((1, 0) if undone else (0, 1))
        assert (after["believed"], after["state"]) == (6 if undone else 4, "due")


@pytest.mark.parametrize("done", [True, False])
async def test_a_call_finds_out_nothing_of_what_became_unsure_after_it(
    database_url: str, *, done: bool
) -> None:
    async with open_spine(database_url) as spine:
        await listed(spine, units=10)
        await see(spine, 5, at=NOW)
        call = await claim(spine)  # 10 for 5
        await spine.take(sold(spine, 1, NOW + timedelta(seconds=20)))
        if done:
            await settle(spine, call, ReceiptState.DONE)
        else:
            await settle(spine, call, ReceiptState.LATER, observed=5)
        after = await intent(spine)
        assert (after["believed"], after["unsure_down"]) == (10 if done else 5, 1)
        assert (after["value"], after["state"]) == (9, "due")


@pytest.mark.parametrize(("observed", "dropped", "value"), [(6, 1, 6), (0, 7, 0)])
async def test_a_number_that_may_have_been_set_is_not_raised_over_a_sale(
    database_url: str, observed: int, dropped: int, value: int
) -> None:
    """Seeds 542, 1629: nobody knew whether 7 was set; fewer were found, and raised over a sale."""
    async with open_spine(database_url) as spine:
        await listed(spine, units=7, believed=0)
        found = Receipt(state=ReceiptState.LATER, observed=observed)
        verdict = Verdict(receipt=found, may_stand=True)
        await settle_call(spine.conn, await claim(spine), [verdict], overwrites=True)
        after = await intent(spine)
        assert (after["believed"], after["dropped"], after["risen"]) == (observed, dropped, 0)
        assert after["value"] == value
        # A sale is read that explains one of them.
        await spine.take(sold(spine, 1, datetime.now(UTC) - timedelta(minutes=1)))
        after = await intent(spine)
        assert (after["believed"], after["dropped"]) == (observed, dropped - 1)
        assert after["value"] == value


async def test_more_than_can_have_been_sold_was_not_set(database_url: str) -> None:
    """A delivery of forty does not wait a quarter of an hour because a line broke."""
    async with open_spine(database_url) as spine:
        await listed(spine, units=40, believed=3)
        found = Receipt(state=ReceiptState.LATER, observed=3)
        verdict = Verdict(receipt=found, may_stand=True)
        await settle_call(spine.conn, await claim(spine), [verdict], overwrites=True)
        after = await intent(spine)
        assert (after["believed"], after["dropped"], after["value"]) == (3, 0, 40)


async def test_an_equal_number_is_no_receipt_where_nothing_was_sent(database_url: str) -> None:
    """Seed 1276: one of a batch had to be looked at first, and its neighbour counted as written."""
    async with open_spine(database_url) as spine:
        await listed(spine, units=5, believed=6)
        call = await claim(spine)
        await settle_call(spine.conn, call, _by_level(call, [5]), now=NOW)
        assert (await intent(spine))["dropped"] == 1
        await spine.take(sold(spine, 1, NOW - timedelta(minutes=1)))  # that is why it was five
        after = await intent(spine)
        assert (after["believed"], after["dropped"], after["value"]) == (5, 0, 4)


async def test_what_came_back_unread_is_looked_for_where_it_made_a_number_equal(
    database_url: str,
) -> None:
    """Seed 1319: a sale was doubted, one came back unread, both were equal, and it counted twice."""
    async with open_spine(database_url) as spine:
        await listed(spine, units=5)
        await see(spine, 5, at=NOW)
        await spine.take(sold(spine, 1, NOW))
        later = NOW + timedelta(minutes=10)
        done = Verdict(receipt=Receipt(state=ReceiptState.DONE))
        await settle_call(spine.conn, await claim(spine), [done], now=later)
        assert (await intent(spine))["believed"] == 4
        at = (later - timedelta(minutes=1)).isoformat()
        await spine.take(
            sold(spine, 1, NOW, cancelled_at=at, cancel_reason="customer", updated_at=at)
        )
        after = await intent(spine)
        assert (after["believed"], after["unsure_up"], after["state"]) == (4, 1, "due")


async def test_a_number_below_zero_may_be_raised_to_zero_in_thin_stock(database_url: str) -> None:
    """Seed 1247: it sells nothing, and waited for the other channels' numbers for ever."""
    async with open_spine(database_url, "north", "south") as spine:
        await listed(spine, units=1)
        await spine.rows(
            "UPDATE outbox.intent SET believed = CASE connection_id WHEN %s THEN -1 ELSE 2 END,"
            " value = 0, available = -1, state = 'due', thin_below = 3 RETURNING 1",
            spine.numbers["north"],
        )
        call = await claim(spine)
        assert [each.intent.value for each in call.claimed] == [0]


async def test_a_sale_that_was_undone_before_it_was_read_was_in_the_number(
    database_url: str,
) -> None:
    """Seed 1724: sold, written over, and refunded unread; nothing told that one was back there."""
    async with open_spine(database_url) as spine:
        await listed(spine, units=5)
        await see(spine, 5, at=NOW)
        at = (NOW + timedelta(minutes=2)).isoformat()
        undone = sold(spine, 1, NOW, cancelled_at=at, cancel_reason="customer", updated_at=at)
        await spine.take(undone)
        after = await intent(spine)
        assert (after["believed"], after["value"]) == (5, 5)
        assert (after["unsure_down"], after["unsure_up"], after["state"]) == (1, 1, "due")
        assert (await spine.stock("TEE"))["available"] == 5
        await settle(spine, await claim(spine), ReceiptState.DONE)
        # What is told of it besides, and once more, brings nothing new.
        refund = {"id": 7, "order_id": 5_000_000_000_001, "created_at": at, "refund_line_items": []}
        await spine.take(spine.delivery("north", "refunds/create", refund))
        assert (await intent(spine))["state"] == "settled"
        await spine.take(sold(spine, 1, NOW, cancelled_at=at, updated_at=NOW.isoformat(), note="x"))
        assert (await intent(spine))["state"] == "settled"


async def test_patience_lasts_until_orders_were_polled_and_applied(database_url: str) -> None:
    """Seed 2174's kin: the sale waited in a shop that could not be asked."""
    async with selling(database_url) as (spine, _, dispatcher):
        north = spine.numbers["north"]
        began = datetime.now(UTC) - timedelta(hours=1)

        async def is_forgiven() -> bool:
            await spine.rows(
                "UPDATE outbox.intent SET dropped = 1, unexplained_since = %s, state = 'settled'"
                " WHERE key = 'TEE' RETURNING 1",
                began,
            )
            dispatcher._forgiven_at = None
            await dispatcher._forgive()
            return bool((await intent(spine))["dropped"] == 0)

        assert await is_forgiven()  # nobody polls here
        done = began + timedelta(minutes=5)
        await write_duty(spine.conn, north, "poll.orders", at=done, due_at=done, reason="down")
        assert not await is_forgiven()
        early = began + timedelta(seconds=30)
        await write_duty(spine.conn, north, "poll.orders", at=early, due_at=done)
        assert not await is_forgiven()  # it may have begun before the change
        await write_duty(spine.conn, north, "poll.orders", at=done, due_at=done)
        await spine.append(spine.order(7, "TEE"))
        assert not await is_forgiven()  # what it brought waits to be applied
        await spine.apply()
        assert await is_forgiven()


async def test_what_came_back_during_a_call_hides_no_sale_before_it(database_url: str) -> None:
    """Seed 20437: a sale was written over and undone after it; their sum was nothing."""
    async with open_spine(database_url) as spine:
        await listed(spine, units=5)
        await see(spine, 3, at=NOW - timedelta(hours=1))
        call = await claim(spine)  # 5 for 3
        await spine.take(sold(spine, 2, NOW))
        assert (await intent(spine))["believed"] == 2
        stamp = (NOW + timedelta(minutes=2)).isoformat()
        undone = {"updated_at": stamp, "cancelled_at": stamp}
        await spine.take(sold(spine, 2, NOW, **undone))
        assert (await intent(spine))["believed"] == 3
        done = Verdict(receipt=Receipt(state=ReceiptState.DONE))
        later = NOW + timedelta(minutes=3)
        await settle_call(spine.conn, call, [done], overwrites=True, now=later)
        after = await intent(spine)
        assert (after["believed"], after["unsure_down"], after["unsure_up"]) == (5, 1, 1)
        assert after["state"] == "due"


async def test_what_may_be_applied_yet_is_looked_at_once_more(database_url: str) -> None:
    """Seed 23693: the outcome was unknown, the look found what was wanted by then, and it came."""
    async with open_spine(database_url) as spine:
        await listed(spine, units=50)
        await see(spine, 3, at=NOW)
        call = await claim(spine)  # 50 for 3
        await spine.rows("UPDATE outbox.intent SET value = 3, available = 3 RETURNING 1")
        seen = Receipt(state=ReceiptState.LATER, observed=3, code="level_read")
        verdict = Verdict(receipt=seen, may_stand=True, pending=True)
        await settle_call(spine.conn, call, [verdict], overwrites=True, now=NOW)
        [row] = await spine.rows("SELECT state, look, due_at FROM outbox.intent")
        assert row == ("due", True, NOW + timedelta(seconds=CHECK_DELAY_S))


async def with_an_old_sale_and_three_new_ones(spine: Spine) -> None:
    """10 were written over; a sale from before is read late; a cut-off call then finds 7."""
    await listed(spine, units=11, believed=11)
    await spine.rows("UPDATE outbox.intent SET value = 10, state = 'due' RETURNING 1")
    done = Verdict(receipt=Receipt(state=ReceiptState.DONE))
    await settle_call(spine.conn, await claim(spine), [done], overwrites=True, now=NOW)
    await spine.take(sold(spine, 1, NOW - timedelta(minutes=5)))
    before = await intent(spine)
    assert (before["believed"], before["value"], before["unsure_down"]) == (10, 10, 1)
    found = Verdict(receipt=Receipt(state=ReceiptState.LATER, observed=7), may_stand=True)
    at = NOW + timedelta(minutes=10)
    await settle_call(spine.conn, await claim(spine), [found], overwrites=True, now=at)


async def test_an_old_sale_does_not_explain_what_is_missing_of_a_number_written_over_it(
    database_url: str,
) -> None:
    """Seed 54145: it was in the number already, and the number was raised over a sale not read."""
    async with open_spine(database_url) as spine:
        await with_an_old_sale_and_three_new_ones(spine)
        after = await intent(spine)
        assert (after["believed"], after["value"], after["dropped"]) == (7, 7, 3)
        for number in (2, 3, 4):
            await spine.take(sold(spine, number, NOW + timedelta(minutes=number)))
            after = await intent(spine)
            assert (after["believed"], after["value"]) == (7, 7)
        assert after["dropped"] == 0


async def test_what_an_old_sale_may_explain_is_waited_for_and_nobody_else_is_named(
    database_url: str,
) -> None:
    async with open_spine(database_url) as spine:
        await with_an_old_sale_and_three_new_ones(spine)
        await spine.take(sold(spine, 2, NOW + timedelta(minutes=2)))
        await spine.take(sold(spine, 3, NOW + timedelta(minutes=3)))
        assert (await intent(spine))["dropped"] == 1  # the old one came after all, or one is unread
        late, north = NOW + timedelta(minutes=30), spine.numbers["north"]
        await settle(spine, await claim(spine), ReceiptState.DONE)
        assert await forgive_unexplained(spine.conn, north, seen_before=late) == 1
        after = await intent(spine)
        assert (after["dropped"], after["value"], after["state"]) == (0, 8, "due")
        assert await spine.open_issues() == []
        assert await spine.rows("SELECT 1 FROM outbox.forgiven") == []


@pytest.mark.parametrize("minutes", [3, 30])
async def test_what_was_said_is_no_proof_where_a_sale_should_have_moved_it(
    database_url: str, minutes: int
) -> None:
    """Seed 79655: the vendor never applied 9 for 10; a sale made it 9, and that was taken for it."""
    async with open_spine(database_url) as spine:
        await listed(spine, units=9, believed=10)
        await settle(spine, await claim(spine), ReceiptState.SUBMITTED)
        await spine.take(sold(spine, 1, datetime.now(UTC) + timedelta(minutes=2)))
        before = await intent(spine)
        assert (before["state"], before["believed"]) == ("settled", 8)

        north, far = spine.numbers["north"], datetime.now(UTC) + timedelta(days=1)
        [(call, started_at)] = await submitted_calls(spine.conn, north, far)
        now = started_at + timedelta(minutes=minutes)
        await settle_submitted(spine.conn, call, [9], started_at=started_at, now=now)

        after = await intent(spine)
        [(state,)] = await spine.rows("SELECT state FROM outbox.call")
        if minutes == 3:
            assert (state, after) == ("submitted", before)
        else:  # so long nothing takes: what stands there is another number, and it is told again
            assert (state, after["state"]) == ("done", "due")
            assert (after["believed"], after["value"], after["risen"]) == (9, 8, 1)


async def test_what_was_said_is_proof_where_nothing_moved_it_since(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await listed(spine, units=9, believed=10)
        await settle(spine, await claim(spine), ReceiptState.SUBMITTED)
        north, far = spine.numbers["north"], datetime.now(UTC) + timedelta(days=1)
        [(call, started_at)] = await submitted_calls(spine.conn, north, far)
        now = started_at + timedelta(minutes=3)
        await settle_submitted(spine.conn, call, [9], started_at=started_at, now=now)
        assert await spine.rows("SELECT state FROM outbox.call") == [("done",)]


async def test_a_sale_explains_nothing_that_was_missing_long_before_it(database_url: str) -> None:
    """Seed 83614: another number was written since, and the sale came within a minute of that."""
    async with open_spine(database_url) as spine:
        await listed(spine, units=9, believed=10)
        await see(spine, 9)  # one is missing, and nobody knows why
        assert (await intent(spine))["dropped"] == 1
        done = Verdict(receipt=Receipt(state=ReceiptState.DONE))
        later = NOW + timedelta(minutes=10)
        await settle_call(spine.conn, await claim(spine), [done], overwrites=True, now=later)
        await spine.take(sold(spine, 1, later + timedelta(seconds=30)))
        after = await intent(spine)
        assert (after["dropped"], after["unsure_down"], after["state"]) == (1, 1, "due")
