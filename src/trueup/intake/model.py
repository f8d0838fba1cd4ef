"""What the log holds."""

from datetime import datetime
from enum import IntEnum, StrEnum

import msgspec


class Origin(StrEnum):
    """How an event came in."""

    WEBHOOK = "webhook"
    POLL = "poll"
    BULK = "bulk"
    FILE = "file"
    REPLY = "reply"
    OWN = "own"


REBOOK_TOPIC = "hub/rebook"
"""An event of our own that tells nothing new: what its entity moves is worked out again."""


class Lane(IntEnum):
    """Live events never wait behind a backfill."""

    LIVE = 0
    BACKFILL = 1


class NewEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery on its way into the log.

    Attributes:
        external_id: the vendor's id of the delivery; with the connection it is taken once.
        entity: what it is about within the connection; decides the partition.
        headers: the safe ones, as sent.
        queued: False for what is only kept (replies to our own calls).
    """

    connection_id: int
    external_id: str
    topic: str
    entity: str
    origin: Origin
    received_at: datetime
    body: bytes
    raised_at: datetime | None = None
    headers: bytes = b""
    lane: Lane = Lane.LIVE
    queued: bool = True


class Appended(msgspec.Struct, frozen=True, kw_only=True):
    """What came of appending one delivery.

    Attributes:
        event_id: of the event in the log; of the first one where this is a repeat.
        repeated: the delivery was in the log already, byte for byte.
        conflicting: the id was in the log with other bytes; an issue says so.
    """

    event_id: int
    repeated: bool = False
    conflicting: bool = False


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event taken from the queue, its body still sealed."""

    event_id: int
    connection_id: int
    external_id: str
    topic: str
    entity: str
    origin: str
    raised_at: datetime | None
    received_at: datetime
    body: bytes
    wrapped: bytes
    person: bytes | None
    attempts: int
    partition: int


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """One configured account of one connector."""

    connection_id: int
    name: str
    connector: str
    settings: dict[str, str]
    state: str


def event_identity(connection_id: int, external_id: str) -> bytes:
    """Return the bytes that tie a sealed body to its event."""
    return f"{connection_id}\x1f{external_id}".encode()
