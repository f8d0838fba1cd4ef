"""Payouts and lines of a bank are matched: booked once, by whom and why, and taken back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.db.test_bank import TODAY, keep, line, payout
from tests.db.test_money import PROVIDER, entry, stored
from tests.support.spine import Spine, open_spine
from trueup.canon.match import DifferenceAccount
from trueup.db.pool import connect
from trueup.errors import ConfigError
from trueup.hub import Hub
from trueup.kernel.money import Money
from trueup.ledger.money import MoneyAccount
from trueup.ledger.money_book import money_balances, money_items, prove_money
from trueup.reconcile.bank import BankCheck, Explained, check_bank
from trueup.reconcile.matches import (
    Wish,
    book_found,
    list_matches,
    match_by_hand,
    undo_match,
)
from trueup.reconcile.payouts import check_payouts
from trueup.warehouse.book import Desk

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def open_paid(database_url: str) -> AsyncIterator[Spine]:
    """Open a hub with payouts and lines of a bank: a key, a day, a difference, and twins."""
    async with open_spine(database_url, "north", "stripe") as opened:
        assert opened.numbers["stripe"] == PROVIDER
        told = [
            *(
                entry("a", "100.00", "3.00", to="po-1"),
                payout("po-1", "97.00", 4, bank_ref="A1B2C3D4"),
            ),
            *(payout("po-2", "50.00", 6), payout("po-3", "20.00", 9)),
            *(payout("po-7", "33.00", 8), payout("po-8", "33.00", 8)),
            line("l-1", "97.00", 5, end_to_end="A1B2C3D4"),
            *(line("l-2", "50.00", 7), line("l-3", "19.25", 30), line("l-7", "33.00", 9)),
        ]
        await keep(opened.conn, *(stored(n + 500, each, fresh=True) for n, each in enumerate(told)))
        yield opened


@pytest.fixture
async def spine(database_url: str) -> AsyncIterator[Spine]:
    async with open_paid(database_url) as opened:
        yield opened


async def look(spine: Spine) -> BankCheck:
    return await check_bank(spine.conn, spine.hub.names(), today=TODAY)


def told(value: Explained) -> str:
    return f"{value.paid_out:f} {value.booked:f} {value.found:f}"


async def left(spine: Spine) -> dict[str, str]:
    """Return what is open on the way to the bank, by what it is."""
    items = await money_items(spine.conn, [MoneyAccount.TRANSIT, MoneyAccount.UNMATCHED])
    return {each.item: f"{each.amount:f}" for each in items if each.amount}


def wish(payouts: list[str], lines: list[str], **fields: Any) -> Wish:
    told = {"by": "ada"} | fields
    return Wish(
        payouts=tuple(f"stripe/payout/{ref}" for ref in payouts),
        lines=tuple(f"stripe/bank_line/{ref}" for ref in lines),
        **told,
    )


async def match(spine: Spine, what: Wish, **fields: Any) -> Any:
    desk = Desk(spine.hub)
    return await match_by_hand(spine.conn, desk, spine.hub.names(), what, **fields)


async def test_what_was_found_is_booked_and_taken_back(spine: Spine) -> None:
    before, open_before = await money_balances(spine.conn), await left(spine)
    found = await look(spine)
    [euro] = found.values
    assert told(euro) == "233.00 0 147.00"
    assert euro.share == round(147 / 233, 4)
    booked = await book_found(spine.conn, Desk(spine.hub), found.matches, spine.hub.names())
    assert await left(spine) == {
        "po-3": "20.00",
        "po-7": "33.00",
        "po-8": "33.00",
        "l-3": "-19.25",
        "l-7": "-33.00",
    }
    held = {each.payouts[0].ref: each for each in await list_matches(spine.conn)}
    assert {ref: (each.reason, each.by) for ref, each in held.items()} == {
        "po-1": ("key", "hub"),
        "po-2": ("amount_and_date", "hub"),
    }
    assert held["po-1"].evidence == "a shared key"
    assert held["po-1"].booked_on == date(2026, 3, 5)
    after = await look(spine)
    assert after.matches == ()
    [euro] = after.values
    assert told(euro) == "233.00 147.00 0"
    assert euro.share == round(147 / 233, 4)
    assert (after.report.left, after.report.right, after.report.matched) == (5, 4, 2)
    paid = await check_payouts(spine.conn, spine.hub.names())
    assert [each.cause for each in paid.discrepancies] == ["entries_missing"] * 4, "as before"
    assert (await prove_money(spine.conn)).holds
    for each in booked:
        await undo_match(spine.conn, Desk(spine.hub), each.record.ref, by="ada")
    assert await left(spine) == open_before
    zero = [row for row in await money_balances(spine.conn) if row["amount"]]
    assert [(r["account"], r["amount"]) for r in zero] == [
        (r["account"], r["amount"]) for r in before
    ]
    assert await list_matches(spine.conn) == []
    again = await undo_match(spine.conn, Desk(spine.hub), booked[0].record.ref, by="ada")
    assert again.repeated
    assert len(await book_found(spine.conn, Desk(spine.hub), found.matches, spine.hub.names())) == 2
    assert len(await list_matches(spine.conn)) == 2


async def test_a_difference_goes_where_a_person_says_and_nowhere_else(spine: Spine) -> None:
    bare = wish(["po-3"], ["l-3"], reason="the bank says so")
    with pytest.raises(
        ConfigError, match=r"off by -0\.75 EUR: say where that goes, by one of fees"
    ):
        await match(spine, bare)
    assert await list_matches(spine.conn) == []
    fee = wish(["po-3"], ["l-3"], difference=DifferenceAccount.FEES, reason="the bank says so")
    tried = await match(spine, fee, dry_run=True)
    assert tried.dry_run
    assert await list_matches(spine.conn) == []
    booked = await match(spine, fee)
    assert {"po-3", "l-3"}.isdisjoint(await left(spine))
    [fees] = [each for each in await money_items(spine.conn, [MoneyAccount.FEES]) if not each.item]
    assert fees.amount == Decimal("3.75"), "the provider's, and the bank's"
    [held] = await list_matches(spine.conn)
    assert (held.reason, held.evidence, held.by) == ("person", "the bank says so", "ada")
    assert (await match(spine, fee)).repeated
    assert (await match(spine, bare)).record.ref == booked.record.ref
    assert (await prove_money(spine.conn)).holds


async def test_a_payout_in_another_currency_is_exchanged(spine: Spine) -> None:
    dollars = payout("po-9", "0", 9)
    dollars = type(dollars)(
        **{name: getattr(dollars, name) for name in dollars.__struct_fields__}
        | {"amount": Money(Decimal("21.00"), "USD")}
    )
    await keep(spine.conn, stored(900, dollars, fresh=True))
    both = wish(["po-9"], ["l-3"], difference=DifferenceAccount.EXCHANGE)
    await match(spine, both)
    exchanged = await money_items(spine.conn, [MoneyAccount.EXCHANGE])
    assert {(each.currency, f"{each.amount:f}") for each in exchanged} == {
        ("EUR", "-19.25"),
        ("USD", "21.00"),
    }
    assert {"po-9", "l-3"}.isdisjoint(await left(spine))
    assert (await prove_money(spine.conn)).holds


async def test_two_people_who_match_one_line_at_once_do_not_both_have_it(spine: Spine) -> None:
    """The database holds it: whoever commits second finds the line taken, and nothing is booked."""
    hubs = [Hub(spine.hub.vault, spine.hub.connectors) for _ in range(2)]

    async def matched(hub: Hub, ref: str) -> object:
        hub.use_connections(spine.hub.connections.values())
        async with await connect(spine.conninfo, application_name="test") as conn:
            try:
                what = wish([ref], ["l-7"])
                return await match_by_hand(conn, Desk(hub), hub.names(), what)
            except ConfigError as error:
                return error

    answers = await asyncio.gather(matched(hubs[0], "po-7"), matched(hubs[1], "po-8"))
    [refused] = [each for each in answers if isinstance(each, ConfigError)]
    assert "already" in refused.message or "No bank line" in refused.message
    [held] = await list_matches(spine.conn)
    taken = held.payouts[0].ref
    assert await left(spine) == {
        "po-1": "97.00",
        "po-2": "50.00",
        "po-3": "20.00",
        **({"po-8": "33.00"} if taken == "po-7" else {"po-7": "33.00"}),
        "l-1": "-97.00",
        "l-2": "-50.00",
        "l-3": "-19.25",
    }
    assert await spine.parked() == []


@pytest.mark.parametrize(
    ("payouts", "lines", "said"),
    [
        (["po-99"], ["l-7"], "No payout 'stripe/payout/po-99' is open: expected one as"),
        (["po-7"], ["po-8"], "No bank line 'stripe/bank_line/po-8' is open"),
        ([], ["l-7"], "Name at least one payout"),
        (["po-7"], [], "Name at least one line"),
    ],
)
async def test_what_can_not_be_matched_is_refused_by_name(
    spine: Spine, payouts: list[str], lines: list[str], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        await match(spine, wish(payouts, lines))
    with pytest.raises(ConfigError, match="There is no match 'm-0'"):
        await undo_match(spine.conn, Desk(spine.hub), "m-0", by="ada")


async def test_a_row_that_is_matched_is_not_matched_otherwise(spine: Spine) -> None:
    await match(spine, wish(["po-7"], ["l-7"]))
    with pytest.raises(ConfigError, match="No bank line 'stripe/bank_line/l-7' is open"):
        await match(spine, wish(["po-8"], ["l-7"]))
