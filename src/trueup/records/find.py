"""Things found by whatever somebody types: an id, a number, a code on a label, an address.

A name counts whole: what begins alike is not found, because names of people are kept as digests.
"""

from collections.abc import Collection
from datetime import datetime
from enum import IntEnum
from typing import Any, Final

import msgspec
import psycopg

from trueup.canon.link import SPACES_OF_PEOPLE, LinkSpace, normal_value
from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows
from trueup.govern.vault import Vault
from trueup.records.barcodes import skus_of_label
from trueup.records.customers import digests_of_person
from trueup.records.label import read_label
from trueup.records.links import Digests, digests_of
from trueup.records.people import Keys

_queries = load_queries("trueup.records")

Conn = psycopg.AsyncConnection[Any]

TEXT_CHARS_MAX: Final = 255


class By(IntEnum):
    """What was typed of a record; the nearest first."""

    ID = 1
    NUMBER = 2
    NAME = 3


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A record that has what was typed.

    Attributes:
        ref: the vendor's id.
        number: as people call it.
        event_id: told it last.
        person: whose it is; None: nobody's, or of somebody who is not named.
        order_ref: of the order that it is, or belongs to, where that was told.
    """

    connection_id: int
    kind: str
    ref: str
    number: str | None
    occurred_at: datetime
    event_id: int
    deleted: bool
    person: bytes | None
    by: By
    order_ref: str | None


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Where is looked.

    Attributes:
        vault: makes the keyed digests by which names are kept.
        keys: which names people have.
        connection_ids: of the systems that are there now.
        kinds: of records; SKUs are looked for with "product".
        people: whether it may be a person's address, phone or number, too.
    """

    vault: Vault
    keys: Keys
    connection_ids: Collection[int]
    kinds: Collection[str]
    people: bool


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What has what was typed.

    Attributes:
        skus: by their code, or by a barcode.
        more: there are more records than were asked for.
    """

    skus: tuple[str, ...]
    hits: tuple[Hit, ...]
    more: bool


async def find_things(conn: Conn, scope: Scope, text: str, *, count: int) -> Found:
    """Return what is called so, in every system.

    Args:
        conn: any session.
        scope: where is looked.
        text: as it was typed.
        count: of records at most.
    """
    bare = text.strip()[:TEXT_CHARS_MAX]
    if not bare or "\x00" in bare:
        return Found(skus=(), hits=(), more=False)
    names = _digests(scope, bare)
    rows = await fetch_rows(
        conn,
        _queries.find_by_any_name,
        text=bare,
        connection_ids=list(scope.connection_ids),
        kinds=list(scope.kinds),
        namespaces=[namespace for namespace, _ in names],
        digests=[digest for _, digest in names],
        count=count + 1,
    )
    skus = await skus_of_label(conn, read_label(bare)) if "product" in scope.kinds else []
    hits = tuple(msgspec.convert(row, Hit) for row in rows[:count])
    return Found(skus=tuple(skus), hits=hits, more=len(rows) > count)


def _digests(scope: Scope, text: str) -> Digests:
    """Return by which digests a name is kept, whatever kind of name it is."""
    spaces = [space for space in LinkSpace if space not in SPACES_OF_PEOPLE]
    normal = [(space.value, normal_value(space, text)) for space in spaces]
    found = digests_of(scope.vault, [pair for pair in normal if pair[1]])
    return found + digests_of_person(scope.vault, scope.keys, text) if scope.people else found
