"""What an order is worth with its refunds: what is left of it is owed still, or was paid too much."""

from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.canon.order import (
    Order,
    OrderLine,
    OrderTotals,
    PaymentStatus,
    ShippingLine,
    TaxLine,
)
from trueup.canon.payment import Payment, PaymentKind, PaymentState
from trueup.canon.payout import BalanceEntry, EntryKind
from trueup.canon.price import Price
from trueup.canon.record import Record
from trueup.canon.refund import Refund, RefundLine, Restock
from trueup.kernel.money import Money
from trueup.ledger.money import EXACT, Teller, money_of_record
from trueup.ledger.sold import money_of_sale

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
SHOP = 1


def eur(amount: str) -> Price:
    return Price(Money(Decimal(amount), "EUR"))


def tax(amount: str, *, by_channel: bool = False) -> TaxLine:
    return TaxLine(title="VAT", rate=None, price=eur(amount), collected_by_channel=by_channel)


def line(price: str, quantity: int = 1, **fields: Any) -> OrderLine:
    told = {"ref": "l-1", "title": "Lamp", "sku": "LAMP"} | fields
    return OrderLine(price=eur(price), quantity=quantity, **told)


def order(
    total: str, *lines: OrderLine, totals: dict[str, str] | None = None, **fields: Any
) -> Order:
    parts = {name: eur(amount) for name, amount in (totals or {}).items()}
    return Order(
        ref="o-1",
        number="#1",
        updated_at=AT,
        placed_at=AT,
        currency="EUR",
        lines=lines or (line(total),),
        totals=OrderTotals(total=eur(total), **parts),
        **fields,
    )


def paid(amount: str, ref: str = "p-1", kind: PaymentKind = PaymentKind.SALE) -> Payment:
    return Payment(
        ref=ref,
        order_ref="o-1",
        updated_at=AT,
        payment_kind=kind,
        state=PaymentState.SUCCEEDED,
        price=eur(amount),
    )


def gave_back(amount: str | None, *lines: RefundLine, ref: str = "r-1", **fields: Any) -> Refund:
    refunded = None if amount is None else eur(amount)
    return Refund(ref=ref, order_ref="o-1", updated_at=AT, refunded=refunded, lines=lines, **fields)


def of_line(subtotal: str, tax_: str = "0", quantity: int = 1) -> RefundLine:
    return RefundLine(
        line_ref="l-1",
        quantity=quantity,
        restock=Restock.CANCEL,
        subtotal=eur(subtotal),
        tax=eur(tax_),
    )


def left(*records: Record, teller: Teller = Teller.SELLER) -> dict[str, str]:
    """Return what is left of each account; each record and all together come to nothing."""
    worth = money_of_sale(dict(enumerate(records)), SHOP, teller=teller)
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for positions in worth.values():
        assert sum(positions.values()) == 0
        for position, amount in positions.items():
            by_item = position.account in {"receivable", "collected"}
            assert position.item if by_item else True
            sums[position.account.value] += amount
    return {account: f"{amount:f}" for account, amount in sums.items() if amount}


def test_an_order_is_owed_and_a_payment_settles_it() -> None:
    bought = order(
        "128.00",
        line("50.00", 2, taxes=(tax("19.00"),)),
        totals={"subtotal": "100.00", "tax": "20.00", "tips": "3.00"},
        shipping=(ShippingLine(ref="s", title="Post", price=eur("6.00"), discounted=eur("5.00")),),
        taxes=(tax("20.00"),),
    )
    parts = {"sales": "-100.00", "taxes": "-20.00", "shipping": "-5.00", "tips": "-3.00"}
    assert left(bought) == {"receivable": "128.00", **parts}
    assert left(bought, paid("128.00")) == {"collected": "128.00", **parts}
    assert left(bought, paid("100.00"))["receivable"] == "28.00", "owed still"
    assert left(bought, paid("130.00"))["receivable"] == "-2.00", "paid too much"


def test_prices_with_tax_are_sold_without_it() -> None:
    bought = order(
        "24.00",
        line("19.00", taxes=(tax("3.17"),)),
        totals={"subtotal": "19.00", "tax": "4.00"},
        taxes_included=True,
        shipping=(ShippingLine(ref="s", title="", price=eur("5.00"), taxes=(tax("0.83"),)),),
    )
    assert left(bought) == {
        "receivable": "24.00",
        "sales": "-15.83",
        "taxes": "-4.00",
        "shipping": "-4.17",
    }


