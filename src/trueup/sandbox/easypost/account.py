"""An EasyPost account: trackers by page, by id and by number, one webhook for everything."""

import base64
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from trueup.contract.vendor_signature import VENDOR_SIGNATURES
from trueup.sandbox.clock import Clock
from trueup.sandbox.easypost import bodies
from trueup.sandbox.easypost.labels import Label, wanting
from trueup.sandbox.journey import CarrierTwin, Moment, Story, Travelling
from trueup.sandbox.line import Asked, Reply, reply_json
from trueup.sandbox.vendor import route

__all__ = ["EasyPost"]

_PAGE_MAX = 100


class EasyPost(CarrierTwin):
    """One account; parcels are told to every webhook.

    Attributes:
        labels: shipments that were made by calls, by id; `balance` pays for them, in US dollars.
        names_newest: of several shipments of one name the newest is found; else the first.
        refund_answer: what carriers say of a label that is asked back unscanned.
    """

    scheme = VENDOR_SIGNATURES["easypost_v2"].scheme
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"all": (10, 5.0)}
    retry_delays_s = (60, 300, 900, 3600, 7200, 14_400)
    api_key = "EZTKsandbox"
    places = ("RENO", "BOISE", "SALT LAKE CITY")
    names_newest = False
    refund_answer = "submitted"

    def __init__(
        self, clock: Clock | None = None, *, seed: int = 0, late: float = 0.1, twice: float = 0.1
    ) -> None:
        super().__init__(clock, seed=seed, late=late, twice=twice)
        self.elsewhere: set[str] = set()
        self.fees: list[str] = []
        self.labels: dict[str, Label] = {}
        self.balance = Decimal(1000)
        self._labelled: dict[str, Label] = {}

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

    @route("GET", "/v2/shipments", scope="label_list")
    def shipments(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - a route
        """List labels, newest first; those that were paid for, unless all are asked for."""
        query = dict(asked.query)
        size = min(int(query.get("page_size", "20")), _PAGE_MAX)
        since, all_ = query.get("start_datetime", ""), query.get("purchased") == "false"
        found = [
            label
            for label in reversed(self.labels.values())
            if (all_ or label.paid) and bodies.instant(label.made_at) >= since
        ]
        if before := query.get("before_id"):
            ids = [label.id for label in found]
            found = found[ids.index(before) + 1 :] if before in ids else []
        page = [label.body() for label in found[:size]]
        return reply_json(200, {"shipments": page, "has_more": len(found) > size})

    @route("GET", "/v2/shipments/{id}", scope="label_look")
    def shipment(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - a route
        """Read one label, by its id or by the name that it was given."""
        if (label := self._label(places["id"])) is not None:
            return reply_json(200, label.body())
        found = [p for p in self.parcels.values() if bodies.shipment_id(p) == places["id"]]
        return reply_json(200, bodies.shipment(found[0])) if found else _error(404, "NOT_FOUND")

    @route("POST", "/v2/shipments", scope="label_make")
    def make_shipment(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - a route
        """Make a shipment and ask the carriers what they want for it; that costs nothing."""
        wish = asked.json().get("shipment") or {}
        if missing := wanting(wish):
            errors = [{"field": name, "message": "cannot be blank"} for name in missing]
            return _error(422, "PARAMETER.REQUIRED", errors)
        label = self.new_label(wish)
        return reply_json(201, label.body())

    @route("POST", "/v2/shipments/{id}/buy", scope="label_buy")
    def buy(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Pay for a shipment, once: that makes its parcel."""
        label = self._label(places["id"])
        if label is None:
            return _error(404, "NOT_FOUND")
        if label.paid is not None:
            return _error(422, "SHIPMENT.POSTAGE.EXISTS")
        chosen = asked.json().get("rate", {}).get("id")
        rate = next((each for each in label.rates if each["id"] == chosen), None)
        if rate is None:
            return _error(422, "SHIPMENT.RATE.UNAVAILABLE")
        if Decimal(rate["rate"]) > self.balance:
            return _error(402, "PAYMENT_REQUIRED")
        self.pay(label, rate)
        return reply_json(200, label.body())

    @route("POST", "/v2/shipments/{id}/refund", scope="label_refund")
    def refund(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - a route
        """Take a label back that no carrier has scanned; a carrier may say no."""
        label = self._label(places["id"])
        if label is None or label.parcel is None:
            return _error(404, "NOT_FOUND")
        if any(scan.what != "made" for scan in label.parcel.scans):
            return _error(422, "SHIPMENT.REFUND.UNAVAILABLE")
        label.refund_status, label.updated_at = self.refund_answer, self.now()
        if label.refund_status in {"submitted", "refunded"}:
            label.parcel.coming.clear()
        return reply_json(200, label.body())

    def new_label(self, wish: dict[str, Any]) -> Label:
        """Make a shipment; a postcode of zeros is one that no carrier goes to."""
        now = self.now()
        label = Label(f"shp_{len(self.labels) + 1:08x}{'0' * 24}", wish, now, now)
        if "00000" not in {wish[side].get("zip") for side in ("from_address", "to_address")}:
            label.price()
        self.labels[label.id] = label
        return label

    def pay(self, label: Label, rate: dict[str, Any]) -> Travelling:
        """Take the money for a shipment, and make its parcel."""
        self.balance -= Decimal(rate["rate"])
        label.paid, label.updated_at = rate, self.now()
        self._labelled[self.new_number(len(self.parcels) + 1)] = label
        label.parcel = self.ship(str(label.wish.get("options", {}).get("print_custom_1", "")))
        return label.parcel

    def _label(self, name: str) -> Label | None:
        """Return the label of an id, or of a name; of several of one name, as it pleases."""
        if name in self.labels:
            return self.labels[name]
        found = [label for label in self.labels.values() if label.reference == name]
        return found[-1 if self.names_newest else 0] if found else None

    def _tracker(self, parcel: Travelling) -> dict[str, Any]:
        told = bodies.tracker(parcel)
        if parcel.number in self.elsewhere:
            return told | {"shipment_id": None}
        label = self._labelled.get(parcel.number)
        return told if label is None else told | {"shipment_id": label.id}

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


def _error(status: int, code: str, errors: Sequence[object] = ()) -> Reply:
    told = {"code": code, "message": "refused", "errors": list(errors)}
    return reply_json(status, {"error": told})
