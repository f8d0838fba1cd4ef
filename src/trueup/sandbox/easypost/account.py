"""An EasyPost account: trackers by page, by id and by number, one webhook for everything."""

import base64
from collections.abc import Mapping
from typing import Any, ClassVar

from trueup.contract.vendor_signature import VENDOR_SIGNATURES
from trueup.sandbox.clock import Clock
from trueup.sandbox.easypost import bodies
from trueup.sandbox.journey import CarrierTwin, Moment, Story, Travelling
from trueup.sandbox.line import Asked, Reply, reply_json
from trueup.sandbox.vendor import route

__all__ = ["EasyPost"]

_PAGE_MAX = 100


class EasyPost(CarrierTwin):
    """One account; parcels are told to every webhook."""

    scheme = VENDOR_SIGNATURES["easypost_v2"].scheme
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"all": (10, 5.0)}
    retry_delays_s = (60, 300, 900, 3600, 7200, 14_400)
    api_key = "EZTKsandbox"
    places = ("RENO", "BOISE", "SALT LAKE CITY")

    def __init__(
        self, clock: Clock | None = None, *, seed: int = 0, late: float = 0.1, twice: float = 0.1
    ) -> None:
        super().__init__(clock, seed=seed, late=late, twice=twice)
        self.elsewhere: set[str] = set()
        self.fees: list[str] = []

    def ship_elsewhere(self, order: str, story: Story | None = None) -> Travelling:
        """Make a parcel with a label of somebody else: nothing is told of it before it is asked."""
        self.elsewhere.add(self.new_number(len(self.parcels) + 1))
        return self.ship(order, story)

    @property
    def known(self) -> dict[str, Travelling]:
        """The parcels that the account has trackers of."""
        return {
            number: parcel
            for number, parcel in self.parcels.items()
            if number not in self.elsewhere or number in self.fees
        }

    def new_number(self, count: int) -> str:
        """Return a number of the post."""
        return f"94{count:020d}"

    def refuse(self, asked: Asked) -> Reply | None:
        """Ask for the key as the user of basic authentication."""
        pair = base64.b64encode(f"{self.api_key}:".encode()).decode()
        known = asked.headers.get("authorization") == f"Basic {pair}"
        return None if known else _error(401, "APIKEY.INACTIVE")

    def tell(self, parcel: Travelling, moment: Moment) -> None:
        """Tell the whole parcel; the first scan makes it."""
        if parcel.number not in self.known:
            return
        first = moment.what == "made" and len(parcel.scans) == 1
        description = "tracker.created" if first else "tracker.updated"
        event_id = f"evt_{self.random.getrandbits(128):032x}"
        body = bodies.event(event_id, description, self._tracker(parcel), parcel.updated_at)
        self.emit(description, body)

    @route("GET", "/v2/trackers")
    def trackers(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - a route
        """List parcels, newest first, by when they were made."""
        query = dict(asked.query)
        size = min(int(query.get("page_size", "20")), _PAGE_MAX)
        found = sorted(self.known.values(), key=lambda parcel: -parcel.number_of)
        since = query.get("start_datetime", "")
        found = [parcel for parcel in found if bodies.instant(parcel.made_at) >= since]
        if before := query.get("before_id"):
            ids = [bodies.tracker_id(parcel) for parcel in found]
            found = found[ids.index(before) + 1 :] if before in ids else []
        page = [self._tracker(parcel) for parcel in found[:size]]
        return reply_json(200, {"trackers": page, "has_more": len(found) > size})

    @route("POST", "/v2/trackers/batch")
    def batch(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - a route
        """Read parcels by their numbers; unknown ones are left out."""
        codes = asked.json()["tracking_codes"]
        found = [self._tracker(self.known[code]) for code in codes if code in self.known]
        return reply_json(200, {"trackers": found, "has_more": False})

    @route("POST", "/v2/trackers", scope="begin")
    def begin(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - a route
        """Follow a parcel, for a fee; a number that is followed already is told as it is."""
        code = asked.json().get("tracker", {}).get("tracking_code")
        if code not in self.parcels:
            return _error(422, "TRACKER.CREATE.ERROR")
        if code not in self.known:
            self.fees.append(code)
        return reply_json(201, self._tracker(self.parcels[code]))

    @route("GET", "/v2/trackers/{id}")
    def tracker(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - a route
        """Read one parcel."""
        found = [p for p in self.known.values() if bodies.tracker_id(p) == places["id"]]
        return reply_json(200, self._tracker(found[0])) if found else _error(404, "NOT_FOUND")

    @route("GET", "/v2/shipments/{id}")
    def shipment(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - a route
        """Read one label."""
        found = [p for p in self.parcels.values() if bodies.shipment_id(p) == places["id"]]
        return reply_json(200, bodies.shipment(found[0])) if found else _error(404, "NOT_FOUND")

    def _tracker(self, parcel: Travelling) -> dict[str, Any]:
        told = bodies.tracker(parcel)
        return told | {"shipment_id": None} if parcel.number in self.elsewhere else told

    @route("GET", "/v2/webhooks")
    def webhooks(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - a route
        """List the webhooks, all at once."""
        found = [bodies.webhook(each) for each in self.desk.subscriptions.values()]
        return reply_json(200, {"webhooks": found})

    @route("POST", "/v2/webhooks")
    def make_webhook(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - a route
        """Make a webhook; without a secret its deliveries could not be checked."""
        wish = asked.json().get("webhook", {})
        if not wish.get("url") or not wish.get("webhook_secret"):
            return _error(422, "PARAMETER.REQUIRED")
        self.webhook_secret = wish["webhook_secret"]
        return reply_json(201, bodies.webhook(self.subscribe("*", wish["url"])))

    @route("DELETE", "/v2/webhooks/{id}")
    def drop_webhook(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - a route
        """Remove a webhook."""
        number = int(places["id"].removeprefix("hook_"), 16)
        gone = self.desk.subscriptions.pop(number, None)
        return reply_json(200, {}) if gone else _error(404, "NOT_FOUND")


def _error(status: int, code: str) -> Reply:
    return reply_json(status, {"error": {"code": code, "message": "refused", "errors": []}})
