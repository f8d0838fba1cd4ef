"""Today: what happened, what stands where, what needs a person."""

import time
from datetime import UTC, date, datetime

import msgspec

from trueup.console.fact import Chart
from trueup.console.orders_page import OrderRow, rows_of_orders
from trueup.console.readings import Readings, Session
from trueup.console.series import read_chart
from trueup.console.words import mark
from trueup.db.rows import Row
from trueup.intake import reads as intake
from trueup.ledger import reads as ledger
from trueup.ledger.outlook import count_low, low_outlooks
from trueup.outbox import reads as outbox
from trueup.reconcile.exceptions import count_exceptions
from trueup.reconcile.report import UNEXPLAINED
from trueup.reconcile.suspects import count_suspects
from trueup.records import reads as records

FEED_ROWS = 20
ORDER_ROWS = 20
STOCK_ROWS = 40
CLUSTER_ROWS = 10
LOW_ROWS = 5
TAIL_EVENTS = 10_000
"""Events so new that one below them may still be on its way: these are counted each time."""

SLOW_S = 10.0
"""A queue older than this is behind."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Whether everything is at work. `state` is well, behind or idle (no worker)."""

    state: str
    sentence: str
    workers: int
    queued: int
    oldest_age_s: float
    database_ms: float
    last_event_at: datetime | None


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """How much came, what became of it, how fast channels were told."""

    events: int
    repeats: int
    orders: int
    oversold: int
    parked: int
    calls: int
    call_p50_ms: float
    call_p99_ms: float


class FeedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One event; `apply_ms` is null where it moved no stock, because then no time is kept."""

    event_id: int
    topic: str
    entity: str
    connection: str
    received_at: datetime
    state: str
    apply_ms: int | None


class ChannelCell(msgspec.Struct, frozen=True, kw_only=True):
    """What of a SKU is believed to stand at a channel, and what shall stand there.

    `listing` is the SKU, or for a further listing of it at the channel its own name.
    """

    connection: str
    listing: str
    believed: int | None
    wanted: int
    state: str


class StockRow(msgspec.Struct, frozen=True, kw_only=True):
    """The stock of one SKU; not `counted` means that its books were never opened."""

    sku: str
    available: int
    on_hand: int
    reserved: int
    counted: bool
    channels: tuple[ChannelCell, ...]


class ClusterRow(msgspec.Struct, frozen=True, kw_only=True):
    """Parked events of one cause."""

    cluster: str
    cause: str
    events: int
    first_at: datetime
    last_at: datetime
    example_event_id: int


class IssueRow(msgspec.Struct, frozen=True, kw_only=True):
    """Open issues of one code, with an example of what to do."""

    code: str
    severity: str
    issues: int
    ref: str | None
    event_id: int | None
    how_to_fix: str


class LowRow(msgspec.Struct, frozen=True, kw_only=True):
    """A SKU that will be sold out before more could come."""

    sku: str
    available: int
    expected_on: date | None


class LowCard(msgspec.Struct, frozen=True, kw_only=True):
    """How many SKUs are low, and those that are sold out first."""

    skus: int
    first: tuple[LowRow, ...]


class PhantomCard(msgspec.Struct, frozen=True, kw_only=True):
    """How many orders that hold units for nothing wait for a person, and the units they hold."""

    waiting: int
    units: int


class ExceptionCard(msgspec.Struct, frozen=True, kw_only=True):
    """How many exceptions stand, nothing explains, and are nobody's yet."""

    standing: int
    unexplained: int
    unowned: int


class Today(msgspec.Struct, frozen=True, kw_only=True):
    """The whole page. An issue for which its events are parked stands among the parked ones."""

    at: datetime
    health: Health
    counters: Counters
    feed: tuple[FeedRow, ...]
    orders: tuple[OrderRow, ...]
    channels: tuple[str, ...]
    stock: tuple[StockRow, ...]
    clusters: tuple[ClusterRow, ...]
    issues: tuple[IssueRow, ...]
    low: LowCard
    phantoms: PhantomCard
    exceptions: ExceptionCard
    chart: Chart | None


