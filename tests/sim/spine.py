"""The spine's world: two shops, one stock, webhooks astray, and processes that die at any moment."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from tests.sim.crashing import WEB_STEPS, WORKER_STEPS
from trueup.config import Config, load_config
from trueup.db.database import open_database
from trueup.demo.play import SHOPS, Outcome, Play
from trueup.port import free_port, wait_for_port
from trueup.process import Child, start_process, stop_processes
from trueup.sandbox.shopify.day import BusyDay
from trueup.session import open_session

WORKERS = 2


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one seed came to."""

    seed: int
    steps: int
    faults: int
    delivered: int
    lost: int
    applied_twice: int
    invariants_broken: list[str]


class Crew:
    """The hub's processes; each that dies is started again, perhaps to die at a chosen step."""

    def __init__(self, config: Config, path: Path, rng: random.Random) -> None:
        self._config = config
        self._path = path
        self._rng = rng
        self.children: dict[str, Child] = {}
        self.deaths = 0
        self.armed = False

    def start(self) -> None:
        self.children["web"] = start_process("web", self._path)
        for n in range(WORKERS):
            self.children[f"worker {n}"] = start_process("worker", self._path)

    def tend(self) -> None:
        """Start again whatever has died."""
        for name, child in self.children.items():
            if child.poll() is not None:
                self.deaths += 1
                self.children[name] = self._again(name.split()[0])

    def _again(self, kind: str) -> Child:
        if not self.armed or self._rng.random() < 0.3:
            return start_process(kind, self._path)
        step = self._rng.choice(WEB_STEPS if kind == "web" else WORKER_STEPS)
        nth = str(self._rng.randrange(1, 30))
        command = [sys.executable, "-m", "tests.sim.crashing", step, nth, kind]
        return subprocess.Popen([*command, "--config", str(self._path)], start_new_session=True)

    def kill_one(self) -> str:
        """Kill a process, or PostgreSQL itself, without a word."""
        victim = self._rng.choice([*self.children, "postgres"])
        pid = self._postmaster() if victim == "postgres" else self.children[victim].pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        return victim

    def _postmaster(self) -> int | None:
        for pid_file in self._config.data_dir.rglob("postmaster.pid"):
            return int(pid_file.read_text().splitlines()[0])
        return None

    def stop(self) -> None:
        stop_processes(self.children.values())


def run_seed(seed: int, *, orders: int, seconds: float, kill_every_s: float) -> Result:
    """Play one seed from nothing to the proof."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="trueup-sim-") as folder:
        path = Path(folder) / "trueup.toml"
        path.write_text(f'data_dir = "data"\n[web]\nport = {free_port()}\n[log]\nlevel = "error"\n')
        config = load_config(path, {})
        with open_database(config) as conninfo:
            crew = Crew(config, path, rng)
            try:
                return asyncio.run(
                    _run(config, conninfo, crew, seed, orders, seconds, kill_every_s)
                )
            finally:
                crew.stop()


async def _run(
    config: Config,
    conninfo: str,
    crew: Crew,
    seed: int,
    orders: int,
    seconds: float,
    kill_every_s: float,
) -> Result:
    session = await open_session(config, conninfo)
    crew.start()
    await wait_for_port(config.web.port)
    url = f"http://127.0.0.1:{config.web.port}"
    # Enough stock that a longer day goes on selling, little enough that some SKUs run out.
    units = max(60, orders // 6)
    day = BusyDay(seed=seed, orders=orders, skus=25, stock_units=units)
    play = Play(session, hub_url=url, day=day, seconds=seconds)
    busy, over = asyncio.Event(), asyncio.Event()
    kills = 0

    def tell(what: str, _: float) -> None:
        if what == "A busy day":
            busy.set()
        if busy.is_set() and what.startswith("Waiting"):
            over.set()

    async def strike() -> None:
        nonlocal kills
        await busy.wait()
        _watch(play)
        crew.armed = True
        while not over.is_set():
            crew.kill_one()
            kills += 1
            await asyncio.sleep(kill_every_s)
            crew.tend()
        crew.armed = False

    async def tend() -> None:
        while True:
            await asyncio.sleep(0.1)
            crew.tend()

    tasks = [asyncio.create_task(strike()), asyncio.create_task(tend())]
    try:
        outcome = await play.run(tell)
    finally:
        for task in tasks:
            task.cancel()
    lost = await _lost(session, _acknowledged)
    return _result(seed, outcome, crew.deaths + kills, lost)


_acknowledged: set[str] = set()


def _watch(play: Play) -> None:
    """Note every delivery that the hub answered with 200."""
    _acknowledged.clear()
    for handle in SHOPS:
        desk = play.sandbox.shop(handle).desk
        real = desk.answered

        def answered(delivery: Any, status: int | None, now: Any, *, real: Any = real) -> None:
            if status == 200:
                _acknowledged.add(delivery.webhook_id)
            real(delivery, status, now)

        desk.answered = answered  # type: ignore[method-assign]


async def _lost(session: Any, acknowledged: set[str]) -> int:
    async with session.connection() as conn:
        cursor = await conn.execute("SELECT external_id FROM intake.dedupe")
        stored = {external_id for (external_id,) in await cursor.fetchall()}
    return len(acknowledged - stored)


def _result(seed: int, outcome: Outcome, faults: int, lost: int) -> Result:
    broken = []
    if not outcome.proof.holds:
        broken.append(f"ledger: {outcome.proof}")
    broken += [f"differs: {difference}" for difference in outcome.differences]
    if outcome.lost:
        broken.append(f"orders missing: {outcome.lost}")
    if outcome.events["parked"]:
        broken.append(f"parked: {outcome.events['parked']}")
    twice = sum(1 for d in outcome.differences if d.ledger is not None and d.ledger < d.truth)
    return Result(
        seed=seed,
        steps=outcome.steps,
        faults=faults,
        delivered=outcome.deliveries.get("sent", outcome.deliveries.get("queued", 0)),
        lost=lost,
        applied_twice=twice,
        invariants_broken=broken,
    )