def test_each_part_has_its_account() -> None:
    """A gift card that is sold is owed to its holder; duties and fees are no sales."""
    bought = order(
        "82.50",
        line("20.00", discount=eur("2.00")),
        line("50.00", ref="l-2", gift_card=True),
        line("4.00", ref="l-3", tip=True),
        totals={"subtotal": "68.00", "duties": "7.50", "fees": "3.00", "tips": "4.00"},
    )
    assert left(bought) == {
        "receivable": "82.50",
        "sales": "-18.00",
        "gift_cards": "-50.00",
        "tips": "-4.00",
        "duties": "-7.50",
        "surcharges": "-3.00",
    }


def test_a_tip_in_the_subtotal_is_no_sale() -> None:
    bought = order(
        "24.00", line("20.00"), line("4.00", ref="l-2", tip=True), totals={"subtotal": "24.00"}
    )
    assert left(bought) == {"receivable": "24.00", "sales": "-20.00", "tips": "-4.00"}


def test_what_no_part_tells_stands_apart_and_is_never_forced() -> None:
    """Up to a smallest unit a part is rounding; a channel's own tax is no tax of ours."""
    assert left(order("20.01", line("20.00")))["rounding"] == "-0.01"
    assert left(order("25.00", line("20.00"))) == {
        "receivable": "25.00",
        "sales": "-20.00",
        "unplaced": "-5.00",
    }
    by_channel = (tax("2.00"), tax("1.00", by_channel=True))
    bought = order("22.00", line("20.00"), totals={"tax": "3.00"}, taxes=by_channel)
    assert left(bought) == {"receivable": "22.00", "sales": "-20.00", "taxes": "-2.00"}


def test_a_discount_of_the_whole_order_lowers_what_was_sold() -> None:
    assert left(order("15.00", line("20.00"), totals={"subtotal": "15.00"})) == {
        "receivable": "15.00",
        "sales": "-15.00",
    }


def test_the_shops_own_currency_counts() -> None:
    price = Price(Money(Decimal("20.00"), "EUR"), Money(Decimal("21.90"), "USD"))
    bought = order("20.00", OrderLine(ref="l-1", title="", quantity=1, price=price))
    [worth] = money_of_sale({1: bought}, SHOP, teller=Teller.SELLER).values()
    assert {position.currency for position in worth} == {"EUR"}


@pytest.mark.parametrize("fields", [{"test": True}, {"deleted": True}, {"cancelled_at": AT}])
def test_what_is_not_owed(fields: dict[str, Any]) -> None:
    assert left(order("20.00", **fields)) == {}


def test_a_test_order_moves_nothing_at_all() -> None:
    assert left(order("20.00", test=True), paid("20.00"), gave_back("5.00")) == {}


def test_a_copy_of_an_order_in_another_system_posts_nothing() -> None:
    told = (order("20.00"), paid("20.00"), gave_back("5.00"))
    for teller in (Teller.COPY, Teller.PAYMENTS):
        assert left(*told, teller=teller) == {}


def test_a_refund_told_with_its_payment_counts_once() -> None:
    bought = order("24.00", line("20.00"), totals={"tax": "4.00"}, taxes=(tax("4.00"),))
    back = paid("12.00", "p-2", PaymentKind.REFUND)
    refund = gave_back("12.00", of_line("10.00", "2.00"))
    assert left(bought, paid("24.00"), refund, back) == {
        "collected": "12.00",
        "sales": "-20.00",
        "refunds": "10.00",
        "taxes": "-2.00",
    }
    assert left(bought, paid("24.00"), back)["receivable"] == "12.00", "nobody says why it went"
    assert left(bought, paid("24.00"), refund)["receivable"] == "-12.00", "it has not gone yet"


