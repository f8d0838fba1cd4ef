"""The shape of bodies: names and kinds, never values; and the line that reads a field."""

from pathlib import Path

import pytest

from trueup import connectors
from trueup.contract.reader_line import reader_line
from trueup.contract.shape import PATHS_MAX, fields_of


def test_each_field_has_its_path_and_kind() -> None:
    body = b'{"id":7,"note":null,"lines":[{"price":"1.00"},{"price":null,"gift":true}]}'
    assert fields_of(body) == {
        "$": "object",
        "$.id": "number",
        "$.note": "null",
        "$.lines": "list",
        "$.lines[*]": "object",
        "$.lines[*].price": "text",
        "$.lines[*].gift": "flag",
    }


def test_a_key_that_is_content_is_not_kept() -> None:
    fields = fields_of(b'{"ann@example.com":1,"metadata":{"42":{"x":1}}}')
    assert fields is not None
    assert set(fields) == {"$", "$.{}", "$.metadata", "$.metadata.{}", "$.metadata.{}.x"}


@pytest.mark.parametrize("body", [b"", b"\xff", b"id,price\n1,2", b"{" * 100_000])
def test_what_is_no_json_has_no_shape(body: bytes) -> None:
    assert fields_of(body) is None


def test_a_hostile_body_costs_little() -> None:
    deep = b'{"a":' * 400 + b"1" + b"}" * 400
    wide = b"{" + b",".join(b'"f%d":1' % n for n in range(5_000)) + b"}"
    assert len(fields_of(deep) or {}) < 50
    assert len(fields_of(wide) or {}) <= PATHS_MAX


def test_the_line_that_reads_a_field_is_found() -> None:
    folder = Path(connectors.__file__).parent / "shopify"
    place = reader_line(folder, "$.line_items[*].fulfillable_quantity") or reader_line(
        folder, "$.line_items[*].quantity"
    )
    assert place is not None
    name, line = place.split(":")
    text = (folder / name).read_text(encoding="utf-8").splitlines()[int(line) - 1]
    assert "quantity" in text
    assert reader_line(folder, "$.not_a_field_of_anybody") is None
