"""The rate limit: its sums, its refill, its refusals."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.sandbox.stage import SET, ask, open_stage, stock_input
from trueup.sandbox.shopify.budget import Budget

AT = datetime(2026, 11, 2, tzinfo=UTC)


def test_bucket_refills_with_the_clock_and_no_further() -> None:
    budget = Budget(points_per_s=100, points_max=2000, now=AT)
    budget.pay(1500, AT)
    assert budget.available(AT) == 500
    assert budget.available(AT + timedelta(seconds=3)) == 800
    assert budget.available(AT + timedelta(seconds=60)) == 2000
    assert not budget.admit(2001, AT + timedelta(seconds=90))


@pytest.mark.parametrize(
    ("rate", "points"), [(100, 2000), (200, 4000), (1000, 10000), (2000, 20000)]
)
def test_plans_have_their_buckets(rate: int, points: int) -> None:
    assert points == Budget(points_per_s=rate, points_max=None, now=AT).points_max


@pytest.mark.parametrize(
    ("query", "points"),
    [
        ("{ shop { id } }", 1),
        ("{ shop { plan { shopifyPlus } } currentAppInstallation { accessScopes { handle } } }", 4),
        ("{ products(first: 0) { nodes { id } } }", 2),
        ("{ products(first: 1) { nodes { id title status } } }", 3),
        ("{ locations(first: 10) { nodes { id name } } }", 6),
        ("{ locations(first: 20) { nodes { id name } } }", 7),
        ("{ products(first: 50) { nodes { id } pageInfo { hasNextPage } } }", 9),
        ("{ products(first: 250) { nodes { id } pageInfo { hasNextPage } } }", 13),
        ("{ products(first: 250) { edges { node { id } } } }", 13),
    ],
)  # fmt: skip
def test_asked_cost_is_what_the_vendor_was_seen_to_ask(query: str, points: int) -> None:
    reply = ask(open_stage(), query)
    assert points == reply["extensions"]["cost"]["requestedQueryCost"]


def test_stock_write_costs_thirteen_and_a_short_page_less_than_asked() -> None:
    sandbox = open_stage()
    written = ask(sandbox, SET.replace("item { id }", "item { id } location { id }"),
                  input=stock_input(sandbox, 8, expected=5), key="k")  # fmt: skip
    page = ask(sandbox, "{ products(first: 250) { nodes { id } } }")["extensions"]["cost"]
    assert written["extensions"]["cost"]["actualQueryCost"] == 13
    assert (page["requestedQueryCost"], page["actualQueryCost"]) == (13, 3)


def test_empty_bucket_throttles_and_time_heals() -> None:
    sandbox = open_stage(budget_points=20)
    query = "{ products(first: 250) { nodes { id title } } locations(first: 1) { nodes { id } } }"
    replies = [ask(sandbox, query) for _ in range(4)]
    codes = [reply.get("errors", [{}])[0].get("extensions", {}).get("code") for reply in replies]

    assert [codes[0], codes[-1]] == [None, "THROTTLED"]
    refused = replies[-1]
    assert "data" not in refused
    assert refused["extensions"]["cost"]["actualQueryCost"] is None
    assert refused["extensions"]["cost"]["requestedQueryCost"] == 16
    sandbox.clock.advance(1)
    assert "errors" not in ask(sandbox, query)


def test_query_dearer_than_the_bucket_never_runs() -> None:
    reply = ask(open_stage(budget_points=10), "{ products(first: 250) { nodes { id } } }")
    assert reply["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"
