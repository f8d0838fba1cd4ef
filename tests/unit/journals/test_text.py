"""Journals as files: a table that any program reads, and text that Beancount itself takes."""

import csv
import io
from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.errors import ConfigError
from trueup.journals.beancount import write_beancount
from trueup.journals.model import Draft, Group, Line
from trueup.journals.table import COLUMNS, write_table
from trueup.ledger.money_days import Grain

NAMES = {1: 'a "shop" \\ of ours', 2: "stripe"}
DAY = date(2026, 3, 2)


def line(account: str, amount: str, **fields: Any) -> Line:
    told = {"account_ref": "35", "name": f"Assets:{account.title()}", "connection_id": 2} | fields
    return Line(account=account, amount=Decimal(amount), **told)


def draft(*lines: Line, day: date = DAY, currency: str = "EUR", order: str = "") -> Draft:
    return Draft(group=Group(day, currency, 2, order), grain=Grain.ORDER, lines=lines)


def test_a_table_has_a_row_a_line_and_debits_apart_from_credits() -> None:
    taxed = line("fees", "3.00", tax_code="4", tax_on="purchases", name="Fees, of cards")
    told = draft(line("clearing", "97.00"), taxed, line("collected", "-100.00"))
    rows = list(csv.DictReader(io.StringIO(write_table([told], NAMES))))
    assert tuple(rows[0]) == COLUMNS
    assert [(row["account"], row["debit"], row["credit"]) for row in rows] == [
        ("clearing", "97.00", ""),
        ("fees", "3.00", ""),
        ("collected", "", "100.00"),
    ]
    fees = rows[1]
    assert (fees["name"], fees["tax_code"], fees["tax_on"]) == ("Fees, of cards", "4", "purchases")
    assert (fees["day"], fees["currency"], fees["told_by"]) == ("2026-03-02", "EUR", "stripe")


def test_a_cell_that_begins_like_a_formula_is_none() -> None:
    told = draft(line("fees", "1", account_ref="=1+1"), line("bank", "-1"), order="-2")
    first, _ = csv.DictReader(io.StringIO(write_table([told], NAMES)))
    assert (first["account_ref"], first["order_ref"]) == ("'=1+1", "'-2")


@pytest.mark.parametrize(
    "name", ["", "Assets", "Assets:", "assets:Bank", "Sales:Shop", "Assets:bank", "Assets:A b", "A"]
)
def test_a_name_that_beancount_does_not_take_is_told_with_one_that_it_does(name: str) -> None:
    with pytest.raises(ConfigError, match="such as Assets:Clearing:Stripe"):
        write_beancount([draft(line("bank", "1", name=name))], NAMES)


def test_who_has_opened_the_accounts_is_spared_it() -> None:
    told = draft(line("fees", "1"), line("bank", "-1"))
    assert "open" not in write_beancount([told], NAMES, opens=False)
    assert write_beancount([], NAMES) == ""


AMOUNTS = st.decimals("-99999", "99999", places=3).filter(bool)
ORDERS = st.text(max_size=12)
DRAFTS = st.lists(
    st.builds(
        lambda amount, other, day, currency, order, at: draft(
            line("fees", str(amount), connection_id=at, tax_code=order or None),
            line("bank", str(other), name="Assets:Bank-1:2"),
            line("clearing", str(-amount - other)) if amount + other else line("taxes", "1"),
            *([] if amount + other else [line("promotions", "-1")]),
            day=day,
            currency=currency,
            order=order,
        ),
        AMOUNTS,
        AMOUNTS,
        st.dates(date(2020, 1, 1), date(2030, 1, 1)),
        st.sampled_from(["EUR", "JPY", "KWD"]),
        ORDERS,
        st.sampled_from([1, 2, 3]),
    ),
    max_size=5,
)


@given(DRAFTS)
@settings(max_examples=40)
def test_beancount_itself_takes_the_text_and_comes_to_the_same(drafts: list[Draft]) -> None:
    loader = pytest.importorskip("beancount.loader", reason="left out: beancount is not installed")
    data = pytest.importorskip("beancount.core.data")
    text = write_beancount(sorted(drafts, key=lambda each: each.group), NAMES)
    entries, errors, _ = loader.load_string(text)
    assert [str(error.message) for error in errors] == []
    booked: dict[Any, Decimal] = defaultdict(Decimal)
    for entry in entries:
        for posting in entry.postings if isinstance(entry, data.Transaction) else ():
            key = (entry.date, posting.account, posting.units.currency, posting.meta["connection"])
            booked[key] += posting.units.number
    told: dict[Any, Decimal] = defaultdict(Decimal)
    for each in drafts:
        for one in each.lines:
            name = NAMES.get(one.connection_id, "removed")
            told[each.group.day, one.name, each.group.currency, name] += one.amount
    assert booked == told


def test_beancount_refuses_what_does_not_balance() -> None:
    """The peer is no yes-man: a cent that is off is an error of its own."""
    loader = pytest.importorskip("beancount.loader", reason="left out: beancount is not installed")
    wrong = draft(line("fees", "1.00"), line("bank", "-0.99"))
    _, errors, _ = loader.load_string(write_beancount([wrong], NAMES))
    assert ["does not balance" in str(error.message) for error in errors] == [True]
