"""A stage for benchmarks: a fresh embedded database and the hub's own processes on it."""

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec

from trueup.config import Config, load_config
from trueup.db.database import open_database
from trueup.intake.connections import create_connection, load_accounts
from trueup.port import free_port, wait_for_port
from trueup.process import Child, start_process, stop_processes
from trueup.session import Session, open_session

SECRET = "bench-secret-0123456789"  # noqa: S105 - signs made-up orders of a database that is thrown away


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """Where a benchmark plays."""

    config: Config
    config_path: Path
    conninfo: str


@contextmanager
def open_stage(*, url: str | None = None) -> Iterator[Stage]:
    """Give a stage with a fresh database; everything on it is gone afterwards.

    Args:
        url: of an empty database to use instead of the embedded one.
    """
    with tempfile.TemporaryDirectory(prefix="trueup-bench-") as folder:
        path = Path(folder) / "trueup.toml"
        database = f'\n[database]\nurl = "{url}"\n' if url else ""
        web = f'[web]\nport = {free_port()}\n[log]\nlevel = "warning"\n'
        path.write_text(f'data_dir = "data"\n{database}\n{web}')
        config = load_config(path, {})
        with open_database(config) as conninfo:
            yield Stage(config=config, config_path=path, conninfo=conninfo)


async def add_connection(session: Session, name: str) -> int:
    """Make a Shopify connection that is signed with `SECRET`."""
    async with session.connection() as conn:
        number = await create_connection(
            conn,
            session.hub.vault,
            name=name,
            connector="shopify",
            settings={"shop_domain": f"{name}.myshopify.com", "stock_location": "1"},
            secrets={"webhook_secret": SECRET},
        )
        accounts = await load_accounts(conn, session.hub.vault)
    session.hub.use_connections(account.connection for account in accounts)
    return number


async def add_own(session: Session) -> int:
    """Make the connection of our own movements."""
    async with session.connection() as conn:
        number = await create_connection(
            conn, session.hub.vault, name="own", connector="manual", settings={}, secrets={}
        )
        accounts = await load_accounts(conn, session.hub.vault)
    session.hub.use_connections(account.connection for account in accounts)
    return number


@asynccontextmanager
async def process(stage: Stage, name: str, *, port: int | None = None) -> AsyncIterator[int]:
    """Run one of the hub's processes; gives its pid."""
    async with _running(start_process(name, stage.config_path), port) as pid:
        yield pid


@asynccontextmanager
async def bare_process(stage: Stage, module: str, port: int) -> AsyncIterator[int]:
    """Run a bare loop."""
    command = [sys.executable, "-m", module, str(port), SECRET]
    child = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: ASYNC220, S603 - our own command
    if child.stdin is not None:
        child.stdin.write(stage.conninfo.encode() + b"\n")
        child.stdin.close()
    async with _running(child, port) as pid:
        yield pid


@asynccontextmanager
async def _running(child: Child, port: int | None) -> AsyncIterator[int]:
    try:
        if port is not None:
            await wait_for_port(port)
        yield child.pid
    finally:
        await asyncio.to_thread(stop_processes, [child])


async def open_stage_session(stage: Stage) -> Session:
    """Migrate the stage's database and open the hub on it."""
    return await open_session(stage.config, stage.conninfo)
