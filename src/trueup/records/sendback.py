"""What rules about returns go by beside the records: which there are, what was said, how often.

What is personal leaves this file only as what whoever reads it makes of it.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import psycopg

from trueup.canon.returns import ReturnState
from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows
from trueup.govern.persons import read_keys
from trueup.govern.vault import Vault
from trueup.records.returned import Key
from trueup.records.sealed import identity_of

_queries = load_queries("trueup.records")

Conn = psycopg.AsyncConnection[Any]


class Kind(NamedTuple):
    """A kind of record, and the shape of what is personal in it."""

    name: str
    personal: type[msgspec.Struct]


class Opened(NamedTuple):
    """One record of somebody, with what was made of it; None where it is dark."""

    person: bytes
    read: Any


async def entities_told_back(
    conn: Conn,
    connection_ids: Collection[int],
    since: datetime,
    states: Collection[ReturnState] | None = None,
) -> list[Key]:
    """Return the orders of some shops of which something was told as coming or paid back.

    Args:
        conn: any session.
        connection_ids: of the shops.
        since: when a return, a refund or a graded return was made.
        states: only those with a return in one of these; None: all.
    """
    rows = await fetch_rows(
        conn,
        _queries.entities_told_back,
        connection_ids=sorted(connection_ids),
        since=since,
        states=None if states is None else sorted(each.value for each in states),
    )
    return [(row["connection_id"], row["entity"]) for row in rows]


async def open_of_entities(
    conn: Conn, vault: Vault, keys: Sequence[Key], kind: Kind, read: Callable[[Any], object]
) -> dict[int, Opened]:
    """Return what is made of what is personal in the records of some entities, by record.

    Args:
        conn: any session.
        vault: opens it; of who was erased nothing is opened.
        keys: of the entities.
        kind: of the records.
        read: makes something of it that tells nobody who they are.
    """
    rows = await fetch_rows(
        conn,
        _queries.sealed_of_entities,
        connection_ids=[number for number, _ in keys],
        entities=[entity for _, entity in keys],
        kind=kind.name,
    )
    secrets = await read_keys(conn, vault, {bytes(row["person"]) for row in rows}) if rows else {}
    found = {}
    for row in rows:
        person = bytes(row["person"])
        opened = None
        if person in secrets and row["personal"] is not None:
            identity = identity_of(row["connection_id"], kind.name, row["ref"])
            opened = vault.open_personal(bytes(row["personal"]), secrets[person], identity)
        told = None if opened is None else read(msgspec.json.decode(opened, type=kind.personal))
        found[row["record_id"]] = Opened(person, told)
    return found


async def returns_of_persons(
    conn: Conn, persons: Collection[bytes], connection_ids: Collection[int], since: datetime
) -> dict[bytes, set[int]]:
    """Return the returns of some persons' orders since an instant that were not turned down."""
    found: dict[bytes, set[int]] = defaultdict(set)
    rows = await fetch_rows(
        conn,
        _queries.returns_of_persons,
        persons=sorted(persons),
        connection_ids=sorted(connection_ids),
        since=since,
    )
    for row in rows:
        found[bytes(row["person"])].add(row["record_id"])
    return found
