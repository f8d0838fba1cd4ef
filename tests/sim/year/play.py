"""Plays a year, lets the hub hear of it, and holds what its checks say beside what was planted."""

import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import msgspec
import psycopg

from tests.flow.shop import Connected
from tests.sim.year.drifts import ANY_DAY, LAST_DAY, Planted
from tests.sim.year.trade import SHOP, Heard, Year
from trueup.contract.loader import find_connectors
from trueup.db.pool import connect
from trueup.govern.vault import Vault
from trueup.hub import Hub
from trueup.intake.append import append_events
from trueup.intake.claim import claim_events
from trueup.intake.connections import create_connection, load_accounts
from trueup.intake.model import NewEvent, Origin
from trueup.intake.park import park_queued
from trueup.kernel.clock import ManualClock
from trueup.kernel.limits import PARTITIONS
from trueup.outbox.budget import Budgets
from trueup.pipeline import Applier
from trueup.pull.access import Access, open_access
from trueup.pull.backfill import backfill
from trueup.reconcile.checks import Ask, Check, run_checks
from trueup.reconcile.report import Report
from trueup.reconcile.suspects import ask_suspects, search_suspects
from trueup.sandbox.shopify import payouts

Conn = psycopg.AsyncConnection[Any]
KEY = bytes(range(32))
_CHUNK = 2_000
_ALL = 2**31
_OWN = "own"
_OLD = timedelta(days=45)
"""How long after the year's end it is asked what still holds units, and what did not come back."""

_LEFT_OUT = frozenset((Check.BANK,))
"""No bank tells of this brand: its payouts stay under way."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a year came to.

    Attributes:
        planted: by kind.
        missed: planted, and no check said a word.
        misjudged: found, with another cause than the right one: "kind: cause".
        false_alarms: differences that nothing planted has to do with.
    """

    orders: int
    events: int
    planted: dict[str, int]
    missed: tuple[str, ...]
    misjudged: tuple[str, ...]
    false_alarms: tuple[str, ...]

    @property
    def right_share(self) -> float:
        """What share of the planted was found with the right cause."""
        total = sum(self.planted.values())
        wrong = len(self.missed) + len(self.misjudged)
        return 1.0 if not total else 1 - wrong / total


