"""What our own events mean: our own form, so that nothing in it is unknown. Pure."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from trueup.canon.inventory import MovementKind, StockMovement
from trueup.canon.serial import trimmed
from trueup.connectors.manual import (
    cost,
    count,
    dock,
    inspection,
    kit,
    match,
    release,
    reservation,
    rule,
    serial,
)
from trueup.connectors.manual.shape import Faults, lot_is_wrong, read_shape, serial_fault
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
    told_at: datetime | None = None
    deleted: bool = False
    lot: str | None = None
    serials: tuple[str, ...] = ()


_DECODER = msgspec.json.Decoder(MovementShape)


def map_source(source: Source) -> Mapped:
    """Return what a body tells, or the issue that says what is wrong with it."""
    reader = _READERS.get(source.topic)
    if reader is None:
        return Mapped(ignored=f"nothing in the hub reads the topic {source.topic[:60]!r}")
    return reader(source.body)


def map_movement(body: bytes) -> Mapped:
    """Return the movement, or the issue that says what is wrong with it."""
    return read_shape(
        *(body, _DECODER, _faults_of, _movement_of),
        code="manual.movement_invalid",
        how_to_fix="Correct the movement and hand it in again.",
    )


def _movement_of(shape: MovementShape) -> StockMovement:
    cost = None
    if shape.cost is not None:
        cost = Money(shape.cost.amount, shape.cost.currency)
    occurred_at = shape.occurred_at.astimezone(UTC)
    told_at = shape.told_at.astimezone(UTC) if shape.told_at else occurred_at
    return StockMovement(
        ref=shape.ref,
        updated_at=told_at,
        deleted=shape.deleted,
        movement=shape.movement,
        sku=shape.sku,
        quantity=shape.quantity,
        site=shape.site,
        to_site=shape.to_site,
        reason=shape.reason,
        cost=cost,
        occurred_at=occurred_at if told_at != occurred_at else None,
        lot=shape.lot,
        serials=trimmed(shape.serials),
    )


def _faults_of(shape: MovementShape) -> Faults:
    signed = shape.movement in _SIGNED
    transfer = shape.movement is MovementKind.TRANSFER
    unmoved = shape.quantity == 0 and shape.movement is not MovementKind.COUNT
    opens = shape.movement is MovementKind.OPENING
    return (
        (not shape.ref or len(shape.ref) > 120, "/ref", "1 to 120 characters"),
        (not shape.sku or len(shape.sku) > _SKU_CHARS_MAX, "/sku", "1 to 255 characters"),
        ("\x00" in shape.sku + shape.ref + shape.site, "/sku", "text without U+0000"),
        (not shape.site, "/site", "the name of a site"),
        (lot_is_wrong(shape.lot), "/lot", "1 to 100 characters"),
        serial_fault([(shape.sku, shape.serials, abs(shape.quantity))], "/serials"),
        (shape.occurred_at.tzinfo is None, "/occurred_at", "an instant with its zone"),
        (
            shape.told_at is not None and shape.told_at.tzinfo is None,
            "/told_at",
            "an instant with its zone",
        ),
        (abs(shape.quantity) > UNITS_MAX, "/quantity", f"at most {UNITS_MAX} units"),
        (shape.quantity < 0 and not signed and not opens, "/quantity", "units, 0 or more"),
        (unmoved and not opens, "/quantity", "at least one unit"),
        (transfer and not shape.to_site, "/to_site", "the site that the units reach"),
        (transfer and shape.to_site == shape.site, "/to_site", "another site than they leave"),
        (not transfer and shape.to_site is not None, "/to_site", "nothing, but for a transfer"),
    )


_READERS = {
    TOPIC: map_movement,
    reservation.TOPIC: reservation.map_reservation,
    release.TOPIC: release.map_release,
    dock.ARRIVAL_TOPIC: dock.map_arrival,
    dock.TRANSFER_TOPIC: dock.map_transfer,
    dock.PURCHASE_TOPIC: dock.map_purchase,
    inspection.TOPIC: inspection.map_inspection,
    serial.PACK_TOPIC: serial.map_pack,
    serial.RULE_TOPIC: serial.map_serial_rule,
    kit.TOPIC: kit.map_kit,
    match.TOPIC: match.map_match,
    rule.TOPIC: rule.map_rule,
    cost.TOPIC: cost.map_cost,
    count.SHEET_TOPIC: count.map_sheet,
    count.ENTRY_TOPIC: count.map_entry,
    count.LINE_TOPIC: count.map_line,
}
