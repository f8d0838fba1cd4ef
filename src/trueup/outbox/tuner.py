"""The tuner: keeps what is held back from each channel as large as it must be, and no larger.

It looks about once a second at the SKUs that moved, and bit by bit at all others, because what
sold fast yesterday has slowed down. Where much is left nothing is changed: a buffer matters near
the end only, and each change is a call to a vendor.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from trueup.db.aside import Aside
from trueup.db.pool import WORKER_ROLE
from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows
from trueup.kernel.clock import Clock, SystemClock
from trueup.kernel.limits import UNITS_MAX
from trueup.ledger.kits import NO_KITS
from trueup.ledger.kitting import newer_kits
from trueup.ledger.reads import newest_moves, newest_sales
from trueup.outbox.buffers import Part, chance_short
from trueup.outbox.listed import Listed, part_of, read_listed, sold_from
from trueup.outbox.reach import Reach, read_reach
from trueup.outbox.spread import dispersion_of

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


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What shall be held back at one listing; `key` is its intent's."""

    connection_id: int
    key: str
    safety: int
    thin_below: int
    part: Part
    siblings: tuple[str, ...]


class Tuner:
    """Sets buffers and parts.

    Args:
        clock: by which rates decay.
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._moved_after = 0
        self._swept_to: tuple[str, int, str] = ("", 0, "")
        self._spread_at: dict[str, datetime] = {}
        self._kits = NO_KITS

    def aside(self) -> Aside:
        """Return it as work beside other work."""
        return Aside(name="trueup-tuner", step=self.step, pause_s=INTERVAL_S, role=WORKER_ROLE)

    async def step(self, conn: Conn) -> int:
        """Look at what moved and at the next of the others; returns how many listings changed."""
        skus = await self._moved(conn) + await self._next_swept(conn)
        return await self.tune(conn, list(dict.fromkeys(skus)))

    async def tune(self, conn: Conn, skus: Sequence[str]) -> int:
        """Set anew what is held back of some SKUs and their kits, where it changed enough."""
        if not skus:
            return 0
        self._kits = await newer_kits(conn, self._kits) or self._kits
        beside = sorted(sold_from(skus, self._kits))
        await self._measure_spread(conn, beside)
        settings = [
            setting
            for listed in await read_listed(conn, beside, self._kits, now=self._clock.now())
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
                    "siblings": [Jsonb(s.siblings) for s in settings],
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
        same = (held[n], thin_below, list(listed.siblings), parts)
        if same != (row["safety"], row["thin_below"], row["siblings"], told[n]):
            found.append(
                Setting(
                    connection_id=row["connection_id"],
                    key=row["key"],
                    safety=held[n],
                    thin_below=thin_below,
                    part=parts,
                    siblings=listed.siblings,
                )
            )
    return found


def _safety(listed: Listed, n: int) -> int:
    row, wanted = listed.rows[n], listed.plan.buffers[n]
    held: int = row["safety"]
    if held <= wanted or wanted == 0:
        return min(wanted, UNITS_MAX)
    over = chance_short(listed.sellers, n, listed.dispersion, held, listed.pool)
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
    widths = [sum(part.end - part.start for part in parts) for parts in (told, wanted)]
    return moved / 2 > _SHARE_STEP or not math.isclose(*widths, abs_tol=1e-9)
