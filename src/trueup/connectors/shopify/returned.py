"""Returns: what a customer wants to send or has sent back.

A webhook tells too little of a return, so it is always read from the API. The API gives a return
no last-change stamp either; its order's is used, for a change of a return changes its order.
"""

from trueup.canon.issue import Issue
from trueup.canon.link import Link, LinkSpace
from trueup.canon.returns import Return, ReturnLine, ReturnPerson, ReturnState
from trueup.connectors.shopify.refs import code_of, ref_of, stamp_of, utc
from trueup.connectors.shopify.shape import Id, Instant, Shape, Units
from trueup.contract.connector import Fetch, Mapped, Source

_STATE = {
    "requested": ReturnState.REQUESTED,
    "open": ReturnState.OPEN,
    "closed": ReturnState.CLOSED,
    "declined": ReturnState.DECLINED,
    "canceled": ReturnState.CANCELLED,
    "cancelled": ReturnState.CANCELLED,
}


class DispositionShape(Shape, frozen=True, kw_only=True):
    """What became of returned units."""

    type: str
    quantity: Units
    location_id: Id | None = None


class ReturnLineShape(Shape, frozen=True, kw_only=True):
    """Units of one line in a return."""

    line_item_id: Id | None = None
    quantity: Units = 0
    reason: str | None = None
    note: str | None = None
    dispositions: tuple[DispositionShape, ...] = ()


class ReturnShape(Shape, frozen=True, kw_only=True):
    """One return."""

    id: Id
    order_id: Id | None = None
    name: str | None = None
    status: str | None = None
    created_at: Instant | None = None
    closed_at: Instant | None = None
    updated_at: Instant | None = None
    lines: tuple[ReturnLineShape, ...] = ()


def map_return(shape: ReturnShape, source: Source) -> Mapped:
    """Return the return."""
    ref = str(ref_of(shape.id))
    state, issue = code_of(_STATE, shape.status, "return_status", f"return/{ref}")
    issues: list[Issue] = [issue] if issue else []
    notes = tuple((ref_of(line.line_item_id) or "", line.note) for line in shape.lines if line.note)
    record = Return(
        ref=ref,
        order_ref=ref_of(shape.order_id),
        updated_at=stamp_of(source, shape.updated_at, shape.closed_at, shape.created_at),
        state=state or ReturnState.UNKNOWN,
        name=shape.name,
        links=(Link(LinkSpace.RETURN, shape.name),) if shape.name else (),
        created_at=utc(shape.created_at),
        closed_at=utc(shape.closed_at),
        lines=tuple(_line_of(line) for line in shape.lines),
        person=ReturnPerson(notes=notes) if notes else None,
    )
    return Mapped(records=(record,), issues=tuple(issues))


def fetch_return(ref: str) -> Mapped:
    """Return the wish to read the return."""
    return Mapped(fetch=(Fetch(resource="returns", ref=ref),))


def _line_of(shape: ReturnLineShape) -> ReturnLine:
    restocked = [d for d in shape.dispositions if d.type == "RESTOCKED"]
    # What has to be looked at first is neither sellable nor lost.
    waiting = [d for d in shape.dispositions if d.type == "PROCESSING_REQUIRED"]
    places = [d.location_id for d in (*restocked, *waiting) if d.location_id is not None]
    return ReturnLine(
        line_ref=ref_of(shape.line_item_id),
        quantity=shape.quantity,
        reason=shape.reason.lower() if shape.reason else None,
        restocked=sum(d.quantity for d in restocked),
        quarantined=sum(d.quantity for d in waiting),
        absent=sum(d.quantity for d in shape.dispositions if d.type == "MISSING"),
        location_ref=ref_of(places[0]) if places else None,
    )
