"""What events about cycle counts mean: a sheet, what was counted, what was decided. Pure."""

from datetime import UTC, datetime

import msgspec

from trueup.canon.count import CountEntry, CountLine, CountSheet, LineState, SheetState
from trueup.connectors.manual.shape import Faults, read_shape
from trueup.contract.connector import Mapped
from trueup.kernel.limits import UNITS_MAX

SHEET_TOPIC = "stock/count_sheet"
ENTRY_TOPIC = "stock/count_entry"
LINE_TOPIC = "stock/count_line"
SKUS_MAX = 5000

_HOW = "Count by `trueup count` or the API; they write this body by themselves."


class SheetShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body under the topic `stock/count_sheet`; the README says what each field holds."""

    ref: str
    told_at: datetime
    site: str
    state: SheetState
    skus: tuple[str, ...] = ()
    blind: bool = True
    tolerance_units: int = 0
    tolerance_percent: int = 0
    created_at: datetime | None = None
    by: str | None = None


class EntryShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body under the topic `stock/count_entry`; the README says what each field holds."""

    ref: str
    told_at: datetime
    sheet: str
    sku: str
    quantity: int
    counted_at: datetime
    by: str
    round: int = 1
    bin: str = ""
    deleted: bool = False


class LineShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body under the topic `stock/count_line`; the README says what each field holds."""

    ref: str
    told_at: datetime
    sheet: str
    sku: str
    round: int
    counted: int
    book: int
    counted_at: datetime
    state: LineState
    moved: bool = False
    counted_by: tuple[str, ...] = ()
    by: str | None = None


_SHEETS = msgspec.json.Decoder(SheetShape)
_ENTRIES = msgspec.json.Decoder(EntryShape)
_LINES = msgspec.json.Decoder(LineShape)


def map_sheet(body: bytes) -> Mapped:
    """Return the count sheet, or the issue that says what is wrong with it."""
    return read_shape(
        *(body, _SHEETS, _sheet_faults, _sheet_of),
        code="manual.count_invalid",
        how_to_fix=_HOW,
    )


def map_entry(body: bytes) -> Mapped:
    """Return what was counted, or the issue that says what is wrong with it."""
    return read_shape(
        *(body, _ENTRIES, _entry_faults, _entry_of),
        code="manual.count_invalid",
        how_to_fix=_HOW,
    )


def map_line(body: bytes) -> Mapped:
    """Return what was decided, or the issue that says what is wrong with it."""
    return read_shape(
        *(body, _LINES, _line_faults, _line_of),
        code="manual.count_invalid",
        how_to_fix=_HOW,
    )


def _sheet_of(shape: SheetShape) -> CountSheet:
    fields = msgspec.structs.asdict(shape)
    created_at = fields.pop("created_at")
    return CountSheet(
        updated_at=fields.pop("told_at").astimezone(UTC),
        created_at=None if created_at is None else created_at.astimezone(UTC),
        **fields,
    )


def _entry_of(shape: EntryShape) -> CountEntry:
    fields = msgspec.structs.asdict(shape)
    return CountEntry(
        updated_at=fields.pop("told_at").astimezone(UTC),
        counted_at=fields.pop("counted_at").astimezone(UTC),
        **fields,
    )


def _line_of(shape: LineShape) -> CountLine:
    fields = msgspec.structs.asdict(shape)
    return CountLine(
        updated_at=fields.pop("told_at").astimezone(UTC),
        counted_at=fields.pop("counted_at").astimezone(UTC),
        **fields,
    )


def _text(text: str, longest: int, *, empty: bool = False) -> bool:
    """Whether a text is not what it may be."""
    return "\x00" in text or len(text) > longest or not (text or empty)


def _sheet_faults(shape: SheetShape) -> Faults:
    instants = (shape.told_at, shape.created_at or shape.told_at)
    return (
        (_text(shape.ref, 120), "/ref", "1 to 120 characters"),
        (_text(shape.site, 120), "/site", "the name of a site"),
        (any(_text(sku, 255) for sku in shape.skus), "/skus", "SKUs of 1 to 255 characters"),
        (len(shape.skus) > SKUS_MAX, "/skus", f"at most {SKUS_MAX} SKUs"),
        (len(set(shape.skus)) < len(shape.skus), "/skus", "each SKU once"),
        (not 0 <= shape.tolerance_units <= UNITS_MAX, "/tolerance_units", "0 or more units"),
        (not 0 <= shape.tolerance_percent <= 100, "/tolerance_percent", "0 to 100"),
        (_text(shape.by or "", 120, empty=True), "/by", "at most 120 characters"),
        (any(each.tzinfo is None for each in instants), "/told_at", "instants with a zone"),
    )


def _entry_faults(shape: EntryShape) -> Faults:
    return (
        (_text(shape.ref, 120), "/ref", "1 to 120 characters"),
        (_text(shape.sheet, 120), "/sheet", "the ref of a count sheet"),
        (_text(shape.sku, 255), "/sku", "1 to 255 characters"),
        (not 0 <= shape.quantity <= UNITS_MAX, "/quantity", "units, 0 or more"),
        (_text(shape.by, 120), "/by", "the name of who counted"),
        (_text(shape.bin, 120, empty=True), "/bin", "at most 120 characters"),
        (shape.round < 1, "/round", "1 or more"),
        (
            any(each.tzinfo is None for each in (shape.told_at, shape.counted_at)),
            *("/counted_at", "instants with a zone"),
        ),
    )


def _line_faults(shape: LineShape) -> Faults:
    return (
        (_text(shape.ref, 120), "/ref", "1 to 120 characters"),
        (_text(shape.sheet, 120), "/sheet", "the ref of a count sheet"),
        (_text(shape.sku, 255), "/sku", "1 to 255 characters"),
        (not 0 <= shape.counted <= UNITS_MAX, "/counted", "units, 0 or more"),
        (abs(shape.book) > UNITS_MAX, "/book", "units"),
        (shape.round < 1, "/round", "1 or more"),
        (any(_text(name, 120) for name in shape.counted_by), "/counted_by", "names"),
        (_text(shape.by or "", 120, empty=True), "/by", "at most 120 characters"),
        (
            any(each.tzinfo is None for each in (shape.told_at, shape.counted_at)),
            *("/counted_at", "instants with a zone"),
        ),
    )
