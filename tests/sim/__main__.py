"""`python -m tests.sim [--world spine] [--seeds N | --seed S]`: plays worlds, ends in one JSON line.

spine    processes are killed at any moment, over the loopback: half a minute a seed
stock    brands with several channels on a clock of the world: part of a second a seed
racers   fifty sellers race for the last unit, and for a kit and its parts: SEEDS is rounds
flash    a flash sale under each policy, and the table and chart of docs/flash-sale.md
year     a year of trade with silent failures planted in it, and the same year without: what the
         checks miss, misjudge or say in vain; `--days 365 --orders 20000 --drifts 5000` is whole
contacts rules write to customers of many zones, who change their minds, by a mail server that is
         away: what was sent twice, at night, over a cap, against consent or for nothing;
         `--days 90 --customers 10000 --orders 300` (wishes a day) is whole
restock  a brand's year, reordered by the rule and by the mean of 13 weeks, and the table and chart
         of docs/restock.md; `--days 365 --skus 60 --seeds 3` is whole
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tests.sim.contacts.play import play as contacts
from tests.sim.flash import report
from tests.sim.racers import KIT, KIT_CARTS, race
from tests.sim.restock import play as restock
from tests.sim.spine import run_seed
from tests.sim.stock.jobs import play_seeds
from tests.sim.year.play import look, trade
from tests.support.database import ensure_template, fresh_database, run_server

PROGRESS_SEEDS = 25
RIGHT_SHARE_MIN = 0.95


def main() -> int:
    """Play the seeds and print one JSON line."""
    parser = argparse.ArgumentParser(prog="make sim")
    parser.add_argument(
        "--world",
        default="spine",
        choices=["spine", "stock", "racers", "flash", "year", "contacts", "restock"],
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--first", type=int, default=1, help="the first seed of --seeds")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side (stock)")
    parser.add_argument("--orders", type=int, default=700)
    parser.add_argument("--days", type=int, default=60, help="how long the year is (year)")
    parser.add_argument("--drifts", type=int, default=420, help="how many are planted (year)")
    parser.add_argument("--customers", type=int, default=300, help="(contacts)")
    parser.add_argument("--skus", type=int, default=20, help="(restock)")
    parser.add_argument("--review-days", type=int, default=restock.REVIEW_DAYS, help="(restock)")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--kill-every-s", type=float, default=2.0)
    given = parser.parse_args()
    if given.world in {"racers", "flash"}:
        return _figures(given)
    seeds = list(range(given.first, given.first + given.seeds))
    if given.seed is not None:
        seeds = [given.seed]
    worlds = {"stock": _stock, "year": _year, "contacts": _contacts, "restock": _restock}
    play = worlds.get(given.world, _spine)
    totals = {"seeds": 0, "steps": 0, "faults": 0, "delivered": 0, "lost": 0, "applied_twice": 0}
    broken: list[str] = []
    for figures, faults in play(given, seeds):
        for name in totals:
            totals[name] += figures[name]
        broken += faults
    print(json.dumps(totals | {"invariants_broken": broken}))
    bad = broken or totals["lost"] or totals["applied_twice"] or not totals["faults"]
    return 1 if bad else 0


def _spine(given: Any, seeds: list[int]) -> Iterator[tuple[dict[str, int], list[str]]]:
    for seed in seeds:
        began = time.monotonic()
        result = run_seed(
            seed, orders=given.orders, seconds=given.seconds, kill_every_s=given.kill_every_s
        )
        print(f"seed {seed}: {time.monotonic() - began:.1f} s, {result}", file=sys.stderr)
        figures = {name: getattr(result, name) for name in _COUNTED} | {"seeds": 1}
        yield figures, [f"seed {seed}: {what}" for what in result.invariants_broken]


def _year(given: Any, seeds: list[int]) -> Iterator[tuple[dict[str, int], list[str]]]:
    """Play each year twice: with silent failures planted in it, and clean."""
    with tempfile.TemporaryDirectory() as folder, run_server(Path(folder)) as server:
        ensure_template(server)
        for seed in seeds:
            for drifts in (given.drifts, 0):
                year, planted = trade(seed, days=given.days, orders=given.orders, drifts=drifts)
                with fresh_database(server) as conninfo:
                    found = asyncio.run(look(conninfo, year, planted))
                told = msgspec.to_builtins(found) | {"right_share": found.right_share}
                print(f"seed {seed}: {json.dumps(told)}", file=sys.stderr)
                broken = [*found.missed, *found.false_alarms]
                if found.right_share < RIGHT_SHARE_MIN:
                    broken += found.misjudged
                yield (
                    {
                        "seeds": 1,
                        "steps": found.events,
                        "faults": len(planted),
                        "delivered": found.events,
                        "lost": len(found.missed),
                        "applied_twice": 0,
                    },
                    [f"seed {seed}: {what}" for what in broken],
                )


def _contacts(given: Any, seeds: list[int]) -> Iterator[tuple[dict[str, int], list[str]]]:
    """Let rules write to customers, and hold every mail against what is true."""
    with tempfile.TemporaryDirectory() as folder, run_server(Path(folder)) as server:
        ensure_template(server)
        for seed in seeds:
            began = time.monotonic()
            with fresh_database(server) as conninfo:
                world = contacts(
                    conninfo,
                    seed,
                    customers=given.customers,
                    days=given.days,
                    wishes=given.orders,
                )
                found = asyncio.run(world)
            told = json.dumps(found.figures | found.states)
            print(f"seed {seed}: {time.monotonic() - began:.1f} s, {told}", file=sys.stderr)
            twice = [what for what in found.broken if what.endswith(": twice")]
            figures = {"seeds": 1, "steps": found.figures["wishes"], "lost": 0}
            figures |= {"faults": found.figures["faults"], "delivered": found.figures["sent"]}
            figures["applied_twice"] = len(twice)
            yield figures, [f"seed {seed}: {what}" for what in found.broken]


def _restock(given: Any, seeds: list[int]) -> Iterator[tuple[dict[str, int], list[str]]]:
    """Reorder a year in two ways; where the mean of 13 weeks is better, something is broken."""
    found = []
    with tempfile.TemporaryDirectory() as folder, run_server(Path(folder)) as server:
        ensure_template(server)
        for seed in seeds:
            began = time.monotonic()
            with fresh_database(server) as conninfo:
                world = restock.play(
                    conninfo,
                    seed,
                    skus=given.skus,
                    days=given.days,
                    review_days=given.review_days,
                )
                replay, sold = asyncio.run(world)
            found.append(replay)
            print(f"seed {seed}: {time.monotonic() - began:.1f} s, {sold} orders", file=sys.stderr)
            print(f"{replay.sentence}\n{restock.table(replay)}", file=sys.stderr)
            # Nothing is broken on the way here: what is counted as a fault is a sale that was missed.
            figures = {"seeds": 1, "steps": sold, "delivered": sold, "lost": 0, "applied_twice": 0}
            figures["faults"] = int(dict(replay.beside[0].figures)["missed, units"])
            yield figures, [f"seed {seed}: {what}" for what in restock.worse(replay)]
    restock.chart(found, "docs/images/restock.svg")


def _figures(given: Any) -> int:
    """Play a world that is about figures, and print them in the same line as the others."""
    if given.world == "flash":
        found = report.main(given.seeds)
        sales = sum(len(outcomes) for outcomes in found.values())
        line = _EMPTY | {"seeds": given.seeds, "steps": sales}
    else:
        with tempfile.TemporaryDirectory() as folder, run_server(Path(folder)) as server:
            ensure_template(server)
            races = []
            for carts, kits in (((("LAST",),), {}), (KIT_CARTS, KIT)):
                with fresh_database(server) as conninfo:
                    races.append(asyncio.run(race(conninfo, given.seeds, carts=carts, kits=kits)))
        print(*races, sep="\n", file=sys.stderr)
        line = _EMPTY | {
            "seeds": sum(each.rounds for each in races),
            "steps": sum(each.asked for each in races),
            "delivered": sum(each.asked for each in races),
            "invariants_broken": [
                *(what for each in races for what in each.wrong),
                *(f"available fell to {each.lowest}" for each in races if each.lowest < 0),
            ],
        }
    print(json.dumps(line))
    return 1 if line["invariants_broken"] else 0


_EMPTY: dict[str, Any] = {
    "seeds": 0,
    "steps": 0,
    "faults": 0,
    "delivered": 0,
    "lost": 0,
    "applied_twice": 0,
    "invariants_broken": [],
}
_COUNTED = ("steps", "faults", "delivered", "lost", "applied_twice")


def _stock(given: Any, seeds: list[int]) -> Iterator[tuple[dict[str, int], list[str]]]:
    began = time.monotonic()
    for number, result in enumerate(play_seeds(seeds, jobs=given.jobs), 1):
        broken = []
        if result.broken:
            broken = [f"seed {result.seed}, step {result.steps}: {result.broken}"]
            print(broken[0], *result.story, sep="\n", file=sys.stderr)
        if number % PROGRESS_SEEDS == 0 or number == len(seeds):
            each = (time.monotonic() - began) / number
            print(f"{number} of {len(seeds)} seeds, {each:.2f} s each", file=sys.stderr)
        figures = {name: getattr(result, name) for name in _COUNTED if name != "faults"}
        yield figures | {"seeds": 1, "faults": sum(result.faults.values())}, broken


if __name__ == "__main__":
    sys.exit(main())
