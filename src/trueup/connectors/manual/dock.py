"""What events about purchase orders, arrivals and transfers mean: each tells the whole. Pure."""

from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec

from trueup.canon.dock import Arrival, ArrivalLine, ArrivalSource, Transfer, TransferLine
from trueup.canon.purchase import PurchaseLine, PurchaseOrder, PurchaseState
from trueup.canon.serial import trimmed
from trueup.connectors.manual.shape import (
    AMOUNT_DIGITS_MAX,
    CURRENCY,
    Faults,
    amount_is_wrong,
    lot_is_wrong,
    read_shape,
    serial_fault,
)
from trueup.contract.connector import Mapped
from trueup.kernel.limits import UNITS_MAX
from trueup.kernel.money import Money

ARRIVAL_TOPIC = "stock/arrival"
TRANSFER_TOPIC = "stock/transfer"
PURCHASE_TOPIC = "stock/purchase"
LINES_MAX = 1000


class _Told(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What each of these bodies begins with."""

    ref: str
    told_at: datetime
    deleted: bool = False
    by: str | None = None
    reason: str | None = None


class ArrivalShape(_Told, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body under the topic `stock/arrival`; the README says what each field holds."""

    site: str
    lines: tuple[ArrivalLine, ...]
    occurred_at: datetime
    source: ArrivalSource | None = None
    source_ref: str | None = None
    source_connection: str | None = None


class TransferShape(_Told, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body under the topic `stock/transfer`; the README says what each field holds."""

    from_site: str
    to_site: str
    lines: tuple[TransferLine, ...]
    occurred_at: datetime
    expected_on: date | None = None
    closed: bool = False


class _Cost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    amount: Decimal
    currency: str


class _PurchaseLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    ref: str
    sku: str
    quantity: int
    cost: _Cost | None = None
    expected_on: date | None = None
    weight_g: int | None = None
    volume_cm3: int | None = None


class PurchaseShape(_Told, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body under the topic `stock/purchase`; the README says what each field holds."""

    state: PurchaseState
    lines: tuple[_PurchaseLine, ...]
    supplier: str | None = None
    site: str = "main"
    ordered_at: datetime | None = None
    expected_on: date | None = None


_ARRIVALS = msgspec.json.Decoder(ArrivalShape)
_TRANSFERS = msgspec.json.Decoder(TransferShape)
_PURCHASES = msgspec.json.Decoder(PurchaseShape)


def map_arrival(body: bytes) -> Mapped:
    """Return the arrival, or the issue that says what is wrong with it."""
    return read_shape(
        *(body, _ARRIVALS, _arrival_faults, _arrival_of),
        code="manual.arrival_invalid",
        how_to_fix="Correct what arrived and tell it again under the same ref.",
    )


def map_transfer(body: bytes) -> Mapped:
    """Return the transfer, or the issue that says what is wrong with it."""
    return read_shape(
        *(body, _TRANSFERS, _transfer_faults, _transfer_of),
        code="manual.transfer_invalid",
        how_to_fix="Correct the transfer and tell it again under the same ref.",
    )


def map_purchase(body: bytes) -> Mapped:
    """Return the purchase order, or the issue that says what is wrong with it."""
    return read_shape(
        *(body, _PURCHASES, _purchase_faults, _purchase_of),
        code="manual.purchase_invalid",
        how_to_fix="Correct the purchase order and tell it again under the same ref.",
    )


def _arrival_of(shape: ArrivalShape) -> Arrival:
    return Arrival(
        ref=shape.ref,
        updated_at=shape.told_at.astimezone(UTC),
        deleted=shape.deleted,
        site=shape.site,
        lines=tuple(
            msgspec.structs.replace(
                line,
                serials=trimmed(line.serials),
                damaged_serials=trimmed(line.damaged_serials),
            )
            for line in shape.lines
        ),
        occurred_at=shape.occurred_at.astimezone(UTC),
        source=shape.source,
        source_ref=shape.source_ref,
        source_connection=shape.source_connection,
        by=shape.by,
        reason=shape.reason,
    )


def _transfer_of(shape: TransferShape) -> Transfer:
    return Transfer(
        ref=shape.ref,
        updated_at=shape.told_at.astimezone(UTC),
        deleted=shape.deleted,
        from_site=shape.from_site,
        to_site=shape.to_site,
        lines=tuple(
            msgspec.structs.replace(line, serials=trimmed(line.serials)) for line in shape.lines
        ),
        occurred_at=shape.occurred_at.astimezone(UTC),
        expected_on=shape.expected_on,
        closed=shape.closed,
        by=shape.by,
        reason=shape.reason,
    )


def _purchase_of(shape: PurchaseShape) -> PurchaseOrder:
    lines = tuple(
        PurchaseLine(
            ref=line.ref,
            sku=line.sku,
            quantity=line.quantity,
            cost=None if line.cost is None else Money(line.cost.amount, line.cost.currency),
            expected_on=line.expected_on,
            weight_g=line.weight_g,
            volume_cm3=line.volume_cm3,
        )
        for line in shape.lines
    )
    ordered_at = None if shape.ordered_at is None else shape.ordered_at.astimezone(UTC)
    return PurchaseOrder(
        ref=shape.ref,
        updated_at=shape.told_at.astimezone(UTC),
        deleted=shape.deleted,
        number=shape.ref,
        state=shape.state,
        supplier=shape.supplier,
        lines=lines,
        ordered_at=ordered_at,
        expected_on=shape.expected_on,
        location_ref=shape.site,
    )


def _told_faults(shape: _Told, instants: tuple[datetime | None, ...]) -> Faults:
    texts = (shape.ref, shape.by or "", shape.reason or "")
    naive = any(each is not None and each.tzinfo is None for each in instants)
    return (
        (not 0 < len(shape.ref) <= 120, "/ref", "1 to 120 characters"),
        (any("\x00" in text for text in texts), "/ref", "text without U+0000"),
        (shape.by is not None and not 0 < len(shape.by) <= 120, "/by", "1 to 120 characters"),
        (len(shape.reason or "") > 500, "/reason", "at most 500 characters"),
        (naive or shape.told_at.tzinfo is None, "/told_at", "instants with a zone"),
    )


def _line_faults(skus: list[str], units: list[int], *, zero: bool = False) -> Faults:
    lowest = 0 if zero else 1
    return (
        (not 0 < len(skus) <= LINES_MAX, "/lines", f"1 to {LINES_MAX} lines"),
        (any(not 0 < len(sku) <= 255 for sku in skus), "/lines", "SKUs of 1 to 255 characters"),
        (any("\x00" in sku for sku in skus), "/lines", "SKUs without U+0000"),
        (any(each < lowest for each in units), "/lines", f"{lowest} or more units"),
        (sum(units) > UNITS_MAX, "/lines", f"at most {UNITS_MAX} units"),
    )


def _arrival_faults(shape: ArrivalShape) -> Faults:
    source = shape.source_ref or ""
    units = [each for line in shape.lines for each in (line.quantity, line.damaged)]
    purchased = shape.source is ArrivalSource.PURCHASE
    return (
        *_told_faults(shape, (shape.occurred_at,)),
        (not 0 < len(shape.site) <= 120 or "\x00" in shape.site, "/site", "the name of a site"),
        *_line_faults([line.sku for line in shape.lines], units, zero=True),
        (
            any(lot_is_wrong(line.lot) for line in shape.lines),
            "/lines",
            "lots of 1 to 100 characters",
        ),
        (
            any(line.expires_on and not line.lot for line in shape.lines),
            *("/lines", "a lot, where there is a day on which it expires"),
        ),
        serial_fault(
            [
                each
                for line in shape.lines
                for each in (
                    (line.sku, line.serials, line.quantity),
                    (line.sku, line.damaged_serials, line.damaged),
                )
            ],
            "/lines",
        ),
        (bool(source) != (shape.source is not None), "/source_ref", "it, if there is a source"),
        (len(source) > 255 or "\x00" in source, "/source_ref", "1 to 255 characters"),
        (
            shape.source_connection is not None and not purchased,
            *("/source_connection", "nothing, but for a purchase order"),
        ),
    )


def _transfer_faults(shape: TransferShape) -> Faults:
    sites = (shape.from_site, shape.to_site)
    return (
        *_told_faults(shape, (shape.occurred_at,)),
        (any(not 0 < len(s) <= 120 or "\x00" in s for s in sites), "/to_site", "names of sites"),
        (
            any(lot_is_wrong(line.lot) for line in shape.lines),
            "/lines",
            "lots of 1 to 100 characters",
        ),
        serial_fault([(line.sku, line.serials, line.quantity) for line in shape.lines], "/lines"),
        (shape.from_site == shape.to_site, "/to_site", "another site than they leave"),
        *_line_faults([each.sku for each in shape.lines], [each.quantity for each in shape.lines]),
    )


def _purchase_faults(shape: PurchaseShape) -> Faults:
    refs = [line.ref for line in shape.lines]
    return (
        *_told_faults(shape, (shape.ordered_at,)),
        (not 0 < len(shape.site) <= 120 or "\x00" in shape.site, "/site", "the name of a site"),
        *_line_faults([each.sku for each in shape.lines], [each.quantity for each in shape.lines]),
        (any(not 0 < len(each) <= 120 for each in refs), "/lines", "refs of 1 to 120 characters"),
        (len(set(refs)) < len(refs), "/lines", "a ref of its own for each line"),
        (any("\x00" in each for each in refs), "/lines", "refs without U+0000"),
        (len(shape.supplier or "") > 255, "/supplier", "at most 255 characters"),
        *_price_faults(shape),
    )


def _price_faults(shape: PurchaseShape) -> Faults:
    costs = [line.cost for line in shape.lines if line.cost is not None]
    sizes = [each for line in shape.lines for each in (line.weight_g, line.volume_cm3)]
    wrong = any(amount_is_wrong(each.amount) or each.amount < 0 for each in costs)
    return (
        (wrong, "/lines", f"costs of 0 or more, of at most {AMOUNT_DIGITS_MAX} decimals"),
        (any(not CURRENCY.fullmatch(each.currency) for each in costs), "/lines", "such as EUR"),
        (
            any(each is not None and not 0 < each <= UNITS_MAX for each in sizes),
            *("/lines", f"weights and volumes of 1 to {UNITS_MAX}"),
        ),
    )
