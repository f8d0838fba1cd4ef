"""What an event about a kit means: each tells the whole kit, from its instant on. Pure."""

from datetime import UTC, datetime

import msgspec

from trueup.canon.kit import Kit, KitPart
from trueup.connectors.manual.shape import Faults, read_shape
from trueup.contract.connector import Mapped
from trueup.kernel.limits import KIT_PARTS_MAX, KIT_UNITS_MAX

TOPIC = "stock/kit"


class KitShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body under the topic `stock/kit`; the README says what each field holds."""

    kit: str
    parts: tuple[KitPart, ...]
    occurred_at: datetime


_DECODER = msgspec.json.Decoder(KitShape)


def map_kit(body: bytes) -> Mapped:
    """Return the kit, or the issue that says what is wrong with it."""
    return read_shape(
        *(body, _DECODER, _faults_of, _kit_of),
        code="manual.kit_invalid",
        how_to_fix="Correct the kit and set it again: trueup kits set.",
    )


def _faults_of(shape: KitShape) -> Faults:
    codes = [part.sku for part in shape.parts]
    units = [part.units for part in shape.parts]
    texts = (shape.kit, *codes)
    return (
        (any(not 0 < len(text) <= 255 for text in texts), "/kit", "codes of 1 to 255 characters"),
        (any("\x00" in text for text in texts), "/kit", "text without U+0000"),
        (shape.kit in codes, "/parts", "other SKUs than the kit itself"),
        (len(set(codes)) < len(codes), "/parts", "each SKU once"),
        (len(codes) > KIT_PARTS_MAX, "/parts", f"at most {KIT_PARTS_MAX} parts"),
        (any(not 0 < n <= KIT_UNITS_MAX for n in units), "/parts", f"1 to {KIT_UNITS_MAX} units"),
        (shape.occurred_at.tzinfo is None, "/occurred_at", "an instant with its zone"),
    )


def _kit_of(shape: KitShape) -> Kit:
    return Kit(
        ref=shape.kit,
        updated_at=shape.occurred_at.astimezone(UTC),
        parts=tuple(sorted(shape.parts, key=lambda part: part.sku)),
    )
