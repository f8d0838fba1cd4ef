"""The tuner: keeps what is held back from each channel as large as it must be, and no larger.

It looks about once a second at the SKUs that moved, and bit by bit at all others, because what
sold fast yesterday has slowed down. Where much is left nothing is changed: a buffer matters near
the end only, and each change is a call to a vendor.
"""

import asyncio
import math
from collections import defaultdict
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import msgspec
import psycopg
import structlog

from trueup.db.pool import WORKER_ROLE, connect, translate_errors
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.errors import DatabaseUnavailable
from trueup.kernel.chance import chance_over
from trueup.kernel.clock import Clock, SystemClock
from trueup.kernel.limits import UNITS_MAX
from trueup.ledger.reads import newest_moves, newest_sales
from trueup.outbox.buffers import Part, Plan, Seller, plan_buffers, unseen_mean
from trueup.outbox.enqueue import PACE_HALF_LIFE_S, RATE_HALF_LIFE_S
from trueup.outbox.reach import Reach, read_reach
from trueup.outbox.spread import DISPERSION_PRIOR, dispersion_of

_log = structlog.get_logger("trueup.outbox")
_queries = load_queries("trueup.outbox")

Conn = psycopg.AsyncConnection[Any]

INTERVAL_S: Final = 1.0
MOVED_MAX: Final = 5_000
"""Postings looked at in a step; the sweep finds what this leaves out."""

SKUS_MAX: Final = 300
SWEEP_LISTINGS: Final = 500
SALES_MAX: Final = 200
SPREADS_MAX: Final = 20
SPREAD_S: Final = 600.0
"""How long the dispersion of a SKU is taken as known."""

PLENTY: Final = 20
"""With so many times more than is held back, what is held back does not matter yet."""

_SHARE_STEP: Final = 0.1
_LEFT_SHARE: Final = 0.1
_RECONNECT_S = 2.0
_END_S = 5.0
_LN2 = math.log(2)


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What shall be held back at one listing; `key` is its intent's."""

    connection_id: int
    key: str
    safety: int
    thin_below: int
    part: Part


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """The channels of one SKU as they are, with what follows for them.

    Attributes:
        rows: of the intents, as `read_listed` reads them.
        sellers: one per row, in their order.
        plan: what would be set now; None where nothing is measured for any of them.
    """

    sku: str
    rows: tuple[Row, ...]
    sellers: tuple[Seller, ...]
    dispersion: float
    plan: Plan

    @property
    def available(self) -> int:
        """How many units there are for the channel that may sell most of them."""
        return max(int(row["available"] + row["ahead"]) for row in self.rows)


