"""What units cost when they came and when they went: exact, and the same for every order of telling."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.canon.cost import Allocation, Cost, CostKind, CostOf
from trueup.errors import InvariantBroken
from trueup.kernel.money import Money
from trueup.margin.landed import Came, landed_parts, layers_of
from trueup.margin.layers import Certainty, Gone, Layer, Method, cost_of_gone
from trueup.margin.shares import part_upto, share_out

START = datetime(2026, 3, 1, tzinfo=UTC)


def day(count: int) -> datetime:
    return START + timedelta(days=count)


def eur(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def layer(at: int, units: int, cost: str | None, **more: Any) -> Layer:
    money = None if cost is None else eur(cost)
    certainty = Certainty.UNKNOWN if cost is None else Certainty.TOLD
    return Layer(day(at), f"l{at}", units, money, more.get("certainty", certainty), f"layer {at}")


def came(key: str, sku: str, units: int, price: str | None, **more: Any) -> Came:
    told = None if price is None else eur(price)
    certainty = Certainty.UNKNOWN if price is None else Certainty.TOLD
    fields = {"at": day(1), "purchase": "PO-7", "certainty": certainty, "how": "PO-7"} | more
    return Came(key=key, sku=sku, units=units, price=told, **fields)


def cost(amount: str, by: Allocation = Allocation.VALUE, *, ref: str = "c", **more: Any) -> Cost:
    return Cost(
        ref=ref,
        updated_at=day(2),
        occurred_at=day(2),
        cost_kind=CostKind.FREIGHT,
        amount=Money(Decimal(amount), more.pop("currency", "EUR")),
        of=CostOf.PURCHASE,
        of_ref="PO-7",
        allocation=by,
        **more,
    )


amounts = st.decimals(-(10**9), 10**9, places=2)


@given(amounts, st.lists(st.integers(0, 1000), min_size=1, max_size=12))
def test_shares_come_to_the_amount_and_are_fair(amount: Decimal, weights: list[int]) -> None:
    parts = share_out(amount, weights, "EUR")
    assert sum(parts, Decimal(0)) == amount
    whole = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        fair = amount * weight / whole if whole else amount / len(weights)
        assert abs(part - fair) < Decimal("0.011")


def test_shares_take_the_largest_remainder_first() -> None:
    assert share_out(Decimal("0.05"), [1, 1, 1], "EUR") == [
        Decimal(d) for d in ("0.02", "0.02", "0.01")
    ]
    assert share_out(Decimal("-1.00"), [2, 1], "EUR") == [Decimal("-0.67"), Decimal("-0.33")]
    assert share_out(Decimal(100), [1, 2], "JPY") == [33, 67]
    assert share_out(Decimal("0.0005"), [1, 1], "EUR") == [Decimal("0.0003"), Decimal("0.0002")]
    assert share_out(Decimal(0), [], "EUR") == []
    with pytest.raises(InvariantBroken):
        share_out(Decimal(1), [], "EUR")
    with pytest.raises(InvariantBroken):
        share_out(Decimal(1), [-1], "EUR")


@given(amounts, st.integers(1, 50), st.integers(0, 50))
def test_parts_of_equal_units_come_to_the_amount(amount: Decimal, of: int, count: int) -> None:
    parts = [
        part_upto(amount, n + 1, of, "EUR") - part_upto(amount, n, of, "EUR") for n in range(of)
    ]
    assert sum(parts, Decimal(0)) == amount
    assert max(parts) - min(parts) <= Decimal("0.01")
    assert part_upto(amount, of + count, of, "EUR") == amount


def test_first_in_first_out() -> None:
    layers = [layer(1, 3, "10.00"), layer(5, 2, "9.00")]
    gone = [Gone(day(2), "a", 2), Gone(day(6), "b", 2)]
    costed = cost_of_gone(layers, gone, Method.FIFO)
    assert costed.gone["a"].cost == {"EUR": Decimal("6.66")}
    assert costed.gone["b"].cost == {"EUR": Decimal("3.34") + Decimal("4.50")}
    assert (costed.left.units, costed.left.cost) == (1, {"EUR": Decimal("4.50")})
    assert costed.gone["b"].how == ("layer 1", "layer 5")


def test_the_mean_of_what_lies_there() -> None:
    layers = [layer(1, 3, "9.00"), layer(5, 2, "10.00")]
    gone = [Gone(day(2), "a", 2), Gone(day(6), "b", 2)]
    costed = cost_of_gone(layers, gone, Method.AVERAGE)
    assert costed.gone["a"].cost == {"EUR": Decimal("6.00")}
    assert costed.gone["b"].cost == {"EUR": Decimal("8.66")}
    assert costed.left.cost == {"EUR": Decimal("4.34")}


@pytest.mark.parametrize("method", list(Method))
def test_what_went_before_anything_came_waits_for_the_next_units(method: Method) -> None:
    gone = [Gone(day(1), "early", 2), Gone(day(9), "late", 2)]
    costed = cost_of_gone([layer(4, 3, "30.00")], gone, method)
    assert costed.gone["early"].cost == {"EUR": Decimal("20.00")}
    late = costed.gone["late"]
    assert (late.units, late.known, late.certainty) == (2, 1, Certainty.UNKNOWN)
    assert (costed.left.units, costed.left.cost) == (0, {})


def test_how_it_is_known_is_as_its_least_known_part() -> None:
    layers = [
        layer(1, 1, "1.00"),
        layer(2, 1, "2.00", certainty=Certainty.ESTIMATED),
        layer(3, 1, None),
    ]
    gone = [Gone(day(4), key, 1) for key in "abc"]
    found = cost_of_gone(layers, gone, Method.FIFO).gone
    assert [found[key].certainty for key in "abc"] == [
        Certainty.TOLD,
        Certainty.ESTIMATED,
        Certainty.UNKNOWN,
    ]


histories = st.tuples(
    st.lists(st.tuples(st.integers(0, 9), st.integers(1, 20), st.integers(0, 10**6)), max_size=8),
    st.lists(st.tuples(st.integers(0, 9), st.integers(1, 12)), max_size=10),
    st.sampled_from(Method),
    st.randoms(use_true_random=False),
)


@settings(max_examples=150)
@given(histories)
def test_what_went_and_what_is_left_come_to_what_was_bought(history: Any) -> None:
    bought, sold, method, chance = history
    layers = [
        Layer(day(at), f"l{n}", units, Money(Decimal(cents) / 100, "EUR"), Certainty.TOLD, "told")
        for n, (at, units, cents) in enumerate(bought)
    ]
    gone = [Gone(day(at), f"g{n}", units) for n, (at, units) in enumerate(sold)]
    costed = cost_of_gone(layers, gone, method)
    spent = [each.cost.get("EUR", Decimal(0)) for each in (*costed.gone.values(), costed.left)]
    assert sum(spent, Decimal(0)) == sum(
        (each.cost.amount for each in layers if each.cost), Decimal(0)
    )
    units = sum(each.units for each in layers)
    went = sum(each.units for each in gone)
    assert costed.left.units == max(units - went, 0)
    assert sum(each.units for each in costed.gone.values()) == went
    chance.shuffle(layers)
    chance.shuffle(gone)
    assert cost_of_gone(layers, gone, method) == costed


def test_costs_are_shared_out_by_what_was_asked() -> None:
    lamps = came("a", "LAMP", 10, "20.00", weight_g=1000, volume_cm3=8000)
    tees = came("a", "TEE", 40, "5.00", weight_g=250, volume_cm3=500)
    for by, wanted in (
        (Allocation.VALUE, ("50.00", "50.00")),
        (Allocation.WEIGHT, ("50.00", "50.00")),
        (Allocation.VOLUME, ("80.00", "20.00")),
        (Allocation.QUANTITY, ("20.00", "80.00")),
    ):
        parts = landed_parts([lamps, tees], [cost("100.00", by)])
        assert [str(each.money.amount) for each in parts] == list(wanted), by
        assert {each.certainty for each in parts} == {Certainty.TOLD}
    layers = layers_of([lamps, tees], [cost("100.00"), cost("-10.00", ref="credit")])
    assert layers["LAMP"][0].cost == eur("245.00")
    assert layers["TEE"][0].cost == eur("245.00")


def test_what_can_not_be_shared_as_asked_goes_by_quantity_and_says_so() -> None:
    lamps = came("a", "LAMP", 10, "20.00", weight_g=1000)
    tees = came("b", "TEE", 30, "5.00")
    parts = landed_parts([lamps, tees], [cost("40.00", Allocation.WEIGHT)])
    assert [str(each.money.amount) for each in parts] == ["10.00", "30.00"]
    assert parts[0].certainty is Certainty.ESTIMATED
    assert parts[0].how == "freight c by quantity, as the weight of some is not known"
    # Of another currency than the price, or of another purchase, or taken back: it is not in it.
    dollars = layers_of([lamps], [cost("40.00", currency="USD")])["LAMP"][0]
    assert (dollars.cost, dollars.certainty) == (eur("200.00"), Certainty.UNKNOWN)
    assert "is in USD" in dollars.how
    assert landed_parts([lamps._replace(purchase="PO-8")], [cost("40.00")]) == []
    assert landed_parts([lamps], [cost("40.00", deleted=True)]) == []


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 10**5)), min_size=1, max_size=6),
    st.lists(st.tuples(amounts.filter(bool), st.sampled_from(Allocation)), max_size=4),
    st.randoms(use_true_random=False),
)
def test_layers_come_to_what_was_bought_and_paid_for_it(
    lines: list[tuple[int, int]], charges: list[tuple[Decimal, Allocation]], chance: Any
) -> None:
    known = [
        came(f"a{n}", f"S{n % 3}", units, str(Decimal(cents) / 100), weight_g=n + 1)
        for n, (units, cents) in enumerate(lines)
    ]
    costs = [cost(str(amount), by, ref=f"c{n}") for n, (amount, by) in enumerate(charges)]
    layers = layers_of(known, costs)
    total = sum(
        (each.cost.amount for of in layers.values() for each in of if each.cost), Decimal(0)
    )
    goods = sum((units * Decimal(cents) / 100 for units, cents in lines), Decimal(0))
    assert total == goods + sum((amount for amount, _ in charges), Decimal(0))
    chance.shuffle(known)
    chance.shuffle(costs)
    again = layers_of(known, costs)
    assert {sku: sorted(of) for sku, of in again.items()} == {
        sku: sorted(of) for sku, of in layers.items()
    }
