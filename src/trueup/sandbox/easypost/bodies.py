"""How EasyPost writes its objects."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from trueup.sandbox.journey import Happening, Moment, Travelling
from trueup.sandbox.webhooks import Subscription

WORDS: Final[Mapping[Happening, tuple[str, str]]] = {
    "made": ("pre_transit", "status_update"),
    "picked_up": ("in_transit", "received_at_origin_facility"),
    "hub": ("in_transit", "arrived_at_facility"),
    "out_for_delivery": ("out_for_delivery", "out_for_delivery"),
    "failed": ("in_transit", "delivery_exception"),
    "delivered": ("delivered", "arrived_at_destination"),
    "turned_back": ("return_to_sender", "return"),
    "back_at_sender": ("delivered", "arrived_at_destination"),
    "unheard_of": ("in_transit", "zeppelin_moored"),
}


def tracker_id(parcel: Travelling) -> str:
    """Return the tracker's id of a parcel."""
    return f"trk_{parcel.number_of:032x}"


def shipment_id(parcel: Travelling) -> str:
    """Return the label's id of a parcel."""
    return f"shp_{parcel.number_of:032x}"


def tracker(parcel: Travelling) -> dict[str, Any]:
    """Return a parcel with its scans, in the order in which they were told."""
    # A parcel that came back stays `return_to_sender`: there is no other word for it.
    newest = parcel.newest.what
    status, detail = WORDS["turned_back" if newest == "back_at_sender" else newest]
    return {
        "id": tracker_id(parcel),
        "object": "Tracker",
        "mode": "test",
        "tracking_code": parcel.number,
        "status": status,
        "status_detail": detail,
        "created_at": instant(parcel.made_at),
        "updated_at": instant(parcel.updated_at),
        "signed_by": "I EXAMPLE" if newest == "delivered" else None,
        "weight": 17.6,
        "est_delivery_date": None,
        "shipment_id": shipment_id(parcel),
        "carrier": "USPS",
        "tracking_details": [_detail(scan) for scan in parcel.scans],
        "fees": [],
        "carrier_detail": None,
        "public_url": f"https://track.example/{tracker_id(parcel)}",
    }


def shipment(parcel: Travelling) -> dict[str, Any]:
    """Return the label of a parcel, with the names that the shop gave."""
    return {
        "id": shipment_id(parcel),
        "object": "Shipment",
        "mode": "test",
        "reference": parcel.order,
        "options": {"currency": "USD", "print_custom_1": parcel.order},
        "tracking_code": parcel.number,
        "created_at": instant(parcel.made_at),
        "updated_at": instant(parcel.updated_at),
        "tracker": tracker(parcel),
    }


def event(event_id: str, description: str, result: object, at: datetime) -> dict[str, Any]:
    """Return what a webhook sends."""
    return {
        "id": event_id,
        "object": "Event",
        "mode": "test",
        "description": description,
        "created_at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "result": result,
    }


def webhook(subscription: Subscription) -> dict[str, Any]:
    """Return a webhook as the account lists it."""
    return {
        "id": f"hook_{subscription.id:032x}",
        "object": "Webhook",
        "mode": "test",
        "url": subscription.uri,
        "created_at": instant(subscription.created_at),
        "disabled_at": None,
        "custom_headers": [],
    }


def instant(at: datetime) -> str:
    """Return a time as EasyPost writes it: whole seconds, UTC."""
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _detail(scan: Moment) -> dict[str, Any]:
    status, detail = WORDS[scan.what]
    return {
        "object": "TrackingDetail",
        "message": scan.what.replace("_", " "),
        "status": status,
        "status_detail": detail,
        "datetime": instant(scan.at),
        "source": "USPS",
        "tracking_location": {"city": scan.place, "state": "ID", "country": "US", "zip": None},
    }
