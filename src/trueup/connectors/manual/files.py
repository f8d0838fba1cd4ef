"""The table of movements: one a row, taken whole or not at all."""

import csv
import io
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from trueup.canon.inventory import MovementKind
from trueup.connectors.manual.mapping import TOPIC
from trueup.contract.connector import Piece
from trueup.contract.fault import file_fault

FORMAT = "stock-movements-csv"
NEEDED = ("ref", "movement", "sku", "quantity", "occurred_at")
KNOWN = (*NEEDED, "site", "to_site", "reason", "cost", "currency")

_UNITS = re.compile(r"[+-]?\d{1,10}")
_AMOUNT = re.compile(r"\d{1,15}(\.\d{1,12})?")


def read_file(format_name: str, content: bytes) -> Sequence[Piece]:
    """Return one piece per movement; a file is taken whole or not at all.

    Raises:
        ConfigError: the file is not of this format: line, column, expected, found.
    """
    if format_name != FORMAT:
        raise file_fault(0, "", FORMAT, format_name[:60])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        raise file_fault(line, "", "text in UTF-8", f"byte {content[fault.start]:#04x}") from fault
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    pieces: list[Piece] = []
    seen: set[str] = set()
    try:
        head = [name.strip().lower() for name in next(reader, [])]
        _check_head(head)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(head):
                raise file_fault(
                    reader.line_num, "", f"{len(head)} cells as in the head", f"{len(cells)}"
                )
            row = {name: cell.strip() for name, cell in zip(head, cells, strict=True)}
            body = _body(reader.line_num, row)
            if body["ref"] in seen:
                raise file_fault(
                    reader.line_num, "ref", "a ref of its own for each movement", "one again"
                )
            seen.add(body["ref"])
            pieces.append(Piece(topic=TOPIC, body=msgspec.json.encode(body)))
    except csv.Error as fault:
        raise file_fault(reader.line_num, "", "comma-separated values", str(fault)) from fault
    return pieces


def _check_head(head: list[str]) -> None:
    for name in NEEDED:
        if name not in head:
            raise file_fault(1, name, "a column of this name", "none")
    for name in head:
        if name not in KNOWN:
            raise file_fault(1, name[:60], "one of " + ", ".join(KNOWN), "another column")
        if head.count(name) > 1:
            raise file_fault(1, name, "one column of this name", "several")


def _body(line: int, row: dict[str, str]) -> dict[str, Any]:
    for name in NEEDED:
        if not row[name]:
            raise file_fault(line, name, "a value", "nothing")
    if row["movement"] not in list(MovementKind):
        raise file_fault(line, "movement", "one of " + ", ".join(MovementKind), "another word")
    if not _UNITS.fullmatch(row["quantity"]):
        raise file_fault(line, "quantity", "a whole number of units", "other text")
    body: dict[str, Any] = {
        "ref": row["ref"],
        "movement": row["movement"],
        "sku": row["sku"],
        "quantity": int(row["quantity"]),
        "occurred_at": _instant(line, row["occurred_at"]),
    }
    for name in ("site", "to_site", "reason"):
        if row.get(name):
            body[name] = row[name]
    if row.get("cost"):
        if not _AMOUNT.fullmatch(row["cost"]):
            raise file_fault(line, "cost", "an amount such as 12.50", "other text")
        if not row.get("currency"):
            raise file_fault(line, "currency", "a currency, because there is a cost", "nothing")
        body["cost"] = {"amount": row["cost"], "currency": row["currency"]}
    return body


def _instant(line: int, text: str) -> str:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise file_fault(
            line, "occurred_at", "an instant such as 2026-01-31T09:00:00+01:00", "other text"
        )
    return instant.isoformat()