class Tuner:
    """Sets buffers and parts.

    Args:
        conninfo: of the database.
        clock: by which rates decay.
    """

    def __init__(self, conninfo: str, *, clock: Clock | None = None) -> None:
        self._conninfo = conninfo
        self._clock = clock or SystemClock()
        self._moved_after = 0
        self._swept_to: tuple[str, int, str] = ("", 0, "")
        self._spread_at: dict[str, datetime] = {}

    async def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Tune while something else is done, over a session of its own, and end with it."""
        stop = asyncio.Event()
        tuning = asyncio.create_task(self.run(stop))
        try:
            await work
        finally:
            # Told to stop and not cancelled: a session that is half open would be left behind.
            stop.set()
            await asyncio.wait([tuning], timeout=_END_S)
            tuning.cancel()
            await asyncio.gather(tuning, return_exceptions=True)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop; a database that is away is waited for."""
        while not stop.is_set():
            try:
                with translate_errors():
                    async with await connect(
                        self._conninfo, application_name="trueup-tuner", role=WORKER_ROLE
                    ) as conn:
                        while not stop.is_set():
                            await self.step(conn)
                            with suppress(TimeoutError):
                                await asyncio.wait_for(stop.wait(), INTERVAL_S)
            except DatabaseUnavailable as error:
                _log.warning("database_away", reason=error.message)
            except Exception:  # noqa: BLE001 - what is held back stays as it is until it works
                _log.exception("tuning_failed")
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _RECONNECT_S)

    async def step(self, conn: Conn) -> int:
        """Look at what moved and at the next of the others; returns how many listings changed."""
        skus = await self._moved(conn) + await self._next_swept(conn)
        return await self.tune(conn, list(dict.fromkeys(skus)))

    async def tune(self, conn: Conn, skus: Sequence[str]) -> int:
        """Set anew what is held back of some SKUs, where it changed enough."""
        if not skus:
            return 0
        await self._measure_spread(conn, skus)
        settings = [
            setting
            for listed in await read_listed(conn, skus, now=self._clock.now())
            for setting in settle_on(listed)
        ]
        if settings:
            await conn.execute(
                _queries.tune_intents,
                {
                    "connection_ids": [s.connection_id for s in settings],
                    "keys": [s.key for s in settings],
                    "safeties": [s.safety for s in settings],
                    "thin_belows": [s.thin_below for s in settings],
                    "thin_froms": [s.part.start for s in settings],
                    "thin_tos": [s.part.end for s in settings],
                },
            )
        return len(settings)

    async def _moved(self, conn: Conn) -> list[str]:
        rows = await newest_moves(conn, after=self._moved_after, count=MOVED_MAX)
        if rows:
            self._moved_after = max(row["event_id"] for row in rows)
        busiest = sorted(rows, key=lambda row: -row["postings"])[:SKUS_MAX]
        return [str(row["sku"]) for row in busiest]

    async def _next_swept(self, conn: Conn) -> list[str]:
        """Return SKUs of the next listings at which something is held back or sold."""
        after, connection_id, key = self._swept_to
        rows = await fetch_rows(
            conn,
            _queries.sweep_listings,
            after=after,
            after_connection=connection_id,
            after_key=key,
            count=SWEEP_LISTINGS,
        )
        whole = len(rows) == SWEEP_LISTINGS
        last = ("sku", "connection_id", "key")
        self._swept_to = tuple(rows[-1][name] for name in last) if whole else ("", 0, "")
        return [row["sku"] for row in rows if row["tuned"]][:SKUS_MAX]

    async def _measure_spread(self, conn: Conn, skus: Sequence[str]) -> None:
        """Measure how unevenly some of the SKUs are sold, where that was not done lately."""
        now = self._clock.now()
        stale = [
            sku
            for sku in skus
            if sku not in self._spread_at or (now - self._spread_at[sku]).total_seconds() > SPREAD_S
        ][:SPREADS_MAX]
        if not stale:
            return
        reach = await read_reach(conn)
        window_s = max(
            (each.inward_s + each.outward_s for each in reach.values()),
            default=Reach().inward_s + Reach().outward_s,
        )
        sales: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
        for row in await newest_sales(conn, stale, count=SALES_MAX):
            sales[row["sku"]].append((row["occurred_at"], row["units"]))
        measured = {sku: dispersion_of(sales[sku], window_s) for sku in stale if sku in sales}
        await conn.execute(
            _queries.note_spread,
            {"keys": list(measured), "dispersions": list(measured.values()), "now": now},
        )
        self._spread_at |= dict.fromkeys(stale, now)


async def read_listed(conn: Conn, skus: Sequence[str], *, now: datetime) -> list[Listed]:
    """Return the channels of some SKUs, with what would be held back from each now."""
    reach = await read_reach(conn)
    rows = await fetch_rows(conn, _queries.listed_channels, skus=list(skus))
    by_sku: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_sku[row["sku"]].append(row)
    return [_listed(sku, each, reach, now) for sku, each in sorted(by_sku.items())]


