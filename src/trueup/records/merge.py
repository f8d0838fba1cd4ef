"""Decide what a record that arrives changes. Pure, and the same for every order of arrival.

Of most kinds the newest version counts, whole. Versions of kinds that unite are told in parts: what
is stored is what all of them tell together, and its stamp is that of all of them together.
"""

from datetime import datetime
from enum import StrEnum
from functools import cache
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
    return _parts(record, source.raised_at or BEGINNING)


def unite(current: Stored | None, parts: Parts) -> Parts:
    """Return what the current version and an arriving one tell together.

    Its stamp is the greatest of both with a digest of what they tell together. `links` are those
    that arrived: those of the versions before are known, and none of them is forgotten.
    """
    arriving = _whole(parts.record, parts.personal)
    known = arriving if current is None else _whole(current.body, current.personal)
    told_at = parts.stamp.updated_at, parts.stamp.raised_at
    if current is not None:
        told_at = max(told_at, (current.stamp.updated_at, current.stamp.raised_at))
    united = _parts(known.united(arriving), told_at[1])
    stamp = Stamp(*told_at, united.stamp.digest)
    return msgspec.structs.replace(united, stamp=stamp, links=parts.links)


def _parts(record: Record, raised_at: datetime) -> Parts:
    personal = None if record.person is None else encode(record.person)
    links = normal_links(record.links) if record.links else ()
    bare = record
    if record.person is not None or record.links:
        bare = msgspec.structs.replace(record, person=None, links=())
    body = encode(bare)
    digest = blake2b(body, digest_size=16)
    if personal is not None:
        digest.update(personal)
    if not record.unites:  # the links of united versions are not at hand, and only grow
        for link in links:
            digest.update("\x1f".join(link).encode())
    stamp = Stamp(record.updated_at, raised_at, digest.digest())
    return Parts(record=bare, body=body, personal=personal, stamp=stamp, links=links)


def _whole(bare: Record, personal: bytes | None) -> Record:
    if personal is None:
        return bare
    return msgspec.structs.replace(bare, person=_person_decoder(type(bare)).decode(personal))


@cache
def _person_decoder(record_type: type[Record]) -> msgspec.json.Decoder[msgspec.Struct]:
    fields = msgspec.structs.fields(record_type)
    return msgspec.json.Decoder(next(each.type for each in fields if each.name == "person"))


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
    personal: bytes | None = None
    if parts.record.unites:
        parts = unite(current, parts)
        personal = parts.personal
    outcome = judge(current, parts.stamp)
    if outcome is Outcome.STALE and parts.record.unites:
        outcome = Outcome.CHANGED  # of the same instant, and it tells more
    if current is None:
        created = Stored(
            record_id=record_id,
            connection_id=connection_id,
            kind=parts.record.kind,
            ref=parts.record.ref,
            stamp=parts.stamp,
            body=parts.record,
            person=person,
            personal=personal,
            event_id=event_id,
            fresh=True,
            touched=True,
        )
        return created, outcome
    if outcome is Outcome.CHANGED:
        current.stamp = parts.stamp
        current.body = parts.record
        current.person = person or current.person
        current.personal = personal
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
