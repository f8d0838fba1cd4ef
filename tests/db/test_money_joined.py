"""The hub's own payments beside providers' accounts: one payment by the names that both carry."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.db.test_bank import keep
from tests.db.test_money import MARKET, SHOP, WOO, entry, stored
from tests.support.told import at, causes, hub_of_all, name, told_to
from trueup.canon.order import Order, OrderTotals, PaymentStatus
from trueup.canon.payment import Payment, PaymentKind, PaymentState
from trueup.canon.payout import EntryKind
from trueup.canon.price import Price
from trueup.canon.record import Record
from trueup.canon.refund import Refund
from trueup.db.pool import connect
from trueup.kernel.money import Money
from trueup.reconcile.money.model import Check, Rules
from trueup.reconcile.money.own import check_money
from trueup.reconcile.report import Report
from trueup.records.model import Stored

pytestmark = pytest.mark.anyio

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOW = datetime(2026, 3, 20, tzinfo=UTC)
FRESH = datetime(2026, 3, 19, 12, tzinfo=UTC)


def paid(ref: str, amount: str, *, order: str = "o-1", **fields: Any) -> Payment:
    told = {"payment_kind": PaymentKind.SALE, "state": PaymentState.SUCCEEDED} | fields
    price = Price(Money(Decimal(amount), told.pop("currency", "EUR")))
    when = told.pop("at", AT)
    told |= {"updated_at": when, "processed_at": when}
    return Payment(ref=ref, order_ref=order, price=price, **told)


def bought(ref: str, amount: str = "20.00", **fields: Any) -> Order:
    total = Price(Money(Decimal(amount), "EUR"))
    return Order(
        ref=ref,
        updated_at=AT,
        number=f"#{ref}",
        placed_at=AT,
        currency="EUR",
        lines=(),
        totals=OrderTotals(total=total),
        **fields,
    )


def at_shop(number: int, body: Record) -> Stored:
    return at(number, body, SHOP)


def at_provider(number: int, body: Record) -> Stored:
    return stored(number, body, fresh=True)


async def check(database_url: str, told: list[Stored], *names: tuple[Any, ...]) -> Report:
    async with await connect(database_url, application_name="test") as conn:
        hub = await told_to(conn, told, *names)
        return (await check_money(conn, hub, Rules(as_of=NOW)))[Check.PAYMENTS]


async def test_a_shared_name_or_item_makes_one_payment(database_url: str) -> None:
    """By an authorisation code, by the seller's own id, and over a charge that carries two ids."""
    report = await check(
        database_url,
        [
            *(
                at_shop(1, paid("p-1", "20.00")),
                at_provider(2, entry("t-1", "20.00", payment_ref="ch_1")),
            ),
            at_shop(3, paid("p-3", "7.00")),
            at_shop(4, entry("t-3", "7.00", payment_ref="p-3")),
            *(
                at_shop(5, paid("p-5", "9.00")),
                at_provider(6, entry("t-5", "9.00", payment_ref="ch_5")),
            ),
            at_provider(7, paid("ch_5", "9.00")),
        ],
        *(("payment", "ch_1", 1, 2), ("payment", "pi_5", 5, 7), ("payment", "ch_5", 6, 7)),
    )
    assert report.discrepancies == ()
    assert (report.left, report.right, report.matched, report.explained_share) == (3, 3, 3, 1.0)


async def test_captures_and_refunds_under_one_charge_are_one_sum(database_url: str) -> None:
    back = {"payment_kind": PaymentKind.REFUND}
    report = await check(
        database_url,
        [
            *(at_shop(1, paid("p-1", "12.00")), at_shop(2, paid("p-2", "8.00"))),
            *(at_shop(3, paid("p-3", "3.00", **back)), at_shop(4, paid("p-4", "3.00", **back))),
            at_provider(5, entry("t-5", "20.00", payment_ref="ch_1")),
            *(
                at_provider(
                    n, entry(f"t-{n}", "-3.00", entry=EntryKind.REFUND, payment_ref=f"re_{n}")
                )
                for n in (6, 7)
            ),
        ],
        ("payment", "ch_1", 1, 2, 3, 4, 5, 6, 7),
    )
    assert report.discrepancies == ()
    assert (report.left, report.right, report.matched) == (4, 3, 4)


async def test_an_orders_number_joins_where_one_order_has_it(database_url: str) -> None:
    told = [
        *(at_shop(1, bought("o-1")), at_shop(2, paid("p-1", "20.00"))),
        *(
            at_provider(3, paid("ch_1", "20.00", order="x")),
            at_provider(4, entry("t", "20.00", payment_ref="ch_1")),
        ),
    ]
    names = [("order", "#1001", 1, 3), ("payment", "ch_1", 3, 4)]
    assert (await check(database_url, told, *names)).discrepancies == ()
    async with await connect(database_url, application_name="test") as conn:
        await keep(conn, at_shop(9, bought("o-9")))
        await name(conn, "order", "#1001", 9)
        twice = (await check_money(conn, hub_of_all(), Rules(as_of=NOW)))[Check.PAYMENTS]
    assert causes(twice) == [("missing_webhook", "20.00", "EUR")], (
        "two shops number alike: nobody says whose it is"
    )


