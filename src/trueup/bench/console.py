"""`trueup bench console`: the main pages, and the field that finds, over a year of a brand."""

import importlib.resources
import itertools
import random
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import httpx
import msgspec
from rich.progress import track

from trueup.api.token import load_token
from trueup.bench.apply import drain
from trueup.bench.bodies import sku_name
from trueup.bench.feed import feed_catalogue, feed_orders
from trueup.bench.report import Report, quantile
from trueup.bench.stage import Stage, add_connection, add_own, open_stage_session, process
from trueup.db.queries import parse_queries
from trueup.db.rows import Row, fetch_rows
from trueup.errors import invariant
from trueup.process import settle_memory
from trueup.session import Session

_FILE = importlib.resources.files("trueup.bench") / "stored.sql"
_queries = parse_queries(_FILE.read_text(encoding="utf-8"), room="trueup.bench")

PAGE_P95_MS_MAX: Final = 150
FIND_P95_MS_MAX: Final = 100
PAGE_BYTES_MAX: Final = 300_000

_BLOCK: Final = 100_000_000
_EVENTS: Final = 10
"""Events an order, of which nine change nothing."""

_SEED: Final = 11


class Brand(msgspec.Struct, frozen=True, kw_only=True):
    """How large the brand is.

    Attributes:
        base: so many orders go through the pipeline; the others are copies of theirs.
        copies: of the base.
    """

    base: int = 20_000
    copies: int = 49
    skus: int = 5_000

    @property
    def orders(self) -> int:
        """How many orders are stored."""
        return self.base * (self.copies + 1)


_LARGE: Final = Brand()


async def run(stage: Stage, *, brand: Brand = _LARGE, looks: int = 30) -> Report:
    """Store orders of three lines with ten events each, and look at every main page.

    Args:
        stage: with a fresh database.
        brand: how much of them.
        looks: how often each page is looked at.
    """
    session = await _store(stage, brand)
    async with session.connection() as conn:
        picked = await fetch_rows(conn, _queries["pick_orders"], count=500)
    port = stage.config.web.port
    headers = {
        "Authorization": f"Bearer {load_token(stage.config.data_dir)}",
        "Accept": "text/html",
    }
    async with (
        process(stage, "web", port=port),
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60
        ) as client,
    ):
        pages = {name: await _look(client, paths, looks) for name, paths in _pages(picked, brand)}
        found = await _look(client, _searches(picked, brand), looks)
        bare = await _look(client, itertools.repeat("/healthz"), looks)
    return _report(brand, pages, found, bare)


class _Looks:
    """How long looks at one page took, in ms, and the largest answer in bytes."""

    def __init__(self) -> None:
        self.ms: list[float] = []
        self.bytes_max = 0


async def _look(client: httpx.AsyncClient, paths: Iterator[str], count: int) -> _Looks:
    looks = _Looks()
    for number, path in enumerate(itertools.islice(paths, count + 2)):
        begun = time.perf_counter()
        reply = await client.get(path)
        took = (time.perf_counter() - begun) * 1000
        known = reply.status_code in {200, 303}
        invariant(known, f"{path} answered {reply.status_code}")
        if number >= 2:  # the first ones make connections and compile templates
            looks.ms.append(took)
        looks.bytes_max = max(looks.bytes_max, len(reply.content))
    return looks


def _pages(picked: Sequence[Row], brand: Brand) -> Iterator[tuple[str, Iterator[str]]]:
    """Return the main pages by their names, each with the addresses that are looked at."""
    pick = random.Random(_SEED)  # noqa: S311 - a choice that is the same each time
    same = (
        *("/", "/?since=week", "/today", "/orders", "/orders?channel=north"),
        *("/orders?progress=unsent", "/orders?sku=SKU-00007", "/skus", "/skus?q=SKU-04"),
        *("/low-stock", "/shipments", "/returns", "/customers", "/exceptions", "/decisions"),
        *("/connections", "/parked", "/parity"),
    )
    for path in same:
        yield path, itertools.repeat(path)
    some = {
        "/orders/…": [f"/orders/north/{row['ref']}" for row in picked],
        "/skus/…": [f"/skus/{sku_name(pick.randrange(brand.skus))}" for _ in picked],
        "/events/…": [f"/events/{row['event_id'] % _BLOCK}" for row in picked],
        "/customers/…": [f"/customers/{row['person']}" for row in picked if row["person"]],
    }
    for name, paths in some.items():
        yield name, itertools.cycle(pick.sample(paths, len(paths)))


def _searches(picked: Sequence[Row], brand: Brand) -> Iterator[str]:
    """Return searches for what an order has, a SKU, and what nobody has."""
    for row in itertools.cycle(picked):
        yield f"/find.json?q={row['ref']}"
        yield f"/find.json?q=%23{row['number'].removeprefix('#')}"
        yield f"/find.json?q=buyer{row['event_id'] % brand.base}@example.com"
        yield f"/find.json?q={sku_name(row['event_id'] % brand.skus)}"
        yield f"/find.json?q=nothing-{row['event_id']}"


async def _store(stage: Stage, brand: Brand) -> Session:
    session = await open_stage_session(stage)
    north, own = await add_connection(session, "north"), await add_own(session)
    await feed_catalogue(session, (north,), own, skus=brand.skus, units=1_000_000)
    await feed_orders(session, north, count=brand.base, skus=brand.skus, lines=3)
    await drain(session, brand.base + 2 * brand.skus)
    async with session.connection() as conn:
        await conn.execute("SET synchronous_commit = off")
        await conn.execute(_queries["name_orders"])
        await conn.execute("ANALYZE base")
        for copy in track(range(1, brand.copies + 1), "Storing …", transient=True):
            given: dict[str, Any] = {"copy": copy, "block": _BLOCK}
            await conn.execute(_queries["copy_events"], given | {"beside": _EVENTS - 1})
            for query in (
                *(_queries["copy_records"], _queries["copy_versions"]),
                *(_queries["copy_links"], _queries["copy_postings"]),
            ):
                await conn.execute(query, given)
        await conn.execute("DROP TABLE base")
        await conn.execute("VACUUM ANALYZE")
    settle_memory()
    return session


def _report(brand: Brand, pages: dict[str, _Looks], found: _Looks, bare: _Looks) -> Report:
    p95s = {name: quantile(looks.ms, 0.95) for name, looks in pages.items()}
    find_p95 = quantile(found.ms, 0.95)
    bytes_max = max(looks.bytes_max for looks in pages.values())
    every = [ms for looks in pages.values() for ms in looks.ms]
    bare_p50 = quantile(bare.ms, 0.5)
    return Report(
        bench="console",
        figures={
            "orders": float(brand.orders),
            **{f"p95_ms {name}": round(value, 1) for name, value in p95s.items()},
            "p95_ms of all": round(quantile(every, 0.95), 1),
            "p95_ms /find": round(find_p95, 1),
            "bytes_max": float(bytes_max),
        },
        bare={"p50_ms /healthz": round(bare_p50, 2)},
        ratio=round(bare_p50 / quantile(every, 0.5), 3),
        target=f"p95 of every page < {PAGE_P95_MS_MAX} ms, of a search < {FIND_P95_MS_MAX} ms, "
        f"no page over {PAGE_BYTES_MAX // 1000} kB",
        passed=max(p95s.values()) < PAGE_P95_MS_MAX
        and find_p95 < FIND_P95_MS_MAX
        and bytes_max <= PAGE_BYTES_MAX,
    )
