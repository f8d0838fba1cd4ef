"""EasyPost's bodies, as far as Trueup reads them; fields that are not named are skipped."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final

import msgspec

from trueup.contract.amount import Currency
from trueup.kernel.money import Money

NAME_PREFIX: Final = "trueup-"
"""So our own name of a label begins, which is no number of an order."""

OUNCE_G: Final = Decimal("28.349523125")

Ref = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern="^[A-Za-z0-9_]+$")]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Word = Annotated[str, msgspec.Meta(max_length=100)]


class Shape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One object of a body."""


class PlaceShape(Shape, frozen=True, kw_only=True):
    """A town, as far as the carrier says."""

    city: str | None = None
    state: str | None = None
    country: str | None = None
    zip: str | None = None


class DetailShape(Shape, frozen=True, kw_only=True):
    """One scan."""

    status: Word | None = None
    status_detail: Word | None = None
    message: str | None = None
    datetime: str | None = None
    tracking_location: PlaceShape | None = None


class CarrierShape(Shape, frozen=True, kw_only=True):
    """What the carrier adds of its own."""

    service: str | None = None
    est_delivery_date_local: str | None = None
    destination_tracking_location: PlaceShape | None = None


class TrackerShape(Shape, frozen=True, kw_only=True):
    """A parcel and all its scans; `weight` in ounces."""

    id: Ref
    tracking_code: str | None = None
    status: Word
    status_detail: Word | None = None
    created_at: Instant
    updated_at: Instant
    signed_by: str | None = None
    weight: Decimal | None = None
    est_delivery_date: str | None = None
    shipment_id: Ref | None = None
    carrier: str | None = None
    tracking_details: list[DetailShape] | None = None
    carrier_detail: CarrierShape | None = None
    public_url: str | None = None


class EventShape(Shape, frozen=True, kw_only=True):
    """A webhook: something that happened, and the object as it stands after it."""

    id: Ref
    description: Word
    result: TrackerShape


class OptionsShape(Shape, frozen=True, kw_only=True):
    """What was printed on the label."""

    print_custom_1: str | int | None = None
    invoice_number: str | int | None = None


class RateShape(Shape, frozen=True, kw_only=True):
    """What one service of a carrier asks for a parcel."""

    id: Ref
    carrier: Word
    service: Word
    rate: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,5})?$")]
    currency: Currency

    @property
    def price(self) -> Money:
        """What it asks, exactly."""
        return Money(Decimal(self.rate), self.currency)


class PostageShape(Shape, frozen=True, kw_only=True):
    """The label itself."""

    label_url: str | None = None
    label_pdf_url: str | None = None


class ShipmentShape(Shape, frozen=True, kw_only=True):
    """The label's own object: it knows the names that the shop gave."""

    id: Ref
    reference: str | int | None = None
    is_return: bool | None = None
    options: OptionsShape | None = None
    selected_rate: RateShape | None = None
    postage_label: PostageShape | None = None
    refund_status: Word | None = None
    tracker: TrackerShape | None = None


class LabelShape(Shape, frozen=True, kw_only=True):
    """A shipment as far as buying its label and taking it back go."""

    id: Ref
    reference: str | int | None = None
    rates: list[RateShape] = []
    postage_label: PostageShape | None = None
    refund_status: Word | None = None
    tracker: TrackerShape | None = None

    @property
    def is_paid(self) -> bool:
        """Tell whether its label was bought."""
        return self.postage_label is not None


class ShipmentsShape(Shape, frozen=True, kw_only=True):
    """A page of shipments, newest first."""

    shipments: list[msgspec.Raw]
    has_more: bool = False


class TrackersShape(Shape, frozen=True, kw_only=True):
    """A page of parcels, newest first."""

    trackers: list[msgspec.Raw]
    has_more: bool = False