async def test_what_is_left_of_an_order_on_both_sides_is_one_sum(database_url: str) -> None:
    """Two equal payments, and one that is off: no amount says which is which, the order does."""
    report = await check(
        database_url,
        [
            at_shop(1, bought("o-1")),
            *(at_shop(2, paid("p-1", "10.00")), at_shop(3, paid("p-2", "10.00"))),
            *(at_provider(n, entry(f"t-{n}", "10.00", payment_ref=f"ch_{n}")) for n in (4, 5)),
            *(at_shop(6, bought("o-2")), at_shop(7, paid("p-7", "20.00", order="o-2"))),
            at_provider(8, entry("t-8", "19.00", payment_ref="ch_8")),
            *(at_shop(9, bought("o-3")), at_shop(10, paid("p-10", "20.00", order="o-3"))),
            at_provider(11, entry("t-11", "20.00", payment_ref="ch_11")),
        ],
        *(("order", "#1", 1, 4, 5), ("order", "#2", 6, 8), ("order", "#3", 9, 11)),
    )
    assert causes(report) == [("unexplained", "-1.00", "EUR")]
    [off] = report.discrepancies
    assert (off.left_ref, off.right_ref) == ("shop/payment/p-7", "stripe/balance_entry/t-8")


async def test_what_only_one_has_told_is_late_or_on_its_way(database_url: str) -> None:
    report = await check(
        database_url,
        [
            *(at_shop(1, paid("p-1", "20.00")), at_shop(2, paid("p-2", "5.00", at=FRESH))),
            at_provider(3, entry("t-3", "7.00", payment_ref="ch_3")),
            *(
                at_shop(4, paid("p-4", "3.00")),
                at_provider(5, entry("t-5", "3.00", payment_ref="ch_5")),
            ),
        ],
        ("payment", "ch_5", 4, 5),
    )
    assert causes(report) == [
        ("missing_entry", "-20.00", "EUR"),
        ("missing_webhook", "7.00", "EUR"),
        ("timing", "-5.00", "EUR"),
    ]


async def test_what_both_tell_otherwise_says_why_as_far_as_rows_show_it(database_url: str) -> None:
    back = {"entry": EntryKind.REFUND, "payment_ref": "re_3"}
    report = await check(
        database_url,
        [
            *(
                at_shop(1, paid("p-1", "20.00")),
                at_provider(2, entry("t-1", "19.00", payment_ref="ch_1")),
            ),
            *(
                at_shop(3, paid("p-3", "9.00")),
                at_provider(4, entry("t-3", "9.00", payment_ref="ch_3")),
            ),
            at_provider(5, entry("t-4", "-4.00", **back)),
            at_shop(6, paid("p-6", "21.00", currency="USD")),
            at_provider(7, entry("t-6", "19.50", payment_ref="ch_6")),
            *(
                at_shop(8, paid("p-8", "6.00")),
                at_provider(9, entry("t-8", "6.00", payment_ref="ch_8")),
            ),
            at_shop(10, paid("p-9", "2.00", payment_kind=PaymentKind.REFUND)),
        ],
        *(("payment", "ch_1", 1, 2), ("payment", "ch_3", 3, 4, 5)),
        *(("payment", "ch_6", 6, 7), ("payment", "ch_8", 8, 9, 10)),
    )
    assert causes(report) == [
        ("currency_conversion", "-21.00", "USD"),
        ("currency_conversion", "19.50", "EUR"),
        ("missing_entry", "2.00", "EUR"),
        ("unexplained", "-1.00", "EUR"),
        ("unlinked_refund", "-4.00", "EUR"),
    ]


async def test_an_order_that_says_it_is_paid_is_looked_for_in_the_accounts(
    database_url: str,
) -> None:
    """WooCommerce tells no payments. An order without a transaction may have been paid in cash."""
    is_paid = {"payment_status": PaymentStatus.PAID}
    price = Price(Money(Decimal("5.00"), "EUR"))
    refund = Refund(ref="r-1", order_ref="o-1", updated_at=AT, created_at=AT, refunded=price)
    report = await check(
        database_url,
        [
            *(at(1, bought("o-1", **is_paid), WOO), at(2, refund, WOO)),
            at_provider(3, entry("t-3", "20.00", payment_ref="ch_1")),
            at_provider(4, entry("t-4", "-5.00", entry=EntryKind.REFUND, payment_ref="re_1")),
            at(5, bought("o-2", **is_paid), WOO),
            at(6, bought("o-3", **is_paid), WOO),
            at(7, bought("o-4"), WOO),
        ],
        *(("payment", "ch_1", 1, 3, 4), ("payment", "ch_9", 5)),
    )
    assert causes(report) == [("missing_entry", "-20.00", "EUR")]
    assert report.discrepancies[0].left_ref == "woo/order/o-2"
    assert report.left_out, "its orders are held beside nothing"


async def test_what_no_order_of_a_marketplace_explains_is_told(database_url: str) -> None:
    report = await check(
        database_url,
        [
            at(1, entry("m-1", "30.00", order_ref="o-1"), MARKET),
            at(2, entry("m-2", "4.00"), MARKET),
            at(3, entry("m-3", "1.00", entry=EntryKind.FEE), MARKET),
        ],
    )
    assert causes(report) == [("missing_webhook", "4.00", "EUR")]
