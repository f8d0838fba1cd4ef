"""What sellers say was paid beside what providers' accounts took in: one payment, by shared names."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.db.test_bank import keep
from tests.db.test_money import SHOP, entry, stored
from trueup.canon.order import Order, OrderTotals
from trueup.canon.payment import Payment, PaymentKind, PaymentState
from trueup.canon.payout import EntryKind
from trueup.canon.price import Price
from trueup.canon.record import Record
from trueup.db.pool import connect
from trueup.kernel.money import Money
from trueup.reconcile.collected import check_collected
from trueup.reconcile.report import Report
from trueup.records.model import Stored

pytestmark = pytest.mark.anyio

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
TODAY = date(2026, 3, 20)
NAMES = {1: "shop", 2: "stripe"}


def paid(ref: str, amount: str, *, order: str = "o-1", **fields: Any) -> Payment:
    told = {"payment_kind": PaymentKind.SALE, "state": PaymentState.SUCCEEDED} | fields
    price = Price(Money(Decimal(amount), told.pop("currency", "EUR")))
    at = told.pop("at", AT)
    return Payment(ref=ref, order_ref=order, updated_at=at, processed_at=at, price=price, **told)


def bought(ref: str) -> Order:
    total = Price(Money(Decimal("20.00"), "EUR"))
    return Order(
        ref=ref,
        updated_at=AT,
        number=f"#{ref}",
        placed_at=AT,
        currency="EUR",
        lines=(),
        totals=OrderTotals(total=total),
    )


def at_shop(number: int, body: Record) -> Stored:
    return msgspec.structs.replace(stored(number, body, fresh=True), connection_id=SHOP)


def at_provider(number: int, body: Record) -> Stored:
    return stored(number, body, fresh=True)


async def name(conn: Any, namespace: str, value: str, *record_ids: int) -> None:
    """Give records a name, as their links do."""
    for record_id in record_ids:
        await conn.execute(
            "INSERT INTO records.link (namespace, digest, record_id) VALUES (%s, %s, %s)",
            (namespace, value.encode().ljust(16, b"\0"), record_id),
        )


async def check(database_url: str, told: list[Stored], *names: tuple[Any, ...]) -> Report:
    async with await connect(database_url, application_name="test") as conn:
        await keep(conn, *told)
        for each in names:
            await name(conn, *each)
        return await check_collected(conn, NAMES, today=TODAY)


def causes(report: Report) -> list[tuple[str, str, str | None]]:
    return [(each.cause, f"{each.amount:f}", each.currency) for each in report.discrepancies]


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
        twice = await check_collected(conn, NAMES, today=TODAY)
    assert causes(twice) == [
        ("missing_entry", "-20.00", "EUR"),
        ("missing_payment", "20.00", "EUR"),
    ], "two shops number alike: nobody says whose it is"


async def test_what_only_one_has_told_is_late_or_on_its_way(database_url: str) -> None:
    fresh = datetime(2026, 3, 19, 12, tzinfo=UTC)
    report = await check(
        database_url,
        [
            *(at_shop(1, paid("p-1", "20.00")), at_shop(2, paid("p-2", "5.00", at=fresh))),
            at_provider(3, entry("t-3", "7.00", payment_ref="ch_3")),
            at_provider(4, entry("t-4", "8.00", payment_ref="ch_4", occurred_at=fresh)),
        ],
    )
    assert causes(report) == [
        ("missing_entry", "-20.00", "EUR"),
        ("missing_payment", "7.00", "EUR"),
        ("timing", "-5.00", "EUR"),
        ("timing", "8.00", "EUR"),
    ]
    assert report.discrepancies[0].evidence == (
        "shop/payment/p-1 was paid 20.00 EUR on 2026-03-02",
    )
    assert report.explained_share == round(1 - 27 / 40, 4)


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
        ("unexplained", "-1.00", "EUR"),
        ("currency_conversion", "19.50", "EUR"),
        ("currency_conversion", "-21.00", "USD"),
        ("missing_entry", "2.00", "EUR"),
        ("missing_refund", "-4.00", "EUR"),
    ]
    assert (report.left, report.matched) == (5, 0)
    assert report.discrepancies[-1].evidence == (
        "shop/payment/p-3 was paid 9.00 EUR on 2026-03-02",
        "stripe/entry/ch_3 took in 9.00 EUR on 2026-03-02",
        "stripe/entry/re_3 took in -4.00 EUR on 2026-03-02",
    )
