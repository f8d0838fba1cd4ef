"""What simulated vendors have in common: routes, faults, budgets, keys, and webhooks that go out.

A vendor is a class with methods marked by `route`. It holds its own state; everything that passes
goes by its clock, and everything random by its seed.
"""

import asyncio
import contextlib
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from random import Random
from typing import Any, ClassVar
from uuid import UUID

import httpx
import msgspec

from trueup.contract.delivery import Delivery as Signed
from trueup.contract.delivery import Secret
from trueup.contract.signature_scheme import QueuePull, SignatureScheme, Unsigned
from trueup.contract.signing import sign
from trueup.sandbox.clock import Clock, ManualClock
from trueup.sandbox.courier import Courier
from trueup.sandbox.faults import ApiFault, ApiFaults, Hangup
from trueup.sandbox.line import Asked, Line, LineTransport, Reply, reply_json
from trueup.sandbox.serve import serving
from trueup.sandbox.webhooks import Delivery, Event, Subscription, WebhookDesk

__all__ = ["Bucket", "Call", "Vendor", "route"]

Handler = Callable[[Any, Asked, Mapping[str, str]], Reply]
_CALLS_KEPT_MAX = 100_000
_PLACE = re.compile(r"\{(\w+)\}")


def route(method: str, path: str, *, scope: str = "all") -> Callable[[Handler], Handler]:
    """Mark a method of a vendor as the answer to a route such as `/v1/charges/{id}`.

    Args:
        method: of HTTP.
        path: its parts in braces reach the method by name.
        scope: which budget it spends, and the name by which a fault finds it.
    """
    pattern = re.compile(_PLACE.sub(r"(?P<\1>[^/]+)", path.rstrip("/")) + "/?")

    def mark(handler: Handler) -> Handler:
        handler.route = (method, pattern, scope)  # type: ignore[attr-defined]
        return handler

    return mark


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call as the vendor saw it; `worked` where it did what was asked."""

    at: datetime
    method: str
    path: str
    scope: str
    status: int
    worked: bool
    key: str | None = None
    fault: str | None = None


class Bucket:
    """A rate limit: so many calls at once, so many more with each second."""

    def __init__(self, *, capacity: float, refill_per_s: float) -> None:
        self.capacity, self.refill_per_s = capacity, refill_per_s
        self._left = capacity
        self._at: datetime | None = None

    def left(self, now: datetime) -> float:
        """Return how many calls may be made now."""
        passed_s = (now - (self._at or now)).total_seconds()
        self._left = min(self.capacity, self._left + max(0.0, passed_s) * self.refill_per_s)
        self._at = now
        return self._left

    def take(self, now: datetime) -> bool:
        """Spend one call, if there is one."""
        if self.left(now) < 1:
            return False
        self._left -= 1
        return True

    def wait_s(self, now: datetime) -> float:
        """Return how long until the next call may be made."""
        return max(0.0, (1 - self.left(now)) / self.refill_per_s)


class Vendor:
    """One account at a simulated vendor.

    Subclasses mark their answers by `route`, check credentials in `refuse`, and tell of what
    happens by `emit`. The class attributes say how the vendor behaves on the line.

    Attributes:
        scheme: how it signs deliveries; None where it sends none.
        limits: scope -> (capacity, refill_per_s); "all" counts for scopes without their own.
        retry_delays_s, straight_failures_max: of deliveries that are not answered.
        key_header: the header that carries an idempotency key; "" where the vendor has none.
        limited_status: what a call over the limit gets.
    """

    scheme: ClassVar[SignatureScheme | None] = None
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {}
    retry_delays_s: ClassVar[tuple[float, ...]] = (5, 60, 600, 3600)
    straight_failures_max: ClassVar[int | None] = None
    key_header: ClassVar[str] = ""
    limited_status: ClassVar[int] = 429
    webhook_secret: str = "sandbox-secret"  # noqa: S105 - the sandbox's public secret

    def __init__(self, clock: Clock | None = None, *, seed: int = 0) -> None:
        self.clock: Clock = clock or ManualClock()
        self.random = Random(f"{type(self).__name__}:{seed}")  # noqa: S311 - a seeded simulation
        self.faults = ApiFaults(seed + 1)
        self.calls: deque[Call] = deque(maxlen=_CALLS_KEPT_MAX)
        self.over_limit = 0
        self.sinks: list[Callable[[Event], None]] = []
        self.desk = WebhookDesk(
            random=Random(f"{type(self).__name__}:{seed}:webhooks"),  # noqa: S311 - as above
            headers=self.delivery_headers,
            retry_delays_s=self.retry_delays_s,
            straight_failures_max=self.straight_failures_max,
        )
        self.buckets = {
            scope: Bucket(capacity=capacity, refill_per_s=refill_per_s)
            for scope, (capacity, refill_per_s) in self.limits.items()
        }
        self._answers: dict[tuple[str, str], tuple[bytes, Reply]] = {}
        self._next_subscription = 1
        self.line = Line(self.answer)

    def __iter__(self) -> Iterator["Vendor"]:
        yield self

    # -- for subclasses ------------------------------------------------------------------------

    def refuse(self, asked: Asked) -> Reply | None:  # noqa: ARG002 - subclasses look at it
        """Return the reply to a call without the right credentials; None where they are right."""
        return None

    def limit_headers(self, scope: str, bucket: Bucket) -> dict[str, str]:  # noqa: ARG002
        """Return what the vendor's replies say of a budget."""
        return {}

    def limited(self, bucket: Bucket) -> Reply:
        """Return the reply to a call over the limit."""
        wait_s = bucket.wait_s(self.now())
        return reply_json(
            self.limited_status, {"error": "too many requests"}, {"Retry-After": f"{wait_s:.3f}"}
        )

    def failed(self, status: int) -> Reply:
        """Return the reply of a fault with a status."""
        return reply_json(status, {"error": f"fault {status}"})

    def delivery_headers(self, delivery: Delivery) -> dict[str, str]:
        """Return what goes with a try of a delivery: content type, the vendor's own, signature."""
        headers = {"content-type": "application/json", **self.event_headers(delivery)}
        if self.scheme is None or isinstance(self.scheme, (Unsigned, QueuePull)):
            return headers
        signed = Signed(
            method="POST",
            url=delivery.subscription.uri,
            headers=headers,
            body=delivery.event.body,
            repeated=frozenset(),
        )
        value = self.webhook_secret + ("-corrupt" if delivery.corrupt else "")
        return headers | sign(self.scheme, signed, Secret(value=value.encode()), self.now())

    def event_headers(self, delivery: Delivery) -> dict[str, str]:  # noqa: ARG002
        """Return the vendor's own headers of a delivery, such as its id."""
        return {}

    # -- for whoever drives it -----------------------------------------------------------------

    def now(self) -> datetime:
        """Return the vendor's time."""
        return self.clock.now()

    def new_uuid(self) -> str:
        """Return a version 4 UUID from the seed."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def new_code(self, chars: int = 16) -> str:
        """Return letters and digits from the seed, for ids."""
        letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
        return "".join(self.random.choice(letters) for _ in range(chars))

    def subscribe(self, topic: str, uri: str, *, permanent: bool = False) -> Subscription:
        """Add a subscription; the topic "*" hears of everything."""
        now = self.now()
        subscription = Subscription(
            self._next_subscription, topic, uri, now, now, permanent=permanent
        )
        self._next_subscription += 1
        self.desk.subscriptions[subscription.id] = subscription
        return subscription

    def emit(self, topic: str, body: bytes | object) -> Event:
        """Tell all who subscribed that something happened."""
        encoded = body if isinstance(body, bytes) else msgspec.json.encode(body)
        event = Event(topic=topic, body=encoded, event_id=self.new_uuid(), triggered_at=self.now())
        for sink in self.sinks:
            sink(event)
        for subscription in [*self.desk.wanted(topic), *self.desk.wanted("*")]:
            self.desk.accept(event, subscription, self.new_uuid(), self.now())
        return event

    def strike(self, fault: ApiFault) -> None:
        """Let calls go wrong from now on."""
        self.faults.rules.append(fault)

    def worked(self, scope: str) -> int:
        """Return how many calls of a scope did what was asked."""
        return sum(call.worked and call.scope == scope for call in self.calls)

    def transport(self) -> httpx.AsyncBaseTransport:
        """Return a transport for `httpx.AsyncClient` that needs no socket."""
        return LineTransport(self.line)

    def courier(self, transport: httpx.AsyncBaseTransport | None = None) -> Courier:
        """Return a carrier of this vendor's webhooks."""
        return Courier(self, transport)

    @asynccontextmanager
    async def serve(
        self, *, port: int = 0, host: str = "127.0.0.1", deliver: bool = True
    ) -> AsyncIterator[str]:
        """Serve over HTTP while inside, yielding the base address; webhooks go out too."""
        async with serving(self.line, host=host, port=port) as base_url:
            courier = self.courier()
            task = asyncio.create_task(courier.run()) if deliver else None
            try:
                yield base_url
            finally:
                if task is not None:
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task
                await courier.close()

    # -- the line ------------------------------------------------------------------------------

    async def answer(self, asked: Asked) -> Reply:
        """Answer one request: credentials, budget, faults, keys, and then the work.

        Raises:
            Hangup: a fault cuts the line.
        """
        handler, scope, places = self._route(asked)
        if handler is None:
            return self._note(asked, scope, reply_json(404, {"error": "not found"}))
        refused = self.refuse(asked)
        if refused is not None:
            return self._note(asked, scope, refused)
        bucket = self.buckets.get(scope) or self.buckets.get("all")
        if bucket is not None and not bucket.take(self.now()):
            self.over_limit += 1
            return self._note(asked, scope, self.limited(bucket))
        fault = self.faults.pick(frozenset((scope,)))
        if fault is not None and fault.kind in {"reset", "timeout", "status", "throttled"}:
            return self._struck(asked, scope, fault, bucket)
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.delay_s)
        reply, worked = self._work(handler, asked, places)
        if bucket is not None:
            more = self.limit_headers(scope, bucket)
            reply = msgspec.structs.replace(reply, headers=reply.headers | more)
        kind = fault.kind if fault is not None else None
        self._note(asked, scope, reply, worked=worked, fault=kind)
        if kind in {"reset_after_work", "timeout_after_work"}:
            raise Hangup("reset" if kind == "reset_after_work" else "timeout")
        return reply

    def _route(self, asked: Asked) -> tuple[Handler | None, str, Mapping[str, str]]:
        for name in dir(type(self)):
            handler = getattr(type(self), name)
            marked = getattr(handler, "route", None)
            if marked is None or marked[0] != asked.method:
                continue
            match = marked[1].fullmatch(asked.path)
            if match is not None:
                return handler, marked[2], match.groupdict()
        return None, "none", {}

    def _work(
        self, handler: Handler, asked: Asked, places: Mapping[str, str]
    ) -> tuple[Reply, bool]:
        """Do the work, or answer as before where the key was seen."""
        key = asked.headers.get(self.key_header, "") if self.key_header else ""
        if not key or asked.method == "GET":
            reply = handler(self, asked, places)
            return reply, reply.status < 300
        known = self._answers.get((asked.path, key))
        if known is not None:
            same = known[0] == asked.body
            return (known[1] if same else self.key_reused(key)), False
        reply = handler(self, asked, places)
        if reply.status < 500:
            self._answers[asked.path, key] = (asked.body, reply)
        return reply, reply.status < 300

    def key_reused(self, key: str) -> Reply:
        """Return the reply to a key that came with another body before."""
        return reply_json(400, {"error": f"the key {key} was used for another call"})

    def _struck(self, asked: Asked, scope: str, fault: ApiFault, bucket: Bucket | None) -> Reply:
        if fault.kind in {"reset", "timeout"}:
            self._note(asked, scope, Reply(status=0), fault=fault.kind)
            raise Hangup("reset" if fault.kind == "reset" else "timeout")
        if fault.kind == "throttled":
            limit = bucket or Bucket(capacity=1, refill_per_s=1)
            return self._note(asked, scope, self.limited(limit), fault=fault.kind)
        reply = self.failed(fault.status)
        if fault.status in {429, 503}:
            headers = reply.headers | {"Retry-After": f"{fault.retry_after_s:g}"}
            reply = msgspec.structs.replace(reply, headers=headers)
        return self._note(asked, scope, reply, fault=fault.kind)

    def _note(
        self,
        asked: Asked,
        scope: str,
        reply: Reply,
        *,
        worked: bool = False,
        fault: str | None = None,
    ) -> Reply:
        self.calls.append(
            Call(
                at=self.now(),
                method=asked.method,
                path=asked.path,
                scope=scope,
                status=reply.status,
                worked=worked,
                key=asked.headers.get(self.key_header) if self.key_header else None,
                fault=fault,
            )
        )
        return reply
