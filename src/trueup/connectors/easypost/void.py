"""A label is taken back: looked at first, and asked back where no carrier has scanned it."""

from collections.abc import Sequence

from trueup.canon.postage import VoidLabel
from trueup.connectors.easypost.call import code_of, get, needed, post, refused, unknown
from trueup.connectors.easypost.parcel import VOID
from trueup.connectors.easypost.shape import LabelShape, TrackerShape
from trueup.contract.connector import Piece, Receipt, ReceiptState, Reply, Request

_UNSCANNED = frozenset(("unknown", "pre_transit", "cancelled"))


def request(content: VoidLabel) -> Request:
    """Return the look at the parcel that a carrying out begins with."""
    return get("trackers", content.parcel_ref)


def following(replies: Sequence[Reply]) -> Request | None:
    """Return the look at the parcel's label, and the call that asks it back.

    Raises:
        ContractBroken: a reply does not have the shape that was asked for.
    """
    last = replies[-1]
    if last.status >= 400:
        return None
    if len(replies) == 1:
        label_ref = needed(last.body, TrackerShape).shipment_id
        return get("shipments", label_ref) if label_ref else None
    label = needed(last.body, LabelShape)
    asks = len(replies) == 2 and not _is_void(label) and not _is_scanned(label)
    return post("shipments", label.id, "refund") if asks else None


def receipt(content: VoidLabel, reply: Reply) -> Receipt:
    """Return what came of it, from the last reply: asked back is done, paid back is up to a month.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    if reply.status >= 400:
        code = code_of(reply.body)
        return refused(code or "refused", "EasyPost does not take this label back.")
    if needed(reply.body, LabelShape).tracker is None:
        return refused("no_label", "The parcel's label was not bought here.")
    label = needed(reply.body, LabelShape)
    if _is_void(label):
        tells = (Piece(topic="fetch/shipment", body=reply.body),)
        return Receipt(state=ReceiptState.DONE, vendor_ref=content.parcel_ref, tells=tells)
    if _is_scanned(label):
        return refused("scanned", "The carrier has the parcel already.")
    if label.refund_status:
        return refused(label.refund_status, "The carrier does not pay this label back.")
    return unknown("not_told", "EasyPost does not say whether the label was taken back")


def _is_void(label: LabelShape) -> bool:
    return label.refund_status in VOID


def _is_scanned(label: LabelShape) -> bool:
    return label.tracker is not None and label.tracker.status not in _UNSCANNED
