"""Journals from the ledger's sums: they balance by themselves, and hold what was not posted yet."""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.config import MappedAccount
from trueup.errors import ConfigError, InvariantBroken
from trueup.journals.accounts import Accounts
from trueup.journals.build import (
    CURRENCY_UNKNOWN,
    DIGITS_EXCEEDED,
    build_journals,
    content_of,
    counter_lines,
    number_of,
)
from trueup.journals.model import Group, Journal, Place, Plan
from trueup.ledger.money import MoneyAccount
from trueup.ledger.money_days import Grain, MoneySum

NAMES = {1: "shop", 2: "stripe"}
DAY, NEXT = date(2026, 3, 2), date(2026, 3, 3)
EVERY = tuple(
    MappedAccount(account=each, account_ref=f"ref-{each}", name=f"Assets:{each.title()}")
    for each in MoneyAccount
)


def moved(
    account: str, amount: str, *, day: date = DAY, currency: str = "EUR", at: int = 2, by: int = 2
) -> MoneySum:
    return MoneySum(
        day=day,
        currency=currency,
        told_by=by,
        order_ref="",
        account=account,
        connection_id=at,
        amount=Decimal(amount),
    )


def build(sums: list[MoneySum], journaled: Any = (), **given_: Any) -> Plan:
    asked = {"grain": Grain.CONNECTION, "kept": {}, "needs": "account_ref"} | given_
    accounts = asked.pop("accounts", Accounts(EVERY, NAMES.values()))
    return build_journals(sums, dict(journaled), accounts, NAMES, **asked)


def said(plan: Plan) -> list[tuple[str, str, Decimal]]:
    return [
        (f"{draft.group.day} {draft.group.currency}", line.account, line.amount)
        for draft in plan.drafts
        for line in draft.lines
    ]


def test_each_group_is_one_journal_and_the_oldest_day_comes_first() -> None:
    plan = build(
        [
            *(moved("clearing", "19.12", day=NEXT), moved("collected", "-19.12", day=NEXT)),
            *(moved("clearing", "97.00"), moved("fees", "3.00"), moved("collected", "-100.00")),
            *(moved("bank", "5", currency="USD"), moved("unmatched", "-5", currency="USD")),
        ]
    )
    assert [draft.group for draft in plan.drafts] == [
        Group(DAY, "EUR", 2, ""),
        Group(DAY, "USD", 2, ""),
        Group(NEXT, "EUR", 2, ""),
    ]
    first = plan.drafts[0]
    assert first.total == Decimal("100.00")
    assert {line.account_ref: line.amount for line in first.lines} == {
        "ref-clearing": Decimal("97.00"),
        "ref-fees": Decimal("3.00"),
        "ref-collected": Decimal("-100.00"),
    }


def test_what_was_journaled_is_left_out_and_what_changed_since_is_the_difference() -> None:
    sums = [moved("clearing", "25.00"), moved("collected", "-25.00")]
    group = Group(DAY, "EUR", 2, "")
    before = {
        (group, Place("clearing", 2)): Decimal("20.00"),
        (group, Place("collected", 2)): Decimal("-20.0"),
    }
    assert [amount for *_, amount in said(build(sums, before))] == [Decimal(5), Decimal(-5)]
    same = {key: amount * Decimal("1.25") for key, amount in before.items()}
    assert build(sums, same) == Plan(drafts=(), held=())
    gone = said(build([], before))
    assert [amount for *_, amount in gone] == [Decimal("-20.00"), Decimal("20.0")]


def test_sums_that_do_not_come_to_zero_are_a_bug_and_are_never_balanced() -> None:
    with pytest.raises(InvariantBroken, match="comes to zero"):
        build([moved("clearing", "25.00"), moved("collected", "-24.99")])
    group = Group(DAY, "EUR", 2, "")
    with pytest.raises(InvariantBroken, match="comes to zero"):
        build([], {(group, Place("clearing", 2)): Decimal("0.01")})


@pytest.mark.parametrize(
    ("currency", "amount", "held"),
    [
        ("EUR", "1.005", 1),
        ("EUR", "1.0050000", 1),
        ("EUR", "1.0100000", 0),
        ("JPY", "100.5", 1),
        ("JPY", "1E+3", 0),
        ("KWD", "1.005", 0),
        ("KWD", "1.0005", 1),
    ],
)
def test_more_digits_than_the_currency_has_are_told_and_never_rounded(
    currency: str, amount: str, held: int
) -> None:
    pair = [
        moved("fees", amount, currency=currency),
        moved("clearing", f"-{amount}", currency=currency),
    ]
    plan = build([*pair, moved("bank", "1", day=NEXT), moved("unmatched", "-1", day=NEXT)])
    assert len(plan.drafts) == 2 - held, "the others are not held up"
    assert [each.issue.code for each in plan.held] == [DIGITS_EXCEEDED] * held
    if held:
        issue = plan.held[0].issue
        assert issue.ref == f"money/2026-03-02/{currency}/stripe"
        assert amount in issue.found or f"-{amount}" in issue.found
        assert "at stripe" in issue.pointer


def test_money_of_an_unknown_currency_is_held() -> None:
    plan = build([moved("fees", "1", currency="XXX"), moved("clearing", "-1", currency="XXX")])
    assert [each.issue.code for each in plan.held] == [CURRENCY_UNKNOWN]


