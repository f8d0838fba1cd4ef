"""Orders of a shop beside what an ERP has of them: what is planted is found, and nothing else."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.db.test_money import BOOKS, SHOP
from tests.support.told import at, causes, hub_of_all, told_to
from trueup.canon.journal import Invoice, InvoiceKind, InvoiceLine, InvoiceState
from trueup.canon.order import Order, OrderLine, OrderTotals, PaymentStatus
from trueup.canon.price import Price
from trueup.canon.record import encode
from trueup.canon.refund import Refund
from trueup.db.pool import connect
from trueup.kernel.money import Money
from trueup.reconcile.money.model import By, Check, Rules
from trueup.reconcile.money.storefront import check_storefront
from trueup.reconcile.report import Report
from trueup.records.model import Stored

pytestmark = pytest.mark.anyio

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOW = datetime(2026, 3, 20, tzinfo=UTC)


def money(amount: str, currency: str = "EUR") -> Money:
    return Money(Decimal(amount), currency)


def price(amount: str) -> Price:
    return Price(money(amount))


def sold(ref: str, total: str = "119.00", **fields: Any) -> Order:
    """Give a paid order of 2 A, with 19.00 of tax, 5.00 of shipping and a discount of 7.00."""
    told = {"payment_status": PaymentStatus.PAID, "placed_at": AT} | fields
    line = OrderLine(ref="1", title="A", sku="A", quantity=2, price=price("50.00"))
    totals = OrderTotals(
        total=price(total), tax=price("19.00"), shipping=price("5.00"), discounts=price("7.00")
    )
    return Order(
        ref=ref, updated_at=AT, number=ref, currency="EUR", lines=(line,), totals=totals, **told
    )


def invoice(ref: str, total: str = "119.00", **fields: Any) -> Invoice:
    told = {"invoice": InvoiceKind.INVOICE, "state": InvoiceState.PAID, "currency": "EUR"} | fields
    units = told.pop("units", "2")
    line = InvoiceLine(ref="1", amount=money("100.00", told["currency"]), sku="A", quantity=units)
    return Invoice(
        ref=ref,
        updated_at=AT,
        number=f"INV/{ref}",
        issued_on=date(2026, 3, 3),
        total=money(total, told["currency"]),
        lines=(line,) if units else (),
        **told,
    )


class Told:
    """What the shop and the ERP tell, order by order, each pair under one number."""

    def __init__(self) -> None:
        self.records: list[Stored] = []
        self.names: list[tuple[Any, ...]] = []

    def tell(self, order: Order | None, *documents: Invoice, refund: str | None = None) -> None:
        numbers = []
        told: list[tuple[Any, int]] = [] if order is None else [(order, SHOP)]
        told += [(document, BOOKS) for document in documents]
        for body, connection_id in told:
            numbers.append(len(self.records) + 1)
            self.records.append(at(numbers[-1], body, connection_id))
        self.names.append(("order", f"#{numbers[0]}", *numbers))
        if refund is not None and order is not None:
            body = Refund(
                ref=f"r{order.ref}", order_ref=order.ref, updated_at=AT, refunded=price(refund)
            )
            self.records.append(at(len(self.records) + 1, body, SHOP))

    async def check(self, conn: Any, **rules: Any) -> Report:
        hub = await told_to(conn, self.records, *self.names)
        return await check_storefront(conn, hub, Rules(as_of=NOW, **rules))


async def test_orders_that_were_carried_are_no_difference(database_url: str) -> None:
    """With a credit note, cancelled and voided, fresh and not there yet, unpaid, before the first."""
    told = Told()
    credit = invoice("c2", "19.00", invoice=InvoiceKind.CREDIT_NOTE, units=None)
    told.tell(sold("1"), invoice("1"))
    told.tell(sold("2"), invoice("2"), credit, refund="19.00")
    told.tell(sold("3", cancelled_at=AT), invoice("3", state=InvoiceState.VOIDED))
    told.tell(sold("4", placed_at=NOW - timedelta(days=1)))
    told.tell(sold("5", payment_status=PaymentStatus.PENDING))
    told.tell(sold("6", placed_at=AT - timedelta(days=9)))
    told.tell(sold("7", test=True), invoice("7"))
    async with await connect(database_url, application_name="test") as conn:
        report = await told.check(conn)
    assert report.discrepancies == ()
    assert (report.left, report.right, report.matched, report.left_out) == (2, 3, 2, ())
    assert report.left_totals == report.right_totals == {"EUR": Decimal("219.00")}


async def test_every_planted_difference_is_found_with_its_cause(database_url: str) -> None:
    told = Told()
    for n in range(8):
        told.tell(sold(f"even{n}"), invoice(f"even{n}"))
    told.tell(sold("missing"))
    told.tell(sold("draft"), invoice("draft", state=InvoiceState.DRAFT))
    told.tell(sold("voided"), invoice("voided", state=InvoiceState.VOIDED))
    told.tell(sold("cancelled", cancelled_at=AT), invoice("cancelled"))
    told.tell(sold("twice"), invoice("twice"), invoice("again"))
    told.tell(sold("cent"), invoice("cent", "119.01"))
    told.tell(sold("net"), invoice("net", "100.00"))
    told.tell(sold("unsent"), invoice("unsent", "114.00"))
    told.tell(sold("dear"), invoice("dear", "126.00"))
    told.tell(sold("fewer"), invoice("fewer", "62.00", units="1"))
    told.tell(sold("other"), invoice("other", units="3"))
    told.tell(sold("dollars"), invoice("dollars", "130.00", currency="USD"))
    told.tell(sold("refunded"), invoice("refunded"), refund="30.00")
    told.tell(
        sold("credited"), invoice("credited"), invoice("c", "9.00", invoice=InvoiceKind.CREDIT_NOTE)
    )
    told.tell(sold("strange"), invoice("strange", "111.11"))
    told.tell(sold("open"), invoice("open", state=InvoiceState.OPEN))
    told.tell(None, invoice("lone", "42.00"))
    async with await connect(database_url, application_name="test") as conn:
        report = await told.check(conn, by=By.DAY)
        tolerances = {(Check.STOREFRONT, "EUR"): Decimal("0.01")}
        near = await check_storefront(conn, hub_of_all(), Rules(as_of=NOW, tolerances=tolerances))
    assert causes(report) == [
        ("cancelled_here", "119.00", "EUR"),
        ("carried_twice", "119.00", "EUR"),
        ("currency_conversion", "-119.00", "EUR"),
        ("currency_conversion", "130.00", "USD"),
        ("discount_differs", "7.00", "EUR"),
        ("draft_there", "-119.00", "EUR"),
        ("lines_differ", "-57.00", "EUR"),
        ("lines_differ", "0.00", "EUR"),
        ("missing_refund", "30.00", "EUR"),
        ("missing_there", "-119.00", "EUR"),
        ("rounding", "0.01", "EUR"),
        ("shipping_differs", "-5.00", "EUR"),
        ("tax_inclusive", "-19.00", "EUR"),
        ("unexplained", "-7.89", "EUR"),
        ("unlinked_refund", "-9.00", "EUR"),
        ("unpaid_there", "0.00", "EUR"),
        ("voided_there", "-119.00", "EUR"),
        ("without_order", "42.00", "EUR"),
    ]
    by_cause = {each.cause: each for each in report.discrepancies}
    missing, lone = by_cause["missing_there"], by_cause["without_order"]
    assert (missing.left_ref, missing.right_ref) == ("shop/order/missing", None)
    assert (lone.left_ref, lone.right_ref) == (None, "books/invoice/lone")
    assert by_cause["lines_differ"].evidence == ("A: 2 ordered, 3 there",)
    assert sum(day.differing for day in report.periods) == 14
    assert "rounding" not in {each.cause for each in near.discrepancies}
    assert [(each.count, each.absolute) for each in near.tolerated] == [(1, Decimal("0.01"))]


async def test_an_edit_at_either_end_is_told(database_url: str) -> None:
    told = Told()
    told.tell(sold("1"), invoice("1"))
    told.tell(sold("2"), invoice("2", "150.00"))
    first = msgspec.structs.replace(invoice("2"), total=money("119.00"))
    async with await connect(database_url, application_name="test") as conn:
        hub = await told_to(conn, told.records, *told.names)
        await conn.execute(
            "INSERT INTO records.version (record_id, event_id, stale, body) VALUES (4, 1, true, %s)",
            (encode(first).decode(),),
        )
        await conn.execute("UPDATE records.record SET versions = 2 WHERE record_id = 4")
        report = await check_storefront(conn, hub, Rules(as_of=NOW))
    assert causes(report) == [("manual_edit", "31.00", "EUR")]
    assert "edited there" in report.discrepancies[0].evidence[0]


async def test_what_nobody_says_is_not_judged(database_url: str) -> None:
    """A system that has few of a shop's orders, and mostly sales of its own; a number of two."""
    told = Told()
    told.tell(sold("1"), invoice("1"))
    for n in range(2, 5):
        told.tell(sold(str(n)))
    for n in range(5, 8):
        told.tell(None, invoice(str(n)))
    told.tell(sold("8", payment_status=PaymentStatus.PENDING), invoice("8"))
    numbers = [len(told.records) - 1, len(told.records)]
    told.records.append(
        at(len(told.records) + 1, sold("9", payment_status=PaymentStatus.PENDING), SHOP)
    )
    told.names[-1] = ("order", "#same", *numbers, len(told.records))
    async with await connect(database_url, application_name="test") as conn:
        report = await told.check(conn)
    assert report.discrepancies == ()
    assert report.left_out == (
        "books: 3 of 5 documents are of no shop's order; they may be its own",
        "books: it has 1 of 4 orders of shop, and nobody says which others it should have",
        "books: 1 of 5 documents carry a number that several orders have",
    )
