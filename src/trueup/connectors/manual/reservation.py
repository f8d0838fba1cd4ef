"""What an event about a reservation means: each tells the whole of it. Pure."""

import re
from datetime import UTC, datetime

import msgspec

from trueup.canon.reservation import Reservation, ReservationLine, ReservationState, Shortage
from trueup.connectors.manual.shape import Faults, read_shape
from trueup.contract.connector import Mapped
from trueup.kernel.limits import UNITS_MAX

TOPIC = "stock/reservation"
LINES_MAX = 500

_DIGEST = re.compile(r"[0-9a-f]{64}")


class ReservationShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body under the topic `stock/reservation`; the README says what each field holds."""

    ref: str
    state: ReservationState
    lines: tuple[ReservationLine, ...]
    created_at: datetime
    occurred_at: datetime
    expires_at: datetime
    request: str
    for_order: str | None = None
    shortages: tuple[Shortage, ...] = ()


_DECODER = msgspec.json.Decoder(ReservationShape)


def map_reservation(body: bytes) -> Mapped:
    """Return the reservation, or the issue that says what is wrong with it."""
    return read_shape(
        *(body, _DECODER, _faults_of, _reservation_of),
        code="manual.reservation_invalid",
        how_to_fix="Reserve by `POST /api/v1/reservations`; it writes this body by itself.",
    )


def _reservation_of(shape: ReservationShape) -> Reservation:
    return Reservation(
        ref=shape.ref,
        updated_at=shape.occurred_at.astimezone(UTC),
        state=shape.state,
        lines=shape.lines,
        created_at=shape.created_at.astimezone(UTC),
        expires_at=shape.expires_at.astimezone(UTC),
        request=shape.request,
        for_order=shape.for_order,
        shortages=shape.shortages,
    )


def _faults_of(shape: ReservationShape) -> Faults:
    refused = shape.state is ReservationState.REFUSED
    parts: tuple[ReservationLine | Shortage, ...] = (*shape.lines, *shape.shortages)
    texts = [shape.ref, shape.for_order or "", *(f"{p.sku}{p.site or ''}" for p in parts)]
    instants = (shape.created_at, shape.occurred_at, shape.expires_at)
    units = [line.quantity for line in shape.lines]
    return (
        (not 0 < len(shape.ref) <= 120, "/ref", "1 to 120 characters"),
        (not 0 < len(shape.lines) <= LINES_MAX, "/lines", f"1 to {LINES_MAX} lines"),
        (any(not 0 < len(p.sku) <= 255 for p in parts), "/lines", "SKUs of 1 to 255 characters"),
        (any(p.site == "" for p in parts), "/lines", "the name of a site, or none"),
        (any(not 0 < each <= UNITS_MAX for each in units), "/lines", "at least one unit a line"),
        (sum(units) > UNITS_MAX, "/lines", f"at most {UNITS_MAX} units"),
        (any("\x00" in text for text in texts), "/lines", "text without U+0000"),
        (any(each.tzinfo is None for each in instants), "/occurred_at", "instants with a zone"),
        (not _DIGEST.fullmatch(shape.request), "/request", "64 hexadecimal digits"),
        (refused != bool(shape.shortages), "/shortages", "what was short, if it was refused"),
    )
