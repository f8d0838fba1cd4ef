"""Links at rest: keyed digests, by which equal names are found and from which none is read back."""

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

from trueup.canon.link import LinkSpace, normal_value
from trueup.db.queries import load_queries
from trueup.govern.vault import Vault
from trueup.records.model import Stored

_queries = load_queries("trueup.records")

Names = tuple[tuple[str, str], ...]
Digests = tuple[tuple[str, bytes], ...]


def digests_of(vault: Vault, links: Iterable[tuple[str, str]]) -> Digests:
    """Return (namespace, digest) of links in their normal form."""
    return tuple([(namespace, vault.index(namespace, value)) for namespace, value in links])


def digests_of_name(vault: Vault, name: str) -> Digests:
    """Return the digests of a name of which nobody said what kind of name it is."""
    normal = [(space.value, normal_value(space, name)) for space in LinkSpace]
    return digests_of(vault, [pair for pair in normal if pair[1]])


async def store_links(conn: psycopg.AsyncConnection[Any], changed: Sequence[Stored]) -> None:
    """Note the links of the current versions; those that a version no longer names are gone.

    Of a kind whose versions are united no name is ever gone: a version tells a part of them.

    Args:
        conn: in the transaction of the batch.
        changed: records as they stand after it; those without `links` keep what they had.
    """
    fresh = [stored for stored in changed if stored.fresh and stored.links]
    moved = [stored for stored in changed if not stored.fresh and stored.links is not None]
    if fresh:
        await conn.execute(_queries.insert_links, _columns(fresh), prepare=True)
    if moved:
        record_ids = [stored.record_id for stored in moved if not stored.body.unites]
        columns = _columns(moved) | {"moved": record_ids}
        await conn.execute(_queries.replace_links, columns, prepare=True)


def name_record(stored: Stored, digests: Digests) -> None:
    """Note how an arriving version names a record; of a kind that unites, one name more."""
    if not stored.body.unites:
        stored.links = digests
    elif digests:
        stored.links = tuple(sorted({*(stored.links or ()), *digests}))
        stored.touched = True


def _columns(records: Sequence[Stored]) -> dict[str, list[Any]]:
    rows = [(*link, stored.record_id) for stored in records for link in stored.links or ()]
    return {
        "namespaces": [namespace for namespace, _, _ in rows],
        "digests": [digest for _, digest, _ in rows],
        "record_ids": [record_id for _, _, record_id in rows],
    }


async def forget_links(
    conn: psycopg.AsyncConnection[Any], *, persons: Sequence[bytes], record_ids: Sequence[int]
) -> None:
    """Delete the links of some records and of all records of some persons."""
    await conn.execute(
        _queries.forget_links, {"persons": list(persons), "record_ids": list(record_ids)}
    )
