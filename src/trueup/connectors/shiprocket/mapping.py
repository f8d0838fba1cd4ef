"""What Shiprocket's bodies mean. Pure: whatever comes in, it answers with records or a reason."""

from collections.abc import Callable

import msgspec

from trueup.canon.issue import Issue
from trueup.canon.parcel import Parcel
from trueup.connectors.shiprocket.fault import FAULTS, malformed, misshapen, undated_parcel
from trueup.connectors.shiprocket.parcel import pushed_parcel, read_parcel
from trueup.connectors.shiprocket.shape import PushShape, ReadingShape, RowShape
from trueup.contract.connector import Fetch, Mapped, Source
from trueup.contract.remittance import TOPICS, map_remittance

_PUSH = msgspec.json.Decoder(PushShape)
_READING = msgspec.json.Decoder(ReadingShape)
_ROW = msgspec.json.Decoder(RowShape)


def map_source(source: Source) -> Mapped:
    """Return the parcel of a body, or why there is none."""
    read = _READERS.get(source.topic, _push)
    if source.topic in TOPICS:
        return map_remittance(source.topic, source.body, FAULTS)
    if b"\\u0000" in source.body:
        return Mapped(issues=(malformed("U+0000"),))
    try:
        return read(source.body)
    except msgspec.ValidationError as fault:
        return Mapped(issues=(misshapen(fault),))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        return Mapped(issues=(malformed(type(fault).__name__),))


def _push(body: bytes) -> Mapped:
    issues: list[Issue] = []
    return _told(pushed_parcel(_PUSH.decode(body), issues), issues)


def _reading(body: bytes) -> Mapped:
    shape = _READING.decode(body).tracking_data
    if not shape.shipment_track_activities:
        return Mapped(ignored="Shiprocket has no scan of this parcel yet")
    issues: list[Issue] = []
    return _told(read_parcel(shape, issues), issues)


def _row(body: bytes) -> Mapped:
    """Take from a row of the list what it is good for: which parcel to read."""
    awb = str(_ROW.decode(body).awb or "").strip()
    if not awb:
        return Mapped(ignored="the shipment has no waybill yet")
    return Mapped(fetch=(Fetch(resource="parcel", ref=awb),))


def _told(parcel: Parcel | None, issues: list[Issue]) -> Mapped:
    if parcel is None:
        return Mapped(issues=(*issues, undated_parcel()))
    return Mapped(records=(parcel,), issues=tuple(issues))


_READERS: dict[str, Callable[[bytes], Mapped]] = {
    "tracking": _push,
    "fetch/parcel": _reading,
    "pull/parcel": _row,
}
