"""Every request that the connector can send, and every answer of the twin, by Amazon's models."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from jsonschema import Draft7Validator

from tests.support.openapi import load_document, problems, reply_problems
from trueup.canon.command import ConfirmShipment
from trueup.connectors.amazon import actions, api, commands, pull
from trueup.contract.connector import Command, Fetch, Intent, Reply, Request
from trueup.sandbox.amazon import Amazon

pytestmark = pytest.mark.shared

MODELS = Path("/work/shared/data/specs/amazon-sp-api")
if not MODELS.is_dir():
    MODELS = Path(__file__).parents[3] / "shared/data/specs/amazon-sp-api"
FILES = {
    "/orders/2026-01-01": "orders-api-model/orders_2026-01-01.json",
    "/orders/v0": "orders-api-model/ordersV0.json.gz",
    "/listings": "listings-items-api-model/listingsItems_2021-08-01.json",
    "/fba": "fba-inventory-api-model/fbaInventory.json",
    "/feeds": "feeds-api-model/feeds_2021-06-30.json",
    "/reports": "reports-api-model/reports_2021-06-30.json",
    "/sellers": "sellers-api-model/sellers.json",
}
SECRETS = {
    "seller_id": "A2SANDBOXSELLER",
    "marketplace_ids": "A1PA6795UKMFR9,A13V1IB3VIYZZH",
    "access_token": "Atza|x",
}
SINCE = datetime(2026, 11, 1, tzinfo=UTC)


def document_of(request: Request) -> dict[str, Any]:
    name = next(name for name in FILES if request.path.startswith(name))
    return load_document(MODELS / FILES[name])


def intent(sku: str, value: int) -> Intent:
    target = {"sku": sku, "item_ref": sku, "location_ref": ""}
    return Intent(kind="stock.set", key=sku, value=value, expected=None, target=target)


def command(order: str, *lines: tuple[str, int], carrier: str = "DHL") -> Command:
    content = ConfirmShipment(
        order_ref=order,
        carrier=carrier,
        tracking_number="00340000000000000001",
        shipped_at=datetime(2026, 11, 2, 8, tzinfo=UTC),
        lines=lines,
        service="Paket",
    )
    return Command(
        kind="shipment.confirm",
        key=f"order/{order}",
        ref=f"ship-{order}",
        content=content,
        wanted_at=content.shipped_at,
    )


def requests(place_url: str = "https://bucket.example/x") -> list[Request]:
    resources = ("orders", "listings", "fba_inventory", "settlements", "feeds")
    place = Reply(
        status=201,
        headers={},
        body=msgspec.json.encode({"feedDocumentId": "d", "url": place_url}),
    )
    two = [intent("LAMP/OAK 1", 3), intent("B", 0)]
    feed = actions.next_request(two, "k", [place, place])
    assert feed is not None
    found = [
        *(pull.page_request(name, SINCE, None) for name in resources),
        *(pull.page_request(name, None, None) for name in resources),
        *(pull.page_request(name, SINCE, "token==") for name in resources),
        *(pull.fetch_request(Fetch(resource=name, ref="302-1-1/ä b")) for name in resources),
        pull.count_request("listings", SINCE),
        pull.count_request("listings", None),
        api.check_request(),
        actions.request(two[:1], "k"),
        actions.request(two, "k"),
        feed,
        actions.read_request(two),
        commands.command_request(command("302-0000001-0000001", ("item", 2)), "k"),
        commands.command_request(
            command("302-0000001-0000001", ("item", 2), carrier="Rad & Co"), "k"
        ),
    ]
    return [request for request in found if request is not None]


def test_every_request_is_one_that_the_models_describe() -> None:
    asked = [api.authorise(request, SECRETS) for request in requests()]
    wrong = {
        f"{request.method} {request.path}": found
        for request in asked
        if (found := problems(document_of(request), request))
    }
    print(f"{len(asked)} requests against {len(FILES)} models")
    assert not wrong
    assert all("{" not in request.path and b"{seller" not in request.body for request in asked)


def test_a_spoilt_request_is_noticed() -> None:
    request = api.authorise(actions.request([intent("A", 1)], "k"), SECRETS)
    spoilt = msgspec.structs.replace(request, body=request.body.replace(b"patches", b"patch"))
    assert problems(document_of(spoilt), spoilt)


def test_a_feed_document_is_one_that_its_schema_describes() -> None:
    schema = load_document(MODELS / "schemas/feeds/listings-feed-schema-v2.json")
    body = actions.feed_document([intent("A", 1), intent("B", 0)])
    authorised = api.authorise(
        Request(method="PUT", path="https://x.example/", body=body, writes=True), SECRETS
    )
    assert not list(Draft7Validator(schema).iter_errors(msgspec.json.decode(authorised.body)))
    assert dict(authorised.headers).get("x-amz-access-token") is None


@pytest.mark.anyio
async def test_the_twin_answers_as_the_models_say() -> None:
    vendor = Amazon()
    vendor.list_sku("LAMP", units=5, price="19.90")
    vendor.list_sku("FBA", fba_units=8, price="5.00")
    order_id = vendor.buy({"LAMP": 2})
    vendor.buy({"FBA": 1}, by_amazon=True)
    vendor.buy({"LAMP": 1}, pending=True)
    vendor.tokens["Atza|x"] = datetime(2100, 1, 1, tzinfo=UTC)
    item = vendor.orders[order_id]["orderItems"][0]["orderItemId"]
    asked = [
        pull.page_request("orders", SINCE, None),
        pull.fetch_request(Fetch(resource="orders", ref=order_id)),
        commands.command_request(command(order_id, (item, 2)), "k"),
        pull.page_request("listings", None, None),
        pull.page_request("fba_inventory", None, None),
        actions.request([intent("LAMP", 4)], "k"),
        actions.request([intent("FBA", 4)], "k"),
        actions.request([intent("LAMP", 4), intent("GONE", 1)], "k"),
        pull.page_request("feeds", None, None),
        pull.fetch_request(Fetch(resource="orders", ref="302-9999999-9999999")),
        api.check_request(),
    ]
    vendor.settle()
    asked.append(pull.page_request("settlements", None, None))
    wrong = {}
    async with httpx.AsyncClient(transport=vendor.transport()) as client:
        for request in asked:
            sent = api.authorise(request, SECRETS)
            found = await client.request(
                sent.method,
                f"http://twin{sent.path}",
                headers=dict(sent.headers),
                content=sent.body,
            )
            reply = Reply(status=found.status_code, headers=dict(found.headers), body=found.content)
            assert reply.status < 300 or "9999999" in sent.path, (sent.path, reply.body)
            if objections := reply_problems(document_of(sent), sent, reply):
                wrong[f"{sent.method} {sent.path}"] = objections
    assert not wrong
