"""What records mean for money: each sums to zero, and what two systems tell meets in one account."""

from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.canon.bank import BankLine, BankLineState
from trueup.canon.match import BankMatch, DifferenceAccount, MatchedRow, MatchReason
from trueup.canon.payment import Payment, PaymentKind, PaymentState
from trueup.canon.payout import BalanceEntry, EntryKind, Payout, PayoutState
from trueup.canon.price import Price
from trueup.canon.record import Record
from trueup.canon.refund import Refund
from trueup.kernel.money import Money
from trueup.ledger.money import (
    EXACT,
    SALE_KINDS,
    MoneyAccount,
    Teller,
    money_of_record,
    occurred_on,
)
from trueup.ledger.sold import money_of_sale

AT = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
SELLER, PROVIDER, BANK = 1, 2, 3


def eur(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def payment(amount: str, **fields: Any) -> Payment:
    given_ = {
        "ref": "pay-1",
        "order_ref": "order-1",
        "updated_at": AT,
        "payment_kind": PaymentKind.SALE,
        "state": PaymentState.SUCCEEDED,
        "price": Price(eur(amount)),
    }
    return Payment(**(given_ | fields))


def entry(kind: EntryKind, gross: str, fee: str = "0", **fields: Any) -> BalanceEntry:
    given_ = {
        "ref": "txn-1",
        "updated_at": AT,
        "entry": kind,
        "gross": eur(gross),
        "fee": eur(fee),
        "net": eur(gross) - eur(fee),
        "occurred_at": AT,
    }
    return BalanceEntry(**(given_ | fields))


def payout(amount: str, state: PayoutState = PayoutState.PAID) -> Payout:
    return Payout(ref="po-1", updated_at=AT, state=state, amount=eur(amount))


def told(*records: tuple[Record, int]) -> dict[tuple[str, str], Decimal]:
    """Return what is left on each account and item, whoever told it."""
    left: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for number, (record, connection_id) in enumerate(records):
        teller = Teller.PAYMENTS if connection_id == PROVIDER else Teller.SELLER
        if record.kind in SALE_KINDS:
            worth = money_of_sale({number: record}, connection_id, teller=teller)[number]
        else:
            worth = money_of_record(record, connection_id, teller=teller)
        for position, amount in worth.items():
            left[position.account.value, position.item] += amount
    return {key: amount for key, amount in left.items() if amount}


def test_a_charge_meets_its_payment_and_a_payout_its_entries() -> None:
    """What is left is what only one of them has told: fees, and money on its way to the bank."""
    charge = entry(EntryKind.CHARGE, "20.00", "0.88", payment_ref="pay-1", payout_ref="po-1")
    left = told((payment("20.00"), SELLER), (charge, PROVIDER), (payout("19.12"), PROVIDER))
    assert left == {
        ("receivable", "order-1"): Decimal("-20.00"),
        ("fees", ""): Decimal("0.88"),
        ("transit", "po-1"): Decimal("19.12"),
    }


def test_a_payout_that_is_not_the_sum_of_its_entries_stands_out_by_the_difference() -> None:
    charge = entry(EntryKind.CHARGE, "20.00", "0.88", payment_ref="pay-1", payout_ref="po-1")
    left = told((charge, PROVIDER), (payout("19.13"), PROVIDER))
    assert left["clearing", "po-1"] == Decimal("-0.01")


def test_a_refund_goes_the_other_way() -> None:
    back = payment("5.00", ref="pay-2", payment_kind=PaymentKind.REFUND)
    refund = Refund(ref="r-1", order_ref="order-1", updated_at=AT, refunded=Price(eur("5.00")))
    gone = entry(EntryKind.REFUND, "-5.00", payment_ref="pay-2")
    left = told((back, SELLER), (refund, SELLER), (gone, PROVIDER))
    assert left == {("refunds", ""): Decimal("5.00"), ("clearing", ""): Decimal("-5.00")}


@pytest.mark.parametrize(
    "record",
    [
        payment("5.00", payment_kind=PaymentKind.AUTHORISATION),
        payment("5.00", payment_kind=PaymentKind.VOID),
        payment("5.00", payment_kind=PaymentKind.UNKNOWN),
        payment("5.00", state=PaymentState.FAILED),
        payment("5.00", state=PaymentState.PENDING),
        payment("5.00", test=True),
        payment("5.00", deleted=True),
        payment("0.00"),
        payout("5.00", PayoutState.FAILED),
        payout("5.00", PayoutState.CANCELLED),
        payout("5.00", PayoutState.UNKNOWN),
        entry(EntryKind.PAYOUT, "-19.12"),
        entry(EntryKind.PAYOUT_FAILED, "19.12"),
        Refund(ref="r-1", updated_at=AT),
    ],
)
def test_what_moves_nothing(record: Record) -> None:
    assert money_of_record(record, SELLER, teller=Teller.SELLER) == {}


def test_a_providers_own_payments_stand_in_its_entries() -> None:
    assert money_of_record(payment("5.00"), PROVIDER, teller=Teller.PAYMENTS) == {}


def test_a_gift_card_pays_from_what_is_owed_to_its_holder() -> None:
    left = told((payment("5.00", gift_card_ref="gc-1"), SELLER))
    assert left["gift_cards", ""] == Decimal("5.00")


def test_a_line_of_the_bank_waits_for_its_match() -> None:
    line = BankLine(
        ref="line-1",
        updated_at=AT,
        account_ref="acct",
        account_shown="…99",
        statement_ref="s-1",
        amount=eur("19.12"),
        state=BankLineState.BOOKED,
        booked_on=date(2026, 3, 5),
    )
    left = told((line, BANK))
    assert left == {("bank", "acct"): Decimal("19.12"), ("unmatched", "line-1"): Decimal("-19.12")}
    assert occurred_on(line) == date(2026, 3, 5), "the bank's own day"


AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12)


