"""What Delhivery's bodies mean. Pure: whatever comes in, it answers with records or a reason."""

import msgspec

from trueup.canon.issue import Issue
from trueup.connectors.delhivery.fault import FAULTS, malformed, misshapen, undated_parcel
from trueup.connectors.delhivery.parcel import parcel_of
from trueup.connectors.delhivery.shape import ParcelShape
from trueup.contract.connector import Fetch, Mapped, Source
from trueup.contract.remittance import TOPICS, map_remittance

_PARCEL = msgspec.json.Decoder(ParcelShape)


def map_source(source: Source) -> Mapped:
    """Return the parcel of a body, or why there is none.

    A push has the newest scan alone. It counts at once, and the whole history is read after it.
    """
    if source.topic in TOPICS:
        return map_remittance(source.topic, source.body, FAULTS)
    if b"\\u0000" in source.body:
        return Mapped(issues=(malformed("U+0000"),))
    try:
        shape = _PARCEL.decode(source.body).shipment
    except msgspec.ValidationError as fault:
        return Mapped(issues=(misshapen(fault),))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        return Mapped(issues=(malformed(type(fault).__name__),))
    issues: list[Issue] = []
    parcel = parcel_of(shape, issues)
    if parcel is None:
        return Mapped(issues=(*issues, undated_parcel()))
    is_pushed = source.topic == "scan"
    fetch = (Fetch(resource="parcel", ref=parcel.ref),) if is_pushed else ()
    return Mapped(records=(parcel,), issues=tuple(issues), fetch=fetch)
