"""Parcels: what a carrier says of one package, scan by scan, in one table of statuses."""

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar

import msgspec

from trueup.canon.customer import Address
from trueup.canon.record import Record, register


class ParcelStatus(StrEnum):
    """Where a package is. A carrier's code that is not known is `unknown`, never the nearest."""

    CREATED = "created"  # a label exists; the carrier has nothing yet
    PICKED_UP = "picked_up"  # the carrier has it
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    ATTEMPT_FAILED = "attempt_failed"  # nobody there, refused at the door, address not found
    AWAITING_COLLECTION = "awaiting_collection"  # it lies where the customer fetches it
    DELIVERED = "delivered"
    RETURNING = "returning"  # on its way back to the sender
    RETURNED = "returned"  # back at the sender
    HELD = "held"  # customs, a missing document, a clarification
    DAMAGED = "damaged"
    LOST = "lost"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


FINAL_STATUSES = frozenset(
    (
        *(ParcelStatus.DELIVERED, ParcelStatus.RETURNED),
        *(ParcelStatus.LOST, ParcelStatus.CANCELLED),
    )
)
"""After these a carrier has nothing more to do."""


class Scan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One scan, as the carrier tells it.

    Attributes:
        code: the carrier's own word, whole; what `status` was read from.
        place: where, as the carrier wrote it (a hub or a town, never an address).
        local_time: the carrier wrote no zone; `occurred_at` was read in the zone of the manifest.
    """

    status: ParcelStatus
    code: str
    occurred_at: datetime
    message: str | None = None
    place: str | None = None
    local_time: bool = False


class ParcelPerson(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is personal in a parcel: by its number anybody can read where it is."""

    tracking_number: str | None = None
    tracking_url: str | None = None
    signed_by: str | None = None
    destination: Address | None = None


@register
class Parcel(Record, frozen=True, kw_only=True):
    """One package at a carrier.

    Attributes:
        status: of the newest scan.
        status_code: the carrier's own word for it.
        attempts: failed attempts at delivery so far.
        returning: it is, or was, on its way back.
        expected_on: the day the carrier promises.
    """

    kind: ClassVar[str] = "parcel"

    status: ParcelStatus
    status_code: str | None = None
    carrier: str | None = None
    service: str | None = None
    scans: tuple[Scan, ...] = ()
    attempts: int = 0
    returning: bool = False
    expected_on: date | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    weight_g: int | None = None
    person: ParcelPerson | None = None
