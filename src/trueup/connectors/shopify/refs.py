"""Small readings that every noun shares: ids, instants, texts, addresses and codes."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from trueup.canon.customer import Address
from trueup.canon.issue import Issue, Severity
from trueup.connectors.shopify.shape import AddressShape, Id
from trueup.connectors.shopify.unsound import Unsound
from trueup.contract.connector import Source
from trueup.errors import Refused

_Code = TypeVar("_Code", bound=StrEnum)
_GID = re.compile(r"gid://shopify/(\w+)/([^/?]+)(?:\?(.*))?")


def ref_of(value: Id | None) -> str | None:
    """Return an id as text; the number at the end of a global id; None for none."""
    if value is None:
        return None
    if isinstance(value, str) and (found := _GID.fullmatch(value)):
        return found[2]
    return str(value)


def needed_order(value: Id | None) -> str:
    """Return the order that a refund, a parcel or a payment belongs to.

    Raises:
        Unsound: it names none, so nobody can say with what it must be handled in turn.
    """
    ref = ref_of(value)
    if ref is None:
        raise Unsound(b"", "an order_id")
    return ref


def gid_type(value: str) -> str | None:
    """Return the type in a global id, such as "Order"; None if it is not one."""
    found = _GID.fullmatch(value)
    return found[1] if found else None


def gid(type_name: str, ref: str) -> str:
    """Return the global id of a record."""
    return f"gid://shopify/{type_name}/{ref}"


def numbered(ref: str, what: str) -> str:
    """Return the id of something at Shopify, which is a number: it becomes part of a global id.

    Raises:
        Refused: it is none.
    """
    if not ref.isascii() or not ref.isdecimal():
        raise Refused(f"The {what}'s id is not one of Shopify's: digits")
    return ref


def utc(instant: datetime | None) -> datetime | None:
    """Return the instant in UTC.

    Raises:
        Unsound: it lies outside the years 1 to 9999 there.
    """
    if instant is None:
        return None
    try:
        return instant.astimezone(UTC)
    except OverflowError as fault:
        text = f'"{instant.isoformat()}"'.encode()
        raise Unsound(text, "an instant in the years 1 to 9999") from fault


def stamp_of(source: Source, *candidates: datetime | None) -> datetime:
    """Return the first instant that is told; else when the delivery was raised or came in."""
    for candidate in candidates:
        if candidate is not None:
            return utc(candidate) or candidate
    return source.raised_at or source.received_at


def text_of(value: str | None) -> str | None:
    """Return the text without blanks around it; None where nothing is left."""
    return (value.strip() or None) if value else None


def tags_of(tags: str | list[str] | None) -> tuple[str, ...]:
    """Return the tags in alphabetical order; a webhook joins them with commas."""
    if not tags:
        return ()
    parts = tags.split(",") if isinstance(tags, str) else tags
    return tuple(sorted({part.strip() for part in parts} - {""}))


def address_of(shape: AddressShape | None) -> Address | None:
    """Return the address; None where every part of it is empty."""
    if shape is None:
        return None
    address = Address(
        name=text_of(shape.name),
        company=shape.company or None,
        lines=tuple(line for line in (shape.address1, shape.address2) if line),
        city=shape.city or None,
        province=shape.province or None,
        postcode=shape.zip or None,
        country=shape.country_code or None,
        phone=shape.phone or None,
    )
    return None if address == _NOWHERE else address


_NOWHERE = Address()


def code_of(
    codes: Mapping[str, _Code], word: str | None, field: str, ref: str
) -> tuple[_Code | None, Issue | None]:
    """Return what a vendor's word means; an unknown word gives None and the issue that says so."""
    if word is None:
        return None, None
    known = codes.get(word.lower())
    return known, None if known is not None else unknown_code(field, word, ref, codes)


def unknown_code(field: str, word: str, ref: str, known: Mapping[str, object]) -> Issue:
    """Return the issue for a word of the vendor that the connector does not know."""
    return Issue(
        code=f"shopify.{field}_unknown",
        severity=Severity.WARNING,
        pointer=f"/{field}",
        expected="one of " + ", ".join(sorted(known)),
        found=word[:80],
        how_to_fix=f"Tell Trueup's maintainers what {field} {word[:40]!r} means; "
        "until then it is kept as unknown.",
        ref=ref,
    )
