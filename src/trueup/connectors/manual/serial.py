"""What events about serials mean: which left with an order, and which SKUs must have them. Pure."""

from datetime import UTC, datetime

import msgspec

from trueup.canon.serial import Pack, PackLine, SerialRule, trimmed
from trueup.connectors.manual.shape import Faults, read_shape, serial_fault
from trueup.contract.connector import Mapped

PACK_TOPIC = "stock/pack"
RULE_TOPIC = "stock/serial_rule"
LINES_MAX = 1000
SKU_CHARS_MAX = 255


class PackShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body under the topic `stock/pack`; the README says what each field holds."""

    ref: str
    told_at: datetime
    order_ref: str
    site: str
    lines: tuple[PackLine, ...]
    occurred_at: datetime
    by: str | None = None
    deleted: bool = False


class SerialRuleShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body under the topic `stock/serial_rule`; the README says what each field holds."""

    ref: str
    told_at: datetime
    required: bool
    deleted: bool = False


_PACKS = msgspec.json.Decoder(PackShape)
_RULES = msgspec.json.Decoder(SerialRuleShape)


def map_pack(body: bytes) -> Mapped:
    """Return which serials left with an order, or the issue that says what is wrong with it."""
    return read_shape(
        *(body, _PACKS, _pack_faults, _pack_of),
        code="manual.pack_invalid",
        how_to_fix="Correct what was packed and tell it again under the same ref.",
    )


def map_serial_rule(body: bytes) -> Mapped:
    """Return whether a SKU must have serials, or the issue that says what is wrong with it."""
    return read_shape(
        *(body, _RULES, _rule_faults, _rule_of),
        code="manual.serial_rule_invalid",
        how_to_fix="Say it again by `trueup serials require SKU`.",
    )


def _pack_of(shape: PackShape) -> Pack:
    return Pack(
        ref=shape.ref,
        updated_at=shape.told_at.astimezone(UTC),
        order_ref=shape.order_ref,
        deleted=shape.deleted,
        site=shape.site,
        lines=tuple(PackLine(sku=line.sku, serials=trimmed(line.serials)) for line in shape.lines),
        occurred_at=shape.occurred_at.astimezone(UTC),
        by=shape.by,
    )


def _rule_of(shape: SerialRuleShape) -> SerialRule:
    return SerialRule(
        ref=shape.ref,
        updated_at=shape.told_at.astimezone(UTC),
        deleted=shape.deleted,
        required=shape.required,
    )


def _text(text: str, longest: int) -> bool:
    """Whether a text is not what it may be."""
    return not 0 < len(text) <= longest or "\x00" in text


def _pack_faults(shape: PackShape) -> Faults:
    naive = any(each.tzinfo is None for each in (shape.told_at, shape.occurred_at))
    return (
        (_text(shape.ref, 120), "/ref", "1 to 120 characters, none of them U+0000"),
        (_text(shape.order_ref, 255), "/order_ref", "the ref of an order, of 1 to 255 characters"),
        (_text(shape.site, 120), "/site", "the name of a site"),
        (shape.by is not None and _text(shape.by, 120), "/by", "1 to 120 characters"),
        (not 0 < len(shape.lines) <= LINES_MAX, "/lines", f"1 to {LINES_MAX} lines"),
        (
            any(_text(line.sku, SKU_CHARS_MAX) for line in shape.lines),
            *("/lines", f"SKUs of 1 to {SKU_CHARS_MAX} characters"),
        ),
        (any(not line.serials for line in shape.lines), "/lines", "a serial in each line"),
        serial_fault(
            [(line.sku, line.serials, len(line.serials)) for line in shape.lines], "/lines"
        ),
        (naive, "/told_at", "instants with a zone"),
    )


def _rule_faults(shape: SerialRuleShape) -> Faults:
    return (
        (_text(shape.ref, SKU_CHARS_MAX), "/ref", f"a SKU of 1 to {SKU_CHARS_MAX} characters"),
        (shape.told_at.tzinfo is None, "/told_at", "an instant with its zone"),
    )
