"""Intents and calls as they are stored."""

from datetime import datetime
from enum import StrEnum

import msgspec

from trueup.contract.connector import Intent


class CallState(StrEnum):
    """What is known of a call."""

    SENDING = "sending"
    UNKNOWN = "unknown"
    DONE = "done"
    LATER = "later"
    REFUSED = "refused"


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """One intent in a call.

    Attributes:
        sequence: of the ledger, at which the value was true.
        wanted_at: when the hub took in the first event behind it.
        attempts: failed tries before this one.
    """

    intent: Intent
    sequence: int
    wanted_at: datetime
    attempts: int = 0


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call to a vendor, for up to the manifest's `bulk_max` intents."""

    call_id: int
    connection_id: int
    kind: str
    idempotency_key: str
    sends: int
    claimed: tuple[Claimed, ...]

    @property
    def intents(self) -> tuple[Intent, ...]:
        """The intents, in their order."""
        return tuple(claimed.intent for claimed in self.claimed)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A listing of which a channel must be told."""

    connection_id: int
    sku: str
    target: dict[str, str]
    available: int
    sequence: int
    counted: bool
