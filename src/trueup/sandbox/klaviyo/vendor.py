"""Klaviyo on the line: routes, revisions, two windows for each end point, and webhooks of many."""

import copy
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

import msgspec

from trueup.contract.delivery import Delivery as Signed
from trueup.contract.delivery import Secret
from trueup.contract.signing import sign
from trueup.contract.vendor_signature import VENDOR_SIGNATURES
from trueup.sandbox.clock import Clock
from trueup.sandbox.faults import ApiFault
from trueup.sandbox.klaviyo.account import Account, Body
from trueup.sandbox.klaviyo.listing import page_of
from trueup.sandbox.klaviyo.refusal import Refusal
from trueup.sandbox.klaviyo.windows import Windows
from trueup.sandbox.line import Asked, Reply
from trueup.sandbox.vendor import Bucket, Handler, Vendor, route
from trueup.sandbox.webhooks import Delivery, Event

REVISION = "2026-07-15"
API_KEY = "pk_sandbox_00000000"
MEDIA_TYPE = "application/vnd.api+json"
EVENTS_IN_ONE_MAX = 1000

_TIMES = ("greater-than", "less-than")
_ALL_TIMES = (*_TIMES, "greater-or-equal", "less-or-equal")
_PROFILE_FILTERS = {
    "id": ("equals",),
    "email": ("equals",),
    "phone_number": ("equals",),
    "external_id": ("equals",),
    "created": _TIMES,
    "updated": _TIMES,
}
_EVENT_FILTERS = {"datetime": _ALL_TIMES}
_SLOW, _MIDDLE, _FAST, _FASTEST = (1, 15), (10, 150), (75, 750), (350, 3500)
_WINDOWS = {
    "accounts": _SLOW,
    "webhooks": _SLOW,
    "hook": _SLOW,
    "profiles": _FAST,
    "profile": _FAST,
    "import": _FAST,
    "subscribe": _FAST,
    "unsubscribe": _FAST,
    "events": _FASTEST,
    "event": _MIDDLE,
    "note": _FASTEST,
    "lists": (3, 60),
    "members": _MIDDLE,
}


