"""What is wrong with a body, told so that a person can act: place, expected, found, what to do."""

from collections.abc import Callable

import msgspec

from trueup.canon.issue import Issue
from trueup.connectors.shopify.unsound import Unsound
from trueup.contract.fault import Faults
from trueup.kernel.limits import JSON_DEPTH_MAX

FAULTS = Faults(
    vendor="Shopify",
    malformed_code="shopify.body_malformed",
    invalid_code="shopify.field_invalid",
    missing_code="shopify.field_missing",
    kind_code="shopify.field_type",
)
malformed = FAULTS.malformed
misshapen = FAULTS.misshapen


_NUL = b"\\u0000"


def unsound(fault: Unsound, body: bytes) -> Issue:
    """Return the issue for a value that decodes but can not be kept."""
    pointer = find_value(body, fault.text) if fault.text else ""
    found = fault.text[:40].decode(errors="replace") if len(fault.text) <= 40 else "a long value"
    return FAULTS.error("shopify.field_invalid", pointer or "", fault.expected, found or "nothing")


def null_character(body: bytes) -> Issue | None:
    """Return the issue for text that holds U+0000, which no database text can; else None."""
    if _NUL not in body:
        return None
    try:
        pointer = _find(msgspec.Raw(body), _holds_nul, JSON_DEPTH_MAX)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None  # the mapping itself says what is wrong
    if pointer is None:
        return None
    return FAULTS.error(
        "shopify.text_invalid", pointer, "text without the character U+0000", "U+0000"
    )


def find_value(body: bytes, text: bytes) -> str | None:
    """Return the JSON pointer of the first value written exactly so; None if there is none."""
    try:
        return _find(msgspec.Raw(body), lambda raw: raw == text, JSON_DEPTH_MAX)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


def _holds_nul(raw: bytes) -> bool:
    if _NUL not in raw or not raw.startswith(b'"'):
        return False
    return "\x00" in msgspec.json.decode(raw, type=str)


def _find(raw: msgspec.Raw, accept: Callable[[bytes], bool], depth: int) -> str | None:
    text = bytes(raw).strip()
    if accept(text):
        return ""
    if depth == 0 or text[:1] not in {b"{", b"["}:
        return None
    children: list[tuple[str, msgspec.Raw]]
    if text[:1] == b"{":
        fields = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        children = [(k.replace("~", "~0").replace("/", "~1"), v) for k, v in fields.items()]
    else:
        items = msgspec.json.decode(text, type=list[msgspec.Raw])
        children = [(str(index), item) for index, item in enumerate(items)]
    for name, child in children:
        if (found := _find(child, accept, depth - 1)) is not None:
            return f"/{name}{found}"
    return None
