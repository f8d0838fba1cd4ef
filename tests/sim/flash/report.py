"""Play every policy over many seeds, and write the table and the chart of `docs/flash-sale.md`."""

import asyncio
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.sim.flash.policies import SHARES, Batch, Immediate, Trueup, even
from tests.sim.flash.sale import FLASH_S, Outcome, run_sale
from tests.sim.stock.database import Databases, throwaway_server

NAMES = {
    "a": "(a) batch every 15 minutes",
    "b": "(b) absolute numbers at once",
    "c-compare": "(c) Trueup, vendors that only compare",
    "c-lowers": "(c) Trueup, vendors that compare and lower",
    "c-absolute": "(c) Trueup, vendors that do not",
    "c-shares": "(c) Trueup, and shares set before",
}
LONGEST_S = 20 * 60.0
FIGURES = ("oversold", "unsold", "parity_s", "calls")


async def play(conninfo: str, seeds: Sequence[int]) -> dict[str, list[Outcome]]:
    """Return what each policy came to, by seed."""
    databases = Databases(conninfo)
    found: dict[str, list[Outcome]] = {name: [] for name in NAMES}
    for seed in seeds:
        for name in NAMES:
            shares = SHARES if name == "c-shares" else None
            shows = even(shares)
            policy: Any
            if name == "a":
                # The sale falls anywhere between two batches.
                policy = Batch(first_s=FLASH_S / 2 + (seed * 97 % 900))
            elif name == "b":
                policy = Immediate()
            else:
                conn = await databases.fresh()
                policy = Trueup(
                    conn,
                    compares=name != "c-absolute",
                    lowers=name in {"c-lowers", "c-shares"},
                    shares=shares,
                )
                await policy.begin(shows)
            found[name].append(await run_sale(policy, seed, shows, longest_s=LONGEST_S))
        print(f"seed {seed}: { {n: o[-1] for n, o in found.items()} }", file=sys.stderr)
    await databases.aclose()
    return found


def table(found: dict[str, list[Outcome]]) -> str:
    """Return the table: the median, and from the least to the most."""
    lines = [
        "| | oversold, units | unsold, units | to parity, s | calls |",
        "|---|---|---|---|---|",
    ]
    for name, outcomes in found.items():
        cells = [_cell([float(getattr(o, figure)) for o in outcomes]) for figure in FIGURES]
        lines.append(f"| {NAMES[name]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(values: Sequence[float]) -> str:
    middle = statistics.median(values)
    return f"{middle:,.0f} ({min(values):,.0f} to {max(values):,.0f})"


def chart(found: dict[str, list[Outcome]], path: Path) -> None:
    """Draw what was oversold and what was left, by policy, one point a seed."""
    import altair as alt

    rows = [
        {"policy": NAMES[name], "what": what, "units": getattr(outcome, what)}
        for name, outcomes in found.items()
        for outcome in outcomes
        for what in ("oversold", "unsold")
    ]
    points = (
        alt.Chart(alt.Data(values=rows))
        .mark_point(filled=True, opacity=0.5, size=40)
        .encode(
            x=alt.X("units:Q", title="units", scale=alt.Scale(type="symlog")),
            y=alt.Y(
                "policy:N", title=None, sort=list(NAMES.values()), axis=alt.Axis(labelLimit=300)
            ),
            color=alt.Color("what:N", title=None),
        )
        .properties(width=520, height=180, title="10,000 units, 1,000 orders a second")
    )
    points.save(str(path))


def main(seeds: int) -> dict[str, list[Outcome]]:
    """Play, print the table, and draw."""
    with throwaway_server() as conninfo:
        found = asyncio.run(play(conninfo, range(1, seeds + 1)))
    chart(found, Path("docs/images/flash-sale.svg"))
    print(table(found), file=sys.stderr)
    return found