def test_refunded_shipping_is_told_apart_and_a_goodwill_is_of_goods() -> None:
    refund = gave_back("15.00", of_line("10.00", "2.00"), shipping=eur("3.00"))
    assert left(refund) == {
        "receivable": "-15.00",
        "refunds": "10.00",
        "taxes": "2.00",
        "shipping": "3.00",
    }
    assert left(gave_back("5.00")) == {"receivable": "-5.00", "refunds": "5.00"}
    kept = gave_back("1.00", of_line("10.00", "2.00"))
    assert left(kept) == {"receivable": "-1.00", "refunds": "1.00"}, "nobody says of which part"


def test_what_was_refunded_without_a_payment_is_not_owed_any_more() -> None:
    refund = gave_back(None, of_line("10.00", "2.00"))
    bought = order("24.00", line("10.00", 2), totals={"tax": "4.00"}, taxes=(tax("4.00"),))
    assert left(bought, refund)["receivable"] == "12.00"
    included = order("20.00", line("10.00", 2), totals={"tax": "4.00"}, taxes_included=True)
    assert left(included, refund)["receivable"] == "10.00", "the tax is in the price"


def test_an_order_edited_later_is_owed_as_it_stands() -> None:
    """Units that were taken off, and are in no refund, are not owed."""
    lines = (line("10.00", 4, quantity_current=3, taxes=(tax("8.00"),)),)
    totals = {"tax": "8.00", "current_total": "36.00"}
    bought = order("48.00", *lines, totals=totals, taxes=(tax("8.00"),))
    assert left(bought) == {"receivable": "36.00", "sales": "-30.00", "taxes": "-6.00"}
    refunded = order(
        "48.00",
        line("10.00", 4, quantity_current=2, taxes=(tax("8.00"),)),
        totals=totals | {"current_total": "24.00"},
        taxes=(tax("8.00"),),
    )
    refund = gave_back(None, of_line("10.00", "2.00"))
    assert left(refunded, refund)["receivable"] == "24.00"


def test_a_share_of_a_line_that_no_cent_divides_is_rounded_and_says_so() -> None:
    lines = (line("10.00", 3, quantity_current=2, discount=eur("0.50")),)
    bought = order("29.50", *lines, totals={"current_total": "19.66"})
    assert left(bought) == {"receivable": "19.66", "sales": "-19.67", "rounding": "0.01"}


def test_a_cancelled_order_is_owed_no_more() -> None:
    """Paid and given back it comes to nothing; what was not given back was paid too much."""
    gone = order("24.00", cancelled_at=AT, totals={"current_total": "0.00"})
    back = paid("24.00", "p-2", PaymentKind.REFUND)
    assert left(gone, paid("24.00")) == {"collected": "24.00", "receivable": "-24.00"}
    whole = gave_back("24.00", of_line("24.00"))
    assert left(gone, paid("24.00"), whole, back) == {"sales": "-24.00", "refunds": "24.00"}
    part = gave_back("20.00", of_line("20.00"))
    some = paid("20.00", "p-2", PaymentKind.REFUND)
    assert left(gone, paid("24.00"), part, some) == {
        "collected": "4.00",
        "receivable": "-4.00",
        "sales": "-24.00",
        "cancelled": "4.00",
        "refunds": "20.00",
    }


def test_of_a_cancelled_order_what_had_left_and_was_paid_is_kept() -> None:
    fields = {"cancelled_at": AT, "totals": {"current_total": "24.00"}}
    assert "receivable" not in left(
        order("24.00", payment_status=PaymentStatus.PAID, **fields), paid("24.00")
    )
    assert left(order("24.00", payment_status=PaymentStatus.VOIDED, **fields)) == {}


def test_where_only_the_order_tells_that_it_was_paid_it_is_collected_so() -> None:
    """What such a shop refunds went back; a cancelled order that was paid is paid too much."""
    teller = Teller.PAID_ORDERS
    bought = order("24.00", payment_status=PaymentStatus.PAID)
    assert left(bought, teller=teller) == {"collected": "24.00", "sales": "-24.00"}
    refund = gave_back("5.00")
    assert left(bought, refund, teller=teller) == {
        "collected": "19.00",
        "sales": "-24.00",
        "refunds": "5.00",
    }
    waits = order("24.00", payment_status=PaymentStatus.PENDING)
    assert left(waits, teller=teller)["receivable"] == "24.00"
    gone = order("24.00", payment_status=PaymentStatus.PAID, cancelled_at=AT)
    assert left(gone, teller=teller) == {"collected": "24.00", "receivable": "-24.00"}
    whole = gave_back("24.00")
    assert left(gone, whole, teller=teller) == {"sales": "-24.00", "refunds": "24.00"}
    assert left(bought, teller=Teller.SELLER)["receivable"] == "24.00"