@given(kind=st.sampled_from(EntryKind), gross=AMOUNTS, fee=AMOUNTS)
def test_whatever_is_told_sums_to_zero_exactly(
    kind: EntryKind, gross: Decimal, fee: Decimal
) -> None:
    """Also with more digits than Python rounds to by itself."""
    record = entry(kind, "0", payment_ref="p")
    told_ = {"gross": Money(gross, "EUR"), "fee": Money(fee, "EUR")}
    record = msgspec.structs.replace(record, **told_)
    worth = money_of_record(record, PROVIDER, teller=Teller.PAYMENTS)
    left = Decimal(0)
    for amount in worth.values():
        left = EXACT.add(left, amount)
    assert left == 0
    assert all(worth.values())


@given(
    paid=st.lists(st.tuples(AMOUNTS, st.sampled_from(("EUR", "USD"))), min_size=1, max_size=3),
    came=st.lists(st.tuples(AMOUNTS, st.sampled_from(("EUR", "USD"))), min_size=1, max_size=3),
    account=st.none() | st.sampled_from(DifferenceAccount),
)
def test_a_match_closes_its_rows_and_sums_to_zero_in_each_currency(
    paid: list[tuple[Decimal, str]],
    came: list[tuple[Decimal, str]],
    account: DifferenceAccount | None,
) -> None:
    payouts = [
        MatchedRow(connection_id=PROVIDER, ref=f"po-{n}", amount=Money(*row))
        for n, row in enumerate(paid)
    ]
    lines = [
        MatchedRow(connection_id=BANK, ref=f"l-{n}", amount=Money(*row))
        for n, row in enumerate(came)
    ]
    match = BankMatch(
        ref="m",
        updated_at=AT,
        payouts=tuple(payouts),
        lines=tuple(lines),
        booked_on=date(2026, 3, 5),
        reason=MatchReason.PERSON,
        difference=account,
    )
    worth = money_of_record(match, 9, teller=Teller.COPY)
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for position, amount in worth.items():
        sums[position.currency] = EXACT.add(sums[position.currency], amount)
    assert not any(sums.values())
    for row in payouts:
        position = (MoneyAccount.TRANSIT, PROVIDER, row.ref, row.amount.currency)
        assert worth.get(position, 0) == EXACT.minus(row.amount.amount)
    for row in lines:
        position = (MoneyAccount.UNMATCHED, BANK, row.ref, row.amount.currency)
        assert worth.get(position, 0) == row.amount.amount
    undone = msgspec.structs.replace(match, deleted=True)
    assert money_of_record(undone, 9, teller=Teller.COPY) == {}
    assert occurred_on(match) == date(2026, 3, 5)


def test_every_kind_of_entry_has_its_account() -> None:
    """A new kind must be given one: money without an account would be lost."""
    silent = {EntryKind.PAYOUT, EntryKind.PAYOUT_FAILED}
    for kind in EntryKind:
        worth = money_of_record(entry(kind, "1.00"), PROVIDER, teller=Teller.PAYMENTS)
        assert bool(worth) == (kind not in silent), kind
        assert MoneyAccount.CLEARING in {p.account for p in worth} or kind in silent
