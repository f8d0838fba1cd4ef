"""Movements from a CSV file; taken whole or not at all."""

import csv
import io
from collections.abc import Sequence

import msgspec

from trueup.connectors.manual.mapping import map_source
from trueup.contract.connector import Piece, Source
from trueup.errors import ConfigError
from trueup.kernel.clock import SystemClock

TOPIC = "stock/movement"
_REQUIRED = ("ref", "movement", "sku", "quantity", "site", "occurred_at")
_OPTIONAL = ("to_site", "reason")


def read_file(format_name: str, content: bytes) -> Sequence[Piece]:
    """Return one piece per row.

    Raises:
        ConfigError: the file is not of this format; names line, column, expected and found.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError("The file is not UTF-8.", format=format_name, byte=error.start) from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = [name for name in _REQUIRED if name not in (reader.fieldnames or ())]
    if missing:
        raise ConfigError(
            f"The first line must name the columns {', '.join(_REQUIRED)}.",
            missing=", ".join(missing),
        )
    return [_piece(row, line) for line, row in enumerate(reader, start=2)]


def _piece(row: dict[str, str], line: int) -> Piece:
    told: dict[str, object] = {
        name: row[name].strip()
        for name in (*_REQUIRED, *_OPTIONAL)
        if (row.get(name) or "").strip()
    }
    try:
        told["quantity"] = int(str(told.get("quantity", "")))
    except ValueError as error:
        raise ConfigError(
            "A quantity is a whole number.", line=line, column="quantity", found=row.get("quantity")
        ) from error
    body = msgspec.json.encode(told)
    now = SystemClock().now()
    for issue in map_source(Source(topic=TOPIC, body=body, received_at=now)).issues:
        raise ConfigError(
            "A movement is not right.",
            line=line,
            column=issue.pointer.strip("/"),
            expected=issue.expected,
            found=issue.found,
        )
    return Piece(topic=TOPIC, body=body)
