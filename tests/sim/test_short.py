"""One short seed of the spine's world, and that the steps at which processes die still exist."""

import inspect
import subprocess
import sys

import pytest

from tests.sim.crashing import STEPS, WEB_STEPS, WORKER_STEPS
from tests.sim.spine import run_seed


@pytest.mark.timeout(240)
def test_a_short_day_under_fire_ends_in_the_truth() -> None:
    """Two shops, one stock, webhooks astray; web, workers and PostgreSQL are killed in turn."""
    result = run_seed(5, orders=100, seconds=6, kill_every_s=1.2)
    assert result.faults > 0
    assert result.delivered > 100
    assert result.lost == 0
    assert result.applied_twice == 0
    assert result.invariants_broken == []


@pytest.mark.parametrize("step", STEPS)
def test_the_step_still_exists(step: str) -> None:
    owner, name, when = STEPS[step]
    assert inspect.iscoroutinefunction(getattr(owner, name)), f"{owner}.{name} is no more"
    assert when in {"before", "after"}


def test_every_step_can_be_armed() -> None:
    """Armed by name in a process of its own, because arming replaces functions for good."""
    assert sorted(WEB_STEPS + WORKER_STEPS) == sorted(STEPS)
    program = "from tests.sim.crashing import STEPS, arm\nfor step in STEPS: arm(step, 1)\nprint(len(STEPS))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) == len(STEPS) >= 12


@pytest.mark.parametrize("numbers", ["1", "2", "3", "4", "5", "8"])
def test_every_numbered_step_of_the_walk_has_a_crash(numbers: str) -> None:
    assert any(step.startswith(numbers) for step in STEPS)
