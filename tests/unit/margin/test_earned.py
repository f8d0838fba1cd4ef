"""What orders earn: every number told, estimated or unknown; splits and sums exact to the last digit."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.canon.cost import Cost, CostKind, CostOf
from trueup.canon.order import Order, OrderLine, OrderTotals
from trueup.canon.payout import BalanceEntry, EntryKind
from trueup.canon.price import Price
from trueup.canon.record import Record
from trueup.canon.refund import Refund, RefundLine, Restock
from trueup.kernel.money import Money
from trueup.ledger.kits import NO_KITS, Definition, Kits
from trueup.ledger.money import Teller
from trueup.margin.earned import Earned, Sale, earned_of, estimated
from trueup.margin.groups import FIGURES, by_channel, by_sku, split_by_line
from trueup.margin.layers import Certainty, Taken

DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)


def money(amount: str, currency: str = "EUR") -> Money:
    return Money(Decimal(amount), currency)


def price(amount: str) -> Price:
    return Price(money(amount))


def taken(
    units: int, cost: str, certainty: Certainty = Certainty.TOLD, currency: str = "EUR"
) -> Taken:
    return Taken(units, units, {currency: Decimal(cost)}, frozenset((certainty,)), ("PO-7",))


def order(*lines: tuple[str, int, str], shipping: str = "0.00", tax: str = "0.00") -> Order:
    told = tuple(
        OrderLine(ref=f"{n}", title=sku, sku=sku, quantity=units, price=price(each))
        for n, (sku, units, each) in enumerate(lines, 1)
    )
    goods = sum((Decimal(each) * units for _, units, each in lines), Decimal(0))
    totals = OrderTotals(
        subtotal=price(str(goods)),
        shipping=price(shipping),
        tax=price(tax),
        total=price(str(goods + Decimal(shipping) + Decimal(tax))),
    )
    return Order(
        ref="o",
        number="1001",
        updated_at=DAY,
        placed_at=DAY,
        currency="EUR",
        lines=told,
        totals=totals,
    )


def refund(amount: str, *lines: tuple[str, str]) -> Refund:
    parts = tuple(
        RefundLine(line_ref=ref, quantity=1, restock=Restock.NONE, subtotal=price(subtotal))
        for ref, subtotal in lines
    )
    return Refund(ref="f", order_ref="o", updated_at=DAY, refunded=price(amount), lines=parts)


def entry(
    gross: str, fee: str, kind: EntryKind = EntryKind.CHARGE, currency: str = "EUR"
) -> BalanceEntry:
    whole = Decimal(gross) - Decimal(fee)
    return BalanceEntry(
        ref=f"{kind}{gross}",
        updated_at=DAY,
        occurred_at=DAY,
        entry=kind,
        gross=money(gross, currency),
        fee=money(fee, currency),
        net=Money(whole, currency),
    )


def sale(*records: Record, goods: dict[str, Taken] | None = None, **more: Any) -> Sale:
    known = dict(enumerate(records, 1))
    own = next(each for each in records if isinstance(each, Order))
    return Sale(
        order=own,
        connection_id=1,
        connection=more.pop("connection", "north"),
        teller=Teller.SELLER,
        records=known,
        goods=goods or {},
        **more,
    )


def sent(amount: str, currency: str = "EUR") -> Cost:
    return Cost(
        ref=f"c{amount}",
        updated_at=DAY,
        occurred_at=DAY,
        cost_kind=CostKind.SHIPPING,
        amount=money(amount, currency),
        of=CostOf.ORDER,
        of_ref="1001",
    )


def test_everything_told_is_told() -> None:
    whole = sale(
        order(("LAMP", 2, "30.00"), shipping="5.00", tax="12.00"),
        refund("10.00"),
        goods={"LAMP": taken(2, "25.00")},
        entries=(entry("77.00", "1.50"), entry("-0.30", "0", EntryKind.FEE)),
        costs=(sent("4.90"),),
    )
    row = earned_of(whole, NO_KITS, {})
    amounts = [getattr(row, name).amount for name in FIGURES]
    assert amounts == [Decimal(d) for d in ("65.00", "10.00", "25.00", "1.80", "4.90", "0")]
    assert (row.margin, row.certainty, row.units) == (Decimal("23.30"), Certainty.UNKNOWN, 2)
    around = [(DAY.date() + timedelta(days=n), "EUR") for n in (-1, 1)]
    [row] = estimated([row], dict.fromkeys(around, Decimal("1.00")))
    assert (row.margin, row.certainty, row.units) == (Decimal("23.30"), Certainty.TOLD, 2)
    assert row.share == 0.4236


def test_what_nobody_tells_is_unknown_and_nothing() -> None:
    row = earned_of(sale(order(("LAMP", 1, "30.00"))), NO_KITS, {})
    figures = (row.goods, row.fees, row.shipping, row.ads)
    assert {each.certainty for each in figures} == {Certainty.UNKNOWN}
    assert "1 LAMP have not left, and nobody tells" in row.goods.how
    assert (row.margin, row.certainty) == (Decimal("30.00"), Certainty.UNKNOWN)
    # What has not left yet costs what it is said to cost in general.
    usual = {"LAMP": (money("9.00"), "the cost at north")}
    row = earned_of(
        sale(order(("LAMP", 2, "30.00")), goods={"LAMP": taken(1, "8.00")}), NO_KITS, usual
    )
    assert (row.goods.amount, row.goods.certainty) == (Decimal("17.00"), Certainty.ESTIMATED)


def test_another_currency_is_said_and_not_counted() -> None:
    whole = sale(
        order(("LAMP", 1, "30.00")),
        goods={"LAMP": taken(1, "25.00", currency="USD")},
        entries=(entry("30.00", "1.00", currency="USD"),),
        costs=(sent("4.00", "USD"),),
    )
    row = earned_of(whole, NO_KITS, {})
    assert (row.goods.amount, row.fees.amount, row.shipping.amount) == (0, 0, 0)
    assert row.certainty is Certainty.UNKNOWN
    assert "LAMP cost 25.00 USD, and that is not in it" in row.goods.how


def test_fees_and_sending_are_estimated_by_the_orders_that_tell_them() -> None:
    tells = sale(
        order(("LAMP", 1, "30.00")), entries=(entry("30.00", "0.90"),), costs=(sent("4.00"),)
    )
    silent = sale(order(("LAMP", 1, "10.00")))
    elsewhere = sale(order(("LAMP", 1, "10.00")), connection="south")
    rows = estimated([earned_of(each, NO_KITS, {}) for each in (tells, silent, elsewhere)], {})
    assert [row.fees.amount for row in rows] == [Decimal("0.90"), Decimal("0.30"), 0]
    assert [row.fees.certainty for row in rows] == [
        Certainty.TOLD,
        Certainty.ESTIMATED,
        Certainty.UNKNOWN,
    ]
    assert (rows[1].shipping.amount, rows[1].shipping.certainty) == (
        Decimal("4.00"),
        Certainty.ESTIMATED,
    )
    assert rows[1].shipping.how == "the mean of 1 orders of north"


def test_advertising_is_shared_out_by_the_revenue_of_its_day() -> None:
    rows = [
        msgspec.structs.replace(earned_of(sale(order(("A", 1, each))), NO_KITS, {}), key=each)
        for each in ("10.00", "20.00")
    ]
    later = msgspec.structs.replace(rows[0], key="later", placed_at=DAY + timedelta(days=1))
    found = estimated([*rows, later], {(date(2026, 3, 1), "EUR"): Decimal("1.00")})
    assert [row.ads.amount for row in found] == [Decimal("0.33"), Decimal("0.67"), 0]
    assert [row.ads.certainty for row in found] == [
        *(Certainty.ESTIMATED, Certainty.ESTIMATED, Certainty.UNKNOWN)
    ]


def test_advertising_that_nobody_tells_is_unknown_and_a_day_without_is_none() -> None:
    def ads(*told: tuple[date, str]) -> list[Certainty]:
        row = earned_of(sale(order(("A", 1, "10.00"))), NO_KITS, {})
        spent = {each: Decimal("1.00") for each in told}
        [found] = estimated([row], spent)
        assert found.ads.amount == (Decimal("1.00") if (DAY.date(), "EUR") in spent else 0)
        return [found.ads.certainty]

    before, after = (DAY.date() + timedelta(days=n) for n in (-1, 1))
    assert ads() == [Certainty.UNKNOWN]
    assert ads((before, "EUR")) == [Certainty.UNKNOWN]
    assert ads((before, "EUR"), (after, "EUR")) == [Certainty.TOLD]
    assert ads((DAY.date(), "USD"), (before, "EUR"), (after, "EUR")) == [Certainty.UNKNOWN]
    assert ads((DAY.date(), "EUR")) == [Certainty.ESTIMATED]


def test_a_refund_and_goods_go_to_the_lines_that_they_are_of() -> None:
    kits = Kits([Definition("SET", DAY - timedelta(days=9), {"CUP": 2, "POT": 1})])
    whole = sale(
        order(("SET", 1, "40.00"), ("CUP", 2, "10.00")),
        refund("10.00", ("2", "10.00")),
        goods={"CUP": taken(4, "8.00"), "POT": taken(1, "11.00")},
    )
    row = earned_of(whole, kits, {})
    assert row.goods.amount == Decimal("19.00")
    assert row.goods.certainty is Certainty.TOLD
    kit, cup = split_by_line(whole, row, kits)
    assert (kit.goods.amount, cup.goods.amount) == (Decimal("15.00"), Decimal("4.00"))
    assert (kit.refunds.amount, cup.refunds.amount) == (0, Decimal("10.00"))
    assert cup.revenue.certainty is Certainty.ESTIMATED
    assert {each.label: each.margin for each in by_sku([kit, cup])} == {
        "SET": Decimal("25.00"),
        "CUP": Decimal("6.00"),
    }


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.lists(
                st.tuples(
                    st.sampled_from(["A", "B", "C"]),
                    st.integers(1, 3),
                    st.decimals(0, 100, places=2).map(str),
                ),
                min_size=1,
                max_size=4,
            ),
            st.decimals(0, 20, places=2).map(str),
            st.decimals(0, 50, places=2).map(str),
            st.decimals(0, 5, places=2).map(str),
        ),
        min_size=1,
        max_size=5,
    ),
    st.decimals(0, 9, places=2),
)
def test_skus_and_channels_come_to_the_orders_to_the_cent(
    told: list[tuple[list[tuple[str, int, str]], str, str, str]], ads: Decimal
) -> None:
    sales = []
    for lines, shipping, cost, fee in told:
        goods = {sku: taken(1, cost) for sku in {line[0] for line in lines}}
        sales.append(
            sale(
                order(*lines, shipping=shipping),
                refund(cost),
                goods=goods,
                entries=(entry("1", fee),),
            )
        )
    rows = estimated([earned_of(each, NO_KITS, {}) for each in sales], {(DAY.date(), "EUR"): ads})
    lines = [
        line
        for each, row in zip(sales, rows, strict=True)
        for line in split_by_line(each, row, NO_KITS)
    ]

    def sums(of: list[Earned]) -> list[Decimal]:
        return [sum((getattr(row, f).amount for row in of), Decimal(0)) for f in FIGURES]

    assert sums(rows) == sums(by_sku(lines)) == sums(by_channel(rows))
    assert sum(row.margin for row in by_sku(lines)) == sum(row.margin for row in rows)
