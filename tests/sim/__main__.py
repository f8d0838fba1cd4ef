"""`python -m tests.sim [--world spine] [--seeds N | --seed S]`: plays worlds, ends in one JSON line."""

import argparse
import json
import sys
import time

from tests.sim.spine import run_seed


def main() -> int:
    """Play the seeds and print one JSON line."""
    parser = argparse.ArgumentParser(prog="make sim")
    parser.add_argument("--world", default="spine", choices=["spine"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--orders", type=int, default=700)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--kill-every-s", type=float, default=2.0)
    given = parser.parse_args()
    seeds = [given.seed] if given.seed is not None else list(range(1, given.seeds + 1))
    totals = {"seeds": 0, "steps": 0, "faults": 0, "delivered": 0, "lost": 0, "applied_twice": 0}
    broken: list[str] = []
    for seed in seeds:
        began = time.monotonic()
        result = run_seed(
            seed, orders=given.orders, seconds=given.seconds, kill_every_s=given.kill_every_s
        )
        for name in totals:
            totals[name] += 1 if name == "seeds" else getattr(result, name)
        broken += [f"seed {seed}: {what}" for what in result.invariants_broken]
        print(f"seed {seed}: {time.monotonic() - began:.1f} s, {result}", file=sys.stderr)
    print(json.dumps(totals | {"invariants_broken": broken}))
    bad = broken or totals["lost"] or totals["applied_twice"] or not totals["faults"]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
