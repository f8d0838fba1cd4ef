"""Links: names by which a thing is known in other systems too, and how each is written."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import lru_cache

import msgspec
import phonenumbers


class LinkSpace(StrEnum):
    """What kind of name it is. Equal names of one kind mean one thing, whichever system speaks."""

    ORDER = "order"  # an order's number as people write it; two shops may number alike
    TRACKING = "tracking"  # a parcel's number at its carrier
    PAYMENT = "payment"  # a payment provider's id of a charge, a refund or a dispute
    PAYOUT = "payout"  # a payout's id, or the words by which a bank statement names it
    INVOICE = "invoice"  # an invoice's or a credit note's number
    PURCHASE = "purchase"  # a purchase order's number, as the supplier writes it too
    RETURN = "return"  # a return's number, as it stands on the label
    TICKET = "ticket"  # a ticket's id at the helpdesk
    MESSAGE = "message"  # a message's id, as its medium gives it
    EMAIL = "email"  # a person's e-mail address
    PHONE = "phone"  # a person's phone number
    CUSTOMER = "customer"  # a customer's number, as more than one system writes it
    ADDRESS = "address"  # a person's name at a postal address


SPACES_OF_PEOPLE = frozenset(
    (LinkSpace.EMAIL, LinkSpace.PHONE, LinkSpace.CUSTOMER, LinkSpace.ADDRESS)
)
"""These name who it was, not what it was about."""


class Link(msgspec.Struct, frozen=True):
    """One name of a record in another system; `value` as the source wrote it."""

    namespace: LinkSpace
    value: str


def normal_value(namespace: str, value: str) -> str:
    """Return the name as it is compared; empty where nothing is left of it."""
    return _NORMAL.get(namespace, str.strip)(value)


def normal_links(links: Iterable[Link]) -> tuple[tuple[str, str], ...]:
    """Return (namespace, value) of links as they are compared: each once, in order."""
    named = {(str(link.namespace), normal_value(link.namespace, link.value)) for link in links}
    return tuple(sorted(pair for pair in named if pair[1]))


def normal_email(email: str | None) -> str:
    """Return the e-mail as it is compared: trimmed, lower case."""
    return (email or "").strip().casefold()


@lru_cache(maxsize=65_536)
def normal_phone(phone: str | None, region: str | None = None) -> str:
    """Return the phone as it is compared: E.164 where it can be told, else its digits.

    Args:
        phone: as the source wrote it.
        region: ISO 3166-1 alpha-2 code of the country a number without a prefix is of.
    """
    if not phone:
        return ""
    digits = re.sub(r"\D", "", phone)
    international = phone.lstrip().startswith(("+", "00"))
    if not digits or not (international or region):
        return digits
    text = phone if not phone.lstrip().startswith("00") else f"+{digits[2:]}"
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return digits
    if not phonenumbers.is_possible_number(number):
        return digits
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:]


def normal_text(text: str | None) -> str:
    """Return a name or a line of an address as it is compared: letters and digits, no accents."""
    plain = unicodedata.normalize("NFKD", text or "")
    kept = "".join(each for each in plain if not unicodedata.combining(each))
    return " ".join(re.findall(r"\w+", kept.casefold()))


def _tracking(value: str) -> str:
    return re.sub(r"\s", "", value).upper()


def _order(value: str) -> str:
    return value.strip().removeprefix("#").lstrip().casefold()


_NORMAL: Mapping[str, Callable[[str], str]] = {
    LinkSpace.TRACKING: _tracking,
    LinkSpace.ORDER: _order,
    LinkSpace.EMAIL: normal_email,
    LinkSpace.PHONE: normal_phone,
}
