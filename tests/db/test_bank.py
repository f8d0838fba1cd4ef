"""Payouts beside the lines of the bank: what arrived, by what it is known, and what did not."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.db.test_money import AT, entry, post, stored
from trueup.canon.bank import BankLine, BankLineState, BankReferences
from trueup.canon.payout import Payout, PayoutState
from trueup.canon.record import encode
from trueup.db.pool import connect
from trueup.kernel.money import Money
from trueup.reconcile.bank import check_bank
from trueup.records.model import Stored

pytestmark = pytest.mark.anyio

TODAY = date(2026, 3, 20)
NAMES = {2: "stripe"}


def payout(ref: str, amount: str, day: int, *, bank_ref: str | None = None) -> Payout:
    return Payout(
        ref=ref,
        updated_at=AT,
        created_at=AT,
        state=PayoutState.PAID,
        amount=Money(Decimal(amount), "EUR"),
        arrives_on=date(2026, 3, day),
        bank_ref=bank_ref,
    )


def line(ref: str, amount: str, day: int, **references: str) -> BankLine:
    return BankLine(
        ref=ref,
        updated_at=AT,
        account_ref="acct",
        account_shown="…99",
        statement_ref="s-1",
        amount=Money(Decimal(amount), "EUR"),
        state=BankLineState.BOOKED,
        booked_on=date(2026, 3, day),
        references=BankReferences(**references),
    )


async def keep(conn: Any, *told: Stored) -> None:
    """Store records as the pipeline does, as far as a check reads them, and post their money."""
    for each in told:
        await conn.execute(
            "INSERT INTO records.record (record_id, connection_id, kind, ref, entity, event_id, "
            "updated_at, raised_at, digest, occurred_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, '', %s)",
            (each.record_id, each.connection_id, each.kind, each.ref, each.body.entity(),
             each.event_id, AT, AT, AT),
        )  # fmt: skip
        await conn.execute(
            "INSERT INTO records.version (record_id, event_id, stale, body) VALUES (%s, %s, false, %s)",
            (each.record_id, each.event_id, encode(each.body).decode()),
        )
    await post(conn, *told)


async def test_what_arrived_is_known_by_its_reference_its_day_or_its_sum(database_url: str) -> None:
    told = [
        *(payout("po-1", "97.00", 4, bank_ref="STRIPE-A1B2C3"), payout("po-2", "50.00", 6)),
        *(payout("po-3", "20.00", 9), payout("po-4", "11.50", 9)),
        *(payout("po-5", "8.00", 5), payout("po-6", "9.00", 19)),
        *(payout("po-7", "33.00", 8), payout("po-8", "33.00", 8)),
        line("l-1", "97.00", 14, end_to_end="stripe a1b2c3"),
        *(line("l-2", "50.00", 7), line("l-3", "31.50", 10), line("l-4", "-700.00", 9)),
        line("l-5", "33.00", 9),
        entry("t1", "1.00"),
    ]
    async with await connect(database_url, application_name="test") as conn:
        await keep(conn, *(stored(n, each, fresh=True) for n, each in enumerate(told, 1)))
        report, matches, _ = await check_bank(conn, NAMES, today=TODAY)
        assert {(each.why, each.left, each.right) for each in matches} == {
            ("key", ("stripe/payout/po-1",), ("stripe/bank_line/l-1",)),
            ("amount_and_date", ("stripe/payout/po-2",), ("stripe/bank_line/l-2",)),
            ("sum", ("stripe/payout/po-3", "stripe/payout/po-4"), ("stripe/bank_line/l-3",)),
        }
        assert (report.left, report.right, report.matched) == (8, 5, 4)
        assert [(each.cause, each.left_ref, each.amount) for each in report.discrepancies] == [
            ("ambiguous", "stripe/payout/po-7", Decimal("-33.00")),
            ("ambiguous", "stripe/payout/po-8", Decimal("-33.00")),
            ("in_transit", "stripe/payout/po-6", Decimal("-9.00")),
            ("not_arrived", "stripe/payout/po-5", Decimal("-8.00")),
        ]
        assert "perhaps stripe/bank_line/l-5" in report.discrepancies[0].evidence
        assert report.explained_share == round(1 - 74 / 261.5, 4)


async def test_without_payouts_there_is_nothing_to_wait_for(database_url: str) -> None:
    async with await connect(database_url, application_name="test") as conn:
        report, matches, _ = await check_bank(conn, NAMES, today=TODAY)
        assert (report.discrepancies, matches, report.explained_share) == ((), (), 1.0)
