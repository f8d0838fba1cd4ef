"""What is stored of a record."""

from datetime import datetime

import msgspec

from trueup.canon.record import Record


class Stamp(msgspec.Struct, frozen=True, order=True):
    """What orders the versions of one record; the greatest is current."""

    updated_at: datetime
    raised_at: datetime
    digest: bytes


class Stored(msgspec.Struct, kw_only=True):
    """A record with its current version, as loaded or as changed within a batch.

    Attributes:
        body: the current version without what is personal.
        links: (namespace, digest) of the current version; None where they are as stored. Of a kind
            that unites: those that came to the stored ones.
        sealed: what is personal of the current version as it is stored; of a kind that unites.
        personal: the same, opened; of a kind that unites.
        fresh: it was not in the database when the batch began.
        versions, stale: how many there are, those of this batch included.
    """

    record_id: int
    connection_id: int
    kind: str
    ref: str
    stamp: Stamp
    body: Record
    person: bytes | None
    event_id: int
    links: tuple[tuple[str, bytes], ...] | None = None
    versions: int = 1
    stale: int = 0
    sealed: bytes | None = None
    personal: bytes | None = None
    fresh: bool = False
    touched: bool = False

    def began_with(self, event_id: int) -> bool:
        """Whether an event is what told it for the first time."""
        return self.versions == 1 and self.event_id == event_id


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version to be stored."""

    record_id: int
    event_id: int
    stale: bool
    body: bytes
    personal: bytes | None
