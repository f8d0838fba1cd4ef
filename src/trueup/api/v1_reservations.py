"""`/api/v1/reservations`: units for our own sellers. The answer follows the commit."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.datastructures import ResponseHeader
from litestar.exceptions import NotFoundException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, JSONBody, PathParameter
from litestar.types import ControllerRouterHandler

from trueup.api.problem import Problem, problem
from trueup.api.reading import write_session
from trueup.canon.reservation import Reservation, ReservationLine, ReservationState, Shortage
from trueup.errors import InsufficientStock
from trueup.kernel.limits import UNITS_MAX
from trueup.reserve import EXPIRES_IN_S_MAX, Reservations, Wish

LINES_MAX = 500
REPEATED_HEADER = "Idempotency-Replayed"

_SHORTAGES_TOLD_MAX = 5
_NO_NUL = "^[^\\x00]*$"

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=_NO_NUL)]
SiteName = Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=_NO_NUL)]
Key = Annotated[
    str,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern="^[!-~]+$",
        description="Names the wish for ever: the same again gets the same answer.",
    ),
]
Id = Annotated[str, PathParameter(max_length=64, pattern="^[0-9a-zA-Z-]+$")]


class LineWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whole units of one SKU; with `site`, units that lie there."""

    sku: Text
    quantity: Annotated[int, msgspec.Meta(ge=1, le=UNITS_MAX)]
    site: SiteName | None = None


class ReservationWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to reserve: all lines or none, until they expire or are confirmed."""

    lines: Annotated[list[LineWanted], msgspec.Meta(min_length=1, max_length=LINES_MAX)]
    expires_in_s: Annotated[int, msgspec.Meta(ge=1, le=EXPIRES_IN_S_MAX)]
    order_ref: Text | None = None


class ReservationView(msgspec.Struct, frozen=True, kw_only=True):
    """One reservation.

    `state` is held, confirmed, shipped, released, expired or refused; `expires_at` counts only
    while it is held.
    """

    id: str
    state: ReservationState
    lines: tuple[ReservationLine, ...]
    shortages: tuple[Shortage, ...]
    order_ref: str | None
    created_at: datetime
    changed_at: datetime
    expires_at: datetime


_REPEATED = ResponseHeader(
    name=REPEATED_HEADER,
    documentation_only=True,
    description="`true` where the key was answered before; GET tells how it stands now.",
)
_CLOSED = {409: ResponseSpec(Problem, description="It has ended in another way.")}


@post(
    "/reservations",
    response_headers=[_REPEATED],
    responses={409: ResponseSpec(Problem, description="Too little is left, or the key is taken.")},
    right="stock.reserve",
)
async def make_reservation(
    request: Request[Any, Any, Any],
    data: JSONBody[ReservationWanted],
    idempotency_key: Key,
) -> Response[ReservationView]:
    """Reserve all lines or none; refused with what is left of each SKU."""
    if sum(line.quantity for line in data.lines) > UNITS_MAX:
        message = f"At most {UNITS_MAX} units together."
        raise ValidationException(extra=[{"key": "lines", "message": message}])
    wish = Wish(
        lines=tuple(
            ReservationLine(sku=line.sku, quantity=line.quantity, site=line.site)
            for line in data.lines
        ),
        expires_in_s=data.expires_in_s,
        for_order=data.order_ref,
    )
    async with write_session(request.app.state) as session:
        answer = await _room(request).reserve(session, idempotency_key, wish)
    repeated = {REPEATED_HEADER: "true"} if answer.repeated else {}
    if answer.reservation.state is ReservationState.REFUSED:
        shortages = answer.reservation.shortages
        refusal = problem(409, InsufficientStock.code, _told(shortages), shortages=shortages)
        refusal.headers.update(repeated)
        return refusal  # type: ignore[return-value]  # the schema tells of it as a 409
    return Response(view_of(answer.reservation), status_code=201, headers=repeated)


@get("/reservations/{reservation_id:str}", right="stock.read")
async def show_reservation(request: Request[Any, Any, Any], reservation_id: Id) -> ReservationView:
    """Show a reservation as it stands now."""
    async with write_session(request.app.state) as session:
        return _found(await _room(request).find(session, reservation_id), reservation_id)


@post(
    "/reservations/{reservation_id:str}/confirm",
    status_code=200,
    responses=_CLOSED,
    right="stock.reserve",
)
async def confirm_reservation(
    request: Request[Any, Any, Any], reservation_id: Id
) -> ReservationView:
    """Turn it into a sale: it does not expire any more. Again changes nothing."""
    return await _take(request, reservation_id, ReservationState.CONFIRMED)


@post(
    "/reservations/{reservation_id:str}/ship",
    status_code=200,
    responses=_CLOSED,
    right="stock.reserve",
)
async def ship_reservation(request: Request[Any, Any, Any], reservation_id: Id) -> ReservationView:
    """Say that a confirmed one has left the house, or was handed over. Again changes nothing."""
    return await _take(request, reservation_id, ReservationState.SHIPPED)


@delete(
    "/reservations/{reservation_id:str}",
    status_code=200,
    responses=_CLOSED,
    right="stock.reserve",
)
async def release_reservation(
    request: Request[Any, Any, Any], reservation_id: Id
) -> ReservationView:
    """Release its units, held or confirmed. Again changes nothing."""
    return await _take(request, reservation_id, ReservationState.RELEASED)


def reservation_routes() -> list[ControllerRouterHandler]:
    """Return the routes of reservations, below `/api/v1`."""
    return [
        *(make_reservation, show_reservation, confirm_reservation),
        *(ship_reservation, release_reservation),
    ]


def view_of(reservation: Reservation) -> ReservationView:
    """Return a reservation as the API shows it."""
    return ReservationView(
        id=reservation.ref,
        state=reservation.state,
        lines=reservation.lines,
        shortages=reservation.shortages,
        order_ref=reservation.for_order,
        created_at=reservation.created_at,
        changed_at=reservation.updated_at,
        expires_at=reservation.expires_at,
    )


async def _take(
    request: Request[Any, Any, Any], ref: str, wanted: ReservationState
) -> ReservationView:
    async with write_session(request.app.state) as session:
        return _found(await _room(request).take(session, ref, wanted), ref)


def _room(request: Request[Any, Any, Any]) -> Reservations:
    room: Reservations = request.app.state.reservations
    return room


def _found(reservation: Reservation | None, ref: str) -> ReservationView:
    if reservation is None:
        raise NotFoundException(f"There is no reservation {ref!r}.")
    return view_of(reservation)


def _told(shortages: tuple[Shortage, ...]) -> str:
    parts = [
        f"{each.sku}{f' at {each.site}' if each.site else ''}: {each.wanted} wanted, "
        f"{each.left} left"
        for each in shortages[:_SHORTAGES_TOLD_MAX]
    ]
    more = len(shortages) - len(parts)
    return f"Too little is left. {'; '.join(parts)}{f'; and {more} more' if more else ''}."
