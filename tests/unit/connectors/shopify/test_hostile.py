"""Hostile bodies: never an exception, always an issue that says where and why."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.shopify_bodies import FOLDER, RECEIVED_AT
from trueup.canon.issue import Issue, Severity
from trueup.canon.record import encode
from trueup.connectors.shopify.mapping import map_source
from trueup.connectors.shopify.webhook import identify, split
from trueup.contract.connector import Mapped, Source
from trueup.contract.manifest import load_manifest

TOPICS = load_manifest(FOLDER / "manifest.toml").webhook.topics  # type: ignore[union-attr]
ORDER = (FOLDER / "samples/order.json").read_bytes()


def mean(body: bytes, topic: str = "orders/create") -> Mapped:
    identify({"x-shopify-topic": topic}, body)
    for piece in split(topic, body):
        identify({"x-shopify-topic": piece.topic}, piece.body)
    source = Source(topic=topic, body=body, received_at=RECEIVED_AT)
    mapped = map_source(source)
    assert mapped == map_source(source)
    for record in mapped.records:
        assert b"\\u0000" not in encode(record).replace(b"\\\\", b"")
    return mapped


def error(mapped: Mapped) -> Issue:
    assert mapped.records == ()
    (issue,) = mapped.issues
    assert Severity.ERROR is issue.severity
    assert issue.expected
    assert issue.how_to_fix
    return issue


def changed(path: str, value: str) -> bytes:
    """Return the sample order with raw JSON put where `path` leads."""
    order: Any = json.loads(ORDER)
    *parents, last = path.strip("/").split("/")
    at = order
    for name in parents:
        at = at[int(name)] if isinstance(at, list) else at[name]
    at[last] = "@@"
    return json.dumps(order).replace('"@@"', value).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"5",
        b"{",
        b"\xff\xfe{}",
        b'{"id":NaN}',
        b'{"id":1,"note":"\xff"}',
        b'{"id":1,"note":"\\ud800"}',
        b"[" * 200_000,
        b'{"id":1,"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"note":' * 100_000,
    ],
    ids=range(13),
)
def test_what_is_no_order_is_an_error_and_no_exception(body: bytes) -> None:
    assert error(mean(body)).code in {
        "shopify.body_malformed", "shopify.field_missing", "shopify.field_type",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("/line_items/0/quantity", "-1", "shopify.field_invalid"),
        ("/line_items/0/quantity", "1.5", "shopify.field_type"),
        ("/line_items/0/quantity", "99999999999999999999", "shopify.field_invalid"),
        ("/line_items/0/price_set/shop_money/amount", "1e999999", "shopify.field_invalid"),
        ("/line_items/0/price_set/shop_money/amount", '"1e999999"', "shopify.field_invalid"),
        ("/line_items/0/price_set/shop_money/amount", '"NaN"', "shopify.field_invalid"),
        ("/line_items/0/price_set/shop_money/amount", '"Infinity"', "shopify.field_invalid"),
        ("/line_items/0/price_set/shop_money/amount", '"1e-999999"', "shopify.field_invalid"),
        ("/line_items/0/price_set/shop_money/amount", '{"a":1}', "shopify.field_invalid"),
        ("/total_price_set/shop_money/amount", '"' + "9" * 500 + '"', "shopify.field_invalid"),
        ("/updated_at", '"2026-03-01T12:00:00"', "shopify.field_invalid"),
        ("/updated_at", '"2026-02-30T12:00:00Z"', "shopify.field_invalid"),
        ("/updated_at", '"0001-01-01T00:00:00+23:00"', "shopify.field_invalid"),
        ("/id", "9" * 6_000, "shopify.field_invalid"),
        ("/id", "-5", "shopify.field_invalid"),
        ("/id", '""', "shopify.field_invalid"),
        ("/id", '"' + "x" * 101 + '"', "shopify.field_invalid"),
        ("/updated_at", "17", "shopify.field_type"),
        ("/note", '"a\\u0000b"', "shopify.text_invalid"),
        ("/line_items/0/title", '"\\u0000"', "shopify.text_invalid"),
    ],
)
def test_a_value_that_can_not_be_kept_is_named_by_its_pointer(
    path: str, value: str, code: str
) -> None:
    issue = error(mean(changed(path, value)))
    assert code == issue.code
    if value != '"0001-01-01T00:00:00+23:00"':  # found by its value, which is written anew
        assert path == issue.pointer


def test_a_backslash_before_the_letters_is_not_the_null_character() -> None:
    assert mean(changed("/note", r'"c:\\u0000"')).records


def test_of_a_repeated_key_the_last_counts() -> None:
    body = ORDER.rstrip()[:-1] + b',"name":"#second"}'
    record = mean(body).records[0]
    assert record.number == "#second"  # type: ignore[attr-defined]


def test_unknown_words_are_kept_as_unknown_and_told() -> None:
    mapped = mean(changed("/financial_status", '"bartered"'))
    assert mapped.records[0].payment_status == "unknown"  # type: ignore[attr-defined]
    assert [issue.code for issue in mapped.issues] == ["shopify.financial_status_unknown"]
    mapped = mean(changed("/refunds/0/refund_line_items/0/restock_type", '"eaten"'))
    assert [issue.code for issue in mapped.issues] == ["shopify.restock_type_unknown"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, bytes]:
    """A sample with some of its values, or some of its bytes, changed at will."""
    topic = draw(st.sampled_from(TOPICS))
    body: Any = json.loads((FOLDER / topic.sample).read_bytes())
    for _ in range(draw(st.integers(1, 4))):
        at = body
        while isinstance(at, dict | list) and at:
            keys = sorted(at) if isinstance(at, dict) else range(len(at))
            key = draw(st.sampled_from(list(keys)))
            deeper = at[key]
            if not isinstance(deeper, dict | list) or not deeper or draw(st.booleans()):
                at[key] = draw(JSON)
                break
            at = deeper
    raw = bytearray(json.dumps(body).encode())
    for _ in range(draw(st.integers(0, 2))):
        raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
    return topic.topic, bytes(raw)


@settings(max_examples=400, deadline=None)
@given(mutated())
def test_no_mutation_raises(given_body: tuple[str, bytes]) -> None:
    topic, body = given_body
    mapped = mean(body, topic)
    assert mapped.records or mapped.issues or mapped.fetch or mapped.ignored
    entity = identify({"x-shopify-topic": topic}, body).entity
    assert {record.entity() for record in mapped.records} <= {entity}


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.text(max_size=20))
def test_no_bytes_raise(body: bytes, topic: str) -> None:
    mean(body, topic)
    mean(body, f"pull/{topic}")
    mean(body, "pull/order")
