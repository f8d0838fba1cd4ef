"""Workers share the partitions by leases: dead, hung and cut-off ones lose theirs within seconds."""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.support.database import ask
from tests.support.spine import KEY, Spine, open_spine
from trueup.db.account import choose_account, plan_launch
from trueup.db.database import prepare_database
from trueup.db.embedded import EmbeddedServer
from trueup.db.pool import connect
from trueup.kernel.limits import PARTITIONS
from trueup.ledger.proof import prove_ledger
from trueup.process import Child, start_process, stop_processes

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

TAKEOVER_S_MAX = 5.0
ORDERS = 400


def configure(folder: Path, conninfo: str) -> Path:
    """Write the configuration of a host: its own folder, the common database and master key."""
    folder.mkdir()
    key = folder / "master.key"
    key.write_text(KEY.hex())
    key.chmod(0o600)
    path = folder / "trueup.toml"
    path.write_text(
        f'data_dir = "data"\nmaster_key_file = "{key}"\n[database]\nurl = "{conninfo}"\n'
        '[log]\nlevel = "error"\n'
    )
    return path


class Leases:
    """Who holds which partition, asked of the database again and again."""

    def __init__(self, spine: Spine) -> None:
        self.spine = spine
        self.samples = 0
        self.broken: list[str] = []

    async def holders(self) -> dict[int, int]:
        """Return the session of each partition that is held."""
        rows = await self.spine.rows(
            "SELECT objid::int, pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND classid = 64001 AND objsubid = 2 AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        self.samples += 1
        if len({partition for partition, _ in rows}) != len(rows):
            self.broken.append(f"two sessions hold one partition: {rows}")
        return dict(rows)

    async def until(self, *, sessions: int, without: frozenset[int] = frozenset()) -> float:
        """Wait until so many sessions, and none of `without`, hold everything; returns seconds."""
        began = time.monotonic()
        while time.monotonic() - began < 30:
            holders = await self.holders()
            owners = set(holders.values())
            if len(holders) == PARTITIONS and len(owners) == sessions and not owners & without:
                return time.monotonic() - began
            await asyncio.sleep(0.02)
        pytest.fail(f"after 30 s the partitions are held so: {await self.holders()}")


@asynccontextmanager
async def crew(spine: Spine, path: Path, count: int) -> AsyncIterator[tuple[list[Child], Leases]]:
    """Run worker processes; gives them with all partitions held."""
    children = [start_process("worker", path) for _ in range(count)]
    leases = Leases(spine)
    try:
        await leases.until(sessions=count)
        yield children, leases
    finally:
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGCONT)
        await asyncio.to_thread(stop_processes, children, timeout_s=5)


