"""Delhivery's words for where a parcel is, in Trueup's.

A scan has a type (which leg of the way), a status and a code (NSL). Type and status together say
where a parcel is, except on the way to the customer: there the code tells a pick-up and a failed
attempt apart from mere movement, and a code that nobody knows means unknown.

Source: Delhivery's pages on the package life cycle, on the push of scans and on what may be asked
after a failed attempt; a recorded reply.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from trueup.canon.parcel import ParcelStatus

_S = ParcelStatus

_PAIRS: Final[Mapping[tuple[str, str], ParcelStatus]] = MappingProxyType(
    {
        ("UD", "manifested"): _S.CREATED,
        ("UD", "not picked"): _S.CREATED,
        ("UD", "scheduled"): _S.CREATED,
        ("UD", "in transit"): _S.IN_TRANSIT,
        ("UD", "pending"): _S.IN_TRANSIT,
        ("UD", "dispatched"): _S.OUT_FOR_DELIVERY,
        ("DL", "delivered"): _S.DELIVERED,
        ("DL", "rto"): _S.RETURNED,
        ("DL", "dto"): _S.RETURNED,
        ("RT", "in transit"): _S.RETURNING,
        ("RT", "pending"): _S.RETURNING,
        ("RT", "dispatched"): _S.RETURNING,
        # A pick-up at the customer's: nothing moves before the courier has it.
        ("PP", "open"): _S.CREATED,
        ("PP", "scheduled"): _S.CREATED,
        ("PP", "dispatched"): _S.CREATED,
        ("PU", "in transit"): _S.RETURNING,
        ("PU", "pending"): _S.RETURNING,
        ("PU", "dispatched"): _S.RETURNING,
        ("CN", "canceled"): _S.CANCELLED,
        ("CN", "cancelled"): _S.CANCELLED,
        ("CN", "closed"): _S.CANCELLED,
    }
)
_BY_CODE: Final = frozenset((("UD", "in transit"), ("UD", "pending"), ("UD", "dispatched")))
"""Pairs that do not say enough without a code."""

_MOVING: Final = frozenset(
    (
        *("S-MAR", "X-DBL1F", "X-DDD3FD", "X-DLL2F", "X-DWS", "X-IBD3F", "X-ILL1F", "X-ILL2F"),
        *("X-PIOM", "ST-114"),
    )
)
"""Codes beside which the pair stands as it is."""

_CODES: Final[Mapping[str, ParcelStatus]] = MappingProxyType(
    {
        "X-PPOM": _S.PICKED_UP,
        "X-UCI": _S.CREATED,
        "FMPUR-101": _S.CREATED,
        **dict.fromkeys(
            (
                *("EOD-3", "EOD-6", "EOD-11", "EOD-15", "EOD-16", "EOD-43", "EOD-69", "EOD-74"),
                *("EOD-86", "EOD-104", "ST-108"),
            ),
            _S.ATTEMPT_FAILED,
        ),
    }
)


def status_of(kind: str, status: str, code: str) -> tuple[ParcelStatus, bool]:
    """Return what a scan's type, status and code mean together, and whether they are known."""
    pair = (kind.strip().upper(), status.strip().lower())
    code = code.strip().upper()
    plain = _PAIRS.get(pair)
    if plain is None:
        return ParcelStatus.UNKNOWN, False
    if pair not in _BY_CODE or not code or code in _MOVING:
        return plain, True
    found = _CODES.get(code)
    return (ParcelStatus.UNKNOWN, False) if found is None else (found, True)


def is_backwards(kind: str) -> bool:
    """Tell whether a scan's type is of the way back, whatever its status."""
    return kind.strip().upper() in {"RT", "PU"}
