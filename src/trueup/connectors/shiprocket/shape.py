"""Shiprocket's bodies, as far as Trueup reads them; fields that are not named are skipped."""

from typing import Annotated

import msgspec

Waybill = (
    Annotated[str, msgspec.Meta(min_length=4, max_length=50, pattern="^[A-Za-z0-9_-]+$")]
    | Annotated[int, msgspec.Meta(ge=1000, le=2**63 - 1)]
)
Number = (
    Annotated[int, msgspec.Meta(ge=-1, le=1_000_000)] | Annotated[str, msgspec.Meta(max_length=60)]
)
Word = Annotated[str, msgspec.Meta(max_length=100)]


class Shape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One object of a body."""


class ScanShape(Shape, frozen=True, kw_only=True):
    """One scan: the courier's own word, and Shiprocket's number for it."""

    date: str | None = None
    status: Word | int | None = None
    location: str | None = None
    sr_status: Number | None = msgspec.field(name="sr-status", default=None)
    sr_status_label: Word | None = msgspec.field(name="sr-status-label", default=None)


class PushShape(Shape, frozen=True, kw_only=True):
    """A webhook: a parcel with all its scans."""

    awb: Waybill
    courier_name: str | None = None
    shipment_status: Word | None = None
    shipment_status_id: Number | None = None
    current_timestamp: str | None = None
    order_id: str | int | None = None
    etd: str | None = None
    is_return: int | None = None
    scans: list[ScanShape] | None = None


class TrackShape(Shape, frozen=True, kw_only=True):
    """The parcel itself in the reply to a reading; `weight` in kilograms."""

    awb_code: Waybill | None = None
    courier_name: str | None = None
    weight: str | None = None
    edd: str | None = None
    consignee_name: str | None = None
    destination: str | None = None


class TrackingShape(Shape, frozen=True, kw_only=True):
    """A reading: where a parcel is, and its scans, newest first."""

    track_status: int | None = None
    shipment_status: Number | None = None
    is_return: int | bool | None = None
    shipment_track: list[TrackShape] | None = None
    shipment_track_activities: list[ScanShape] | None = None
    track_url: str | None = None
    etd: str | None = None


class ReadingShape(Shape, frozen=True, kw_only=True):
    """A reading's wrapper."""

    tracking_data: TrackingShape


class RowShape(Shape, frozen=True, kw_only=True):
    """A row of the list of shipments, as far as it names a parcel."""

    id: str | int
    awb: str | int | None = None