async def until_applied(spine: Spine, *, timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while await spine.one("SELECT count(*) FROM intake.queue"):
        assert time.monotonic() < deadline, "the queue does not empty"
        await asyncio.sleep(0.05)


async def feed(spine: Spine, *, first: int = 1, orders: int = ORDERS) -> None:
    """Append orders, and of every third an older and a newer version."""
    events = []
    for n in range(first, first + orders):
        events.append(spine.order(n, "TEE", "CAP"))
        if n % 3 == 0:
            for second in (59, 30):
                stamp = f"2026-03-02T10:00:{second}-05:00"
                events.append(spine.order(n, "TEE", updated_at=stamp, note=f"at {second}"))
    for start in range(0, len(events), 100):
        await spine.append(*events[start : start + 100])


async def assert_exact(spine: Spine, orders: int) -> None:
    """Each event was applied once, and the newest version of each order counts."""
    assert await spine.parked() == []
    events = await spine.one("SELECT count(*) FROM intake.event WHERE topic LIKE 'orders/%'")
    versions = await spine.one("SELECT sum(versions)::int FROM records.record WHERE kind = 'order'")
    assert versions == events
    thirds = orders // 3
    assert (await spine.stock("TEE"))["reserved"] == orders
    assert (await spine.stock("CAP"))["reserved"] == orders - thirds
    assert (await prove_ledger(spine.conn)).holds


async def test_a_killed_worker_loses_its_partitions_at_once(
    database_url: str, tmp_path: Path
) -> None:
    """Three processes share the work; one is killed while it works."""
    async with open_spine(database_url) as spine:
        path = configure(tmp_path / "host", database_url)
        async with crew(spine, path, 3) as (children, leases):
            await feed(spine)
            children[0].kill()
            took_s = await leases.until(sessions=2)
            print(f"a killed worker's partitions were taken over after {took_s:.2f} s")
            assert took_s < TAKEOVER_S_MAX
            await until_applied(spine)
            # A new one gets its share.
            children.append(start_process("worker", path))
            await leases.until(sessions=3)
            assert leases.broken == []
        await assert_exact(spine, ORDERS)


async def test_a_hung_worker_loses_its_partitions_and_can_not_write_any_more(
    database_url: str, tmp_path: Path
) -> None:
    """It stops in the middle of a batch; when it goes on, the batch is another's already."""
    async with open_spine(database_url) as spine:
        await spine.take(spine.movement("o", "opening", "TEE", 10))
        path = configure(tmp_path / "host", database_url)
        async with crew(spine, path, 2) as (children, leases):
            hung = await _hang_in_a_batch(spine, children)
            sessions = frozenset(await _busy_sessions(spine))
            began = time.monotonic()
            await _unlock(spine)
            await leases.until(sessions=1)
            took_s = time.monotonic() - began
            print(f"a hung worker's partitions were taken over after {took_s:.2f} s")
            assert took_s < TAKEOVER_S_MAX + 1
            await until_applied(spine)
            assert (await spine.stock("TEE"))["reserved"] == 1
            os.kill(hung.pid, signal.SIGCONT)
            await leases.until(sessions=2, without=sessions)
            await feed(spine, first=10, orders=60)
            await until_applied(spine)
            assert leases.broken == []
        assert (await spine.stock("TEE"))["reserved"] == 61
        assert await spine.parked() == []
        assert (await prove_ledger(spine.conn)).holds


async def _hang_in_a_batch(spine: Spine, children: list[Child]) -> Child:
    """Hold what a batch needs, let a worker run into it, and stop that worker there."""
    spine.holder = await connect(spine.conninfo, application_name="holder")  # type: ignore[attr-defined]
    holder: Any = spine.holder  # type: ignore[attr-defined]
    await holder.execute("BEGIN")
    await holder.execute("SELECT FROM ledger.balance FOR UPDATE")
    await spine.append(spine.order(1, "TEE"))
    while not await _busy_sessions(spine):  # noqa: ASYNC110 - the database tells no event
        await asyncio.sleep(0.02)
    # Which process it is, nobody tells: stop one after the other until the stopped one is it.
    for child in children:
        os.kill(child.pid, signal.SIGSTOP)
        quiet = await _is_silent(spine, await _busy_sessions(spine))
        if quiet:
            return child
        os.kill(child.pid, signal.SIGCONT)
    pytest.fail("no worker hangs in a batch")


async def _busy_sessions(spine: Spine) -> list[int]:
    rows = await spine.rows(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'trueup-worker'"
        " AND datname = current_database() AND wait_event_type = 'Lock'"
    )
    return [pid for (pid,) in rows]


async def _is_silent(spine: Spine, busy: list[int]) -> bool:
    """Tell whether nobody but the other process's one session goes on talking."""
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'trueup-worker'"
        " AND datname = current_database() AND pid <> ALL(%s)"
        " AND now() - state_change < interval '200 ms'"
    )
    await asyncio.sleep(0.4)
    talking = await spine.one(query, busy)
    return bool(talking == 1)


async def _unlock(spine: Spine) -> None:
    holder: Any = spine.holder  # type: ignore[attr-defined]
    await holder.execute("ROLLBACK")
    await holder.close()


