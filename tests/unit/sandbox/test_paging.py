"""Pages and searches over the API."""

from tests.unit.sandbox.stage import ask, buy, open_stage
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify.commands import Fulfil

ORDERS = """
query($first: Int, $after: String, $query: String, $reverse: Boolean) {
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT, reverse: $reverse) {
    nodes { name updatedAt }
    edges { cursor }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""


def _with_orders(count: int) -> Sandbox:
    sandbox = open_stage(available=100, budget_points=100_000)
    for _ in range(count):
        sandbox.clock.advance(60)
        buy(sandbox)
    return sandbox


def _names(reply: dict) -> list[str]:
    return [node["name"] for node in reply["data"]["orders"]["nodes"]]


def _walk(sandbox: Sandbox, first: int, **more: object) -> list[str]:
    names: list[str] = []
    after = None
    while True:
        reply = ask(sandbox, ORDERS, first=first, after=after, **more)
        names += _names(reply)
        info = reply["data"]["orders"]["pageInfo"]
        if not info["hasNextPage"]:
            return names
        after = info["endCursor"]


def test_walk_sees_each_order_once() -> None:
    sandbox = _with_orders(23)
    wanted = [f"#{number}" for number in range(1001, 1024)]
    assert wanted == _walk(sandbox, 5)
    assert wanted[::-1] == _walk(sandbox, 7, reverse=True)


def test_row_that_changes_between_pages_is_seen_again_not_lost() -> None:
    """Goal: a cursor is a place in the order of change, not a count of rows."""
    sandbox = _with_orders(6)
    first = ask(sandbox, ORDERS, first=3)
    sandbox.clock.advance(60)
    sandbox.do("north", Fulfil(order="#1001"))
    after = first["data"]["orders"]["pageInfo"]["endCursor"]
    rest = ask(sandbox, ORDERS, first=10, after=after)
    assert _names(rest) == ["#1004", "#1005", "#1006", "#1001"]


def test_search_by_change_status_and_tag() -> None:
    sandbox = _with_orders(4)
    buy(sandbox, tags=("vip",))
    since = ask(sandbox, ORDERS, first=10)["data"]["orders"]["nodes"][2]["updatedAt"]
    sandbox.do("north", Fulfil(order="#1002"))

    found = _walk(sandbox, 10, query=f"updated_at:>='{since}'")
    assert set(found) == {"#1002", "#1003", "#1004", "#1005"}
    assert _walk(sandbox, 10, query="tag:vip") == ["#1005"]
    assert _walk(sandbox, 10, query="fulfillment_status:fulfilled AND status:closed") == ["#1002"]
    assert len(_walk(sandbox, 10, query="-tag:vip")) == 4


def test_mistakes_of_paging_and_search_are_told() -> None:
    sandbox = _with_orders(2)
    for variables in (
        {},
        {"first": 251},
        {"first": 2, "after": "bm9uc2Vuc2U="},
        {"first": 2, "query": "colour:red"},
        {"first": 2, "query": "updated_at:>=yesterday"},
        {"first": 2, "query": "tag:a OR tag:b"},
    ):
        reply = ask(sandbox, ORDERS, **variables)
        assert reply["errors"][0]["extensions"]["code"] == "BAD_REQUEST", variables


def test_counts_are_exact_up_to_the_limit() -> None:
    sandbox = _with_orders(4)
    query = """query($limit: Int) { ordersCount(limit: $limit) { count precision }
               productsCount { count precision } }"""
    assert ask(sandbox, query)["data"]["ordersCount"] == {"count": 4, "precision": "EXACT"}
    limited = ask(sandbox, query, limit=3)["data"]
    assert limited["ordersCount"] == {"count": 3, "precision": "AT_LEAST"}
    assert limited["productsCount"]["count"] == 2


def test_old_orders_need_their_own_scope() -> None:
    sandbox = open_stage(scopes=("read_orders",))
    buy(sandbox)
    sandbox.clock.advance(61 * 24 * 3600)
    buy(sandbox)
    assert _names(ask(sandbox, ORDERS, first=5)) == ["#1002"]
