"""Records as plain values for JSON and for the screen."""

from collections.abc import Mapping
from typing import Any

import msgspec
import psycopg

from trueup.canon.record import Record, decode
from trueup.govern.persons import read_keys
from trueup.session import Session

Row = Mapping[str, Any]


def plain_record(record: Record) -> dict[str, Any]:
    """Return a record as plain values: kind, ref, then its canonical fields."""
    fields: dict[str, Any] = msgspec.to_builtins(record)
    return {"kind": record.kind, "ref": record.ref, **fields}


async def open_row(
    conn: psycopg.AsyncConnection[Any], session: Session, row: Row, *, masked: bool
) -> dict[str, Any]:
    """Return a stored record as plain values, what is personal opened for the local operator.

    Args:
        conn: reads the person's key.
        session: whose vault opens it.
        row: of `records.reads`, with body and personal.
        masked: leave out what is personal, and say so.
    """
    plain = plain_record(decode(row["kind"], row["body"]))
    sealed = row["personal"]
    if sealed is None:
        return plain
    if masked:
        return plain | {"person": "masked"}
    person = bytes(row["person"]) if row["person"] is not None else b""
    keys = await read_keys(conn, session.hub.vault, [person])
    if person not in keys:
        return plain | {"person": "erased"}
    identity = f"{row['connection_id']}\x1f{row['kind']}\x1f{row['ref']}".encode()
    opened = session.hub.vault.open_personal(bytes(sealed), keys[person], identity)
    return plain | {"person": "erased" if opened is None else msgspec.json.decode(opened)}
