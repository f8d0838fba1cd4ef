"""The shape of Klaviyo's resources, as far as they are read. What is not named here is skipped."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

Id = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_.:=-]+$")]
Code = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00-\x1f]*$")]
Text = Annotated[str, Meta(max_length=2000)]
Instant = Annotated[datetime, Meta(tz=True)]
Unix = Annotated[int, Meta(ge=0, le=253_402_300_799)]
NULL = msgspec.Raw(b"null")


class Shape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A part of Klaviyo's bodies."""


class LocationShape(Shape, frozen=True, kw_only=True):
    """Where somebody lives, as they or a guess by their address on the net say."""

    address1: Text | None = None
    address2: Text | None = None
    city: Text | None = None
    region: Text | None = None
    zip: Text | None = None
    country: Text | None = None


class SuppressionShape(Shape, frozen=True, kw_only=True):
    """Why nothing is sent to an address at all."""

    reason: Code
    timestamp: Instant | None = None


class ConsentShape(Shape, frozen=True, kw_only=True):
    """What somebody agreed to over one medium."""

    consent: Code
    consent_timestamp: Instant | None = None
    last_updated: Instant | None = None
    double_optin: bool | None = None
    suppression: list[SuppressionShape] | None = None


class ChannelShape(Shape, frozen=True, kw_only=True):
    """The purposes of one medium."""

    marketing: ConsentShape | None = None
    transactional: ConsentShape | None = None


class SubscriptionsShape(Shape, frozen=True, kw_only=True):
    """The media."""

    email: ChannelShape | None = None
    sms: ChannelShape | None = None
    whatsapp: ChannelShape | None = None
    mobile_push: ChannelShape | None = None


class WhoShape(Shape, frozen=True, kw_only=True):
    """By what a profile is known."""

    email: Text | None = None
    phone_number: Text | None = None
    external_id: Text | None = None


class ProfileAttributes(WhoShape, frozen=True, kw_only=True):
    """What is known of somebody."""

    first_name: Text | None = None
    last_name: Text | None = None
    organization: Text | None = None
    locale: Code | None = None
    created: Instant | None = None
    updated: Instant | None = None
    location: LocationShape | None = None
    subscriptions: SubscriptionsShape | None = None


class ProfileShape(Shape, frozen=True, kw_only=True):
    """A profile."""

    id: Id
    attributes: ProfileAttributes


class PointedShape(Shape, frozen=True, kw_only=True):
    """A resource by its type and id."""

    id: Id


class RelationShape(Shape, frozen=True, kw_only=True):
    """What a resource points at."""

    data: PointedShape | None = None


class EventRelations(Shape, frozen=True, kw_only=True):
    """Whose event it is, and of what kind."""

    profile: RelationShape | None = None
    metric: RelationShape | None = None


class EventAttributes(Shape, frozen=True, kw_only=True):
    """When it was, and whatever the sender put in."""

    datetime: Instant | None = None
    timestamp: Unix | None = None
    event_properties: msgspec.Raw = NULL


class EventShape(Shape, frozen=True, kw_only=True):
    """An event."""

    id: Id
    attributes: EventAttributes
    relationships: EventRelations | None = None


class MetricAttributes(Shape, frozen=True, kw_only=True):
    """The name of a kind of event."""

    name: Code | None = None


class MetricShape(Shape, frozen=True, kw_only=True):
    """A kind of event."""

    id: Id
    attributes: MetricAttributes


class KnownShape(Shape, frozen=True, kw_only=True):
    """A profile as far as an event's page tells of it."""

    id: Id
    attributes: WhoShape


class ReadEventShape(Shape, frozen=True, kw_only=True):
    """An event that was read, with its own metric and profile out of the page."""

    event: EventShape
    metric: MetricShape | None = None
    profile: KnownShape | None = None


class PayloadShape(Shape, frozen=True, kw_only=True):
    """What a delivery holds of an event."""

    data: EventShape


class HappenedShape(Shape, frozen=True, kw_only=True):
    """One event of a delivery."""

    topic: Code
    payload: PayloadShape
    external_id: Code | None = None


class DeliveryShape(Shape, frozen=True, kw_only=True):
    """A delivery."""

    data: list[HappenedShape]
