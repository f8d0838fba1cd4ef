"""What our own events mean: our own form, so that nothing in it is unknown. Pure."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from trueup.canon.inventory import MovementKind, StockMovement
from trueup.canon.issue import Issue, Severity
from trueup.connectors.manual import reservation
from trueup.contract.connector import Mapped, Source
from trueup.kernel.limits import UNITS_MAX
from trueup.kernel.money import Money

TOPIC = "stock/movement"

_SKU_CHARS_MAX = 255
_SIGNED = frozenset((MovementKind.ADJUSTMENT, MovementKind.QUARANTINE))


class _Cost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    amount: Decimal
    currency: str


class MovementShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body under the topic `stock/movement`; the README says what each field holds."""

    ref: str
    movement: MovementKind
    sku: str
    quantity: int
    occurred_at: datetime
    site: str = "main"
    to_site: str | None = None
    reason: str | None = None
    cost: _Cost | None = None


_DECODER = msgspec.json.Decoder(MovementShape)


def map_source(source: Source) -> Mapped:
    """Return the movement or the reservation, or the issue that says what is wrong with it."""
    if source.topic == reservation.TOPIC:
        return reservation.map_reservation(source.body)
    if source.topic != TOPIC:
        return Mapped(ignored=f"nothing in the hub reads the topic {source.topic[:60]!r}")
    try:
        shape = _DECODER.decode(source.body)
    except msgspec.ValidationError as fault:
        text, _, place = str(fault).partition(" - at `")
        return _wrong(place.rstrip("`").removeprefix("$").replace(".", "/"), text, "other content")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _wrong("", "one JSON object", "other bytes")
    fault_at = _fault_of(shape)
    if fault_at is not None:
        return _wrong(*fault_at)
    cost = None
    if shape.cost is not None:
        cost = Money(shape.cost.amount, shape.cost.currency)
    movement = StockMovement(
        ref=shape.ref,
        updated_at=shape.occurred_at.astimezone(UTC),
        movement=shape.movement,
        sku=shape.sku,
        quantity=shape.quantity,
        site=shape.site,
        to_site=shape.to_site,
        reason=shape.reason,
        cost=cost,
    )
    return Mapped(records=(movement,))


def _fault_of(shape: MovementShape) -> tuple[str, str, str] | None:
    """Return where, what was expected and what was found; None where all is well."""
    signed = shape.movement in _SIGNED
    transfer = shape.movement is MovementKind.TRANSFER
    unmoved = shape.quantity == 0 and shape.movement is not MovementKind.COUNT
    opens = shape.movement is MovementKind.OPENING
    faults = (
        (not shape.ref or len(shape.ref) > 120, "/ref", "1 to 120 characters"),
        (not shape.sku or len(shape.sku) > _SKU_CHARS_MAX, "/sku", "1 to 255 characters"),
        ("\x00" in shape.sku + shape.ref + shape.site, "/sku", "text without U+0000"),
        (not shape.site, "/site", "the name of a site"),
        (shape.occurred_at.tzinfo is None, "/occurred_at", "an instant with its zone"),
        (abs(shape.quantity) > UNITS_MAX, "/quantity", f"at most {UNITS_MAX} units"),
        (shape.quantity < 0 and not signed and not opens, "/quantity", "units, 0 or more"),
        (unmoved and not opens, "/quantity", "at least one unit"),
        (transfer and not shape.to_site, "/to_site", "the site that the units reach"),
        (transfer and shape.to_site == shape.site, "/to_site", "another site than they leave"),
        (not transfer and shape.to_site is not None, "/to_site", "nothing, but for a transfer"),
    )
    for wrong, pointer, expected in faults:
        if wrong:
            return pointer, expected, "other content"
    return None


def _wrong(pointer: str, expected: str, found: str) -> Mapped:
    issue = Issue(
        code="manual.movement_invalid",
        severity=Severity.ERROR,
        pointer=pointer,
        expected=expected,
        found=found,
        how_to_fix="Correct the movement and hand it in again.",
    )
    return Mapped(issues=(issue,))
