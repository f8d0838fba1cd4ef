"""Imported files: the order export and the product export of the shop's admin.

A file is taken whole or not at all. Each record becomes one piece in the shape of a webhook body,
so the same mapping reads it. What the files do not tell: lines of orders have no ids (they are
numbered), and products have none at all (their handle stands for it, the SKU for a variant's).
"""

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from trueup.connectors.shopify.files_order import ORDER_COLUMNS, order_body
from trueup.connectors.shopify.files_product import PRODUCT_COLUMNS, product_body
from trueup.connectors.shopify.table import Row
from trueup.contract.connector import Piece
from trueup.contract.fault import file_fault

_Build = Callable[[Sequence[Row]], dict[str, Any]]


class _Format(msgspec.Struct, frozen=True):
    """One kind of file: what must stand in its head, by what rows belong together, its topic."""

    needed: tuple[str, ...]
    key: str
    topic: str
    build: _Build


_FORMATS = {
    "shopify-orders-csv": _Format(ORDER_COLUMNS, "Name", "file/order", order_body),
    "shopify-products-csv": _Format(PRODUCT_COLUMNS, "Handle", "file/product", product_body),
}


def read_file(format_name: str, content: bytes) -> Sequence[Piece]:
    """Return one piece per record, for `mapping`; a file is taken whole or not at all.

    Raises:
        ConfigError: the file is not of this format: line, column, expected, found.
    """
    form = _FORMATS.get(format_name)
    if form is None:
        raise file_fault(0, "", "one of " + ", ".join(sorted(_FORMATS)), format_name[:60])
    rows = _rows(content, form.needed)
    groups = _grouped(rows, form.key)
    return [
        Piece(topic=form.topic, body=msgspec.json.encode(form.build(group))) for group in groups
    ]


def _rows(content: bytes, needed: tuple[str, ...]) -> Iterator[Row]:
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as fault:
        line = fault.object.count(b"\n", 0, fault.start) + 1
        raise file_fault(line, "", "text in UTF-8", "other bytes") from fault
    if "\x00" in text:
        raise file_fault(text.count("\n", 0, text.index("\x00")) + 1, "", "text", "U+0000")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        head = next(reader, [])
        _check_head(head, needed)
        for cells in reader:
            if not any(cells):
                continue
            if len(cells) != len(head):
                expected = f"{len(head)} cells as in the head"
                raise file_fault(reader.line_num, "", expected, f"{len(cells)} cells")
            yield Row(line=reader.line_num, cells=dict(zip(head, cells, strict=True)))
    except csv.Error as fault:
        raise file_fault(reader.line_num, "", "comma-separated values", str(fault)) from fault


def _check_head(head: list[str], needed: tuple[str, ...]) -> None:
    missing = [name for name in needed if name not in head]
    if missing:
        raise file_fault(1, missing[0], "a column of this name", "none")
    repeated = next((name for name in head if name and head.count(name) > 1), None)
    if repeated is not None:
        raise file_fault(1, repeated, "one column of this name", "several")


def _grouped(rows: Iterator[Row], key: str) -> Iterator[list[Row]]:
    """Yield the rows of one record; they stand together, and a record does not come again."""
    group: list[Row] = []
    done: set[str] = set()
    for row in rows:
        name = row.text(key)
        if not name:
            raise row.fault(key, "a value", "nothing")
        if group and name != group[0].text(key):
            done.add(group[0].text(key))
            yield group
            group = []
        if name in done:
            raise row.fault(key, "the rows of one record beside each other", "them again here")
        group.append(row)
    if group:
        yield group
