"""What EasyPost's bodies mean. Pure: whatever comes in, it answers with records or a reason."""

from collections.abc import Callable

import msgspec

from trueup.canon.issue import Issue
from trueup.connectors.easypost.fault import malformed, misshapen
from trueup.connectors.easypost.parcel import parcel_of
from trueup.connectors.easypost.shape import EventShape, ShipmentShape, TrackerShape
from trueup.contract.connector import Fetch, Mapped, Source

_REASONS = {
    "batch": "a batch is how labels are bought together; each parcel tells of itself",
    "claim": "a claim against an insurance moves no parcel",
    "insurance": "an insurance moves no parcel",
    "payment": "EasyPost's own bill is not read",
    "pickup": "a pickup is an appointment; the parcel's first scan tells that it took place",
    "referral_customer": "an account of another customer is not this connection's",
    "refund": "a refund of postage is between you and the carrier; the parcel tells of itself",
    "report": "a report is made for people",
    "scan_form": "a scan form is a paper for the carrier; the parcel's first scan tells",
    "shipment": "an invoice of postage is not read",
}
_EVENT = msgspec.json.Decoder(EventShape)
_TRACKER = msgspec.json.Decoder(TrackerShape)
_SHIPMENT = msgspec.json.Decoder(ShipmentShape)
_ANY = msgspec.json.Decoder(dict[str, msgspec.Raw])


def map_source(source: Source) -> Mapped:
    """Return the parcel of a body, or why there is none."""
    read = _READERS.get(source.topic)
    if b"\\u0000" in source.body:
        return Mapped(issues=(malformed("U+0000"),))
    try:
        return read(source.body) if read else _ignored(source)
    except msgspec.ValidationError as fault:
        return Mapped(issues=(misshapen(fault),))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError) as fault:
        return Mapped(issues=(malformed(type(fault).__name__),))


def _event(body: bytes) -> Mapped:
    return _told(_EVENT.decode(body).result)


def _tracker(body: bytes) -> Mapped:
    return _told(_TRACKER.decode(body))


def _told(shape: TrackerShape) -> Mapped:
    """Keep the parcel at once; the order it belongs to stands on its label alone."""
    issues: list[Issue] = []
    parcel = parcel_of(shape, issues)
    label = (Fetch(resource="shipment", ref=shape.shipment_id),) if shape.shipment_id else ()
    return Mapped(records=(parcel,), issues=tuple(issues), fetch=label)


def _shipment(body: bytes) -> Mapped:
    shape = _SHIPMENT.decode(body)
    if shape.tracker is None:
        return Mapped(ignored="no label was bought yet, so there is no parcel")
    issues: list[Issue] = []
    parcel = parcel_of(shape.tracker, issues, shape)
    return Mapped(records=(parcel,), issues=tuple(issues))


def _ignored(source: Source) -> Mapped:
    _ANY.decode(source.body)  # what is no object at all is told as such
    noun = source.topic.partition(".")[0]
    reason = _REASONS.get(noun)
    if reason is not None:
        return Mapped(ignored=reason)
    issue = Issue(
        code="easypost.event_unknown",
        expected="an event that Trueup knows of",
        found=source.topic[:100],
        how_to_fix="Nothing, if it moves no parcel; report the word to Trueup.",
    )
    return Mapped(issues=(issue,), ignored="nobody knows what this event means")


_READERS: dict[str, Callable[[bytes], Mapped]] = {
    "tracker.created": _event,
    "tracker.updated": _event,
    "pull/parcel": _tracker,
    "fetch/parcel": _tracker,
    "fetch/shipment": _shipment,
}
