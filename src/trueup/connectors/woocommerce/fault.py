"""What is wrong with a body, told so that a person can act."""

import re

import msgspec

from trueup.canon.issue import Issue, Severity
from trueup.connectors.woocommerce.amount import Unsound

_REPORT = "Look at the body of the event; if WooCommerce or a plugin really sends this, report it."
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


def malformed(found: str) -> Issue:
    """Return the issue for bytes that are no JSON object that could be kept."""
    return Issue(
        code="woocommerce.body_malformed",
        severity=Severity.ERROR,
        expected="one JSON object in UTF-8, without the character U+0000",
        found=found,
        how_to_fix=_REPORT,
    )


def misshapen(fault: msgspec.ValidationError) -> Issue:
    """Return the issue for JSON that does not have the shape of its topic."""
    text, _, place = str(fault).partition(" - at `")
    expected, _, found = text.replace("`", "").partition(", got ")
    pointer = "".join(
        "/" + (name or index.replace("...", "-"))
        for name, index in _STEP.findall(place.rstrip("`"))
    )
    return _invalid(pointer, expected[:200], found[:100] or "another value")


def unsound(fault: Unsound) -> Issue:
    """Return the issue for a value that decodes but can not be kept."""
    return _invalid("", fault.expected, fault.found)


def unknown_word(field: str, word: str, ref: str) -> Issue:
    """Return the issue for a word that the connector does not know; plugins add their own."""
    return Issue(
        code=f"woocommerce.{field}_unknown",
        pointer=f"/{field}",
        expected="a word of WooCommerce's own that Trueup knows",
        found=word[:80],
        how_to_fix="It is kept as unknown. If a plugin of the shop adds it, tell Trueup's "
        "maintainers what it means.",
        ref=ref,
    )


def note(code: str, ref: str, expected: str, found: str, how_to_fix: str) -> Issue:
    """Return a note of this connector."""
    return Issue(
        code=f"woocommerce.{code}",
        severity=Severity.NOTE,
        expected=expected,
        found=found,
        how_to_fix=how_to_fix,
        ref=ref,
    )


def _invalid(pointer: str, expected: str, found: str) -> Issue:
    return Issue(
        code="woocommerce.field_invalid",
        severity=Severity.ERROR,
        pointer=pointer,
        expected=expected,
        found=found,
        how_to_fix=_REPORT,
    )
