"""Delhivery's bodies, as far as Trueup reads them; fields that are not named are skipped."""

from typing import Annotated

import msgspec

Waybill = (
    Annotated[str, msgspec.Meta(min_length=4, max_length=40, pattern="^[A-Za-z0-9]+$")]
    | Annotated[int, msgspec.Meta(ge=1000, le=2**63 - 1)]
)
Word = Annotated[str, msgspec.Meta(max_length=60)]
Line = str | list[str] | None


class Shape(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """One object of a body."""


class StatusShape(Shape, frozen=True, kw_only=True):
    """Where the parcel is now."""

    status: Word | None = None
    status_type: Word | None = None
    status_code: Word | None = None
    status_date_time: str | None = None
    status_location: str | None = None
    instructions: str | None = None
    recieved_by: str | None = None  # the vendor's own spelling


class DetailShape(Shape, frozen=True, kw_only=True):
    """One scan of the history."""

    scan: Word | None = None
    scan_type: Word | None = None
    status_code: Word | None = None
    status_date_time: str | None = None
    scan_date_time: str | None = None
    scanned_location: str | None = None
    instructions: str | None = None


class ScanShape(Shape, frozen=True, kw_only=True):
    """A scan's wrapper."""

    scan_detail: DetailShape


class ConsigneeShape(Shape, frozen=True, kw_only=True):
    """Who shall have it."""

    name: str | None = None
    address1: Line = None
    address2: Line = None
    address3: Line = None
    city: str | None = None
    state: str | None = None
    pin_code: str | int | None = None
    country: str | None = None


class ShipmentShape(Shape, frozen=True, kw_only=True):
    """A parcel: a push has its newest scan alone, a reading has them all."""

    awb: Waybill = msgspec.field(name="AWB")
    reference_no: str | int | None = None
    status: StatusShape | None = None
    nsl_code: Word | None = msgspec.field(name="NSLCode", default=None)
    scans: list[ScanShape] | None = None
    pickedup_date: str | None = None
    expected_delivery_date: str | None = None
    promised_delivery_date: str | None = None
    reverse_in_transit: bool | None = None
    rto_started_date: str | None = msgspec.field(name="RTOStartedDate", default=None)
    consignee: ConsigneeShape | None = None


class ParcelShape(Shape, frozen=True, kw_only=True):
    """What a push is, and each piece of a reading."""

    shipment: ShipmentShape


class ReadingShape(Shape, frozen=True, kw_only=True):
    """The reply to a question for waybills."""

    shipment_data: list[msgspec.Raw] | None = None
    error: str | None = None
