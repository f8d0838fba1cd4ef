"""A webhook's event: a CloudEvent that names an entity of a company, and nothing of it."""

from typing import Annotated

import msgspec

Number = Annotated[str, msgspec.Meta(min_length=1, max_length=60, pattern="^[A-Za-z0-9-]+$")]
Company = Annotated[str, msgspec.Meta(min_length=1, max_length=30, pattern="^[0-9]+$")]


class DataShape(msgspec.Struct, frozen=True, gc=False):
    """What some events add: of a merge, the entity that is gone."""

    deletedid: Number | None = None


class EventShape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event; `type` is like "qbo.invoice.created.v1"."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    type: Annotated[str, msgspec.Meta(max_length=100)]
    intuitentityid: Number
    intuitaccountid: Company
    time: str | None = None
    data: DataShape | None = None


def entity_in(told: str) -> str:
    """Return the entity that an event's type names; "" where it names none."""
    parts = told.split(".")
    return parts[1] if len(parts) >= 3 and parts[0] == "qbo" else ""
