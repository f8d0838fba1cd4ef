"""What budgets leave: what was committed is spent, and what is new shares the rest of the week."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from trueup.decisions.purchasing.basket import Stock, basket_of, spent_on, within
from trueup.decisions.purchasing.budget import Budget, Wanted, allot, least
from trueup.decisions.purchasing.quantity import Terms, levels_of
from trueup.decisions.purchasing.supply import Supplier
from trueup.kernel.money import Money
from trueup.ledger.demand import Demand

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
TERMS = Terms(lead_days=14, review_days=7, service_percent=95, order_days_max=120)
HUNDRED = {"EUR": Decimal(100)}


def stock(sku: str, per_day: float = 2.0, cost: str = "1") -> Stock:
    demand = Demand(per_day=per_day, dispersion=1.0, days=60, selling_days=50)
    price = Money(Decimal(cost), "EUR")
    levels = levels_of(demand, TERMS)
    return Stock(
        sku=sku, available=1, arrivals=(), demand=demand, levels=levels, terms=TERMS, cost=price
    )


def wanted(ref: str, *stocks: Stock, new: bool = True, episode: str = "e") -> Wanted:
    supplier = Supplier(number=3, ref=ref, name=ref, items=())
    return Wanted(supplier=supplier, episode=episode, stocks=stocks, is_new=new)


def row(ref: str, units: int, *, days: int = 0, state: str = "done", episode: str = "x") -> Any:
    line = ["A", units, {"amount": "2.50", "currency": "EUR"}]
    return {
        "subject": f"supplier/3/{ref}",
        "episode": episode,
        "state": state,
        "proposed_at": NOW - timedelta(days=days),
        "actions": [{"content": {"lines": [line, ["B", 9, None]]}}],
    }


def test_without_a_budget_nothing_is_bounded() -> None:
    assert allot([wanted("a", stock("A"))], [row("a", 4)], Budget(), NOW) == [{}]


def test_an_order_s_budget_is_spent_at_its_supplier_until_the_next_review() -> None:
    budget = Budget(per_order=HUNDRED, review_days=7)
    rows = [row("a", 4), row("a", 8, days=8), row("b", 16)]
    assert allot([wanted("a", stock("A"))], rows, budget, NOW) == [{"EUR": Decimal(90)}]


def test_its_own_money_and_that_of_what_it_takes_the_place_of_are_not_spent() -> None:
    budget = Budget(per_order=HUNDRED, per_week=HUNDRED)
    rows = [row("a", 4, state="approved", episode="e"), row("a", 8, state="proposed")]
    one = wanted("a", stock("A"), new=False)
    assert allot([one], rows, budget, NOW) == [HUNDRED]
    assert allot([one], [*rows, row("b", 8, state="proposed")], budget, NOW) == [
        {"EUR": Decimal(80)}
    ]


def test_what_is_committed_beyond_a_budget_leaves_nothing() -> None:
    [left] = allot([wanted("a", stock("A"))], [row("a", 400)], Budget(per_week=HUNDRED), NOW)
    assert left == {"EUR": Decimal(0)}


def test_what_is_new_shares_the_week_by_what_is_likeliest_to_be_wanted() -> None:
    fast, slow = wanted("a", stock("A", 4.0)), wanted("b", stock("B", 0.1))
    week = Budget(per_week={"EUR": Decimal(60)})
    first, second = allot([fast, slow], [], week, NOW)
    assert first["EUR"] + second["EUR"] <= 60
    assert first["EUR"] > 10 * second["EUR"], "a slow one can wait"
    assert allot([fast], [], week, NOW) == [{"EUR": Decimal(60)}]
    today = NOW.date()
    bought = within(basket_of(fast.stocks, today), first, today)
    assert spent_on(bought)["EUR"] <= first["EUR"]


def test_the_least_of_budgets_counts_and_none_is_below_zero() -> None:
    found = least({"EUR": Decimal(5), "USD": Decimal(-1)}, {"EUR": Decimal(3)})
    assert found == {"EUR": Decimal(3), "USD": Decimal(0)}