class KlaviyoVendor(Vendor):
    """One account at a simulated Klaviyo.

    Attributes:
        account: what happens in it; drive it from here.
        listing_lag_s: how long a change is missing from the list of profiles.
        hooks_denied: the account's plan has no webhooks.
        bundle: a webhook is sent once so many events wait for it; `flush` sends what waits.
    """

    scheme = VENDOR_SIGNATURES["klaviyo"].scheme
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        scope: (burst, steady / 60) for scope, (burst, steady) in _WINDOWS.items()
    }
    retry_delays_s = (60, 300, 1800, 7200, 36_000)

    def __init__(self, clock: Clock | None = None, *, seed: int = 0) -> None:
        super().__init__(clock, seed=seed)
        self.buckets: dict[str, Bucket] = {
            scope: Windows(burst=burst, steady=steady)
            for scope, (burst, steady) in _WINDOWS.items()
        }
        self.account = Account(self.now, self.new_code, self._happened)
        self.webhooks: dict[str, Body] = {}
        self.listing_lag_s = 0.0
        self.hooks_denied = False
        self.bundle = 3
        self._secrets: dict[int, str] = {}
        self._waiting: dict[str, list[Body]] = {}

    # -- the line --------------------------------------------------------------------------------

    def refuse(self, asked: Asked) -> Reply | None:
        """Ask for the key and for a revision that is served."""
        if asked.headers.get("authorization") != f"Klaviyo-API-Key {API_KEY}":
            return self._no(Refusal(401, "not_authenticated", "Missing or invalid private key."))
        if asked.headers.get("revision") != REVISION:
            return self._no(Refusal(410, "gone", "The revision is not served."))
        return None

    def limit_headers(self, scope: str, bucket: Bucket) -> dict[str, str]:
        """Tell what is left of the window of a minute."""
        del scope
        if not isinstance(bucket, Windows):
            return {}
        return {
            "RateLimit-Limit": f"{bucket.burst}, {bucket.burst};w=1, {bucket.steady};w=60",
            "RateLimit-Remaining": str(bucket.left_in_minute),
            "RateLimit-Reset": str(60 - int(self.now().timestamp()) % 60),
        }

    def limited(self, bucket: Bucket) -> Reply:
        """Return the reply to a call over the limit."""
        reply = self._no(Refusal(429, "throttled", "Request was throttled."))
        wait_s = max(1, round(bucket.wait_s(self.now())))
        return msgspec.structs.replace(reply, headers={"Retry-After": str(wait_s)})

    def failed(self, status: int) -> Reply:
        """Return the reply of a fault with a status."""
        return self._no(Refusal(status, "error", "A server error occurred."))

    def _work(
        self, handler: Handler, asked: Asked, places: Mapping[str, str]
    ) -> tuple[Reply, bool]:
        self.account.work()
        try:
            reply = handler(self, asked, places)
        except Refusal as refusal:
            reply = self._no(refusal)
        except (KeyError, TypeError, AttributeError):
            reply = self._no(Refusal(400, "invalid", "Invalid input.", pointer="/data"))
        return reply, reply.status < 300

    def _struck(self, asked: Asked, scope: str, fault: ApiFault, bucket: Bucket | None) -> Reply:
        reply = super()._struck(asked, scope, fault, bucket)
        if reply.status == 401 and isinstance(bucket, Windows):
            bucket.give_back()  # who is not let in spends nothing
        return reply

    def _no(self, refusal: Refusal) -> Reply:
        return _reply(refusal.status, refusal.body(self.new_uuid()))

    # -- what is read ----------------------------------------------------------------------------

    @route("GET", "/api/accounts", scope="accounts")
    def read_account(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """Answer whose key it is."""
        contact = {
            "default_sender_name": "Plum",
            "default_sender_email": "hello@plum.example",
            "website_url": "https://plum.example",
            "organization_name": "Plum Wear",
            "street_address": {"city": "Bremen", "country": "Germany"},
        }
        about = {
            "test_account": False,
            "contact_information": contact,
            "industry": "Apparel",
            "timezone": "Europe/Berlin",
            "preferred_currency": "EUR",
            "public_api_key": "PLUM01",
            "locale": "de-DE",
        }
        links = {"self": "https://a.klaviyo.com/api/accounts/PLUM01/"}
        told = {"type": "account", "id": "PLUM01", "attributes": about, "links": links}
        return _reply(200, {"data": [told], "links": {"self": f"{asked.base_url}/api/accounts/"}})

    @route("GET", "/api/profiles", scope="profiles")
    def list_profiles(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """List profiles; the newest changes come late."""
        newest = (self.now() - timedelta(seconds=self.listing_lag_s)).isoformat()
        seen = [p for p in self.account.profiles.values() if p["attributes"]["updated"] <= newest]
        page, links = page_of(
            asked,
            seen,
            size=(20, 100),
            allowed=_PROFILE_FILTERS,
            sorts=("id", "created", "updated"),
        )
        return _reply(200, {"data": [_shown(each, asked) for each in page], "links": links})

    @route("GET", "/api/profiles/{ref}", scope="profile")
    def read_profile(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Answer one profile."""
        profile = self.account.profiles.get(places["ref"])
        if profile is None:
            raise Refusal(404, "not_found", "A profile with that id does not exist.")
        return _reply(200, {"data": _shown(profile, asked)})

    @route("GET", "/api/profiles/{ref}/relationships/lists", scope="lists")
    def list_lists(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """List the lists that a profile is in."""
        if places["ref"] not in self.account.profiles:
            raise Refusal(404, "not_found", "A profile with that id does not exist.")
        held = [ref for ref, members in self.account.lists.items() if places["ref"] in members]
        links = {"self": f"{asked.base_url}{asked.path}/"}
        return _reply(200, {"data": [{"type": "list", "id": r} for r in held], "links": links})

    @route("GET", "/api/events", scope="events")
    def list_events(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """List events, with the metrics and profiles that they point at."""
        page, links = page_of(
            asked,
            list(self.account.events.values()),
            size=(200, 1000),
            allowed=_EVENT_FILTERS,
            sorts=("datetime",),
        )
        included = self._included(page, asked)
        return _reply(200, {"data": page, "included": included, "links": links})

    @route("GET", "/api/events/{ref}", scope="event")
    def read_event(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Answer one event."""
        event = self.account.events.get(places["ref"])
        if event is None:
            raise Refusal(404, "not_found", "An event with that id does not exist.")
        return _reply(200, {"data": event, "included": self._included([event], asked)})

    def _included(self, events: list[Body], asked: Asked) -> list[Body]:
        wanted = dict(asked.query).get("include", "").split(",")
        names = {ref: name for name, ref in self.account.metrics.items()}
        found: dict[tuple[str, str], Body] = {}
        for event in events:
            for kind in ("metric", "profile"):
                ref = event["relationships"][kind]["data"]["id"]
                if kind not in wanted or (kind, ref) in found:
                    continue
                links = {"self": f"https://a.klaviyo.com/api/{kind}s/{ref}/"}
                profile = self.account.profiles.get(ref, {"attributes": {}})["attributes"]
                known = ("email", "phone_number", "external_id")
                about = (
                    {"name": names[ref]}
                    if kind == "metric"
                    else {name: profile.get(name) for name in known}
                )
                found[kind, ref] = {"type": kind, "id": ref, "attributes": about, "links": links}
        return list(found.values())

    # -- what is written -------------------------------------------------------------------------

    @route("POST", "/api/profile-import", scope="import")
    def import_profile(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """Make or change a profile."""
        profile, fresh = self.account.upsert(_attributes(asked, "profile"))
        return _reply(201 if fresh else 200, {"data": _shown(profile, asked)})

    @route("POST", "/api/lists/{ref}/relationships/profiles", scope="members")
    def add_members(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Put profiles into a list."""
        members, named = self.account.members(places["ref"], asked.json()["data"])
        members |= named
        return Reply(status=204)

    @route("DELETE", "/api/lists/{ref}/relationships/profiles", scope="members")
    def remove_members(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Take profiles out of a list."""
        members, named = self.account.members(places["ref"], asked.json()["data"])
        members -= named
        return Reply(status=204)

    @route("POST", "/api/profile-subscription-bulk-create-jobs", scope="subscribe")
    def subscribe_profiles(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """Take in a job that subscribes."""
        job = _attributes(asked, "profile-subscription-bulk-create-job")
        self.account.take_job(job, subscribing=True)
        return Reply(status=202)

    @route("POST", "/api/profile-subscription-bulk-delete-jobs", scope="unsubscribe")
    def unsubscribe_profiles(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """Take in a job that unsubscribes."""
        job = _attributes(asked, "profile-subscription-bulk-delete-job")
        self.account.take_job(job, subscribing=False)
        return Reply(status=202)

    @route("POST", "/api/events", scope="note")
    def create_event(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """Take in an event."""
        self.account.take_event(_attributes(asked, "event"))
        return Reply(status=202)

    # -- webhooks --------------------------------------------------------------------------------

    @route("GET", "/api/webhooks", scope="webhooks")
    def list_webhooks(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """List webhooks, without their secrets."""
        self._allow_hooks()
        links = {"self": f"{asked.base_url}/api/webhooks/"}
        return _reply(200, {"data": list(self.webhooks.values()), "links": links})

    @route("POST", "/api/webhooks", scope="hook")
    def create_webhook(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """Make a webhook of some topics."""
        self._allow_hooks()
        told = _attributes(asked, "webhook")
        if len(told["secret_key"]) < 16:
            at = "/data/attributes/secret_key"
            raise Refusal(400, "invalid", "The secret is too short.", pointer=at)
        topics = asked.json()["data"]["relationships"]["webhook-topics"]["data"]
        ref = f"01{self.new_code(24)}"
        self.webhooks[ref] = {
            "type": "webhook",
            "id": ref,
            "attributes": {
                "name": told["name"],
                "description": None,
                "endpoint_url": told["endpoint_url"],
                "enabled": True,
                "created_at": self.account.stamp(),
                "updated_at": self.account.stamp(),
            },
            "relationships": {"webhook-topics": {"data": topics}},
            "links": {"self": f"https://a.klaviyo.com/api/webhooks/{ref}/"},
        }
        subscription = self.subscribe(f"webhook {ref}", told["endpoint_url"])
        self._secrets[subscription.id] = told["secret_key"]
        return _reply(201, {"data": self.webhooks[ref]})

    @route("DELETE", "/api/webhooks/{ref}", scope="hook")
    def remove_webhook(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """Remove a webhook."""
        self._allow_hooks()
        if self.webhooks.pop(places["ref"], None) is None:
            raise Refusal(404, "not_found", "A webhook with that id does not exist.")
        for known in self.desk.wanted(f"webhook {places['ref']}"):
            del self.desk.subscriptions[known.id]
        return Reply(status=204)

    def _allow_hooks(self) -> None:
        if self.hooks_denied:
            raise Refusal(403, "permission_denied", "The plan does not include webhooks.")

    def delivery_headers(self, delivery: Delivery) -> dict[str, str]:
        """Sign a delivery with the secret of its webhook."""
        about = msgspec.json.decode(delivery.event.body)["meta"]
        headers = {
            "content-type": "application/json",
            "klaviyo-webhook-id": about["klaviyo_webhook_id"],
        }
        secret = self._secrets.get(delivery.subscription.id, self.webhook_secret)
        signed = Signed(
            method="POST",
            url=delivery.subscription.uri,
            headers=headers,
            body=delivery.event.body,
            repeated=frozenset(),
        )
        value = secret + ("-corrupt" if delivery.corrupt else "")
        return headers | sign(self.scheme, signed, Secret(value=value.encode()), self.now())

    def flush(self) -> None:
        """Send what waits for each webhook."""
        for ref in list(self._waiting):
            self._send(ref)

    def _happened(self, event: Body, metric: str) -> None:
        topic = f"event:klaviyo.{metric.lower().replace(' ', '_')}"
        told = {
            "topic": topic,
            "external_id": event["id"],
            "payload": {"data": copy.deepcopy(event)},
        }
        for ref, webhook in self.webhooks.items():
            topics = {t["id"] for t in webhook["relationships"]["webhook-topics"]["data"]}
            if topic in topics and webhook["attributes"]["enabled"]:
                self._wait(ref, told)
        if self.desk.wanted("*") or self.sinks:
            self._wait("*", told)

    def _wait(self, ref: str, told: Body) -> None:
        waiting = self._waiting.setdefault(ref, [])
        waiting.append(told)
        if len(waiting) >= min(self.bundle, EVENTS_IN_ONE_MAX):
            self._send(ref)

    def _send(self, ref: str) -> None:
        waiting = self._waiting.pop(ref, [])
        if not waiting:
            return
        meta = {
            "timestamp": self.account.stamp(),
            "klaviyo_account_id": "PLUM01",
            "klaviyo_webhook_id": ref,
        }
        body = msgspec.json.encode({"data": waiting, "meta": meta})
        topic = "*" if ref == "*" else f"webhook {ref}"
        event = Event(topic=topic, body=body, event_id=self.new_uuid(), triggered_at=self.now())
        if ref == "*":
            for sink in self.sinks:
                sink(event)
        for subscription in self.desk.wanted(topic):
            self.desk.accept(event, subscription, self.new_uuid(), self.now())


def _reply(status: int, body: object) -> Reply:
    encoded = msgspec.json.Encoder(decimal_format="number").encode(body)
    return Reply(status=status, body=encoded, content_type=MEDIA_TYPE)


def _attributes(asked: Asked, kind: str) -> dict[str, Any]:
    if asked.headers.get("content-type") != MEDIA_TYPE:
        raise Refusal(415, "unsupported_media_type", "Send application/vnd.api+json.")
    told = asked.json()["data"]
    if told["type"] != kind:
        raise Refusal(400, "invalid", "Invalid type.", pointer="/data/type")
    found: dict[str, Any] = told["attributes"]
    return found


def _shown(profile: Body, asked: Asked) -> Body:
    """Return a profile as it is answered: its consent only where it was asked for."""
    told = {name: value for name, value in profile.items() if name != "subscriptions"}
    if "subscriptions" in dict(asked.query).get("additional-fields[profile]", ""):
        about = profile["attributes"] | {"subscriptions": profile["subscriptions"]}
        told["attributes"] = about
    return told
