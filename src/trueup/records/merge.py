"""Decide what a record that arrives changes. Pure, and the same for every order of arrival."""

from enum import StrEnum
from hashlib import blake2b

import msgspec

from trueup.canon.link import normal_links
from trueup.canon.record import BEGINNING, Record, encode
from trueup.contract.connector import Source
from trueup.records.model import Stamp, Stored


class Outcome(StrEnum):
    """What became of a record that arrived."""

    CREATED = "created"
    CHANGED = "changed"
    SAME = "same"  # equal to the current version; nothing is stored
    STALE = "stale"  # older than the current version; kept without effect


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """A record taken apart for storage.

    Attributes:
        record: without what is personal.
        body: `record` as JSON.
        personal: what is personal as JSON, to be sealed; None where there is nothing.
        links: (namespace, value) as they are compared; to be stored as digests only.
    """

    record: Record
    body: bytes
    personal: bytes | None
    stamp: Stamp
    links: tuple[tuple[str, str], ...] = ()


def take_apart(record: Record, source: Source) -> Parts:
    """Separate what is personal, and stamp the version."""
    personal = None if record.person is None else encode(record.person)
    links = normal_links(record.links) if record.links else ()
    bare = record
    if record.person is not None or record.links:
        bare = msgspec.structs.replace(record, person=None, links=())
    body = encode(bare)
    digest = blake2b(body, digest_size=16)
    if personal is not None:
        digest.update(personal)
    for link in links:
        digest.update("\x1f".join(link).encode())
    stamp = Stamp(record.updated_at, source.raised_at or BEGINNING, digest.digest())
    return Parts(record=bare, body=body, personal=personal, stamp=stamp, links=links)


def judge(current: Stored | None, stamp: Stamp) -> Outcome:
    """Return what a version with `stamp` is beside the current one."""
    if current is None:
        return Outcome.CREATED
    if stamp.digest == current.stamp.digest:
        return Outcome.SAME
    return Outcome.CHANGED if stamp > current.stamp else Outcome.STALE


def merge(
    current: Stored | None,
    parts: Parts,
    *,
    record_id: int,
    connection_id: int,
    event_id: int,
    person: bytes | None,
) -> tuple[Stored, Outcome]:
    """Return the record as it stands after `parts` arrived, and what came of them.

    `record_id` counts only where the record is new. A stored record is changed in place: it is
    the batch's own.
    """
    outcome = judge(current, parts.stamp)
    if current is None:
        created = Stored(
            record_id=record_id,
            connection_id=connection_id,
            kind=parts.record.kind,
            ref=parts.record.ref,
            stamp=parts.stamp,
            body=parts.record,
            person=person,
            event_id=event_id,
            fresh=True,
            touched=True,
        )
        return created, outcome
    if outcome is Outcome.CHANGED:
        current.stamp = parts.stamp
        current.body = parts.record
        current.person = person or current.person
        current.event_id = event_id
        current.versions += 1
        current.touched = True
    elif outcome is Outcome.STALE:
        current.versions += 1
        current.stale += 1
        current.touched = True
    elif parts.stamp > current.stamp:
        # The same content, said again later: it must go on winning against what lies between.
        current.stamp = parts.stamp
        current.touched = True
    return current, outcome
