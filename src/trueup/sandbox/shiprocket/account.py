"""A Shiprocket account: a sign-in, a list of shipments, readings by waybill, a push per scan."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar, Final

from trueup.contract.vendor_signature import VENDOR_SIGNATURES
from trueup.sandbox.journey import CarrierTwin, Happening, Moment, Travelling
from trueup.sandbox.line import Asked, Reply, reply_json
from trueup.sandbox.vendor import route

__all__ = ["Shiprocket"]

_INDIA: Final = timezone(timedelta(hours=5, minutes=30))
_LIFETIME: Final = timedelta(days=10)
_PAGE_MAX: Final = 100
# The courier's word, the number in the list of shipments, the number in the list of orders.
WORDS: Final[Mapping[Happening, tuple[str, int, int, str]]] = {
    "made": ("X-UCI", 1, 3, "AWB ASSIGNED"),
    "picked_up": ("X-PPOM", 42, 51, "PICKED UP"),
    "hub": ("X-ILL2F", 18, 20, "IN TRANSIT"),
    "out_for_delivery": ("X-DDD3FD", 17, 19, "OUT FOR DELIVERY"),
    "failed": ("EOD-11", 21, 21, "UNDELIVERED"),
    "delivered": ("EOD-38", 7, 7, "DELIVERED"),
    "turned_back": ("RT-101", 9, 14, "RTO INITIATED"),
    "back_at_sender": ("RT-110", 10, 16, "RTO DELIVERED"),
    "unheard_of": ("X-ZEPPELIN", 199, 99, "ZEPPELIN MOORED"),
}


class Shiprocket(CarrierTwin):
    """One account with one API user; a token is good for ten days of its clock."""

    scheme = VENDOR_SIGNATURES["shiprocket"].scheme
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"all": (20, 2.0)}
    email = "api@example.com"
    password = "sandbox-password"  # noqa: S105 - the sandbox's public password
    places = ("Jaipur (Rajasthan)", "Pune (Maharashtra)")

    def __init__(self, *args: Any, **settings: Any) -> None:  # noqa: ANN401 - as the base takes them
        super().__init__(*args, **settings)
        self.tokens: dict[str, datetime] = {}

    def refuse(self, asked: Asked) -> Reply | None:
        """Ask for a token that is still good, but for the sign-in."""
        if asked.path.endswith("/auth/login"):
            return None
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens.get(token, self.now()) > self.now():
            return None
        return reply_json(401, {"message": "Token has expired", "status_code": 401})

    def tell(self, parcel: Travelling, moment: Moment) -> None:  # noqa: ARG002 - it tells them all
        """Push the parcel with all its scans, newest told first."""
        newest = parcel.newest
        _, number, order_number, label = WORDS[newest.what]
        body = {
            "awb": parcel.number,
            "courier_name": "Example Surface",
            "current_status": label,
            "current_status_id": order_number,
            "shipment_status": label,
            "shipment_status_id": number,
            "current_timestamp": newest.at.astimezone(_INDIA).strftime("%d %m %Y %H:%M:%S"),
            "order_id": parcel.order,
            "sr_order_id": 700_000_000 + parcel.number_of,
            "etd": _local(parcel.made_at + timedelta(days=4)),
            "scans": [_scan(scan) for scan in reversed(parcel.scans)],
            "is_return": 0,
        }
        self.emit("tracking", body)

    @route("POST", "/v1/external/auth/login", scope="sign_in")
    def sign_in(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - a route
        """Hand out a token."""
        if asked.json() != {"email": self.email, "password": self.password}:
            return reply_json(403, {"message": "Invalid email and password combination"})
        token = self.new_code(40)
        self.tokens[token] = self.now() + _LIFETIME
        return reply_json(200, {"id": 1, "email": self.email, "token": token})

    @route("GET", "/v1/external/shipments")
    def shipments(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - a route
        """List shipments, newest first."""
        query = dict(asked.query)
        size = min(int(query.get("per_page", "15")), _PAGE_MAX)
        number = int(query.get("page", "1"))
        found = sorted(self.parcels.values(), key=lambda parcel: -parcel.number_of)
        rows = [_row(parcel) for parcel in found[(number - 1) * size : number * size]]
        pages = max(1, -(-len(found) // size))
        place = {"total": len(found), "current_page": number, "total_pages": pages}
        return reply_json(200, {"data": rows, "meta": {"pagination": place}})

    @route("GET", "/v1/external/courier/track/awb/{awb}")
    def track(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - a route
        """Read one parcel."""
        parcel = self.parcels.get(places["awb"])
        if parcel is None:
            return reply_json(200, {"tracking_data": {"track_status": 0, "shipment_status": 0}})
        return reply_json(200, {"tracking_data": _reading(parcel)})


def _reading(parcel: Travelling) -> dict[str, Any]:
    _, number, _, label = WORDS[parcel.newest.what]
    track = {
        "awb_code": parcel.number,
        "courier_name": "Example Surface",
        "weight": "0.45",
        "current_status": label,
        "consignee_name": "Ines Example",
        "destination": "Pune",
        "edd": _local(parcel.made_at + timedelta(days=4)),
    }
    return {
        "track_status": 1,
        "shipment_status": number,
        "shipment_track": [track],
        "shipment_track_activities": [_scan(scan) for scan in reversed(parcel.scans)],
        "track_url": f"https://track.example/{parcel.number}",
    }


def _row(parcel: Travelling) -> dict[str, Any]:
    return {
        "id": 800_000_000 + parcel.number_of,
        "awb": parcel.number,
        "status": WORDS[parcel.newest.what][3],
        "updated_at": _local(parcel.updated_at),
    }


def _scan(moment: Moment) -> dict[str, Any]:
    courier, number, _, label = WORDS[moment.what]
    return {
        "date": _local(moment.at),
        "status": courier,
        "activity": f"{label.title()}, MobileNo:- 0000000000",
        "location": moment.place,
        "sr-status": str(number),
        "sr-status-label": label,
    }


def _local(at: datetime) -> str:
    """Return a time as Shiprocket writes most of them: India's, without saying so."""
    return at.astimezone(_INDIA).strftime("%Y-%m-%d %H:%M:%S")
