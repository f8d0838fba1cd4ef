"""Live: what of the first page changed, sent to everybody who has it open.

One poller reads for all readers of this process, and only while there are any. Each reader gets the
values that changed since it was last told, so a slow one misses nothing and holds up nobody.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import structlog
from psycopg_pool import AsyncConnectionPool

from trueup.console.render import money, number, span
from trueup.console.today import Today, TodayDesk
from trueup.console.words import mark, said
from trueup.db.pool import translate_errors
from trueup.errors import DatabaseUnavailable

_log = structlog.get_logger("trueup.console")

READERS_MAX = 50
INTERVAL_S = 1.0
BEAT_S = 15.0
VISIT_S_MAX = 3600.0
"""After this long a stream ends; the browser comes again and is let in anew."""

Values = dict[str, str]
Rows = dict[str, list[str]]


class Live:
    """Tells readers what changed.

    Args:
        desk: makes the page's facts.
    """

    def __init__(self, desk: TodayDesk) -> None:
        self._desk = desk
        self._readers = 0
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self._today: Today | None = None
        self._away = ""
        self._turn = 0

    @property
    def full(self) -> bool:
        """No more readers are taken."""
        return self._readers >= READERS_MAX

    async def stream(
        self, pool: AsyncConnectionPool[Any], *, visit_s: float = VISIT_S_MAX
    ) -> AsyncGenerator[str, None]:
        """Yield server-sent events until the reader leaves or `visit_s` have passed."""
        self._readers += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._poll(pool))
        sent: Values = {}
        told, leave_at = -1, asyncio.get_running_loop().time() + visit_s
        try:
            yield "retry: 2000\n\n"
            while asyncio.get_running_loop().time() < leave_at:
                try:
                    async with asyncio.timeout(BEAT_S):
                        await self._await_turn(told)
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                told = self._turn
                yield self._message(sent)
        finally:
            self._readers -= 1

    async def _await_turn(self, told: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._turn != told and self._turn > 0)

    def _message(self, sent: Values) -> str:
        """Return what changed, in the manner of its reader; `sent` is brought up to date."""
        if self._away or self._today is None:
            return _event("away", {"message": said(self._away)})
        now = live_values(self._today)
        values = {key: text for key, text in now.items() if sent.get(key) != text}
        sent.clear()
        sent.update(now)
        words = {text: word for text in set(values.values()) if (word := said(text)) != text}
        return _event("now", {"values": values, "words": words, "rows": live_rows(self._today)})

    async def _poll(self, pool: AsyncConnectionPool[Any]) -> None:
        while self._readers > 0:
            try:
                with translate_errors():
                    async with pool.connection() as conn:
                        self._today = await self._desk.read(conn)
            except DatabaseUnavailable:
                self._away = mark("The database does not answer. What you see may be old.")
            except Exception:  # noqa: BLE001 - logged; readers are told, the next turn tries again
                _log.exception("live_failed")
                self._away = mark(
                    "The page can not be brought up to date. What you see may be old."
                )
            else:
                self._away = ""
            async with self._changed:
                self._turn += 1
                self._changed.notify_all()
            await asyncio.sleep(INTERVAL_S)


def live_values(today: Today) -> Values:
    """Return the text of everything that changes in place, by its key on the page."""
    health, counters = today.health, today.counters
    values = {
        "health.state": health.state,
        "health.sentence": health.sentence,
        "health.workers": number(health.workers),
        "health.queued": number(health.queued),
        "health.oldest": span(health.oldest_age_s * 1000),
        "health.database": span(health.database_ms),
        "counter.events": number(counters.events),
        "counter.repeats": number(counters.repeats),
        "counter.orders": number(counters.orders),
        "counter.oversold": number(counters.oversold),
        "counter.parked": number(counters.parked),
        "counter.calls": number(counters.calls),
        "counter.p50": span(counters.call_p50_ms),
        "counter.p99": span(counters.call_p99_ms),
    }
    values |= {
        "low.skus": number(today.low.skus),
        "phantoms.waiting": number(today.phantoms.waiting),
        "phantoms.units": number(today.phantoms.units),
        "exceptions.standing": number(today.exceptions.standing),
        "exceptions.unexplained": number(today.exceptions.unexplained),
        "exceptions.unowned": number(today.exceptions.unowned),
    }
    for low in today.low.first:
        values[f"low.{low.sku}.available"] = number(low.available)
        values[f"low.{low.sku}.on"] = str(low.expected_on or "")
    if health.last_event_at is not None:
        values["health.last"] = health.last_event_at.isoformat()
    for event in today.feed:
        values[f"feed.{event.event_id}.state"] = event.state
        values[f"feed.{event.event_id}.apply"] = span(event.apply_ms)
    for order in today.orders:
        key = f"orders.{order.connection}.{order.ref}"
        values[f"{key}.status"] = order.status
        values[f"{key}.total"] = money(order.total)
        values[f"{key}.issues"] = number(order.issues) if order.issues else ""
    for row in today.stock:
        for field in ("available", "on_hand", "reserved"):
            values[f"stock.{row.sku}.{field}"] = number(getattr(row, field))
        for cell in row.channels:
            key = f"stock.{cell.listing}.{cell.connection}"
            values[f"{key}.believed"] = number(cell.believed)
            values[f"{key}.wanted"] = number(cell.wanted)
            values[f"{key}.state"] = cell.state
    for cluster in today.clusters:
        values[f"parked.{cluster.cluster}.events"] = number(cluster.events)
    for issue in today.issues:
        values[f"issues.{issue.code}.issues"] = number(issue.issues)
    return values


def live_rows(today: Today) -> Rows:
    """Return the keys of the rows that stand in each part of the page."""
    return {
        "feed": [str(event.event_id) for event in today.feed],
        "orders": [f"{order.connection}.{order.ref}" for order in today.orders],
        "stock": [row.sku for row in today.stock],
        "low": [low.sku for low in today.low.first],
        "attention": [
            *(f"parked.{cluster.cluster}" for cluster in today.clusters),
            *(f"issues.{issue.code}" for issue in today.issues),
        ],
    }


def _event(name: str, content: dict[str, object]) -> str:
    return f"event: {name}\ndata: {msgspec.json.encode(content).decode()}\n\n"
