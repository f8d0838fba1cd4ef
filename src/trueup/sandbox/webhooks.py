"""Subscriptions and the queue of deliveries: which are due, which are tried again, which die."""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

import msgspec

from trueup.sandbox.faults import WebhookFaults

__all__ = ["Delivery", "Event", "Subscription", "WebhookDesk"]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something happened at the vendor; every event of one action shares `event_id`."""

    topic: str
    body: bytes
    event_id: str
    triggered_at: datetime


@dataclass(slots=True)
class Subscription:
    """A wish to hear of a topic; None as id marks the app's own privacy end point."""

    id: int
    topic: str
    uri: str
    created_at: datetime
    updated_at: datetime
    include_fields: tuple[str, ...] = ()
    filter: str | None = None
    name: str | None = None
    permanent: bool = False


@dataclass(slots=True)
class Delivery:
    """One event on its way to one subscription; `webhook_id` is the same at each try."""

    webhook_id: str
    subscription: Subscription
    event: Event
    due_at: datetime
    failures: int = 0
    corrupt: bool = False
    echo: bool = False  # a repeat made by a fault; never tried again


@dataclass
class WebhookDesk:
    """All subscriptions and deliveries of one account.

    Attributes:
        headers: what the vendor sends with a try of a delivery, its signature included; a
            delivery that is `corrupt` is signed so that it does not fit.
        retry_delays_s: waits before each further try.
        straight_failures_max: after so many a subscription is removed; None: never.
    """

    random: Random
    headers: Callable[[Delivery], dict[str, str]]
    retry_delays_s: Sequence[float] = ()
    straight_failures_max: int | None = None
    faults: WebhookFaults = field(default_factory=WebhookFaults)
    subscriptions: dict[int, Subscription] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    removed: list[Subscription] = field(default_factory=list)
    _queue: list[tuple[datetime, int, Delivery]] = field(default_factory=list)
    _sequence: int = 0

    def wanted(self, topic: str) -> list[Subscription]:
        """Return the subscriptions to a topic, oldest first."""
        return [each for each in self.subscriptions.values() if each.topic == topic]

    def accept(
        self, event: Event, subscription: Subscription, webhook_id: str, now: datetime
    ) -> None:
        """Queue one event for one subscription, as the faults in force allow."""
        self.count("queued")
        chance = self.random.random
        faults = self.faults
        delivery = Delivery(webhook_id, subscription, event, now)
        if chance() < faults.drop:
            self.count("dropped")
            return
        if chance() < faults.corrupt:
            delivery.corrupt = True
        if chance() < faults.delay:
            delivery.due_at += timedelta(seconds=faults.delay_s_max)
            self.count("delayed")
        elif chance() < faults.reorder:
            delivery.due_at += timedelta(seconds=chance() * faults.delay_s_max)
            self.count("reordered")
        if chance() < faults.repeat:
            self._push_repeat(delivery)
        self._push(delivery)

    def due(self, now: datetime, limit: int) -> list[Delivery]:
        """Take up to `limit` deliveries that are due, in order of their time."""
        taken: list[Delivery] = []
        while self._queue and self._queue[0][0] <= now and len(taken) < limit:
            delivery = heapq.heappop(self._queue)[2]
            if delivery.subscription.permanent or (delivery.subscription.id in self.subscriptions):
                taken.append(delivery)
            else:
                self.count("abandoned")
        return taken

    def next_due_at(self) -> datetime | None:
        """Return when the next delivery is due, or None when nothing waits."""
        return self._queue[0][0] if self._queue else None

    def waiting(self) -> int:
        """Return how many deliveries are still to be sent."""
        return len(self._queue)

    def answered(self, delivery: Delivery, status: int | None, now: datetime) -> None:
        """Note the answer to a try: 2xx is done, all else (None: no answer) is tried again."""
        self.count("attempts")
        delivery.corrupt = False
        if status is not None and 200 <= status < 300:
            self.count("delivered")
            return
        self.count("failed_attempts")
        if delivery.echo:
            return
        delivery.failures += 1
        if delivery.failures > len(self.retry_delays_s):
            self.count("given_up")
            return
        straight_max = self.straight_failures_max
        if delivery.failures == straight_max and not delivery.subscription.permanent:
            self._remove(delivery.subscription)
            return
        delivery.due_at = now + timedelta(seconds=self.retry_delays_s[delivery.failures - 1])
        self.count("retries")
        self._push(delivery)

    def count(self, name: str) -> None:
        """Add one to a counter."""
        self.counters[name] = self.counters.get(name, 0) + 1

    def _remove(self, subscription: Subscription) -> None:
        if self.subscriptions.pop(subscription.id, None) is not None:
            self.removed.append(subscription)
            self.count("subscriptions_removed")

    def _push(self, delivery: Delivery) -> None:
        self._sequence += 1
        heapq.heappush(self._queue, (delivery.due_at, self._sequence, delivery))

    def _push_repeat(self, delivery: Delivery) -> None:
        later = timedelta(seconds=self.random.random() * self.faults.delay_s_max)
        repeat = Delivery(
            delivery.webhook_id, delivery.subscription, delivery.event, delivery.due_at + later
        )
        repeat.echo = True
        self.count("repeated")
        self._push(repeat)
