"""Imported files are taken whole or refused with line and column."""

import csv
import io

import pytest

from tests.support.shopify_bodies import RECEIVED_AT
from trueup.canon.order import Order
from trueup.canon.product import Product
from trueup.connectors.shopify.files import read_file
from trueup.connectors.shopify.mapping import map_source
from trueup.contract.connector import Source
from trueup.errors import ConfigError

HEAD = [
    *("Name", "Id", "Financial Status", "Currency", "Subtotal", "Shipping", "Taxes", "Total"),
    *("Created at", "Lineitem quantity", "Lineitem name", "Lineitem price", "Lineitem sku"),
    *("Discount Code", "Discount Amount", "Tax 1 Name", "Tax 1 Value", "Billing Zip"),
]
FIRST = dict(zip(HEAD, [
    "#9", "9001", "paid", "EUR", "27.00", "4.00", "4.95", "31.00",
    "2026-02-01 10:00:00 +0100", "2", "Oak\nlamp", "10.00", "LAMP", "TEN", "3.00",
    "MwSt 19%", "4.95", "'04105",
], strict=True))  # fmt: skip
SECOND = {
    "Name": "#9", "Created at": "2026-02-01 10:00:00 +0100", "Lineitem quantity": "1",
    "Lineitem name": "Mug", "Lineitem price": "10.00",
}  # fmt: skip


def table(*rows: dict[str, str], head: list[str] = HEAD) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, head, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8-sig")


def orders(content: bytes) -> list[Order]:
    found: list[Order] = []
    for piece in read_file("shopify-orders-csv", content):
        source = Source(topic=piece.topic, body=piece.body, received_at=RECEIVED_AT)
        mapped = map_source(source)
        assert mapped.issues == ()
        found += [record for record in mapped.records if isinstance(record, Order)]
    return found


def test_the_rows_of_an_order_become_its_lines() -> None:
    other = {**FIRST, "Name": "#10", "Id": "9002", "Lineitem quantity": "3"}
    other |= {"Total": "35.95", "Lineitem name": "Pot"}
    first, second = orders(table(FIRST, SECOND, other))
    assert [line.title for line in first.lines] == ["Oak\nlamp", "Mug"]
    assert [line.ref for line in first.lines] == ["9001-1", "9001-2"]
    assert [line.stocked for line in first.lines] == [True, False]
    assert (first.taxes_included, second.taxes_included) == (True, False)
    assert str(first.discounts[0].price and first.discounts[0].price.booked) == "3.00 EUR"
    assert first.person is not None
    assert first.person.billing is not None  # type: ignore[attr-defined]
    assert first.person.billing.postcode == "04105"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        (b"", 1, "Name"),
        (table(head=[name for name in HEAD if name != "Total"]), 1, "Total"),
        (table(FIRST, head=HEAD).replace(b"Lineitem sku", b"Total"), 1, "Total"),
        (table({**FIRST, "Total": "12,50"}), 3, "Total"),
        (table({**FIRST, "Total": "1e9"}), 3, "Total"),
        (table(FIRST, {**SECOND, "Lineitem quantity": "two"}), 4, "Lineitem quantity"),
        (table(FIRST, {**SECOND, "Lineitem quantity": ""}), 4, "Lineitem quantity"),
        (table(FIRST, {**SECOND, "Lineitem price": ""}), 4, "Lineitem price"),
        (table({**FIRST, "Created at": "2026-02-01 10:00:00"}), 3, "Created at"),
        (table({**FIRST, "Created at": "2026-02-30 10:00:00 +0100"}), 3, "Created at"),
        (table({**FIRST, "Id": ""}), 3, "Id"),
        (table({**FIRST, "Currency": ""}), 3, "Currency"),
        (table({**FIRST, "Name": ""}), 3, "Name"),
        (table(FIRST, {**FIRST, "Name": "#10"}, SECOND), 6, "Name"),
        (table(FIRST) + b"a,b\r\n", 4, ""),
        (table(FIRST) + b'"open', 4, ""),
        (table(FIRST) + b"\xff\r\n", 4, ""),
        (table(FIRST) + b"\x00\r\n", 4, ""),
    ],
    ids=range(18),
)
def test_a_fault_refuses_the_file_and_names_its_place(
    content: bytes, line: int, column: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_file("shopify-orders-csv", content)
    assert (line, column) == (caught.value.context["line"], caught.value.context["column"])
    assert {"expected", "found"} <= caught.value.context.keys()


def test_a_format_that_is_not_ours_is_refused() -> None:
    with pytest.raises(ConfigError, match="shopify-orders-csv"):
        read_file("orders-xls", b"")


def test_products_are_known_by_their_handle_and_pictures_are_no_variants() -> None:
    head = ["Handle", "Title", "Option1 Value", "Variant SKU", "Variant Price", "Variant Grams",
            "Variant Inventory Tracker", "Published", "Image Src"]  # fmt: skip
    rows = [
        {"Handle": "pot", "Title": "Pot", "Option1 Value": "S", "Variant Price": "5",
         "Variant Grams": "120", "Variant Inventory Tracker": "shopify", "Published": "false"},
        {"Handle": "pot", "Option1 Value": "L", "Variant Price": "7", "Variant SKU": "POT-L"},
        {"Handle": "pot", "Image Src": "https://img.example/2.jpg"},
    ]  # fmt: skip
    (piece,) = read_file("shopify-products-csv", table(*rows, head=head))
    source = Source(topic=piece.topic, body=piece.body, received_at=RECEIVED_AT)
    (product,) = map_source(source).records
    assert isinstance(product, Product)
    assert (
        product.ref, product.state, [variant.ref for variant in product.variants],
    ) == ("pot", "draft", ["pot#1", "POT-L"])  # fmt: skip
    small = product.variants[0]
    assert (small.weight_g, small.stocked, str(small.price and small.price.amount)) == (
        120,
        True,
        "5.00",
    )