def _listed(sku: str, rows: Sequence[Row], reach: Mapping[int, Reach], now: datetime) -> Listed:
    dispersion = next(
        (row["dispersion"] for row in rows if row["dispersion"] is not None), DISPERSION_PRIOR
    )
    sellers = tuple(
        Seller(
            rate=rate_of(row, dispersion, now),
            inward_s=reach.get(row["connection_id"], Reach()).inward_s,
            outward_s=reach.get(row["connection_id"], Reach()).outward_s,
            chance=row["oversell_chance"],
            fixed=row["buffer"],
        )
        for row in rows
    )
    plan = plan_buffers(sellers, dispersion)
    alike = len({row["available"] + row["ahead"] for row in rows}) == 1
    if not (alike and all(row["adaptive"] for row in rows)):
        # Channels that do not sell from the same units, or by fixed rules, can not share the last.
        plan = msgspec.structs.replace(plan, thin_below=0, parts=tuple(Part() for _ in sellers))
    return Listed(sku=sku, rows=tuple(rows), sellers=sellers, dispersion=dispersion, plan=plan)


def part_of(row: Row) -> Part:
    """Return what a listing has of thin stock, as it was last set."""
    return Part(start=row["thin_from"], end=row["thin_to"])


def rate_of(row: Row, dispersion: float, now: datetime) -> float:
    """Return how fast a listing sells: over days, or faster where the last minutes say so.

    Right after a sale the fast rate holds that sale whole: one alone tells of no rate, so as much
    as a sale holds is taken off.
    """
    if row["rated_at"] is None:
        return 0.0
    age_s = max(0.0, (now - row["rated_at"]).total_seconds())
    fast = row["rate"] * math.exp(-_LN2 * age_s / RATE_HALF_LIFE_S)
    slow = row["pace"] * math.exp(-_LN2 * age_s / PACE_HALF_LIFE_S)
    found: float = max(slow, fast - dispersion * _LN2 / RATE_HALF_LIFE_S)
    return found


def settle_on(listed: Listed) -> list[Setting]:
    """Return what is to be set anew; nothing where it makes no difference yet.

    A buffer that became too small is raised at once; one that is too large by little is left, so
    that numbers do not flutter. The parts are told anew for all channels together, or for none.
    """
    rows, plan = listed.rows, listed.plan
    adaptive = [row["adaptive"] for row in rows]
    held = [_safety(listed, n) if adaptive[n] else 0 for n in range(len(rows))]
    most = max((*held, *(row["safety"] for row in rows), plan.thin_below, 1))
    most = max(most, *(row["thin_below"] for row in rows))
    if listed.available >= PLENTY * most:
        return []
    told = [part_of(row) for row in rows]
    limits = {row["thin_below"] for row in rows}
    keep = len(limits) == 1 and not _parts_moved(told, plan.parts, limits.pop(), plan.thin_below)
    found = []
    for n, row in enumerate(rows):
        parts = told[n] if keep else plan.parts[n]
        thin_below = row["thin_below"] if keep else plan.thin_below
        if held[n] != row["safety"] or parts != told[n] or thin_below != row["thin_below"]:
            found.append(
                Setting(
                    connection_id=row["connection_id"],
                    key=row["key"],
                    safety=held[n],
                    thin_below=thin_below,
                    part=parts,
                )
            )
    return found


def _safety(listed: Listed, n: int) -> int:
    row, wanted = listed.rows[n], listed.plan.buffers[n]
    held: int = row["safety"]
    if held <= wanted or wanted == 0:
        return min(wanted, UNITS_MAX)
    over = chance_over(unseen_mean(listed.sellers, n), listed.dispersion, held)
    enough = over <= listed.sellers[n].chance
    return held if enough and held - wanted <= max(1, _LEFT_SHARE * held) else wanted


def _parts_moved(
    told: Sequence[Part], wanted: Sequence[Part], told_below: int, wanted_below: int
) -> bool:
    """Tell whether the parts that stand are no longer good enough."""
    if wanted_below > told_below or told_below - wanted_below > max(1, _LEFT_SHARE * told_below):
        return True
    if told_below == 0:
        return False
    moved = sum(
        abs((a.end - a.start) - (b.end - b.start)) for a, b in zip(told, wanted, strict=True)
    )
    whole = math.isclose(sum(part.end - part.start for part in told), 1.0, abs_tol=1e-9)
    return moved / 2 > _SHARE_STEP or not whole
