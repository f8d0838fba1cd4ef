"""A Delhivery account: readings by waybill, and a push per scan. Its clocks are India's."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar, Final

from trueup.contract.vendor_signature import VENDOR_SIGNATURES
from trueup.sandbox.journey import CarrierTwin, Happening, Moment, Travelling
from trueup.sandbox.line import Asked, Reply, reply_json
from trueup.sandbox.vendor import route

__all__ = ["Delhivery"]

_INDIA: Final = timezone(timedelta(hours=5, minutes=30))
_BATCH_MAX: Final = 50
WORDS: Final[Mapping[Happening, tuple[str, str, str]]] = {
    "made": ("UD", "Manifested", "X-UCI"),
    "picked_up": ("UD", "In Transit", "X-PPOM"),
    "hub": ("UD", "In Transit", "X-ILL2F"),
    "out_for_delivery": ("UD", "Dispatched", "X-DDD3FD"),
    "failed": ("UD", "Pending", "EOD-11"),
    "delivered": ("DL", "Delivered", "EOD-38"),
    "turned_back": ("RT", "In Transit", "RT-101"),
    "back_at_sender": ("DL", "RTO", "RT-110"),
    "unheard_of": ("UD", "In Transit", "X-ZEPPELIN"),
}


class Delhivery(CarrierTwin):
    """One account; a person asked for the push, so `subscribe("scan", url)` is all there is."""

    scheme = VENDOR_SIGNATURES["delhivery"].scheme
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"all": (750, 2.5)}
    api_token = "sandbox-token"  # noqa: S105 - the sandbox's public token
    places = ("Jaipur_Sitapura_I (Rajasthan)", "Pune_Kharadi_D (Maharashtra)")

    def refuse(self, asked: Asked) -> Reply | None:
        """Ask for the token."""
        known = asked.headers.get("authorization") == f"Token {self.api_token}"
        return None if known else reply_json(401, {"detail": "Invalid token."})

    def tell(self, parcel: Travelling, moment: Moment) -> None:
        """Push one scan alone; its code stands beside the status."""
        status = _status(moment)
        code = status.pop("StatusCode")
        shipment = {
            "Status": status,
            "PickUpDate": _local(parcel.made_at),
            "NSLCode": code,
            "Sortcode": "PNQ/KHR",
            "ReferenceNo": parcel.order,
            "AWB": parcel.number,
        }
        self.emit("scan", {"Shipment": shipment})

    @route("GET", "/c/api/pin-codes/json")
    def pin_codes(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - a route
        """Tell whether a pin code is served."""
        pin = dict(asked.query).get("filter_codes", "")
        return reply_json(200, {"delivery_codes": [{"postal_code": {"pin": pin}}]})

    @route("GET", "/api/v1/packages/json")
    def packages(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - a route
        """Read parcels by their waybills; what is beyond the fiftieth is not looked at."""
        waybills = dict(asked.query).get("waybill", "").split(",")[:_BATCH_MAX]
        found = [self.parcels[each] for each in waybills if each in self.parcels]
        if not found:
            return reply_json(200, {"Error": "No such waybill", "Success": False})
        return reply_json(200, {"ShipmentData": [{"Shipment": _shipment(each)} for each in found]})


def _shipment(parcel: Travelling) -> dict[str, Any]:
    picked_up = [scan.at for scan in parcel.scans if scan.what == "picked_up"]
    turned = [scan.at for scan in parcel.scans if scan.what == "turned_back"]
    return {
        "AWB": parcel.number,
        "ReferenceNo": parcel.order,
        "PickedupDate": _local(picked_up[0]) if picked_up else None,
        "ExpectedDeliveryDate": _local(parcel.made_at + timedelta(days=4)),
        "RTOStartedDate": _local(turned[0]) if turned else None,
        "ReverseInTransit": bool(turned),
        "Status": _status(parcel.newest) | {"RecievedBy": ""},
        "Scans": [{"ScanDetail": _detail(scan)} for scan in parcel.scans],
        "Consignee": {"Name": "Ines Example", "City": "Pune", "PinCode": 411001, "Address1": []},
    }


def _status(moment: Moment) -> dict[str, Any]:
    kind, status, code = WORDS[moment.what]
    return {
        "Status": status,
        "StatusDateTime": _local(moment.at),
        "StatusType": kind,
        "StatusCode": code,
        "StatusLocation": moment.place,
        "Instructions": moment.what.replace("_", " "),
    }


def _detail(moment: Moment) -> dict[str, Any]:
    kind, status, code = WORDS[moment.what]
    return {
        "ScanDateTime": _local(moment.at),
        "ScanType": kind,
        "Scan": status,
        "StatusDateTime": _local(moment.at),
        "ScannedLocation": moment.place,
        "StatusCode": code,
        "Instructions": moment.what.replace("_", " "),
    }


def _local(at: datetime) -> str:
    """Return a time as Delhivery writes it: India's, without saying so."""
    return at.astimezone(_INDIA).replace(tzinfo=None).isoformat(timespec="milliseconds")
