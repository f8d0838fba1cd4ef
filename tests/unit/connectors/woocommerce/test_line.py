"""The line to the shop: what replies mean, how pages end, and what can not be read."""

import base64
import json

import pytest

from trueup.connectors.woocommerce import actions, api, hooks, pull, webhook
from trueup.connectors.woocommerce.reading import total
from trueup.contract.connector import Fetch, Intent, ReceiptState, Reply, Request
from trueup.errors import (
    AuthExpired,
    ContractBroken,
    InvariantBroken,
    RateLimited,
    Refused,
    Unavailable,
)

SECRETS = {"consumer_key": "ck_1", "consumer_secret": "cs_2", "webhook_secret": "w" * 20}
INTENT = Intent(
    kind="stock.set",
    key="TEE",
    value=3,
    expected=5,
    target={"sku": "TEE", "item_ref": "7", "variant_ref": "7", "product_ref": "7"},
)


def reply(body: object, **headers: str) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=200, headers=told, body=raw)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, Refused),
        (400, Refused),
        (401, AuthExpired),
        (403, AuthExpired),
        (404, Refused),
        (408, Unavailable),
        (429, RateLimited),
        (500, Unavailable),
        (503, Unavailable),
    ],
)
def test_statuses_are_judged(status: int, error: type[Exception]) -> None:
    for body in (b"", b"<html>", b'{"code": "rest_no_route", "message": "no"}'):
        with pytest.raises(error):
            api.judge(Reply(status=status, headers={}, body=body))


@pytest.mark.parametrize(("told", "wait_s"), [("7", 7), ("", 10), ("nan", 10), ("99999", 3600)])
def test_a_host_that_slows_us_down_is_heard(told: str, wait_s: float) -> None:
    with pytest.raises(RateLimited) as caught:
        api.judge(Reply(status=429, headers={"retry-after": told}, body=b""))
    assert caught.value.after_s == wait_s


def test_a_page_for_people_is_no_answer() -> None:
    page = Reply(status=200, headers={"content-type": "text/html"}, body=b"<html>")
    with pytest.raises(Unavailable):
        api.judge(page)
    for read in (api.checked, hooks.created):
        with pytest.raises(ContractBroken):
            read(page)
    with pytest.raises(ContractBroken):
        pull.page("orders", page)
    with pytest.raises(ContractBroken):
        total(page)


def test_the_key_goes_as_basic_authentication_and_the_secret_with_the_webhook_alone() -> None:
    made = api.authorise(hooks.create_request("order.updated", "https://hub/hooks/a"), SECRETS)
    assert json.loads(made.body)["secret"] == SECRETS["webhook_secret"]
    kind, _, text = dict(made.headers)["authorization"].partition(" ")
    assert (kind, base64.b64decode(text)) == ("Basic", b"ck_1:cs_2")
    other = api.authorise(Request(method="GET", path="/wc/v3/webhooks"), SECRETS)
    assert SECRETS["webhook_secret"] not in other.body.decode()
    assert api.base_url({"shop_url": "https://shop.example/"}) == "https://shop.example/wp-json"


def test_what_a_page_holds_that_is_none_is_left_to_the_mapping() -> None:
    page = pull.page("orders", reply([17, {"id": 1, "date_modified_gmt": "soon"}]))
    assert [piece.body for piece in page.pieces] == [
        b"17",
        b'{"id": 1, "date_modified_gmt": "soon"}',
    ]
    assert page.latest_at is None
    assert webhook.identify_piece(page.pieces[1]).occurred_at is None
    bare = pull.page("inventory_levels", reply([{"id": 1}]))
    assert json.loads(bare.pieces[0].body) == {"level": {"id": 1}}


def test_more_variations_than_are_read_end_the_reading() -> None:
    following = '<https://s/x?per_page=100&page=2>; rel="next"'
    step = pull.fetched(Fetch(resource="products", ref="7"), reply({"variations": [1]})).then
    many = reply([{"id": n} for n in range(100)], link=following)
    for _ in range(10):
        assert step is not None
        step = pull.fetched(step, many).then
    assert step is not None
    with pytest.raises(Refused):
        pull.fetched(step, many)


def test_many_refunds_take_many_pages() -> None:
    order = {"currency": "EUR", "line_items": [{"id": 1, "meta_data": None}]}
    step = pull.fetched(Fetch(resource="order_refunds", ref="7"), reply(order)).then
    assert step is not None
    following = '<https://s/x?per_page=100&page=2>; rel="next"'
    page = pull.fetched(step, reply([{"id": 2}], link=following))
    assert len(page.pieces) == 1
    assert page.then is not None
    assert "page=2" in pull.fetch_request(page.then).path
    assert pull.fetched(page.then, reply([])).then is None
    with pytest.raises(InvariantBroken):
        pull.fetch_request(Fetch(resource="orders", ref="7/../8"))
    with pytest.raises(InvariantBroken):
        pull.fetch_request(Fetch(resource="coupons", ref="7"))


def test_parts_of_units_are_nobodys_stock() -> None:
    half = [{"id": 7, "manage_stock": True, "stock_quantity": 1.5}]
    with pytest.raises(ContractBroken):
        actions.read([INTENT], reply(half))
    (receipt,) = actions.receipts([INTENT], reply({"update": half}))
    assert (receipt.state, receipt.observed) == (ReceiptState.DONE, None)
    assert actions.read([INTENT], reply([{"id": 7, "manage_stock": False}])) == [None]
    with pytest.raises(InvariantBroken):
        actions.read_request([])