# -- two hosts -------------------------------------------------------------------------------------


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextmanager
def second_host() -> Iterator[tuple[str, str, str]]:
    """Make a network of two hosts; gives the name of the other, our link to it, our address."""
    tag = secrets.token_hex(3)
    name, ours, theirs = f"trueup-{tag}", f"tu{tag}a", f"tu{tag}b"
    net = f"10.{secrets.randbelow(100) + 100}.{secrets.randbelow(250)}"
    ip("netns", "add", name)
    try:
        ip("link", "add", ours, "type", "veth", "peer", "name", theirs)
        ip("link", "set", theirs, "netns", name)
        ip("addr", "add", f"{net}.1/30", "dev", ours)
        ip("link", "set", ours, "up")
        ip("netns", "exec", name, "ip", "addr", "add", f"{net}.2/30", "dev", theirs)
        ip("netns", "exec", name, "ip", "link", "set", theirs, "up")
        yield name, ours, f"{net}.1"
    finally:
        with suppress(subprocess.CalledProcessError):
            ip("link", "del", ours)
        ip("netns", "del", name)


@contextmanager
def listening_server(data_dir: Path, address: str) -> Iterator[tuple[str, str]]:
    """Run a server that listens on the network too; gives both of its addresses.

    The embedded one never does: its files are made by it, and run here by hand.
    """
    server = EmbeddedServer(data_dir)
    conninfo = server.start()
    cluster = server.cluster
    socket_dir = conninfo_to_dict(conninfo)["host"]
    asyncio.run(prepare_database(conninfo))
    server.stop()
    hba = cluster.pgdata / "pg_hba.conf"
    hba.write_text(hba.read_text() + "host all all samenet scram-sha-256\n")
    program = cluster.bin_dir / "postgres"
    folders = [cluster.pgdata, Path(str(socket_dir)), program.parent]
    launch = plan_launch(choose_account(cluster.pgdata), programs=[program], folders=folders)
    command = [*launch.prefix, str(program), f"-D{cluster.pgdata}", f"-k{socket_dir}"]
    with (data_dir / "network.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"-clisten_addresses={address}"],
            stdout=log,
            stderr=log,
            cwd="/",
            user=launch.uid,
            group=launch.gid,
            extra_groups=launch.groups,
        )
    try:
        _until_ready(conninfo)
        yield conninfo, make_conninfo(conninfo, host=address)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)


def _until_ready(conninfo: str) -> None:
    for _ in range(100):
        with suppress(psycopg.OperationalError):
            ask(conninfo, "SELECT 1")
            return
        time.sleep(0.1)
    pytest.fail("the server does not start")


@pytest.mark.netns
def test_a_host_that_is_cut_off_loses_its_partitions(tmp_path: Path) -> None:
    """Its worker lives and its network is gone: no farewell reaches the database."""
    with (
        second_host() as (name, link, address),
        listening_server(tmp_path / "server", address) as (local, remote),
    ):
        asyncio.run(_cut_off(tmp_path, name, link, local, remote))


async def _cut_off(tmp_path: Path, name: str, link: str, local: str, remote: str) -> None:
    async with open_spine(local) as spine:
        leases = Leases(spine)
        here = configure(tmp_path / "here", local)
        there = configure(tmp_path / "there", remote)
        command = ["ip", "netns", "exec", name, sys.executable, "-m", "trueup.cli.main", "worker"]
        away = await asyncio.to_thread(
            subprocess.Popen, [*command, "--config", str(there)], start_new_session=True
        )
        children: list[Child] = [away, start_process("worker", here)]
        try:
            await leases.until(sessions=2)
            remote_sessions = await spine.one(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE application_name = 'trueup-worker' AND client_addr IS NOT NULL"
            )
            assert remote_sessions == 1
            await feed(spine, orders=90)
            await asyncio.to_thread(ip, "link", "set", link, "down")
            took_s = await leases.until(sessions=1)
            print(f"a cut-off host's partitions were taken over after {took_s:.2f} s")
            assert took_s < TAKEOVER_S_MAX
            await until_applied(spine)
            await asyncio.to_thread(ip, "link", "set", link, "up")
            await leases.until(sessions=2)
            assert leases.broken == []
        finally:
            await asyncio.to_thread(stop_processes, children, timeout_s=8)
        await assert_exact(spine, 90)