class LogCount:
    """Counts the log without counting all of it each time: what is old does not change."""

    def __init__(self) -> None:
        self._settled = 0
        self._settled_at = 0

    async def read(self, session: Session) -> tuple[int, int]:
        """Return how many events the log holds, and how many deliveries were repeats.

        Every delivery gets a number; a number without an event was a repeat. A commit that the
        database lost leaves a gap too, so repeats may be counted a few too high after a failure.
        """
        tail = await intake.count_log(session, after=self._settled_at)
        newest = tail["newest"] or self._settled_at
        events = self._settled + tail["events"]
        if newest - self._settled_at > 2 * TAIL_EVENTS:
            later = await intake.count_log(session, after=newest - TAIL_EVENTS)
            self._settled = events - later["events"]
            self._settled_at = newest - TAIL_EVENTS
        return events, max(0, tail["numbered"] - events)


class TodayDesk:
    """Makes the page out of shared readings.

    Args:
        readings: of this process.
    """

    def __init__(self, readings: Readings) -> None:
        self._readings = readings
        self._log = LogCount()

    async def read(self, session: Session, sku: str | None = None) -> Today:
        """Return the page as it is now; `sku` chooses whose chart, the busiest where None."""
        take = self._readings.take
        names = await take("names", session, read_names)
        channels, stock = await take("stock", session, read_stock)
        chosen = sku or await take("busiest", session, _busiest)
        clusters = await take("clusters", session, read_clusters)
        causes = {row.cause for row in clusters}
        issues = await take("issues", session, _read_issues)
        chart = None
        if chosen:
            chart = await take(f"chart {chosen}", session, lambda s: read_chart(s, chosen))
        return Today(
            at=datetime.now(UTC),
            health=await take("health", session, _read_health),
            counters=await self._counters(session),
            feed=await take("feed", session, _read_feed),
            orders=await take("orders", session, lambda s: _read_orders(s, names)),
            channels=channels,
            stock=stock,
            clusters=clusters[:CLUSTER_ROWS],
            issues=tuple(row for row in issues if row.code not in causes),
            low=await take("low", session, _read_low),
            phantoms=await take("phantoms", session, _read_phantoms),
            exceptions=await take("exceptions", session, _read_exceptions),
            chart=chart,
        )

    async def _counters(self, session: Session) -> Counters:
        take = self._readings.take
        events, repeats = await take("log", session, self._log.read)
        kinds = await take("records", session, records.count_records)
        parked = await take("clusters", session, read_clusters)
        issues = await take("issues", session, _read_issues)
        calls = await take("outbox", session, outbox.count_outbox)
        latency = await take("latency", session, lambda s: outbox.call_latency(s, count=2000))
        return Counters(
            events=events,
            repeats=repeats,
            orders=next((row["records"] for row in kinds if row["kind"] == "order"), 0),
            oversold=sum(row.issues for row in issues if row.code == "stock.oversold"),
            parked=sum(row.events for row in parked),
            calls=calls["calls"],
            call_p50_ms=round(latency["p50_ms"], 1),
            call_p99_ms=round(latency["p99_ms"], 1),
        )


async def read_names(session: Session) -> dict[int, str]:
    """Return the connections' names by number."""
    return {row["connection_id"]: row["name"] for row in await intake.name_connections(session)}


async def _busiest(session: Session) -> str | None:
    return next(iter(await ledger.busiest_skus(session)), None)


async def _read_health(session: Session) -> Health:
    begun = time.perf_counter()
    queue = await intake.oldest_queued(session)
    database_ms = (time.perf_counter() - begun) * 1000
    workers = await intake.count_workers(session)
    newest = await intake.recent_events(session, count=1)
    age_s = float(queue["oldest_age_s"])
    if workers == 0:
        state, sentence = "idle", mark("No worker is at work; new events wait.")
    elif age_s > SLOW_S:
        state, sentence = "behind", mark("Workers are behind; every event is kept.")
    else:
        state, sentence = "well", mark("Everything is at work.")
    return Health(
        state=state,
        sentence=sentence,
        workers=workers,
        queued=queue["queued"],
        oldest_age_s=round(age_s, 1),
        database_ms=round(database_ms, 1),
        last_event_at=newest[0]["received_at"] if newest else None,
    )


