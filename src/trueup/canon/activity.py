"""Activities: what a customer did, as a CRM keeps it (opened a mail, viewed a product)."""

from datetime import datetime
from typing import ClassVar

import msgspec

from trueup.canon.record import Record, register
from trueup.kernel.money import Money


class ActivityPerson(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is personal in an activity."""

    email: str | None = None
    phone: str | None = None


@register
class Activity(Record, frozen=True, kw_only=True):
    """One thing a customer did, in the CRM's own word.

    Attributes:
        awaits_variant: they want to be told once this variant of a shop is back in stock.
        awaits_sku: the same by its SKU.
    """

    kind: ClassVar[str] = "activity"

    name: str
    occurred_at: datetime
    customer_ref: str | None = None
    value: Money | None = None
    awaits_variant: str | None = None
    awaits_sku: str | None = None
    person: ActivityPerson | None = None
