"""Stripe on the line: routes, pages, keys that are kept for a day, and webhook endpoints."""

import copy
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar

import msgspec

from trueup.contract.delivery import Delivery as Signed
from trueup.contract.delivery import Secret
from trueup.contract.signing import sign
from trueup.contract.vendor_signature import VENDOR_SIGNATURES
from trueup.sandbox.clock import Clock
from trueup.sandbox.line import Asked, Reply, reply_json
from trueup.sandbox.stripe.account import Account
from trueup.sandbox.stripe.bodies import Body, event_body
from trueup.sandbox.stripe.form import form_of
from trueup.sandbox.stripe.listing import page_of
from trueup.sandbox.stripe.refusal import Refusal
from trueup.sandbox.vendor import Bucket, Handler, Vendor, route
from trueup.sandbox.webhooks import Delivery

VERSION = "2026-09-30.endive"
API_KEY = "rk_test_sandbox0000"
KEYS_KEPT = timedelta(hours=24)
EVENTS_KEPT = timedelta(days=30)
ENDPOINTS_MAX = 16


class StripeVendor(Vendor):
    """One account at a simulated Stripe.

    Attributes:
        account: what happens in it; drive it from here.
        listing_lag_s: how long an event is missing from the list after it happened.
        busy_keys: keys whose first call is still at work.
    """

    scheme = VENDOR_SIGNATURES["stripe"].scheme
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"all": (25, 25.0)}
    key_header = "idempotency-key"
    # About three days, ever more slowly.
    retry_delays_s = (60, 300, 1800, 7200, 18_000, 36_000, *(43_200,) * 5)

    def __init__(self, clock: Clock | None = None, *, seed: int = 0) -> None:
        super().__init__(clock, seed=seed)
        self.account = Account(self.now, self.new_code, self._happened)
        self.events: dict[str, Body] = {}
        self.endpoints: dict[str, Body] = {}
        self.listing_lag_s = 0.0
        self.busy_keys: set[str] = set()
        self._secrets: dict[int, str] = {}
        self._kept: dict[str, tuple[datetime, str, bytes, Reply]] = {}

    def refuse(self, asked: Asked) -> Reply | None:
        """Ask for the key."""
        if asked.headers.get("authorization") == f"Bearer {API_KEY}":
            return None
        error = {"message": "Invalid API Key provided.", "type": "invalid_request_error"}
        return reply_json(401, {"error": error})

    def limited(self, bucket: Bucket) -> Reply:  # noqa: ARG002 - Stripe does not say when
        """Return the reply to a call over the limit."""
        error = {"message": "Too many requests.", "type": "invalid_request_error"}
        return reply_json(429, {"error": error | {"code": "rate_limit"}})

    def failed(self, status: int) -> Reply:
        """Return the reply of a fault with a status."""
        return reply_json(status, {"error": {"message": "Something failed.", "type": "api_error"}})

    def delivery_headers(self, delivery: Delivery) -> dict[str, str]:
        """Sign a delivery with the secret of its endpoint."""
        headers = {"content-type": "application/json; charset=utf-8"}
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

    # -- what is read ----------------------------------------------------------------------------

    @route("GET", "/v1/balance", scope="balance")
    def read_balance(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """Answer what is available and what is pending."""
        told = {"object": "balance", "livemode": False, **self.account.balance()}
        return reply_json(200, told)

    @route("GET", "/v1/charges", scope="charges")
    def list_charges(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """List charges."""
        return page_of(asked, self.account.charges, ("payment_intent",))

    @route("GET", "/v1/refunds", scope="refunds")
    def list_refunds(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """List refunds."""
        return page_of(asked, self.account.refunds, ("charge", "payment_intent"))

    @route("GET", "/v1/disputes", scope="disputes")
    def list_disputes(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """List disputes."""
        return page_of(asked, self.account.disputes, ("charge", "payment_intent"))

    @route("GET", "/v1/payouts", scope="payouts")
    def list_payouts(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """List payouts."""
        return page_of(asked, self.account.payouts, ("status",))

    @route("GET", "/v1/balance_transactions", scope="balance_transactions")
    def list_entries(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """List lines of the account, of one payout where it is asked for."""
        entries = self.account.entries
        payout = dict(asked.query).get("payout")
        if payout is not None:
            of = self.account.payout_of
            entries = {ref: entry for ref, entry in entries.items() if of.get(ref) == payout}
        return page_of(asked, entries, ("type", "source", "currency"), also=("payout",))

    @route("GET", "/v1/events", scope="events")
    def list_events(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """List events of the last 30 days."""
        kinds = {value for name, value in asked.query if name.startswith("types[")}
        oldest = int((self.now() - EVENTS_KEPT).timestamp())
        newest = int((self.now() - timedelta(seconds=self.listing_lag_s)).timestamp())
        listed = {
            ref: event
            for ref, event in self.events.items()
            if oldest <= event["created"] <= newest and (not kinds or event["type"] in kinds)
        }
        return page_of(asked, listed, ("type",), also=("types[]",))

    @route("GET", "/v1/{noun}/{ref}", scope="one")
    def read_one(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """Answer one object."""
        shelves: dict[str, dict[str, Body]] = {
            "charges": self.account.charges,
            "refunds": self.account.refunds,
            "disputes": self.account.disputes,
            "payouts": self.account.payouts,
            "balance_transactions": self.account.entries,
            "events": self.events,
        }
        found = shelves.get(places["noun"], {}).get(places["ref"])
        if found is None:
            raise Refusal(404, "resource_missing", f"No such object: {places['ref']}.", "id")
        return reply_json(200, found)

    # -- what is done ----------------------------------------------------------------------------

    @route("POST", "/v1/refunds", scope="refund")
    def refund(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """Refund a charge."""
        form = form_of(asked.body)
        known = {"charge", "payment_intent", "amount", "reason", "metadata", "expand"}
        if unknown := set(form) - known:
            name = min(unknown)
            raise Refusal(400, "parameter_unknown", f"Unknown {name}.", name, saved=False)
        return reply_json(200, self.account.refund(form))

    # -- endpoints -------------------------------------------------------------------------------

    @route("GET", "/v1/webhook_endpoints", scope="endpoints")
    def list_endpoints(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """List endpoints; their secrets are not told again."""
        return page_of(asked, self.endpoints, ())

    @route("POST", "/v1/webhook_endpoints", scope="endpoints")
    def make_endpoint(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """Make an endpoint, and tell its secret this once."""
        form = form_of(asked.body)
        if len(self.endpoints) >= ENDPOINTS_MAX:
            raise Refusal(400, None, f"You have reached the maximum of {ENDPOINTS_MAX}.", "url")
        kinds = list(form["enabled_events"].values())
        endpoint = {
            "id": f"we_{self.new_code()}",
            "object": "webhook_endpoint",
            "api_version": form.get("api_version"),
            "application": None,
            "created": self.account.unix(),
            "description": form.get("description"),
            "enabled_events": kinds,
            "livemode": False,
            "metadata": {},
            "status": "enabled",
            "url": form["url"],
        }
        self.endpoints[endpoint["id"]] = endpoint
        secret = f"whsec_{self.new_code(32)}"
        for kind in kinds:
            self._secrets[self.subscribe(kind, form["url"]).id] = secret
        return reply_json(200, endpoint | {"secret": secret})

    @route("DELETE", "/v1/webhook_endpoints/{ref}", scope="endpoints")
    def remove_endpoint(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """Remove an endpoint."""
        if places["ref"] not in self.endpoints:
            raise Refusal(404, "resource_missing", "No such webhook endpoint.", "webhook_endpoint")
        self._silence(self.endpoints.pop(places["ref"]))
        told = {"id": places["ref"], "object": "webhook_endpoint", "deleted": True}
        return reply_json(200, told)

    def disable_endpoint(self, ref: str) -> None:
        """Switch an endpoint off, as Stripe does after days without an answer."""
        self.endpoints[ref]["status"] = "disabled"
        self._silence(self.endpoints[ref])

    # -- inside ----------------------------------------------------------------------------------

    def _silence(self, endpoint: Body) -> None:
        for known in list(self.desk.subscriptions.values()):
            if known.uri == endpoint["url"]:
                del self.desk.subscriptions[known.id]

    def _happened(self, kind: str, about: Body) -> None:
        at = self.account.unix()
        ref = f"evt_{self.new_code()}"
        event = event_body(ref, kind=kind, about=about, at=at, version=VERSION)
        self.events[ref] = copy.deepcopy(event)
        self.emit(kind, event)

    def _work(
        self, handler: Handler, asked: Asked, places: Mapping[str, str]
    ) -> tuple[Reply, bool]:
        """Do the work once under its key, which is kept for a day, whatever the path."""
        key = asked.headers.get(self.key_header, "")
        if not key or asked.method == "GET":
            reply, _ = self._try(handler, asked, places)
            return reply, reply.status < 300
        now = self.now()
        if key in self.busy_keys:
            busy = Refusal(409, "idempotency_key_in_use", "The first call is still at work.")
            return reply_json(409, busy.body()), False
        kept = self._kept.get(key)
        if kept is not None and now - kept[0] <= KEYS_KEPT:
            if kept[1:3] != (asked.path, asked.body):
                reused = Refusal(400, "idempotency_key_reused", "Keys are for the same call only.")
                return reply_json(400, reused.body()), False
            headers = kept[3].headers | {"idempotent-replayed": "true"}
            return msgspec.structs.replace(kept[3], headers=headers), False
        reply, saved = self._try(handler, asked, places)
        if saved:
            self._kept[key] = (now, asked.path, asked.body, reply)
        return reply, reply.status < 300

    def _try(self, handler: Handler, asked: Asked, places: Mapping[str, str]) -> tuple[Reply, bool]:
        try:
            return handler(self, asked, places), True
        except Refusal as refusal:
            return reply_json(refusal.status, refusal.body()), refusal.saved
