"""Intents and calls as they are stored."""

from datetime import datetime
from enum import StrEnum

import msgspec

from trueup.canon.command import CommandContent
from trueup.contract.connector import Command, Intent


class CallState(StrEnum):
    """What is known of a call."""

    SENDING = "sending"
    UNKNOWN = "unknown"
    SUBMITTED = "submitted"
    DONE = "done"
    LATER = "later"
    REFUSED = "refused"


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """One intent in a call.

    Attributes:
        sequence: of the ledger, at which the value was true.
        wanted_at: when the hub took in the first event behind it.
        attempts: failed tries before this one.
        overtaken: a newer number was said while the vendor was at this one.
    """

    intent: Intent
    sequence: int
    wanted_at: datetime
    attempts: int = 0
    overtaken: bool = False


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call to a vendor, for up to the manifest's `bulk_max` intents.

    Attributes:
        vendor_ref: what the vendor calls a batch that it took in.
    """

    call_id: int
    connection_id: int
    kind: str
    idempotency_key: str
    sends: int
    claimed: tuple[Claimed, ...]
    vendor_ref: str | None = None

    @property
    def intents(self) -> tuple[Intent, ...]:
        """The intents, in their order."""
        return tuple(claimed.intent for claimed in self.claimed)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A listing of which a channel must be told; `key` tells it from others of its SKU there."""

    connection_id: int
    sku: str
    key: str
    target: dict[str, str]
    available: int
    sequence: int
    counted: bool


class WantedCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A command that shall be carried out.

    Attributes:
        ref: the orderer's own name of it; the same wish again is one command.
        key: commands of one key are carried out in turn.
        person: whom its content is about; it goes dark with them.
        due_at: not before this; at once where None.
        not_after: it is taken back where it could not leave until then.
    """

    connection_id: int
    kind: str
    key: str
    ref: str
    content: CommandContent
    wanted_at: datetime
    person: bytes | None = None
    due_at: datetime | None = None
    not_after: datetime | None = None


class ClaimedCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A command on its way.

    Attributes:
        command: None where its content went dark with its person.
        attempts: failed tries before this one.
        person: whom its content is about.
        not_after: it does not leave after this.
    """

    command_id: int
    connection_id: int
    ref: str
    kind: str
    idempotency_key: str
    sends: int
    attempts: int
    vendor_ref: str | None
    wanted_at: datetime
    command: Command | None
    person: bytes | None = None
    not_after: datetime | None = None


class CommandState(StrEnum):
    """How far a command has come."""

    DUE = "due"
    SENDING = "sending"
    UNKNOWN = "unknown"
    SUBMITTED = "submitted"
    DONE = "done"
    REFUSED = "refused"
    DEAD = "dead"
    DISCARDED = "discarded"
    WITHDRAWN = "withdrawn"
