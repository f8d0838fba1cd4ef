"""Places, positions and transactions."""

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


class Position(NamedTuple):
    """One SKU at one place; `site` only where the place has sites."""

    sku: str
    place: Place
    site: str = ""


Positions = dict[Position, int]
"""Whole units per position; those of one SKU always sum to zero."""


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """What one event moves.

    Attributes:
        event_id: the key; an event posts once.
        record_id: the order or movement whose books these are.
        connection_id: whose fact it is: that channel has counted it already.
        seen_at: when the hub took the event in.
        opens: the SKUs whose books begin with it, also where nothing moves.
    """

    event_id: int
    record_id: int
    connection_id: int
    reason: str
    occurred_at: datetime
    seen_at: datetime
    moves: Positions
    opens: frozenset[str] = frozenset()


class StockChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch made of one SKU.

    Attributes:
        available: on hand less reserved, after the batch; below zero is an oversell.
        sequence: rises with every change of this SKU.
        counted: its books have been opened; before that no channel is told anything.
        before: what was available before the batch.
        own: by how many units each connection's own facts lowered and raised what is available.
        own_at: when the first of these facts happened, by connection.
        seen_at: when the first event behind the change was taken in.
    """

    sku: str
    available: int
    sequence: int
    counted: bool
    before: int
    own: dict[int, tuple[int, int]]
    own_at: dict[int, datetime]
    seen_at: datetime
