"""Each cause of a difference is named where the books prove it, and nowhere else."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.support.money_books import AS_OF, books, compare, entry, order, payment, table
from trueup.reconcile.money.model import Check, Found, MoneyReport, Rules
from trueup.reconcile.money.sets import reconcile

SOON = "2026-06-29T12:00:00Z"
SALE, ENTRIES, FEES = Check.ORDERS, Check.PAYMENTS, Check.FEES
DUPLICATES = Check.DUPLICATES


def told(found: Found, check: Check) -> list[tuple[str, str, str | None, str | None]]:
    """Give cause, amount, left and right ref of each difference."""
    return [
        (each.cause, str(each.amount), each.left_ref, each.right_ref)
        for each in found.report(check).discrepancies
    ]


def agrees(report: MoneyReport) -> bool:
    return not report.causes and report.explained_share == 1.0


def test_books_that_agree_have_no_difference() -> None:
    found = compare([order()], [payment()], [entry(fee="2.10")])
    assert all(agrees(report) for report in found.reports)
    assert [report.matched for report in found.reports] == [1, 1, 1, 1]
    assert [report.check for report in found.reports] == [SALE, DUPLICATES, ENTRIES, FEES]


def test_without_entries_only_orders_and_payments_are_compared() -> None:
    found = compare([order()], [payment()])
    assert [report.check for report in found.reports] == [SALE, DUPLICATES]


def _copies(**second: str) -> list[tuple[str, str | None, str | None]]:
    first = order(customer="b1", goods="g1")
    other = {"ref": "o2", "placed_at": "2026-06-01T12:00:30Z", "customer": "b1", "goods": "g1"}
    payments = [payment(), payment(ref="p2", order_ref="o2", vendor_ref="ch2")]
    found = compare([first, order(**(other | second))], payments).report(DUPLICATES)
    return [(str(each.amount), each.left_ref, each.right_ref) for each in found.discrepancies]


def test_a_copy_of_an_order_is_told_of_although_both_are_paid() -> None:
    assert _copies() == [("100.00", "o1", "o2")]


@pytest.mark.parametrize(
    "second",
    [
        {"placed_at": "2026-06-01T12:10:01Z"},
        {"customer": "b2"},
        {"goods": "g2"},
        {"test": "true"},
        {"cancelled": "true"},
    ],
    ids=str,
)
def test_what_is_no_copy(second: dict[str, str]) -> None:
    assert _copies(**second) == []


def test_an_unpaid_copy_is_why_its_payment_is_missing() -> None:
    copy = order(ref="o2", placed_at="2026-06-01T12:00:30Z", customer="b1", goods="g1")
    found = compare([order(customer="b1", goods="g1"), copy], [payment()]).report(SALE)
    assert [(each.cause, each.left_ref) for each in found.discrepancies] == [
        ("duplicate_retry", "o2")
    ]


def test_what_is_parked_is_why_a_payment_is_missing() -> None:
    parked = [{"ref": "o1", "event": "7", "cause": "mapping.failed"}]
    tables = books([order()], [payment(ref="p2", order_ref="o2")], [entry(order_ref="o1")])
    also = [*parked, {"ref": "o2", "event": "8", "cause": "mapping.failed"}]
    tables = msgspec.structs.replace(tables, parked=table(also, parked[0]))
    found = reconcile(tables, Rules(as_of=AS_OF))
    told = [
        (each.cause, each.left_ref, each.right_ref, each.evidence)
        for report in found.reports
        for each in report.discrepancies
        if each.cause == "parked_event"
    ]
    assert told == [
        ("parked_event", "o1", None, ("event 7 of it is parked: mapping.failed",)),
        ("parked_event", None, "p2", ("event 8 of its order is parked: mapping.failed",)),
    ]


def test_what_no_account_settles_is_not_looked_for_there() -> None:
    """Paid in cash: the order agrees, and no provider has it."""
    found = compare([order()], [payment(settled="false")], [])
    assert all(agrees(report) for report in found.reports)
    assert found.report(ENTRIES).left == 0


def test_several_payments_of_one_order_are_one_sum() -> None:
    """Vouchers of the same amount within a minute are no retry: the order is paid, not overpaid."""
    halves = [payment(amount="50.00"), payment(ref="p2", amount="50.00", vendor_ref="ch2")]
    assert agrees(compare([order()], halves).report(SALE))


@pytest.mark.parametrize(
    ("orders", "payments", "expected"),
    [
        pytest.param(
            [order()],
            [payment(), payment(ref="p2", processed_at="2026-06-09T00:00:00Z")],
            [("duplicate_retry", "100.00", "o1", "p2")],
            id="the same ref of the vendor, days later",
        ),
        pytest.param(
            [order()],
            [payment(), payment(ref="p2", vendor_ref="c2", processed_at="2026-06-01T12:01:00Z")],
            [("duplicate_retry", "100.00", "o1", "p2")],
            id="another ref within the window of a retry",
        ),
        pytest.param(
            [order()],
            [payment(), payment(ref="p2", vendor_ref="c2", processed_at="2026-06-01T13:00:00Z")],
            [("unexplained", "100.00", "o1", "p1")],
            id="another ref an hour later may be anything",
        ),
        pytest.param(
            [order()], [], [("missing_payment", "-100.00", "o1", None)], id="no payment at all"
        ),
        pytest.param(
            [order(placed_at=SOON)], [], [("timing", "-100.00", "o1", None)], id="just placed"
        ),
        pytest.param(
            [order()],
            [payment(state="failed")],
            [("payment_failed", "-100.00", "o1", "p1")],
            id="all payments failed",
        ),
        pytest.param(
            [order()],
            [payment(amount="60.00"), payment(ref="p2", amount="40.00", state="pending")],
            [("timing", "-40.00", "o1", "p1")],
            id="the rest is pending",
        ),
        pytest.param(
            [],
            [payment()],
            [("payment_without_order", "100.00", None, "p1")],
            id="its order is not there",
        ),
        pytest.param(
            [order()],
            [payment(kind="authorisation")],
            [("missing_payment", "-100.00", "o1", "p1")],
            id="authorised, and never captured",
        ),
        pytest.param(
            [order(total="80.00", ordered="100.00")],
            [payment()],
            [("manual_edit", "20.00", "o1", "p1")],
            id="edited down, and paid as it was",
        ),
        pytest.param(
            [order(total="120.00", ordered="100.00")],
            [payment()],
            [("manual_edit", "-20.00", "o1", "p1")],
            id="edited up, and paid as it was",
        ),
        pytest.param(
            [order(total="120.00", ordered="100.00")],
            [payment(amount="110.00")],
            [("unexplained", "-10.00", "o1", "p1")],
            id="edited, and paid as it never was",
        ),
        pytest.param(
            [order(tax="7.00")],
            [payment(amount="107.00")],
            [("tax_inclusive", "7.00", "o1", "p1")],
            id="the tax that was in it came on top",
        ),
        pytest.param(
            [order(tax="7.00")],
            [payment(amount="93.00")],
            [("tax_inclusive", "-7.00", "o1", "p1")],
            id="the tax that came on top was left out",
        ),
        pytest.param(
            [],
            [payment(kind="refund", order_ref=None)],
            [("unlinked_refund", "-100.00", None, "p1")],
            id="a refund of no order",
        ),
        pytest.param(
            [order()],
            [payment(), payment(ref="p2", order_ref=None)],
            [("duplicate_retry", "100.00", None, "p2")],
            id="told again, without its order",
        ),
        pytest.param(
            [order()],
            [payment(amount="100.01")],
            [("rounding", "0.01", "o1", "p1")],
            id="a cent per order",
        ),
        pytest.param(
            [order(lines="3")],
            [payment(amount="99.97")],
            [("rounding", "-0.03", "o1", "p1")],
            id="a cent per line",
        ),
        pytest.param(
            [order(lines="3")],
            [payment(amount="99.96")],
            [("unexplained", "-0.04", "o1", "p1")],
            id="more than a cent per line",
        ),
        pytest.param(
            [order(currency="JPY", total="100")],
            [payment(currency="JPY", amount="101")],
            [("rounding", "1", "o1", "p1")],
            id="the minor unit of a yen is a yen",
        ),
        pytest.param(
            [order(refunded="30.00")],
            [payment(), payment(ref="p2", kind="refund", amount="20.00")],
            [("partial_refund", "10.00", "o1", "p2")],
            id="less given back than the order says",
        ),
        pytest.param(
            [order()],
            [payment(), payment(ref="p2", kind="refund", amount="20.00")],
            [("unlinked_refund", "-20.00", "o1", "p2")],
            id="given back, and the order does not know",
        ),
        pytest.param(
            [order(refunded="30.00")],
            [payment()],
            [("missing_refund", "30.00", "o1", None)],
            id="nothing given back",
        ),
        pytest.param(
            [order(refunded="30.00")],
            [payment(), payment(ref="p2", kind="refund", amount="30.00", state="pending")],
            [("timing", "30.00", "o1", "p2")],
            id="a pending refund",
        ),
        pytest.param(
            [order()],
            [payment(currency="USD", amount="118.00")],
            [
                ("currency_conversion", "118.00", "o1", "p1"),
                ("currency_conversion", "-100.00", "o1", "p1"),
            ],
            id="paid in another currency",
        ),
        pytest.param(
            [order()],
            [payment(), payment(ref="p2", vendor_ref="c2", currency="USD", amount="5.00")],
            [("unexplained", "5.00", "o1", "p2")],
            id="another currency on top of what is paid",
        ),
        pytest.param(
            [order(test="true")],
            [],
            [("test_order", "-100.00", "o1", None)],
            id="a test",
        ),
        pytest.param(
            [order(total="0", lines="0")],
            [payment()],
            [("items_missing", "100.00", "o1", "p1")],
            id="an order without lines",
        ),
        pytest.param(
            [order()],
            [payment(amount="108.00", instalments="5")],
            [("instalment_interest", "8.00", "o1", "p1")],
            id="interest of instalments",
        ),
        pytest.param(
            [order()],
            [payment(amount="140.00", instalments="5")],
            [("unexplained", "40.00", "o1", "p1")],
            id="too much to be interest",
        ),
        pytest.param(
            [order()],
            [payment(), payment(ref="p2", kind="unknown", amount="3.00")],
            [("unknown_code", "0.00", "o1", "p2")],
            id="an unknown kind counts nothing and is told of",
        ),
        pytest.param([order(cancelled="true")], [], [], id="cancelled before it was paid"),
        pytest.param(
            [order(cancelled="true", refunded="100.00")],
            [payment()],
            [("missing_refund", "100.00", "o1", None)],
            id="cancelled, and the money is still here",
        ),
    ],
)
def test_orders_beside_payments(
    orders: list[Any], payments: list[Any], expected: list[tuple[str, str, str, str]]
) -> None:
    found = compare(orders, payments)
    assert told(found, SALE) == expected
    for each in found.report(SALE).discrepancies:
        assert each.evidence


@pytest.mark.parametrize(
    ("payments", "entries", "expected"),
    [
        pytest.param(
            [payment()], [], [("missing_entry", "-100.00", "p1", None)], id="the vendor has nothing"
        ),
        pytest.param(
            [payment(processed_at=SOON)],
            [],
            [("timing", "-100.00", "p1", None)],
            id="moved within the lag",
        ),
        pytest.param(
            [],
            [entry()],
            [("missing_webhook", "100.00", None, "e1")],
            id="a charge that was not read",
        ),
        pytest.param(
            [payment()],
            [entry(), entry(ref="e2", kind="refund", gross="-20.00")],
            [("unlinked_refund", "-20.00", "p1", "e1")],
            id="the vendor gave back, no payment says so",
        ),
        pytest.param(
            [payment(), payment(ref="p2", kind="refund", amount="30.00")],
            [entry(), entry(ref="e2", kind="refund", gross="-20.00")],
            [("partial_refund", "10.00", "p1", "e1")],
            id="the vendor gave back less",
        ),
        pytest.param(
            [payment()],
            [entry(gross="100.01")],
            [("rounding", "0.01", "p1", "e1")],
            id="a cent",
        ),
        pytest.param(
            [payment()],
            [entry(gross="99.00")],
            [("unexplained", "-1.00", "p1", "e1")],
            id="nobody knows",
        ),
        pytest.param(
            [payment(), payment(ref="p2")],
            [entry()],
            [("duplicate_retry", "-100.00", "p1", "e1")],
            id="two payments of one charge",
        ),
        pytest.param(
            [payment(), payment(ref="p2", vendor_ref="c2", processed_at="2026-06-01T12:01:00Z")],
            [entry()],
            [("duplicate_retry", "-100.00", "p2", None)],
            id="a retry that the vendor does not have",
        ),
        pytest.param(
            [payment()],
            [entry(currency="USD", gross="118.00")],
            [
                ("currency_conversion", "118.00", None, "e1"),
                ("currency_conversion", "-100.00", "p1", None),
            ],
            id="settled in another currency",
        ),
        pytest.param(
            [payment()],
            [entry(), entry(ref="e2", kind="dispute", gross="-100.00")],
            [("dispute", "-100.00", None, "e2")],
            id="taken back by the bank",
        ),
        pytest.param(
            [payment()],
            [entry(), entry(ref="e2", kind="reserve_held", gross="-9.00", payment_ref=None)],
            [("reserve", "-9.00", None, "e2")],
            id="kept back by the vendor",
        ),
        pytest.param(
            [payment()],
            [entry(), entry(ref="e2", kind="unknown", gross="-9.00", payment_ref=None)],
            [("unknown_code", "-9.00", None, "e2")],
            id="an unknown kind",
        ),
        pytest.param(
            [payment()],
            [entry(), entry(ref="e2", kind="payout", gross="-100.00", payment_ref=None)],
            [],
            id="a payout is no word about a payment",
        ),
    ],
)
def test_payments_beside_entries(
    payments: list[Any], entries: list[Any], expected: list[tuple[str, str, str, str]]
) -> None:
    found = compare([order()], payments, entries)
    assert told(found, ENTRIES) == expected


def test_a_charge_of_an_order_that_no_payment_names_is_a_missing_webhook() -> None:
    found = compare([order()], [], [entry(order_ref="o1")])
    assert told(found, SALE) == [("missing_webhook", "-100.00", "o1", None)]


@pytest.mark.parametrize(
    ("amount", "cause", "by"),
    [("105.00", "overpayment", "5.00"), ("97.00", "underpayment", "-3.00")],
)
def test_paid_too_much_is_proven_by_the_vendors_account(amount: str, cause: str, by: str) -> None:
    """Two independent books say the same; one alone is not believed."""
    confirmed = compare([order()], [payment(amount=amount)], [entry(gross=amount)])
    assert told(confirmed, SALE) == [(cause, by, "o1", "p1")]
    alone = compare([order()], [payment(amount=amount)], [])
    assert told(alone, SALE) == [("unexplained", by, "o1", "p1")]


def test_a_test_order_is_paid_by_no_vendor() -> None:
    found = compare([order(test="true")], [payment()], [])
    assert told(found, ENTRIES) == [("test_order", "-100.00", "p1", None)]


def test_a_fee_off_the_usual_formula_is_a_fee_change() -> None:
    """The formula is found in the entries themselves: 2.9 per cent and 0.30."""
    entries = []
    for n in range(60):
        gross = Decimal(10 + n * 7 % 90)
        fee = (gross * Decimal("0.029") + Decimal("0.30")).quantize(Decimal("0.01"))
        fee += Decimal("0.45") if n == 31 else 0
        entries.append(entry(ref=f"e{n:02}", payment_ref=f"c{n}", gross=str(gross), fee=str(fee)))
    found = compare([], [], entries)
    assert told(found, FEES) == [("fee_change", "0.45", "c31", "e31")]
    assert "usual: 2.9" in found.report(FEES).discrepancies[0].evidence[1]
    assert found.report(FEES).matched == 59
    few = compare([], [], entries[25:40])
    assert agrees(few.report(FEES)), "fifteen entries are no formula"


def test_a_net_that_does_not_add_up_is_unexplained() -> None:
    found = compare([order()], [payment()], [entry(fee="2.00", net="97.00")])
    assert told(found, FEES) == [("unexplained", "1.00", "ch1", "e1")]
