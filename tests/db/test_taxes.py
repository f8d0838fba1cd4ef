"""Taxes by rates, by lines, as stated, in the ledger and in an ERP: what is planted is found."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.db.test_money import BOOKS, SHOP
from tests.support.told import at, causes, hub_of_all, told_to
from trueup.canon.journal import Invoice, InvoiceKind, InvoiceState
from trueup.canon.order import Order, OrderLine, OrderTotals, ShippingLine, TaxLine
from trueup.canon.price import Price
from trueup.db.pool import connect
from trueup.kernel.money import Money
from trueup.reconcile.money.model import By, Check, Rules
from trueup.reconcile.money.taxes import check_taxes
from trueup.reconcile.report import Report
from trueup.records.model import Stored

pytestmark = pytest.mark.anyio

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOW = datetime(2026, 3, 20, tzinfo=UTC)


def price(amount: str) -> Price:
    return Price(Money(Decimal(amount), "EUR"))


def vat(amount: str, rate: str | None = "0.19", title: str = "VAT", **fields: Any) -> TaxLine:
    return TaxLine(title=title, rate=rate, price=price(amount), **fields)


def line(net: str, *taxes: TaxLine, ref: str = "1", sku: str = "A", **fields: Any) -> OrderLine:
    told = {"quantity": 1} | fields
    return OrderLine(ref=ref, title=sku, sku=sku, price=price(net), taxes=taxes, **told)


def sold(ref: str, *lines: OrderLine, tax: str | None, total: str, **fields: Any) -> Order:
    told = {"placed_at": AT, "currency": "EUR", "updated_at": AT} | fields
    current = told.pop("current_total", None)
    totals = OrderTotals(
        total=price(total),
        tax=None if tax is None else price(tax),
        current_total=None if current is None else price(current),
    )
    return Order(ref=ref, number=ref, lines=lines, totals=totals, **told)


def usual(ref: str, **fields: Any) -> Order:
    """Give an order of 100.00 with 19.00 on top of it."""
    return sold(ref, line("100.00", vat("19.00")), tax="19.00", total="119.00", **fields)


def invoice(ref: str, tax: str, total: str = "119.00") -> Invoice:
    return Invoice(
        ref=ref,
        updated_at=AT,
        issued_on=date(2026, 3, 3),
        invoice=InvoiceKind.INVOICE,
        state=InvoiceState.PAID,
        currency="EUR",
        total=Money(Decimal(total), "EUR"),
        tax=Money(Decimal(tax), "EUR"),
    )


def many() -> list[Stored]:
    """Give as many usual orders as make a rate usual."""
    return [at(1000 + n, usual(f"even{n}"), SHOP) for n in range(30)]


async def test_taxes_that_agree_are_no_difference(database_url: str) -> None:
    """In prices and on top, rounded line by line, edited, cancelled, by the channel, untold."""
    ship = ShippingLine(ref="1", title="post", price=price("5.00"), taxes=(vat("0.95"),))
    told = [
        at(1, sold("1", line("119.00", vat("19.00")), tax="19.00", total="119.00", taxes_included=True), SHOP),
        at(2, sold("2", line("3.33", vat("0.63")), line("3.33", vat("0.64"), ref="2"), tax="1.27", total="7.93"), SHOP),
        at(
            3,
            sold("3", line("100.00", vat("38.00"), quantity=2, quantity_current=1), tax="38.00",
                 total="238.00", current_total="119.00"),
            SHOP,
        ),
        at(4, usual("4", cancelled_at=AT), SHOP),
        at(
            5,
            sold("5", line("100.00", vat("7.00", "0.07", "State", collected_by_channel=True)), tax="0.00",
                 total="100.00"),
            SHOP,
        ),
        at(6, sold("6", line("100.00", vat("19.00")), tax="19.95", total="124.95", shipping=(ship,)), SHOP),
        at(7, sold("7", line("100.00"), tax="19.00", total="119.00", taxes=(vat("19.00"),)), SHOP),
        at(8, usual("8", test=True), SHOP),
        at(9, sold("9", line("10.00", sku="B"), tax="0.00", total="10.00"), SHOP),
        at(10, invoice("i1", "19.00"), BOOKS),
        *many(),
    ]  # fmt: skip
    async with await connect(database_url, application_name="test") as conn:
        hub = await told_to(conn, told, ("order", "#1", 1, 10))
        report = await check_taxes(conn, hub, Rules(as_of=NOW))
    assert report.discrepancies == ()
    assert (report.left, report.matched, report.left_out) == (37, 37, ())
    assert report.left_totals == report.right_totals
    parts = {part.name: (part.rows, part.right_total) for part in report.parts}
    assert parts["shop: State 7 %"] == (1, Decimal("7.00"))
    assert parts["shop: VAT 19 %"][0] == 38


async def planted(conn: Any) -> None:
    """Store orders whose taxes differ, each in one way of its own."""
    told = [
        at(1, sold("inclusive", line("119.00", vat("22.61")), tax="22.61", total="141.61"), SHOP),
        at(2, sold("rate", line("100.00", vat("16.00", "0.16")), tax="16.00", total="116.00"), SHOP),
        at(3, sold("odd", line("100.00", vat("17.17")), tax="17.17", total="117.17"), SHOP),
        at(4, sold("twins", line("100.00", vat("19.00")), line("100.00", ref="2"), tax="38.00", total="238.00"), SHOP),
        at(5, sold("untaxed", line("100.00", vat("19.00")), line("50.00", ref="2"), tax="19.00", total="169.00"), SHOP),
        at(6, sold("cent", line("100.00", vat("19.00")), tax="19.01", total="119.01"), SHOP),
        at(7, sold("strange", line("100.00", vat("19.00")), tax="12.00", total="112.00"), SHOP),
        at(8, usual("unposted"), SHOP),
        at(9, usual("gross"), SHOP),
        at(10, usual("two"), SHOP),
        at(11, usual("other"), SHOP),
        at(12, invoice("gross", "0.00"), BOOKS),
        *(at(13, invoice("two", "19.00"), BOOKS), at(14, invoice("again", "19.00"), BOOKS)),
        at(15, invoice("other", "11.00"), BOOKS),
        at(16, sold("in", line("119.00", vat("22.61")), tax="22.61", total="119.00", taxes_included=True), SHOP),
        *many(),
    ]  # fmt: skip
    names = [("order", "#9", 9, 12), ("order", "#10", 10, 13, 14), ("order", "#11", 11, 15)]
    await told_to(conn, told, *names)
    # Nothing of it was ever posted: it was told before there was a ledger of money.
    await conn.execute("ALTER TABLE ledger.money_posting DISABLE TRIGGER ALL")
    await conn.execute("DELETE FROM ledger.money_posting WHERE record_id = 8")
    await conn.execute("ALTER TABLE ledger.money_posting ENABLE TRIGGER ALL")


async def look(conn: Any, **rules: Any) -> Report:
    return await check_taxes(conn, hub_of_all(), Rules(as_of=NOW, **rules))


async def test_every_planted_difference_is_found_with_its_cause(database_url: str) -> None:
    async with await connect(database_url, application_name="test") as conn:
        await planted(conn)
        report = await look(conn, by=By.DAY)
        near = await look(conn, tolerances={(Check.TAXES, "EUR"): Decimal("0.01")})
    by_order = sorted(
        (each.left_ref or "", each.cause, str(each.amount)) for each in report.discrepancies
    )
    assert by_order == [
        ("shop/order/cent", "rounding", "0.01"),
        ("shop/order/gross", "tax_inclusive", "-19.00"),
        ("shop/order/in", "tax_inclusive", "3.61"),
        ("shop/order/odd", "unexplained", "-1.83"),
        ("shop/order/other", "unexplained", "-8.00"),
        ("shop/order/rate", "rate_change", "-3.00"),
        ("shop/order/strange", "unexplained", "-7.00"),
        ("shop/order/twins", "missing_tax_line", "19.00"),
        ("shop/order/two", "carried_twice", "19.00"),
        ("shop/order/unposted", "not_posted", "-19.00"),
        ("shop/order/untaxed", "missing_tax_line", "-9.50"),
    ]
    told = {each.left_ref: each for each in report.discrepancies}
    assert told["shop/order/rate"].evidence[1] == "usual there: 19 per cent"
    assert told["shop/order/gross"].right_ref == "books/invoice/gross"
    assert sum(day.differing for day in report.periods) == 11
    assert ("rounding", "0.01", "EUR") not in causes(near)
    assert [(each.count, each.amount) for each in near.tolerated] == [(1, Decimal("0.01"))]


async def test_journals_that_do_not_hold_what_was_booked_are_told(database_url: str) -> None:
    async with await connect(database_url, application_name="test") as conn:
        await told_to(conn, many())
        async with conn.transaction():
            await conn.execute(
                "INSERT INTO journals.journal (number, day, ordinal, posted_on, currency, grain, told_by,"
                " order_ref, target_id, made_by, made_at)"
                " VALUES ('TU-1', %s, 1, %s, 'EUR', 'day', 0, '', 5, 'ada', %s)",
                (AT.date(), AT.date(), NOW),
            )
            await conn.execute(
                "INSERT INTO journals.line (journal_id, ordinal, account, connection_id, account_ref,"
                " name, amount) SELECT journal_id, n, account, 1, '9', '', amount"
                " FROM journals.journal, (VALUES (1, 'taxes', -560), (2, 'sales', 560))"
                " AS l (n, account, amount)"
            )
        report = await look(conn)
    assert causes(report) == [("not_journaled", "-10.00", "EUR")]
    assert report.discrepancies[0].right_ref == "journal/TU-1"


async def test_strange_words_of_a_shop_stop_nothing(database_url: str) -> None:
    """A rate that is none, an order below zero, two lines of one ref, two names of one order."""
    told = [
        at(1, sold("1", line("100.00", vat("19.00", "19 %")), tax="19.00", total="119.00"), SHOP),
        at(
            4,
            sold("4", *[line("1.00", vat("0.19"))] * 2, tax="0.38", total="2.38"),
            SHOP,
        ),
        at(2, sold("2", line("-100.00", vat("-19.00")), tax="-19.00", total="-119.00"), SHOP),
        at(
            3,
            sold("3", line("10.00", vat("1.90", None), quantity=0), tax="1.90", total="1.90"),
            SHOP,
        ),
    ]
    async with await connect(database_url, application_name="test") as conn:
        await told_to(conn, told, ("order", "#1", 1), ("order", "no 1", 1))
        report = await look(conn)
    assert (report.left, report.discrepancies) == (4, ())


async def test_a_shop_that_tells_no_tax_lines_is_left_out(database_url: str) -> None:
    told = [at(1, sold("1", line("100.00"), tax="19.00", total="119.00"), SHOP)]
    async with await connect(database_url, application_name="test") as conn:
        await told_to(conn, told)
        report = await look(conn)
    assert (report.left, report.discrepancies) == (0, ())
    assert report.left_out == ("shop: 1 orders state taxes, and none tells a tax line",)
