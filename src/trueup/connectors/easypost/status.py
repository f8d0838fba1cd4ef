"""EasyPost's words for where a parcel is, in Trueup's.

The detail sharpens the status: a failed attempt with another try to come is still `in_transit`,
and only the detail tells it. Source: EasyPost's page on trackers, and its help page on failed
deliveries.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from trueup.canon.parcel import ParcelStatus

_S = ParcelStatus

_MOVING: Final = (
    *("arrived_at_destination", "arrived_at_facility", "delayed", "departed_facility"),
    *("departed_origin_facility", "in_transit", "missorted", "received_at_destination_facility"),
    *("status_update", "transferred_to_destination_carrier", "transit_exception"),
    *("unknown", "weather_delay"),
)
_TROUBLE: Final[Mapping[str, ParcelStatus]] = {
    "address_correction": _S.HELD,
    "arrived_at_pickup_location": _S.AWAITING_COLLECTION,
    "awaiting_information": _S.HELD,
    "cancelled": _S.CANCELLED,
    "damaged": _S.DAMAGED,
    "delivery_exception": _S.ATTEMPT_FAILED,
    "held": _S.HELD,
    "lost": _S.LOST,
    "refused": _S.ATTEMPT_FAILED,
    "return": _S.RETURNING,
}
_DETAILS: Final = frozenset(
    (
        *_MOVING,
        *_TROUBLE,
        *("expired", "failure", "label_created", "out_for_delivery"),
        *("received_at_origin_facility",),
    )
)
"""Every detail that EasyPost lists."""

_TABLE: Final[Mapping[str, tuple[ParcelStatus, Mapping[str, ParcelStatus]]]] = MappingProxyType(
    {
        "unknown": (_S.UNKNOWN, {}),
        "error": (_S.UNKNOWN, {}),
        "pre_transit": (
            _S.CREATED,
            {"received_at_origin_facility": _S.PICKED_UP, "cancelled": _S.CANCELLED},
        ),
        "in_transit": (
            _S.IN_TRANSIT,
            {
                **_TROUBLE,
                "received_at_origin_facility": _S.PICKED_UP,
                "out_for_delivery": _S.OUT_FOR_DELIVERY,
                "failure": _S.ATTEMPT_FAILED,
            },
        ),
        "out_for_delivery": (_S.OUT_FOR_DELIVERY, {}),
        "available_for_pickup": (_S.AWAITING_COLLECTION, {}),
        "delivered": (_S.DELIVERED, {}),
        "return_to_sender": (_S.RETURNING, {}),
        "failure": (
            # The carrier has given up bringing it, and the detail says why it lies still.
            _S.ATTEMPT_FAILED,
            {
                **_TROUBLE,
                "delayed": _S.HELD,
                "missorted": _S.HELD,
                "transit_exception": _S.HELD,
                "weather_delay": _S.HELD,
            },
        ),
        "cancelled": (_S.CANCELLED, {}),
    }
)


def status_of(status: str, detail: str | None) -> tuple[ParcelStatus, bool]:
    """Return what a status with its detail means, and whether both words are known."""
    known = _TABLE.get(status)
    if known is None or (detail and detail not in _DETAILS):
        return ParcelStatus.UNKNOWN, False
    plain, sharper = known
    return sharper.get(detail or "", plain), True