def test_a_marketplaces_order_is_settled_by_its_own_account() -> None:
    """What the buyer paid settles it; a refund, and a tax that the marketplace owes, do not."""
    entries = [
        (EntryKind.CHARGE, "20.00", None),
        (EntryKind.SHIPPING, "5.00", None),
        (EntryKind.TAX, "2.00", None),
        (EntryKind.PROMOTION, "-3.00", None),
        (EntryKind.TAX, "-2.00", None),
        (EntryKind.FEE, "-4.00", None),
        (EntryKind.REFUND, "-20.00", "adj-1"),
        (EntryKind.SHIPPING, "-5.00", "adj-1"),
        (EntryKind.TAX, "2.00", "adj-2"),
    ]
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for number, (kind, amount, adjustment) in enumerate(entries):
        money = Money(Decimal(amount), "EUR")
        entry = BalanceEntry(
            ref=str(number),
            updated_at=AT,
            occurred_at=AT,
            order_ref="o-1",
            entry=kind,
            gross=money,
            fee=Money(Decimal(0), "EUR"),
            net=money,
            payment_ref=adjustment,
        )
        for position, sum_ in money_of_record(entry, SHOP, teller=Teller.MARKETPLACE).items():
            sums[position.account.value] += sum_
    assert sums["receivable"] == Decimal("-24.00")
    assert sums["refunds"] == Decimal("20.00")
    assert sums["taxes"] == Decimal("0.00")
    assert sums["shipping"] == Decimal("5.00")
    assert left(order("24.00"), teller=Teller.MARKETPLACE)["receivable"] == "24.00"


# -- anything --------------------------------------------------------------------------------------

AMOUNTS = st.decimals(-(10**6), 10**6, places=3).map(str)
LINES = st.builds(
    lambda ref, price, quantity, current, of, gift, tip: line(
        price,
        quantity,
        ref=ref,
        quantity_current=current,
        taxes=(tax(of),),
        gift_card=gift,
        tip=tip,
    ),
    st.sampled_from(("l-1", "l-2", "l-3")),
    AMOUNTS,
    st.integers(0, 7),
    st.none() | st.integers(0, 9),
    AMOUNTS,
    st.booleans(),
    st.booleans(),
)
TOTALS = st.dictionaries(
    st.sampled_from(("subtotal", "tax", "tips", "fees", "duties", "shipping", "current_total")),
    AMOUNTS,
)
ORDERS = st.builds(
    lambda total, lines, totals, included, cancelled, status: order(
        total,
        *lines,
        totals=totals,
        taxes_included=included,
        cancelled_at=AT if cancelled else None,
        payment_status=status,
    ),
    AMOUNTS,
    st.lists(LINES, max_size=4),
    TOTALS,
    st.booleans(),
    st.booleans(),
    st.sampled_from(PaymentStatus),
)
REFUNDS = st.builds(
    lambda ref, amount, subtotal, of, quantity: gave_back(
        amount, of_line(subtotal, of, quantity), ref=ref
    ),
    st.sampled_from(("r-1", "r-2")),
    st.none() | AMOUNTS,
    AMOUNTS,
    AMOUNTS,
    st.integers(0, 5),
)


@given(bought=ORDERS, refunds=st.lists(REFUNDS, max_size=2))
def test_whatever_is_told_every_record_comes_to_nothing_in_any_order(
    bought: Order, refunds: list[Refund]
) -> None:
    told: list[Record] = [bought, *refunds, paid("10.00")]
    first: dict[int, Any] | None = None
    for numbers in permutations(range(len(told))):
        worth = money_of_sale({n: told[n] for n in numbers}, SHOP, teller=Teller.SELLER)
        for positions in worth.values():
            total = Decimal(0)
            for amount in positions.values():
                total = EXACT.add(total, amount)
            assert total == 0
        first = first or worth
        assert worth == first
