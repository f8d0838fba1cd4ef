"""`trueup bench intake`: durable acknowledgements of signed 4 KB order webhooks."""

from trueup.bench.load import LoadResult, send_flood, send_paced, signed_orders
from trueup.bench.report import Report, quantile
from trueup.bench.stage import (
    SECRET,
    Stage,
    add_connection,
    bare_process,
    open_stage_session,
    process,
)
from trueup.errors import invariant
from trueup.port import free_port

ACKS_PER_S_MIN = 3000
RATIO_MIN = 0.6
PACED_PER_S = 200
PACED_P99_MS_MAX = 100


async def run(stage: Stage, *, requests: int = 30_000) -> Report:
    """Flood the hub and the bare loop with the same requests, one after the other."""
    session = await open_stage_session(stage)
    await add_connection(session, "bench")
    port = stage.config.web.port
    flood = signed_orders(requests, secret=SECRET, path="/hooks/bench")
    warm = signed_orders(2000, secret=SECRET, path="/hooks/bench", first=10_000_001)
    paced = signed_orders(2000, secret=SECRET, path="/hooks/bench", first=20_000_001)
    async with process(stage, "web", port=port):
        warmed = await send_flood(port, warm)
        ours = await send_flood(port, flood)
        calm = await send_paced(port, paced, per_s=PACED_PER_S)
    async with session.connection() as conn:
        cursor = await conn.execute("SELECT count(*) FROM intake.event")
        row = await cursor.fetchone()
    stored = int(row[0]) if row else 0
    acknowledged = sum(result.statuses.get(200, 0) for result in (warmed, ours, calm))
    invariant(stored == acknowledged, f"{acknowledged} acknowledged, {stored} stored")
    bare_port = free_port()
    async with bare_process(stage, "trueup.bench.bare_intake", bare_port):
        await send_flood(bare_port, warm)
        bare = await send_flood(bare_port, flood)
    return _report(ours, calm, bare)


def _report(ours: LoadResult, calm: LoadResult, bare: LoadResult) -> Report:
    ratio = ours.acks_per_s / bare.acks_per_s
    calm_p99_ms = quantile(calm.latencies_ms, 0.99)
    figures = {
        "acks_per_s": round(ours.acks_per_s, 1),
        "p50_ms": round(quantile(ours.latencies_ms, 0.50), 2),
        "p99_ms": round(quantile(ours.latencies_ms, 0.99), 2),
        "p99_ms_at_200_per_s": round(calm_p99_ms, 2),
        "not_acknowledged": float(sum(n for s, n in ours.statuses.items() if s != 200)),
    }
    passed = (
        ours.acks_per_s >= ACKS_PER_S_MIN and ratio >= RATIO_MIN and calm_p99_ms < PACED_P99_MS_MAX
    )
    return Report(
        bench="intake",
        figures=figures,
        bare={
            "acks_per_s": round(bare.acks_per_s, 1),
            "p99_ms": round(quantile(bare.latencies_ms, 0.99), 2),
        },
        ratio=round(ratio, 3),
        target=f">= {ACKS_PER_S_MIN} acks/s, ratio >= {RATIO_MIN}, p99 < {PACED_P99_MS_MAX} ms at "
        f"{PACED_PER_S}/s",
        passed=passed,
    )
