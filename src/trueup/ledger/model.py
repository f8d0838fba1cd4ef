"""Places, positions and transactions."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec


class Place(StrEnum):
    """Where units are counted."""

    SUPPLIER = "supplier"
    ON_HAND = "on_hand"
    IN_TRANSIT = "in_transit"
    RESERVED = "reserved"  # promised to orders; its other end is `demand`
    DEMAND = "demand"
    CUSTOMER = "customer"
    QUARANTINE = "quarantine"
    LOSS = "loss"
    KIT = "kit"  # sold as a kit; of its parts, below zero, what was sold so


class Position(NamedTuple):
    """One SKU at one place; `site` only where the place has sites.

    On hand also has an instant: when its units came or left, so that a count can tell what it has
    seen from what happened after it.
    """

    sku: str
    place: Place
    site: str = ""
    at: datetime | None = None


Positions = dict[Position, int]
"""Whole units per position; those of one SKU always sum to zero."""


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """What one event moves for one record.

    Attributes:
        event_id: with the record the key; what an event moves stands in the log once.
        record_id: the order or movement whose books these are.
        connection_id: whose fact it is: that channel has counted it already.
        seen_at: when the hub took the event in.
        own_at: when the connection's own number changed by it; as `occurred_at` where None.
        own_back: units that the connection's own number lost and got back before this was told.
        variants: as which of the connection's variants its units were sold, per code.
        opens: the SKUs whose books begin with it, also where nothing moves.
        live: told as it happened, and not as history.
    """

    event_id: int
    record_id: int
    connection_id: int
    reason: str
    occurred_at: datetime
    seen_at: datetime
    moves: Positions
    own_at: datetime | None = None
    own_back: Mapping[str, int] = {}
    variants: Mapping[str, Mapping[str, int]] = {}
    opens: frozenset[str] = frozenset()
    live: bool = False


Whose = tuple[int, str]
"""A connection, and the variant of it that was sold; empty where nobody said which."""


class StockChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch made of one SKU.

    Attributes:
        available: on hand less reserved, after the batch; below zero is an oversell.
        sequence: rises with every change of this SKU.
        counted: its books have been opened; before that no channel is told anything.
        before: what was available before the batch.
        own: by how many units each connection's own facts lowered and raised what is available, per
            variant of it.
        own_at: when the first of these facts happened.
        own_live: by how many units facts that were told as they happened lowered it.
        seen_at: when the first event behind the change was taken in.
    """

    sku: str
    available: int
    sequence: int
    counted: bool
    before: int
    own: dict[Whose, tuple[int, int]]
    own_at: dict[Whose, datetime]
    own_live: dict[Whose, int]
    seen_at: datetime