def test_every_account_that_has_money_must_be_mapped_and_all_that_are_not_are_named() -> None:
    some = Accounts([EVERY[0], MappedAccount(account="bank", name="Bank")], NAMES.values())
    sums = [moved("clearing", "2"), moved("fees", "-1"), moved("bank", "-1")]
    with pytest.raises(ConfigError) as caught:
        build(sums, accounts=some)
    assert str(caught.value).startswith("These accounts have money and no account ref in the books")
    for word in (
        *("bank at stripe in EUR; clearing at stripe in EUR; fees at stripe in EUR",),
        *('[[journals.account]] account = "bank"', 'connection = "stripe"', "account_ref = "),
    ):
        assert word in str(caught.value)
    with pytest.raises(ConfigError, match="clearing at stripe in EUR; fees at stripe in EUR"):
        build(sums, accounts=some, needs="either")


def test_the_closest_entry_counts() -> None:
    entries = [
        MappedAccount(account="fees", account_ref="1"),
        MappedAccount(account="fees", currency="USD", account_ref="2"),
        MappedAccount(account="fees", connection="stripe", account_ref="3"),
        MappedAccount(account="fees", connection="stripe", currency="USD", account_ref="4"),
    ]
    accounts = Accounts(entries, NAMES.values())
    asked = [("shop", "EUR"), ("shop", "USD"), ("stripe", "EUR"), ("stripe", "USD")]
    found = [accounts.find("fees", *each, needs="account_ref") for each in asked]
    assert [each and each.account_ref for each in found] == ["1", "2", "3", "4"]
    assert accounts.find("fees", "shop", "EUR", needs="name") is None
    assert accounts.find("bank", "shop", "EUR", needs="either") is None


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([{"account": "feees", "name": "x"}], ["'feees'", "it has: adjustments, bank"]),
        ([{"account": "fees", "connection": "strip", "name": "x"}], ["'strip'", "shop, stripe"]),
        ([{"account": "fees", "connection": "shop"}], ["fees at shop", "neither account_ref"]),
        ([{"account": "fees", "name": "x"}] * 2, ["fees twice", "take one out"]),
    ],
)
def test_a_wrong_mapping_is_told_with_what_there_is(
    entries: list[dict[str, str]], words: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        Accounts([MappedAccount(**each) for each in entries], NAMES.values())  # type: ignore[arg-type] - texts
    for word in words:
        assert word in str(caught.value)


def test_what_is_said_to_the_books_is_what_the_ledger_says_with_its_tax_codes() -> None:
    taxed = MappedAccount(account="fees", account_ref="62", tax_code="4", tax_on="purchases")
    clearing = MappedAccount(account="clearing", account_ref="35")
    accounts = Accounts([taxed, clearing], NAMES.values())
    [draft] = build([moved("fees", "3.00"), moved("clearing", "-3.00")], accounts=accounts).drafts
    journal = Journal(
        number=number_of("TU", DAY, 1),
        ordinal=1,
        group=draft.group,
        grain=draft.grain,
        posted_on=DAY,
        target_id=9,
        lines=draft.lines,
    )
    content = content_of(journal, NAMES)
    assert (content.number, content.posted_on) == ("TU260302-1", DAY)
    assert content.memo == "Trueup, stripe, 2026-03-02"
    told = {line.account_ref: (line.tax_code, line.tax_on, line.memo) for line in content.lines}
    assert told == {
        "62": ("4", "purchases", "fees, stripe"),
        "35": (None, None, "clearing, stripe"),
    }
    back = counter_lines(draft.lines)
    assert [line.amount for line in back] == [-line.amount for line in draft.lines]
    assert [line.account_ref for line in back] == [line.account_ref for line in draft.lines]


def test_numbers_fit_where_quickbooks_takes_21_characters() -> None:
    assert len(number_of("ABCDEFGH", date(2026, 12, 31), 99_999)) <= 21


AMOUNTS = st.decimals("-1000", "1000", places=2).filter(bool)
MOVES = st.lists(
    st.tuples(
        st.sampled_from([DAY, NEXT]),
        st.sampled_from(["EUR", "USD"]),
        st.sampled_from([1, 2]),
        st.sampled_from(["fees", "clearing", "taxes"]),
        AMOUNTS,
    ),
    max_size=12,
)


@given(MOVES, MOVES)
def test_what_was_posted_and_what_is_still_to_be_come_to_the_ledger(
    posted: list[Any], later: list[Any]
) -> None:
    """Any transactions before a post and after it: together the journals hold all of them."""
    journaled: dict[Any, Decimal] = defaultdict(Decimal)
    for told in ([], posted, posted, [*posted, *later]):
        for draft in build(summed(told), journaled).drafts:
            assert sum(line.amount for line in draft.lines) == 0
            for line in draft.lines:
                journaled[draft.group, Place(line.account, line.connection_id)] += line.amount
        ledger = {
            (Group(each.day, each.currency, each.told_by, ""), each.account): each.amount
            for each in summed(told)
        }
        books = {(group, place.account): amount for (group, place), amount in journaled.items()}
        assert {key: amount for key, amount in books.items() if amount} == ledger
        assert not build(summed(told), journaled).drafts, "posted again, nothing is left"


def summed(moves: list[Any]) -> list[MoneySum]:
    """Return the sums of transactions, each between an account and `collected`."""
    held: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for day, currency, at, account, amount in moves:
        held[day, currency, at, account] += amount
        held[day, currency, at, "collected"] -= amount
    return [
        moved(account, str(amount), day=day, currency=currency, at=at, by=at)
        for (day, currency, at, account), amount in held.items()
        if amount
    ]