async def _read_feed(session: Session) -> tuple[FeedRow, ...]:
    rows = await intake.recent_events(session, count=FEED_ROWS)
    posted = {
        row["event_id"]: row["posted_at"]
        for row in await ledger.transactions_of_events(session, [r["event_id"] for r in rows])
    }
    return tuple(
        FeedRow(
            event_id=row["event_id"],
            topic=row["topic"],
            entity=row["entity"],
            connection=row["connection"],
            received_at=row["received_at"],
            state="parked" if row["parked"] else "queued" if row["queued"] else "applied",
            apply_ms=span_ms(row["received_at"], posted.get(row["event_id"])),
        )
        for row in rows
    )


def span_ms(start: datetime, end: datetime | None) -> int | None:
    """Return whole milliseconds between two instants; None where there is no end."""
    return None if end is None else max(0, round((end - start).total_seconds() * 1000))


async def _read_orders(session: Session, names: dict[int, str]) -> tuple[OrderRow, ...]:
    rows = await records.page_records(session, "order", count=ORDER_ROWS)
    return await rows_of_orders(session, rows, names)


async def read_stock(session: Session) -> tuple[tuple[str, ...], tuple[StockRow, ...]]:
    """Return the channels that list anything shown, and the SKUs nearest to zero."""
    names = await read_names(session)
    rows = await ledger.list_balances(session, count=STOCK_ROWS)
    cells: dict[str, list[ChannelCell]] = {}
    for row in await outbox.intents_of_skus(session, [row["sku"] for row in rows]):
        cells.setdefault(row["sku"], []).append(
            ChannelCell(
                connection=names.get(row["connection_id"], "removed"),
                listing=row["key"],
                believed=row["believed"],
                wanted=row["value"],
                state=row["state"],
            )
        )
    channels = sorted({cell.connection for found in cells.values() for cell in found})
    return tuple(channels), tuple(
        StockRow(
            sku=row["sku"],
            available=row["available"],
            on_hand=row["on_hand"],
            reserved=row["reserved"],
            counted=row["counted"],
            channels=tuple(cells.get(row["sku"], ())),
        )
        for row in rows
    )


async def read_clusters(session: Session) -> tuple[ClusterRow, ...]:
    """Return parked events by cause, largest first."""
    rows = await intake.list_clusters(session)
    return tuple(msgspec.convert(row, ClusterRow) for row in rows)


async def _read_issues(session: Session) -> tuple[IssueRow, ...]:
    found = []
    for row in (await intake.count_issues(session))[:CLUSTER_ROWS]:
        newest = await intake.page_issues(session, count=1, code=row["code"])
        example: Row = newest[0] if newest else {}
        found.append(
            IssueRow(
                code=row["code"],
                severity=row["severity"],
                issues=row["issues"],
                ref=example.get("ref"),
                event_id=example.get("event_id"),
                how_to_fix=example.get("how_to_fix", ""),
            )
        )
    return tuple(found)


async def _read_low(session: Session) -> LowCard:
    rows = await low_outlooks(session, count=LOW_ROWS)
    fields = LowRow.__struct_fields__
    first = tuple(msgspec.convert({name: row[name] for name in fields}, LowRow) for row in rows)
    return LowCard(skus=await count_low(session), first=first)


async def _read_phantoms(session: Session) -> PhantomCard:
    counts = await count_suspects(session)
    return PhantomCard(waiting=counts["waiting"], units=counts["units"])


async def _read_exceptions(session: Session) -> ExceptionCard:
    counts = await count_exceptions(session)
    return ExceptionCard(
        standing=sum(counts.get("check", {}).values()),
        unexplained=counts.get("cause", {}).get(UNEXPLAINED, 0),
        unowned=counts.get("owner", {}).get("", 0),
    )
