"""Every call that the connector can make."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from trueup.canon.command import HoldOrder
from trueup.connectors.bigcommerce import actions, api, change, hooks, pull
from trueup.contract.connector import Fetch, Hook, Intent, Reply, Request
from trueup.contract.loader import find_connectors

SINCE = datetime(2026, 3, 1, 10, tzinfo=UTC)
INTENT = Intent(
    kind="stock.set",
    key="TEE",
    value=3,
    expected=5,
    target={
        "sku": "TEE",
        "item_ref": "78",
        "variant_ref": "78",
        "product_ref": "77",
        "location_ref": "1",
    },
)


def reply(body: object) -> Reply:
    return Reply(status=200, headers={}, body=json.dumps(body).encode())


def calls(*, order: int = 5101, product: int = 77) -> list[Request]:
    found = [api.check_request(), hooks.list_request(None), hooks.list_request("2")]
    found.append(hooks.create_request("store/order/created", "https://hub.example/hooks/a"))
    found.append(hooks.delete_request(Hook(ref="7", topic="store/order/created", url="")))
    for resource in (each.resource for each in find_connectors()["bigcommerce"].manifest.pull):
        for since, cursor in ((None, None), (SINCE, None), (SINCE, "3")):
            found.append(pull.page_request(resource, since, cursor))
        counting = pull.count_request(resource, SINCE)
        found += [counting] if counting else []
    found += list(order_calls(order))
    for resource, ref in (
        ("products", str(product)),
        ("customers", "91"),
        ("inventory_levels", "variant-78"),
        ("inventory_levels", f"product-{product}"),
        ("locations", "1"),
    ):
        found.append(pull.fetch_request(Fetch(resource=resource, ref=ref)))
    reading = actions.request([INTENT], "key-1")
    writing = actions.next_request([INTENT], "key-1", [standing()])
    assert writing is not None
    return [*found, reading, writing, *changing(order)]


def changing(order: int) -> Iterator[Request]:
    """Give every call about an order: its looks, a mark that is new, one that is changed, a status."""
    hold = HoldOrder(order_ref=str(order))
    head, mark = reply({"id": order, "status_id": 11}), {"namespace": "trueup", "key": "standing"}
    yield change.request(hold)
    for fields in ([], [mark | {"id": 7, "value": "{}"}]):
        told = [head]
        written = mark | {"id": 7, "value": '{"holds":["trueup"],"held_from":11}'}
        for answer in ({"data": fields}, {"data": written}, {"id": order, "status_id": 12}):
            step = change.following(hold, "r", told)
            assert step is not None
            yield step
            told.append(reply(answer))
        assert change.following(hold, "r", told) is None


def standing(available: int = 5, on_hand: int = 6) -> Reply:
    place = {
        "location_id": 1,
        "available_to_sell": available,
        "total_inventory_onhand": on_hand,
    }
    return reply({"data": [{"identity": {"variant_id": 78}, "locations": [place]}]})


def order_calls(order: int) -> Iterator[Request]:
    answers = [reply([]), reply({"id": order, "items_shipped": 1, "currency_code": "EUR"})]
    answers += [reply([]), reply({"data": []}), reply({"data": []})]
    step: Fetch | None = Fetch(resource="orders", ref=str(order))
    for answer in answers:
        assert step is not None
        yield pull.fetch_request(step)
        step = pull.fetched(step, answer).then
    assert step is None
