"""Read what a scanner typed: a GTIN, a GS1 element string, or a code of our own. Pure."""

import re
from datetime import date

import biip
import msgspec
from biip.gs1_messages import GS1Message

_GTIN = re.compile(r"\d{8}|\d{12,14}")
_ELEMENTS = re.compile(r"(?:01\d{14}|02\d{14})(?=\d{2,4})")
_SEPARATOR = "\x1d"
LABEL_CHARS_MAX = 255


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """What stands on a label.

    Attributes:
        text: as it was scanned.
        code: by which a barcode is looked for: a GTIN in 14 digits, or the text itself.
        gtin: whether it is a GTIN, and its check digit is right.
        misread: its check digit is wrong.
        lot, expires_on, serial: where an element string tells them.
    """

    text: str
    code: str
    gtin: bool = False
    misread: bool = False
    lot: str | None = None
    expires_on: date | None = None
    serial: str | None = None


def barcode_key(text: str) -> str:
    """Return how a barcode is stored and looked for: a UPC and its EAN are the same goods."""
    bare = text.strip()
    return bare.zfill(14) if _GTIN.fullmatch(bare) else bare


def read_label(text: str) -> Label:
    """Return what a label says; whatever is none of GS1's is taken as it stands."""
    bare = text.strip()[:LABEL_CHARS_MAX]
    message = _message(bare)
    if message is not None:
        return _of_elements(bare, message)
    plain = bare[3:] if re.match(r"\][A-Za-z]\d", bare) else bare
    key = barcode_key(plain)
    if not _GTIN.fullmatch(plain):
        return Label(text=bare, code=key)
    right = biip.parse(plain).gtin is not None
    return Label(text=bare, code=key, gtin=right, misread=not right)


def _message(bare: str) -> GS1Message | None:
    """Return the element string of a label that is one, however the scanner writes it."""
    try:
        if bare.startswith("("):
            return GS1Message.parse_hri(bare)
        starts = bare.startswith(("]C1", "]d2", "]Q3", "]e0", _SEPARATOR))
        if not starts and not _ELEMENTS.match(bare) and _SEPARATOR not in bare:
            return None
        return biip.parse(bare.lstrip(_SEPARATOR)).gs1_message
    except (biip.ParseError, ValueError):
        return None


def _of_elements(bare: str, message: GS1Message) -> Label:
    found = {each.ai.ai: each for each in message.element_strings}
    item = found.get("01") or found.get("02")
    lot, ends, serial = found.get("10"), found.get("17") or found.get("15"), found.get("21")
    return Label(
        text=bare,
        code=bare if item is None else item.value,
        gtin=item is not None and item.gtin is not None,
        misread=item is not None and item.gtin is None,
        lot=None if lot is None else lot.value,
        expires_on=None if ends is None else ends.date,
        serial=None if serial is None else serial.value,
    )