def trade(seed: int, *, days: int, orders: int, drifts: int) -> tuple[Year, list[Planted]]:
    """Let a year happen at the shop, with so many silent failures spread over it."""
    year = Year(seed, days)
    pick = random.Random(f"drifts-{seed}")
    kinds = [*ANY_DAY]
    chosen = [kinds[n % len(kinds)] for n in range(drifts)]
    last = [*LAST_DAY] * (drifts // len(kinds))
    pick.shuffle(chosen)
    planted: list[Planted] = []
    for day in range(days):
        mine = chosen[day * drifts // days : (day + 1) * drifts // days]
        usual = (day + 1) * orders // days - day * orders // days
        todo: list[str | None] = [*mine, *[None] * usual]
        pick.shuffle(todo)
        for kind in todo:
            if kind is None:
                year.usual()
            else:
                planted.append(ANY_DAY[kind](year))
            year.pass_s(20)
        if day == days - 1:
            planted += [LAST_DAY[kind](year) for kind in last]
        year.end_day()
        if sys.stderr.isatty():
            sys.stderr.write(f"\rday {day + 1} of {days}")
    return year, planted


async def look(conninfo: str, year: Year, planted: Sequence[Planted]) -> Found:
    """Let a hub hear everything, run its checks, and compare."""
    hub = Hub(Vault(KEY), find_connectors())
    async with year.sandbox.serve(deliver=False) as base_url:
        stage = Connected(sandbox=year.sandbox, hub=hub, conninfo=conninfo, base_url=base_url)
        async with await connect(conninfo, application_name="year") as conn:
            own = await create_connection(
                conn, hub.vault, name=_OWN, connector="manual", settings={}, secrets={}
            )
            shop = await stage.connect_shop()
            hub.use_connections(each.connection for each in await load_accounts(conn, hub.vault))
            events = [*_openings(year, own), *_deliveries(year, hub, shop)]
            await _take(conn, hub, events)
            now = year.clock.now() + timedelta(days=1)
            for resource in ("payouts", "balance_transactions", "returns"):
                await _pull(stage, resource, now)
            await _apply(conn, hub)
            reports = await run_checks(conn, hub, Ask(now=now))
            reports |= await run_checks(conn, hub, Ask(now=now + _OLD), Check.RETURNS)
            for change in year.behind:
                change()
            reports[Check.PHANTOMS] = await _phantoms(stage, now + _OLD)
    return _judge(year, len(events), planted, reports)


def _openings(year: Year, own: int) -> Iterator[tuple[NewEvent, bool]]:
    at = year.heard[0].triggered_at
    for sku, units in year.openings.items():
        body = {"ref": f"open-{sku}", "movement": "opening", "sku": sku, "quantity": units}
        event = NewEvent(
            connection_id=own,
            external_id=f"open-{sku}",
            topic="stock/movement",
            entity=f"stock_movement/open-{sku}",
            origin=Origin.OWN,
            received_at=year.clock.now(),
            body=msgspec.json.encode(body | {"occurred_at": at}),
        )
        yield event, False


def _deliveries(year: Year, hub: Hub, shop: int) -> Iterator[tuple[NewEvent, bool]]:
    """Give what was heard as the door would append it; some of it comes twice."""
    folder, pick = hub.connectors["shopify"], random.Random("deliveries")

    def delivery(heard: Heard) -> NewEvent:
        headers = {
            "x-shopify-topic": heard.topic,
            "x-shopify-webhook-id": heard.webhook_id,
            "x-shopify-triggered-at": heard.triggered_at,
        }
        identified = folder.webhook.identify(headers, heard.body)
        return NewEvent(
            connection_id=shop,
            external_id=identified.external_id,
            topic=identified.topic,
            entity=identified.entity,
            origin=Origin.WEBHOOK,
            raised_at=identified.raised_at,
            received_at=year.clock.now(),
            body=heard.body,
        )

    for heard in year.heard:
        event = delivery(heard)
        yield event, heard.parked
        if pick.random() < 0.02:
            yield event, heard.parked


async def _take(conn: Conn, hub: Hub, events: Sequence[tuple[NewEvent, bool]]) -> None:
    for start in range(0, len(events), _CHUNK):
        chunk = events[start : start + _CHUNK]
        async with conn.transaction():
            appended = await append_events(conn, hub.vault, [event for event, _ in chunk])
            parked = [
                each.event_id for each, (_, can_not) in zip(appended, chunk, strict=True) if can_not
            ]
            await park_queued(
                conn,
                parked,
                cause="mapping.failed",
                detail="the mapping has a bug",
                cluster="a bug of the mapping",
            )
        await _apply(conn, hub)


async def _apply(conn: Conn, hub: Hub) -> None:
    applier = Applier(conn, hub)
    while batch := await claim_events(conn, range(PARTITIONS), 500):
        await applier.apply(batch)


async def _pull(stage: Connected, resource: str, now: datetime) -> None:
    async with _access(stage, now) as access:
        await backfill(access, resource)


@asynccontextmanager
async def _access(stage: Connected, now: datetime) -> AsyncIterator[Access]:
    """Open the account on a clock of the year; nobody waits."""
    clock = ManualClock(now)

    async def pass_time(seconds: float) -> None:
        clock.advance(seconds=seconds)
        stage.sandbox.clock.advance(seconds)

    budgets = Budgets(stage.conninfo, now=clock, sleep=pass_time)
    account = await stage.account(SHOP)
    async with (
        aclosing(budgets),
        open_access(
            stage.conninfo, stage.hub, account, clock=clock, sleep=pass_time, budgets=budgets
        ) as access,
    ):
        yield access


async def _phantoms(stage: Connected, now: datetime) -> Report:
    """Search the books for orders that hold units for too long, and ask the shop about each."""
    async with _access(stage, now) as access:
        await search_suspects(access.conn, now, stretch=_ALL)
        while (await ask_suspects(access))["asked"]:
            await _apply(access.conn, stage.hub)
        return (await run_checks(access.conn, stage.hub, Ask(now=now), Check.PHANTOMS))[
            Check.PHANTOMS
        ]


def _judge(
    year: Year, events: int, planted: Sequence[Planted], reports: Mapping[Check, Report]
) -> Found:
    said: dict[Check, list[tuple[frozenset[str], str]]] = {
        check: [
            (frozenset(ref for ref in (each.left_ref, each.right_ref) if ref), each.cause)
            for each in report.discrepancies
        ]
        for check, report in reports.items()
        if check not in _LEFT_OUT
    }
    by_ref: dict[tuple[Check, str], set[str]] = {}
    for check, differences in said.items():
        for refs, cause in differences:
            for ref in refs:
                by_ref.setdefault((check, ref), set()).add(cause)
    missed, misjudged = [], []
    for each in planted:
        causes = set().union(*(by_ref.get((each.check, ref), set()) for ref in each.refs))
        if not causes:
            missed.append(f"{each.kind}: {min(each.refs)}")
        elif each.cause not in causes:
            misjudged.append(f"{each.kind}: {sorted(causes)} {min(each.refs)}")
    touched = frozenset().union(*(each.touched for each in planted))
    # Whatever the provider's account has of a planted order differs for the same reason.
    touched |= {
        f"{SHOP}/balance_entry/{line.id}"
        for line in payouts.account_of(year.shop).lines.values()
        if f"{SHOP}/order/{line.order_id}" in touched
    }
    alarms = [
        f"{check.value}: {cause} {sorted(refs)}"
        for check, differences in said.items()
        for refs, cause in differences
        if not refs & touched
    ]
    return Found(
        orders=len(year.shop.orders),
        events=events,
        planted=dict(sorted(Counter(each.kind for each in planted).items())),
        missed=tuple(missed),
        misjudged=tuple(misjudged),
        false_alarms=tuple(alarms),
    )
