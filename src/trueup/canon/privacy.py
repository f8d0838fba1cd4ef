"""Privacy requests: a person, through a vendor, asks to see or to be forgotten."""

from enum import StrEnum
from typing import ClassVar

import msgspec

from trueup.canon.record import Record, register


class PrivacyKind(StrEnum):
    """What is asked."""

    ACCESS = "access"  # gather everything about the person
    ERASE_PERSON = "erase_person"
    ERASE_CONNECTION = "erase_connection"  # the shop left: erase all its people


class PrivacyPerson(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """By what the person is to be found."""

    email: str | None = None
    phone: str | None = None


@register
class PrivacyRequest(Record, frozen=True, kw_only=True):
    """One request with its deadline set by law or vendor."""

    kind: ClassVar[str] = "privacy_request"

    request: PrivacyKind
    customer_ref: str | None = None
    order_refs: tuple[str, ...] = ()
    person: PrivacyPerson | None = None
