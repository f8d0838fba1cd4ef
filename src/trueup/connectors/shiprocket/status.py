"""Shiprocket's numbers for where a parcel is, in Trueup's words.

Shiprocket has two lists that share their numbers: one of orders (`current_status_id`) and one of
shipments (`shipment_status_id`, `sr-status`). In transit is 20 in the first and 18 in the second,
where 20 is a failed pick-up; only the second is read.

Source: Shiprocket's page of statuses, as several public handlers have it; a documented body. What
does not say where a parcel is (partly delivered, fulfilled elsewhere, disposed of, untraceable) is
left out on purpose: it means unknown, and a person looks.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from trueup.canon.parcel import ParcelStatus

_S = ParcelStatus

_TABLE: Final[Mapping[int, ParcelStatus]] = MappingProxyType(
    {
        # A label, a pick-up that is due or did not work out, and packing: still with the sender.
        **dict.fromkeys((1, 2, 3, 4, 5, 11, 13, 15, 19, 20, 27, 52), _S.CREATED),
        **dict.fromkeys((59, 60, 61, 62, 63, 67, 71, 72), _S.CREATED),
        **dict.fromkeys((6, 42, 51), _S.PICKED_UP),
        **dict.fromkeys((18, 22, 38, 39, 48, 49, 50, 54, 55, 56, 57, 68), _S.IN_TRANSIT),
        17: _S.OUT_FOR_DELIVERY,
        21: _S.ATTEMPT_FAILED,
        7: _S.DELIVERED,
        **dict.fromkeys((9, 40, 41, 46, 75, 78), _S.RETURNING),
        **dict.fromkeys((10, 14), _S.RETURNED),
        **dict.fromkeys((16, 47, 77), _S.HELD),
        **dict.fromkeys((24, 25), _S.DAMAGED),
        12: _S.LOST,
        **dict.fromkeys((8, 45), _S.CANCELLED),
    }
)
_BACKWARDS: Final[Mapping[ParcelStatus, ParcelStatus]] = MappingProxyType(
    {
        **dict.fromkeys(
            (_S.PICKED_UP, _S.IN_TRANSIT, _S.OUT_FOR_DELIVERY, _S.ATTEMPT_FAILED), _S.RETURNING
        ),
        _S.DELIVERED: _S.RETURNED,
    }
)
"""What the same numbers mean for a parcel that goes from the customer to the sender."""


def status_of(number: int | None, *, is_return: bool) -> tuple[ParcelStatus, bool]:
    """Return what a number of the list of shipments means, and whether it is known."""
    found = _TABLE.get(number) if number is not None else None
    if found is None:
        return ParcelStatus.UNKNOWN, False
    return (_BACKWARDS.get(found, found) if is_return else found), True


def number_of(value: int | str | None) -> int | None:
    """Return a status as a number; None for "NA", which couriers' unmapped scans have."""
    if isinstance(value, int):
        return value
    text = (value or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else None
