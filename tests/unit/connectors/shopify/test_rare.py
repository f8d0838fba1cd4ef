"""What comes seldom and still means something: each rare branch of the mapping, and what it says."""

import json
from typing import Any

import pytest

from tests.support.shopify_bodies import FOLDER, RAISED_AT, RECEIVED_AT
from tests.unit.connectors.shopify.test_files import FIRST, table
from trueup.canon.order import Order
from trueup.canon.payment import Payment
from trueup.canon.refund import Refund, Restock
from trueup.connectors.shopify import actions, hooks, pull
from trueup.connectors.shopify.files import read_file
from trueup.connectors.shopify.mapping import map_source
from trueup.contract.connector import Fetch, Intent, Mapped, Reply, Source
from trueup.errors import ConfigError, ContractBroken, Refused

Body = dict[str, Any]
SAMPLES = FOLDER / "samples"
EUR = {"amount": "1.00", "currency_code": "EUR"}
GBP = {"amount": "0.90", "currency_code": "GBP"}
USD = {"amount": "1.10", "currency_code": "USD"}
CUT = {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": "x"}}


def sample(name: str) -> Body:
    body: Body = json.loads((SAMPLES / f"{name}.json").read_text())
    return body


def mean(topic: str, body: Body) -> Mapped:
    source = Source(
        topic=topic,
        body=json.dumps(body).encode(),
        received_at=RECEIVED_AT,
        raised_at=RAISED_AT,
    )
    return map_source(source)


def reply(**data: Any) -> Reply:
    return Reply(status=200, headers={}, body=json.dumps({"data": data}).encode())


UNSOUND: dict[str, tuple[str, str, Body]] = {
    "a line without a price": (
        "order", "line prices", {"line_items": [{"id": 7101, "quantity": 1, "price": None}]}
    ),
    "a line with fewer than none": (
        "order", "0 or more", {"line_items": [{"id": 1, "quantity": -1, "price": "1.00"}]}
    ),
    "shipping without a price": (
        "order", "a price of shipping line 0", {"shipping_lines": [{"id": 1, "title": "Post"}]}
    ),
    "fewer than none in a parcel": (
        "fulfillment", "0 or more", {"line_items": [{"id": 1, "quantity": -1}]}
    ),
    "fewer than none in a refund": (
        "refund",
        "0 or more",
        {"refund_line_items": [{"id": 1, "line_item_id": 2, "quantity": -1, "restock_type": "return"}]},
    ),
    "discounts in two currencies": (
        "order",
        "the currency EUR",
        {"line_items": [{"id": 1, "quantity": 1, "price": "9.00", "discount_allocations": [
            {"amount_set": {"shop_money": EUR}}, {"amount_set": {"shop_money": USD}}]}]},
    ),
    "discounts shown in two currencies": (
        "order",
        "the currency GBP",
        {"line_items": [{"id": 1, "quantity": 1, "price": "9.00", "discount_allocations": [
            {"amount_set": {"shop_money": EUR, "presentment_money": GBP}},
            {"amount_set": {"shop_money": EUR, "presentment_money": USD}}]}]},
    ),
}  # fmt: skip
TOPICS = {
    "order": "orders/create",
    "fulfillment": "fulfillments/create",
    "refund": "refunds/create",
}


@pytest.mark.parametrize("name", UNSOUND)
def test_what_can_not_be_kept_is_an_issue_that_says_what_should_stand_there(name: str) -> None:
    kind, expected, change = UNSOUND[name]
    mapped = mean(TOPICS[kind], sample(kind) | change)
    assert mapped.records == ()
    assert [expected in issue.expected for issue in mapped.issues] == [True]


def order_of(change: Body) -> Order:
    record = mean("orders/create", sample("order") | change).records[0]
    assert isinstance(record, Order)
    return record


def test_duties_taxes_and_allocations_without_an_amount_say_nothing() -> None:
    line: Body = {
        "id": 1,
        "quantity": 2,
        "price": "9.00",
        "tax_lines": [{"title": "VAT"}, {"title": "VAT", "price": "1.00", "rate": None}],
        "discount_allocations": [{"discount_application_index": 0}],
        "duties": [{"id": 1}, {"id": 2, "shop_money": EUR, "presentment_money": EUR},
                   {"id": 3, "price": {"shop_money": EUR}}],
    }  # fmt: skip
    (found,) = order_of({"line_items": [line]}).lines
    assert [tax.rate for tax in found.taxes] == [None]
    assert len(found.duties) == 2
    assert found.discount is None


def test_two_parts_of_one_discount_are_added_and_one_without_a_number_is_left_aside() -> None:
    part: Body = {"amount": "1.00", "amount_set": {"shop_money": EUR}}
    line: Body = {"id": 1, "quantity": 1, "price": "9.00", "discount_allocations": [
        part | {"discount_application_index": 0}, part | {"discount_application_index": 0}, part]}  # fmt: skip
    order = order_of({"line_items": [line]})
    assert order.discounts[0].price is not None
    assert str(order.discounts[0].price.booked.amount) == "2.00"


def test_shipping_is_what_is_left_after_its_discount() -> None:
    shipping: Body = {"id": 1, "price": "5.00", "discount_allocations": [{"amount": "2.00"}]}
    (found,) = order_of({"shipping_lines": [shipping]}).shipping
    assert found.discounted is not None
    assert str(found.discounted.booked.amount) == "3.00"


def test_an_old_order_names_only_the_codes_of_its_discounts() -> None:
    order = order_of(
        {"discount_applications": [], "discount_codes": [{"code": "A", "amount": "2"}]}
    )
    assert [discount.code for discount in order.discounts] == ["A"]


def refund_of(change: Body) -> Mapped:
    return mean("refunds/create", sample("refund") | change)


def restocked(word: str) -> Body:
    line = {"id": 1, "line_item_id": 2, "quantity": 1, "restock_type": word}
    return {"refund_line_items": [line]}


@pytest.mark.parametrize(
    ("word", "code"),
    [("legacy_restock", "shopify.restock_type_legacy"), ("melt", "shopify.restock_type_unknown")],
)
def test_a_restock_that_is_not_known_is_told(word: str, code: str) -> None:
    mapped = refund_of(restocked(word))
    refund = mapped.records[0]
    assert isinstance(refund, Refund)
    assert [line.restock for line in refund.lines] == [Restock.UNKNOWN]
    assert [issue.code for issue in mapped.issues] == [code]


def test_refunded_shipping_is_told_in_either_way() -> None:
    lines = [{"id": 1, "subtotal_amount_set": {"shop_money": EUR}}, {"id": 2}]
    refund = refund_of({"refund_shipping_lines": lines, "order_adjustments": []}).records[0]
    assert isinstance(refund, Refund)
    assert refund.shipping is not None
    assert str(refund.shipping.booked.amount) == "1.00"
    two = [{"id": n, "kind": "shipping_refund", "amount": "-1.00"} for n in (1, 2)]
    refund = refund_of({"order_adjustments": [*two, {"id": 3, "kind": "tip"}]}).records[0]
    assert isinstance(refund, Refund)
    assert refund.shipping is not None
    assert str(refund.shipping.booked.amount) == "2.00"


def test_money_in_the_customers_currency_is_asked_for_again() -> None:
    foreign = {"total_unsettled_set": {"shop_money": EUR, "presentment_money": USD}}
    paid = sample("transaction") | foreign | {"currency": "USD"}
    wish = (Fetch(resource="orders", ref="7001"),)
    assert mean("order_transactions/create", paid).fetch == wish
    assert refund_of({"transactions": [paid]}).fetch == wish


def test_a_node_that_is_cut_short_is_asked_for_again_and_alone_it_is_told() -> None:
    gid = "gid://shopify"
    nodes: dict[str, tuple[str, Body]] = {
        "products": ("product", {"id": f"{gid}/Product/1", "title": "T", "variants": CUT}),
        "fulfillments": (
            "fulfillment",
            {"id": f"{gid}/Fulfillment/1", "status": "SUCCESS", "fulfillmentLineItems": CUT},
        ),
        "returns": (
            "return",
            {"id": f"{gid}/Return/1", "status": "OPEN", "returnLineItems": CUT,
             "order": {"id": f"{gid}/Order/1"}},
        ),
    }  # fmt: skip
    for resource, (noun, node) in nodes.items():
        paged, alone = mean(f"pull/{noun}", node), mean(f"fetch/{noun}", node)
        assert paged.fetch == (Fetch(resource=resource, ref="1"),), paged.issues
        assert [issue.code for issue in alone.issues] == ["shopify.record_too_long"]


def test_what_the_vendor_refuses_or_leaves_out_is_told() -> None:
    refused = {"userErrors": [{"message": "no such topic"}]}
    nothing: Body = {"userErrors": []}
    with pytest.raises(Refused, match="no such topic"):
        hooks.created(reply(webhookSubscriptionCreate=refused))
    with pytest.raises(ContractBroken):
        hooks.created(reply(webhookSubscriptionCreate=nothing))
    with pytest.raises(Refused, match="no such topic"):
        pull.bulk_started(reply(bulkOperationRunQuery=refused))
    with pytest.raises(ContractBroken):
        pull.bulk_started(reply(bulkOperationRunQuery=nothing))
    returns = {"orders": {"nodes": [{"returns": CUT}]}}
    with pytest.raises(ContractBroken):
        pull.page("returns", reply(**returns))
    assert pull.page("inventory_levels", reply(locations={"nodes": []})).pieces == ()


def test_one_level_and_one_parcel_are_asked_for_and_may_be_gone() -> None:
    level = Fetch(resource="inventory_levels", ref="1@2")
    assert b"gid://shopify/Location/2" in pull.fetch_request(level).body
    assert pull.fetched(level, reply(inventoryItem=None)).pieces == ()
    told = pull.fetched(level, reply(inventoryItem={"inventoryLevel": {"id": "x"}})).pieces
    assert [piece.topic for piece in told] == ["fetch/inventory_level"]
    parcel = Fetch(resource="fulfillments", ref="1")
    assert b"gid://shopify/Fulfillment/1" in pull.fetch_request(parcel).body


def test_a_level_of_another_name_is_no_stock() -> None:
    place = {"location": {"id": "gid://shopify/Location/2"}, "quantities": []}
    other = {"location": {"id": "gid://shopify/Location/3"}, "quantities": []}
    item = {"id": "gid://shopify/InventoryItem/1", "inventoryLevels": {"nodes": [other, place]}}
    intent = Intent(
        kind="stock.set", key="A", value=1, expected=1,
        target={"item_ref": "1", "location_ref": "2"},
    )  # fmt: skip
    assert list(actions.read([intent], reply(nodes=[item]))) == [None]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"Id": "x"}, "number of an order"),
        ({"Id": ""}, "found nothing"),
        ({"Created at": ""}, "an instant"),
        ({"Currency": ""}, "Currency"),
        ({"Total": ""}, "Total"),
    ],
)
def test_a_fault_in_an_export_is_told(change: dict[str, str], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        read_file("shopify-orders-csv", table(FIRST | change))


def test_an_export_of_nothing_but_its_head_holds_nothing() -> None:
    assert read_file("shopify-orders-csv", table()) == []


def test_blank_rows_are_skipped_and_shipping_may_be_left_out() -> None:
    bare = FIRST | {"Shipping": "", "Subtotal": ""}
    assert len(read_file("shopify-orders-csv", table({}, bare))) == 1


PRODUCT = ["Handle", "Title", "Option1 Value", "Variant SKU", "Variant Price", "Published"]


@pytest.mark.parametrize(
    ("change", "fault"), [({"Title": ""}, "title"), ({"Published": "perhaps"}, "true or false")]
)
def test_a_fault_in_a_product_export_is_told(change: dict[str, str], fault: str) -> None:
    values = ["lamp", "Lamp", "Oak", "LAMP", "9.00", "true"]
    row = dict(zip(PRODUCT, values, strict=True)) | change
    with pytest.raises(ConfigError, match=fault):
        read_file("shopify-products-csv", table(row, head=PRODUCT))


@pytest.mark.parametrize(
    ("gateway", "ref"), [("gift_card", ""), ("shopify_store_credit", ""), ("bogus", None)]
)
def test_what_was_owed_before_pays_and_no_provider_has_it(gateway: str, ref: str | None) -> None:
    """Found by the clean year: five dollars of a gift card waited for a provider for ever."""
    body = {
        "id": 1,
        "order_id": 2,
        "kind": "sale",
        "status": "success",
        "gateway": gateway,
        "amount": "5.00",
        "currency": "USD",
        "created_at": "2026-03-01T08:00:00-05:00",
    }
    (paid,) = mean("order_transactions/create", body).records
    assert isinstance(paid, Payment)
    assert paid.gift_card_ref == ref
