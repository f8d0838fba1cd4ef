"""The rule that drafts purchase orders: how much, why, and the same for the same facts."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.canon.command import DraftPurchase
from trueup.decisions.model import Facts, Proposal, digest_of, to_json
from trueup.decisions.purchasing.supply import Item
from trueup.decisions.rules.reorder import RULE, ReorderSettings, ReorderValues, propose
from trueup.kernel.chance import chance_over
from trueup.kernel.money import Money
from trueup.ledger.demand import Demand, units_lasting

TODAY = date(2026, 3, 2)
SETTINGS = ReorderSettings(review_days=7)


def item(**values: Any) -> Item:
    known = {
        "sku": "TEE",
        "since": "2026-03-01T09:00:00+00:00",
        "available": 10,
        "arrivals": (),
        "demand": Demand(per_day=2.0, dispersion=1.0, days=60, selling_days=50),
        "sold_out_on": TODAY + timedelta(days=5),
        "lead_days": 14,
        "quantity_min": 1,
        "cost": Money(Decimal("3.145"), "EUR"),
        "offer_ref": "11",
    }
    return Item(**(known | values))


def order(*items: Item, **left: str) -> Facts[ReorderValues]:
    """Return what is known of one supplier."""
    return Facts(
        subject="supplier/3/7",
        episode="5ca1ab1e5ca1ab1e",
        values=ReorderValues(
            today=TODAY,
            supplier_id=3,
            supplier_ref="7",
            supplier="Garn KG",
            items=items,
            budget_left=tuple(Money(Decimal(amount), each) for each, amount in left.items()),
        ),
    )


def facts(**values: Any) -> Facts[ReorderValues]:
    return order(item(**values))


def lines(found: Proposal | None) -> dict[str, int]:
    """Return what is drafted, by SKU."""
    assert found is not None
    contents = [action.content for action in found.actions]
    return {
        sku: units
        for content in contents
        if isinstance(content, DraftPurchase)
        for sku, units, _ in content.lines
    }


def units(**values: Any) -> int:
    found = propose(facts(**values), SETTINGS)
    assert found is not None
    [action] = found.actions
    assert isinstance(action.content, DraftPurchase)
    [(_, quantity, _)] = action.content.lines
    return quantity


def test_what_is_ordered_lasts_until_it_has_come_and_a_week_more() -> None:
    known = facts().values
    wanted = units_lasting(known.items[0].demand, 15, 0.05) + 14
    assert wanted > 44, "more than the mean of three weeks"
    assert units() == wanted - 10
    assert units(arrivals=((TODAY + timedelta(days=3), 20),)) == wanted - 30


def test_it_is_ordered_before_it_is_likely_to_run_out() -> None:
    lasting = units_lasting(item().demand, 15, 0.05)
    assert propose(facts(available=lasting), SETTINGS) is None
    assert units(available=lasting - 1) == 15
    assert propose(facts(available=lasting - 1), ReorderSettings(service_percent=80)) is None


def test_what_runs_out_before_an_order_can_come_is_not_ordered_twice() -> None:
    """An order of last week is on its way: another one would not come before it."""
    coming = ((TODAY + timedelta(days=7), 60),)
    assert propose(facts(available=0, arrivals=coming), SETTINGS) is None


def test_what_comes_too_late_does_not_count() -> None:
    assert units(arrivals=((TODAY + timedelta(days=60), 500),)) == units()


def test_where_enough_is_on_its_way_nothing_is_proposed() -> None:
    assert propose(facts(arrivals=((TODAY + timedelta(days=3), 100),)), SETTINGS) is None


def test_not_less_than_the_supplier_sends_and_it_says_so() -> None:
    assert units(quantity_min=100) == 100
    found = propose(facts(quantity_min=100), SETTINGS)
    assert found is not None
    assert any("sends 100 at least" in each.why_not for each in found.alternatives)


def test_whole_packs_and_it_says_so() -> None:
    plain = units()
    found = propose(facts(), ReorderSettings(review_days=7, packs={"TEE": 25, "MUG": 6}))
    assert found is not None
    content = found.actions[0].content
    assert isinstance(content, DraftPurchase)
    [(_, ordered, _)] = content.lines
    assert (ordered % 25, 0 < ordered - plain < 25) == (0, True)
    assert any("comes in packs of 25" in each.why_not for each in found.alternatives)


def test_not_more_than_is_sold_in_the_days_that_were_set() -> None:
    found = propose(facts(), ReorderSettings(order_days_max=10))
    assert found is not None
    assert "order of 20 TEE" in found.actions[0].what
    assert any("sold in 10 days" in each.why_not for each in found.alternatives)


def test_a_draft_is_exact_and_its_money_is_told() -> None:
    found = propose(facts(quantity_min=100), SETTINGS)
    assert found is not None
    [action] = found.actions
    assert action.amount == Money(Decimal("314.500"), "EUR")
    assert action.what == "draft a purchase order of 100 TEE at Garn KG for 314.50 EUR"
    assert action.content == DraftPurchase(
        number="TU-7-20260302-5ca1",
        supplier_ref="7",
        currency="EUR",
        lines=(("TEE", 100, Money(Decimal("3.145"), "EUR")),),
        expected_on=TODAY + timedelta(days=14),
    )


def test_what_is_expected_is_told_and_when_it_can_be_known() -> None:
    found = propose(facts(), SETTINGS)
    assert found is not None
    assert found.effect is not None
    assert found.effect.without == Decimal("1.00")
    assert found.effect.within <= Decimal("0.15")
    assert found.effect.measured_at == datetime(2026, 3, 23, tzinfo=UTC)
    assert "TEE will be sold out about 2026-03-07: 10 are left and 0 on the way" in found.reason


def test_a_cost_that_nobody_told_is_not_made_up() -> None:
    found = propose(facts(cost=None), SETTINGS)
    assert found is not None
    assert (found.actions[0].amount, found.actions[0].commits) == (None, True)
    assert found.actions[0].what.endswith("at Garn KG")


def test_one_draft_of_what_needs_it_now_and_what_joins() -> None:
    """A mug lasts for another week, but not until an order of the next review has come."""
    needs, joins, enough = item(), item(sku="MUG", available=45), item(sku="CAP", available=90)
    assert propose(order(joins), SETTINGS) is None, "nothing needs an order"
    found = propose(order(needs, joins, enough), SETTINGS)
    assert lines(found) == {"TEE": units(), "MUG": units() - 35}
    assert found is not None
    count = 2 * units() - 35
    assert f"a purchase order of {count} units of 2 SKUs at Garn KG for" in found.actions[0].what
    assert "MUG would need one within 7 days, and joins it." in found.reason
    assert found.effect is not None
    assert found.effect.says == "the share of these 2 SKUs that are sold out"
    assert any("leave MUG for an order of its own" in each.what for each in found.alternatives)


def test_each_currency_is_an_order_and_what_has_no_price_goes_with_the_first() -> None:
    dollars, unknown = Money(Decimal(4), "USD"), item(sku="CAP", cost=None)
    found = propose(order(item(), item(sku="MUG", cost=dollars), unknown), SETTINGS)
    assert found is not None
    first, second = (action.content for action in found.actions)
    assert isinstance(first, DraftPurchase)
    assert isinstance(second, DraftPurchase)
    assert ([line[0] for line in first.lines], first.currency) == (["CAP", "TEE"], "EUR")
    assert ([line[0] for line in second.lines], second.currency) == (["MUG"], "USD")
    assert first.number != second.number
    assert [action.amount for action in found.actions] == [None, Money(4 * Decimal(units()), "USD")]


def test_a_budget_buys_what_is_likeliest_to_be_wanted_and_says_what_it_left_out() -> None:
    slow = Demand(per_day=0.2, dispersion=1.0, days=60, selling_days=12)
    some = order(item(), item(sku="MUG", available=1, demand=slow), EUR="60.00")
    found = propose(some, SETTINGS)
    wanted = lines(propose(order(*some.values.items), SETTINGS))
    bought = lines(found)
    assert found is not None
    cost = sum(Decimal("3.145") * each for each in bought.values())
    assert cost <= 60 < cost + 2 * Decimal("3.145")
    assert 0 < bought["TEE"] < wanted["TEE"]
    assert bought.get("MUG", 0) <= wanted["MUG"]
    assert found.reason.startswith("TEE will be sold out"), "what is not bought is no reason"
    assert "The budget leaves 60.00 EUR, so it buys" in found.reason
    assert f"{bought['TEE']} of {wanted['TEE']} TEE" in found.reason
    assert any(each.what.startswith(f"order {wanted['TEE']} TEE") for each in found.alternatives)
    assert to_json(found) == to_json(propose(some, SETTINGS))


def test_a_budget_that_buys_nothing_that_is_needed_buys_nothing() -> None:
    assert propose(order(item(), item(sku="MUG", available=45), EUR="3.00"), SETTINGS) is None
    assert propose(order(item(quantity_min=100), EUR="314.49"), SETTINGS) is None
    assert lines(propose(order(item(quantity_min=100), EUR="314.50"), SETTINGS)) == {"TEE": 100}


def test_a_budget_of_another_currency_bounds_nothing() -> None:
    assert lines(propose(order(item(), USD="0.00"), SETTINGS)) == {"TEE": units()}


@given(
    available=st.integers(-50, 200),
    per_day=st.floats(0.01, 20),
    dispersion=st.floats(1, 20),
    lead_days=st.integers(1, 90),
    quantity_min=st.integers(1, 500),
)
def test_same_facts_same_proposal_and_enough(
    available: int, per_day: float, dispersion: float, lead_days: int, quantity_min: int
) -> None:
    demand = Demand(per_day=per_day, dispersion=dispersion, days=90, selling_days=50)
    known = facts(
        available=available, demand=demand, lead_days=lead_days, quantity_min=quantity_min
    )
    generous = ReorderSettings(order_days_max=730)
    first, second = propose(known, generous), propose(known, generous)
    assert to_json(first) == to_json(second)
    if first is None:
        return
    content = first.actions[0].content
    assert isinstance(content, DraftPurchase)
    [(_, ordered, _)] = content.lines
    assert ordered >= quantity_min
    generous_chance = 1 - generous.service_percent / 100
    if ordered < round(per_day * 730):
        lasting = units_lasting(demand, lead_days + 1, generous_chance)
        assert lasting + per_day * generous.review_days <= max(0, available + ordered)


def test_the_digest_is_of_facts_version_and_settings() -> None:
    one = digest_of(RULE.name, 1, SETTINGS, facts())
    assert one == digest_of(RULE.name, 1, SETTINGS, facts())
    assert one != digest_of(RULE.name, 2, SETTINGS, facts())
    assert one != digest_of(RULE.name, 1, ReorderSettings(service_percent=90), facts())
    assert one != digest_of(RULE.name, 1, SETTINGS, facts(available=11))


def test_units_that_last_are_the_fewest() -> None:
    demand = Demand(per_day=1.5, dispersion=2.0, days=60, selling_days=40)
    found = units_lasting(demand, 10, 0.1)
    # Ten days are more uneven than one: the rate is known from about nineteen only.
    spread = 2.0 * (1 + 10 / 19)
    assert chance_over(15.0, spread, found - 1) <= 0.1 < chance_over(15.0, spread, found - 2)


@pytest.mark.parametrize("lead_days", [7, 30])
def test_a_supplier_that_takes_longer_is_asked_for_more(lead_days: int) -> None:
    assert units(lead_days=lead_days + 10) > units(lead_days=lead_days)
