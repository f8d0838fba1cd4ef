"""`trueup bench propagate`: from one sale to the stock call that leaves for the other channels."""

import asyncio

from trueup.bench.bodies import sku_name
from trueup.bench.feed import feed_opening
from trueup.bench.load import send_paced, signed_orders
from trueup.bench.report import Report
from trueup.bench.stage import Stage, open_stage_session, process
from trueup.demo.scene import open_shops, own_connection
from trueup.kernel.clock import SystemClock
from trueup.outbox.reads import call_latency, count_outbox
from trueup.sandbox.clock import ScaledClock
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify.catalogue import SkuSeed
from trueup.sandbox.shopify.commands import Add
from trueup.session import Session

P99_MS_MAX = 250
_ORDERS_PER_S = 200
_SKUS = 300
_UNITS = 100_000
_TIMEOUT_S = 60.0


async def run(stage: Stage, *, orders: int = 3000) -> Report:
    """Sell at one shop at an even rate, and time the calls to the two others."""
    session = await open_stage_session(stage)
    port = stage.config.web.port
    sandbox = Sandbox(ScaledClock())
    handles = ("north", "south", "west")
    async with process(stage, "web", port=port), process(stage, "worker"), sandbox.serve() as url:
        await open_shops(
            sandbox, session, handles=handles, sandbox_url=url, hub_url=f"http://127.0.0.1:{port}"
        )
        for handle in handles:
            for n in range(_SKUS):
                seed = SkuSeed(sku=sku_name(n), title=f"Article {n}", available=_UNITS)
                sandbox.do(handle, Add(skus=[seed]))
        await feed_opening(session, own_connection(session), skus=_SKUS, units=_UNITS)
        await _until_settled(session, len(handles) * _SKUS)
        await _age(session)
        secret = sandbox.shop("north").settings.client_secret
        sales = signed_orders(
            orders, secret=secret, path="/hooks/north", skus=_SKUS, at=SystemClock().now()
        )
        sent = await send_paced(port, sales, per_s=_ORDERS_PER_S)
        await _until_settled(session, len(handles) * _SKUS)
        async with session.connection() as conn:
            # The very first calls told each shop its opening stock; only sales are looked at.
            cursor = await conn.execute(
                "SELECT count(*) FROM outbox.call_intent i JOIN intake.event e"
                " ON e.received_at = i.wanted_at AND e.topic = 'orders/create'"
            )
            row = await cursor.fetchone()
            latency = await call_latency(conn, count=int(row[0]) if row else 0)
            outbox = await count_outbox(conn)
    rate = sent.statuses.get(200, 0) / sent.seconds
    return Report(
        bench="propagate",
        figures={
            "orders_per_s": round(rate, 1),
            "p50_ms": round(latency["p50_ms"], 1),
            "p95_ms": round(latency["p95_ms"], 1),
            "p99_ms": round(latency["p99_ms"], 1),
            "numbers_sent": float(latency["intents"]),
            "calls": float(outbox["calls"]),
        },
        bare={"orders_per_s": float(_ORDERS_PER_S)},
        ratio=round(rate / _ORDERS_PER_S, 3),
        target=f"p99 from a sale to the call leaving < {P99_MS_MAX} ms at {_ORDERS_PER_S} orders/s",
        passed=latency["p99_ms"] < P99_MS_MAX and latency["intents"] >= orders,
    )


async def _age(session: Session) -> None:
    """Let the shops have been connected long ago: in the first minute each sale asks for a look."""
    async with session.connection() as conn:
        await conn.execute(
            "UPDATE outbox.intent SET said_at = said_at - interval '1 hour',"
            " said_up_at = said_up_at - interval '1 hour',"
            " learned_at = learned_at - interval '1 hour'"
        )


async def _until_settled(session: Session, intents: int) -> None:
    deadline = asyncio.get_running_loop().time() + _TIMEOUT_S
    while asyncio.get_running_loop().time() < deadline:
        async with session.connection() as conn:
            outbox = await count_outbox(conn)
        if outbox["intents"] == intents and not (outbox["due"] or outbox["in_flight"]):
            await asyncio.sleep(0.5)
            return
        await asyncio.sleep(0.2)
    raise TimeoutError("the outbox does not settle")
