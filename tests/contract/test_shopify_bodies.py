"""Every recorded body goes the whole way: split, identify, map. Nothing crashes, all is told."""

import json
from collections import Counter

import pytest

from tests.support.shopify_bodies import (
    FOLDER,
    RAISED_AT,
    RECEIVED_AT,
    RECORDED,
    plain,
    recorded,
)
from trueup.canon.issue import Severity
from trueup.connectors.shopify.files import read_file
from trueup.connectors.shopify.mapping import map_source
from trueup.connectors.shopify.webhook import identify, split
from trueup.contract.connector import Identified, Mapped, Piece, Source
from trueup.contract.manifest import load_manifest

MANIFEST = load_manifest(FOLDER / "manifest.toml")
SAMPLES = [
    (path.name, topic, entry["expected"])
    for path in sorted((FOLDER / "samples").glob("*.expected.json"))
    for entry in json.loads(path.read_text())
    for topic in entry["topics"]
]
# Bodies that truly do not add up, and by how much: documentation samples of an old version.
OFF = {
    ("webhook-samples/2020-04/Order.json", "order.total_mismatch"): "-10.00 USD",
    ("webhook-samples/2020-04/Order.json", "order.subtotal_mismatch"): "-2099.00 USD",
    # A fee of -0.25 on -1.50 that takes a quarter more instead of less.
    ("rest-fixtures-python/payouts_transactions.json", "shopify.entry_mismatch"): "net -1.75 USD",
}


def take(piece: Piece) -> tuple[Identified, Mapped]:
    found = identify({"x-shopify-topic": piece.topic}, piece.body)
    source = Source(topic=piece.topic, body=piece.body, received_at=RECEIVED_AT)
    mapped = map_source(source)
    assert mapped == map_source(source)
    return found, mapped


@pytest.mark.parametrize(("name", "topic", "expected"), SAMPLES)
def test_a_sample_means_what_its_file_says(name: str, topic: str, expected: object) -> None:
    body = (FOLDER / "samples" / name.replace(".expected", "")).read_bytes()
    source = Source(topic=topic, body=body, received_at=RECEIVED_AT, raised_at=RAISED_AT)
    mapped = map_source(source)
    assert expected == plain(mapped)
    entity = identify({"x-shopify-topic": topic}, body).entity
    assert {record.entity() for record in mapped.records} <= {entity}


def test_every_topic_of_the_manifest_has_a_sample_with_a_meaning() -> None:
    assert MANIFEST.webhook is not None
    topics = {topic.topic for topic in MANIFEST.webhook.topics}
    assert topics <= {topic for _, topic, _ in SAMPLES}


@pytest.mark.shared
def test_every_recorded_body_becomes_records_or_a_reason() -> None:
    kinds, codes, ignored, fetched, severe = (Counter[str]() for _ in range(5))
    off: dict[tuple[str, str], str] = {}
    bodies = pieces = 0
    for name, topic, body in recorded():
        bodies += 1
        for piece in split(topic, body):
            pieces += 1
            found, mapped = take(piece)
            assert mapped.records or mapped.issues or mapped.fetch or mapped.ignored, name
            assert {record.entity() for record in mapped.records} <= {found.entity}, name
            kinds.update(record.kind for record in mapped.records)
            codes.update(issue.code for issue in mapped.issues)
            fetched.update(fetch.resource for fetch in mapped.fetch)
            ignored.update([mapped.ignored.partition(" '")[0]] if mapped.ignored else [])
            severe.update(name for i in mapped.issues if i.severity is Severity.ERROR)
            for issue in mapped.issues:
                if issue.code.endswith("_mismatch"):
                    off[name, issue.code] = issue.found.rpartition("of ")[2]
    print(f"\n{bodies} bodies, {pieces} records in them, 0 crashes")
    for title, table in (
        ("became", kinds), ("issues", codes), ("asked for again", fetched), ("left aside", ignored)
    ):  # fmt: skip
        for what, count in table.most_common():
            print(f"{title:16} {count:5}  {what}")
    assert off == OFF
    assert bodies > 600
    assert not any(name.startswith("admin-graphql-captures") for name in severe), severe
    assert {"order", "product", "customer", "inventory_level", "location", "return"} <= set(kinds)
    assert {"payout", "balance_entry", "dispute"} <= set(kinds)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("format_name", "path", "count"),
    [
        ("shopify-orders-csv", "order-csv/orders_export_multiline_anonymised.csv", 7),
        ("shopify-products-csv", "product-csv/apparel.csv", 20),
        ("shopify-products-csv", "product-csv/home-and-garden.csv", 20),
    ],
)
def test_a_real_export_becomes_records_without_an_issue(
    format_name: str, path: str, count: int
) -> None:
    pieces = read_file(format_name, (RECORDED / path).read_bytes())
    assert count == len(pieces)
    for piece in pieces:
        found, mapped = take(piece)
        assert mapped.issues == ()
        assert [found.entity] == [record.entity() for record in mapped.records]
