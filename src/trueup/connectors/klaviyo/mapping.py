"""What a body means: a profile or an event that was read, or one event of a delivery. Pure."""

import msgspec

from trueup.canon.issue import Issue
from trueup.connectors.klaviyo import fault
from trueup.connectors.klaviyo.event import TOPICS, activity_of, metric_of_topic
from trueup.connectors.klaviyo.profile import customer_of
from trueup.connectors.klaviyo.shape import DeliveryShape, ProfileShape, ReadEventShape
from trueup.contract.connector import Fetch, Mapped, Source

_PROFILE = msgspec.json.Decoder(ProfileShape)
_EVENT = msgspec.json.Decoder(ReadEventShape)
_DELIVERY = msgspec.json.Decoder(DeliveryShape)
# After these a profile's consent is read anew: what stands there counts, not what was told.
_OF_CONSENT = frozenset(TOPICS) - {"event:klaviyo.received_sms", "event:klaviyo.sent_sms"}


def map_source(source: Source) -> Mapped:
    """Return the canonical records and the issues of one body; never raises on bad input."""
    way, _, noun = source.topic.partition("/")
    try:
        if way not in {"pull", "fetch"}:
            return _happened(source)
        if noun == "profile":
            return _profile(source)
        if noun == "event":
            return _event(source)
        msgspec.json.decode(source.body, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError as wrong:
        return Mapped(issues=(fault.misshapen(wrong),))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        return Mapped(issues=(fault.malformed(wrong),))
    return Mapped(ignored="nothing in the hub reads this kind of resource")


def _profile(source: Source) -> Mapped:
    issues: list[Issue] = []
    customer = customer_of(_PROFILE.decode(source.body), source, issues)
    return Mapped(records=(customer,), issues=tuple(issues))


def _event(source: Source) -> Mapped:
    issues: list[Issue] = []
    read = _EVENT.decode(source.body)
    metric = read.metric.attributes.name if read.metric else None
    activity = activity_of(
        read.event, metric, read.profile.attributes if read.profile else None, issues
    )
    return Mapped(records=(activity,) if activity else (), issues=tuple(issues))


def _happened(source: Source) -> Mapped:
    """Map the one event of a delivery that was taken apart at the door.

    A delivery does not say whose e-mail it is; the poll that brings the same event does.
    """
    happened = _DELIVERY.decode(source.body).data
    if len(happened) != 1:
        if happened:
            return Mapped(issues=(fault.unsplit(len(happened)),))
        return Mapped(ignored="the delivery holds no event")
    (one,) = happened
    issues: list[Issue] = []
    activity = activity_of(one.payload.data, metric_of_topic(one.topic), None, issues)
    if activity is None:
        return Mapped(issues=tuple(issues))
    wanted = one.topic in _OF_CONSENT and activity.customer_ref is not None
    fetch = (Fetch(resource="profiles", ref=activity.customer_ref or ""),) if wanted else ()
    return Mapped(records=(activity,), issues=tuple(issues), fetch=fetch)
