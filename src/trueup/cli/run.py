"""The processes: web, worker, scheduler; `serve` runs all three under one roof."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import structlog
import typer
import uvicorn
import uvloop

from trueup.api.app import TrueupApp
from trueup.api.token import load_token
from trueup.cli.session import (
    DONE,
    FOUND_PROBLEMS,
    err,
    out,
    print_json,
    telling_failures,
)
from trueup.config import CONFIG_FILE, Config, load_config, render_default
from trueup.console.routes import console_routes
from trueup.db.database import open_database
from trueup.dropping import Drop
from trueup.errors import ConfigError
from trueup.govern.vault import load_master_key
from trueup.outbox.lines import Lines
from trueup.outbox.wake import Wake
from trueup.process import settle_memory, start_process, stop_processes
from trueup.scheduler import Scheduler
from trueup.session import Session, open_session
from trueup.worker import Worker

_log = structlog.get_logger("trueup.run")

RESTART_DELAY_S = 1.0

Process = Callable[[Session, asyncio.Event], Coroutine[Any, Any, None]]

_CONFIG = typer.Option(None, "--config", help="Path of trueup.toml.")
_PARENT = typer.Option(None, "--parent", hidden=True, help="End when this process is gone.")
PARENT_INTERVAL_S = 0.5


def init(
    folder: Path = typer.Argument(Path(), help="Where trueup.toml shall lie."),
    *,
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Write a trueup.toml with every field explained, and make the master key."""
    with telling_failures(as_json=as_json):
        path = folder / CONFIG_FILE
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("x") as file:
                file.write(render_default())
        except FileExistsError as error:
            raise ConfigError(f"{path} exists already; it was left as it is.") from error
        config = load_config(path)
        load_master_key(config.master_key_path, create=True)
    if as_json:
        print_json({"config": path, "master_key": config.master_key_path})
        return
    out.print(f"Wrote {path}")
    out.print(f"Made the master key {config.master_key_path}: keep a copy away from the backups.")


def web(config_path: Path | None = _CONFIG, parent: int | None = _PARENT) -> None:
    """Take deliveries in and show the console."""
    _run(run_web, config_path, parent)


def worker(config_path: Path | None = _CONFIG, parent: int | None = _PARENT) -> None:
    """Apply events and tell the channels; start as many as you like, on any machine."""
    _run(run_worker, config_path, parent)


def scheduler(config_path: Path | None = _CONFIG, parent: int | None = _PARENT) -> None:
    """Poll, look after webhooks, prove the ledger at night; start as many as you like."""
    _run(run_scheduler, config_path, parent)


def serve(config_path: Path | None = _CONFIG) -> None:
    """Run everything on this machine: database, web, worker and scheduler."""
    with telling_failures(as_json=False):
        config = load_config(config_path)
        configure_logging(config)
        with open_database(config) as conninfo:
            link = uvloop.run(way_in(config, conninfo))
            status = _supervise(link, config_path, ("web", "worker", "scheduler"))
    raise typer.Exit(status)


def _run(process: Process, config_path: Path | None, parent: int | None) -> None:
    with telling_failures(as_json=False):
        config = load_config(config_path)
        configure_logging(config)
        with open_database(config) as conninfo:
            uvloop.run(run_until_told(config, conninfo, process, parent=parent))


async def run_until_told(
    config: Config, conninfo: str, process: Process, *, parent: int | None = None
) -> None:
    """Run one process until it gets SIGTERM or SIGINT, or its parent is gone."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watching = asyncio.create_task(_watch_parent(parent, stop))
    try:
        session = await open_session(config, conninfo)
        settle_memory()
        await process(session, stop)
    finally:
        watching.cancel()


async def _watch_parent(parent: int | None, stop: asyncio.Event) -> None:
    while parent is not None and not stop.is_set():
        if os.getppid() != parent:
            stop.set()
        await asyncio.sleep(PARENT_INTERVAL_S)


async def run_web(session: Session, stop: asyncio.Event) -> None:
    """Serve HTTP until told to stop; requests in flight are answered first."""
    config = session.config
    app = TrueupApp(
        session.conninfo,
        session.hub,
        body_bytes_max=config.web.body_bytes_max,
        token=load_token(config.data_dir),
        door=session.door(),
        issuer=session.issuer(),
        routes=console_routes(config.journals),
    )
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=config.web.host,
            port=config.web.port,
            http="httptools",
            loop="uvloop",
            access_log=False,
            log_config=None,
            log_level="warning",
            server_header=False,
            date_header=False,
            lifespan="on",
            proxy_headers=bool(config.web.proxies),
            forwarded_allow_ips=list(config.web.proxies),
            timeout_graceful_shutdown=3,
        )
    )
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    serving = asyncio.create_task(server.serve())
    told = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, told}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    told.cancel()
    await serving


async def run_worker(session: Session, stop: asyncio.Event) -> None:
    """Apply events and tell the channels until told to stop."""
    config, wake = session.config.worker, Wake()
    worker_ = Worker(
        session.conninfo,
        session.hub,
        ttl_s=config.lease_ttl_s,
        batch_events_max=config.batch_events_max,
        wake=wake,
    )
    lines = Lines(session.conninfo, session.hub, wake=wake)
    await asyncio.gather(worker_.run(stop), lines.run(stop))


async def run_scheduler(session: Session, stop: asyncio.Event) -> None:
    """Do what is due by time until told to stop; of several schedulers one works.

    Each looks into the drop folder of its own machine.
    """
    drop = Drop(session.conninfo, session.hub, session.config.data_dir / "drop")
    await asyncio.gather(Scheduler(session.conninfo, session.hub).run(stop), drop.run(stop))


def _supervise(link: str, config_path: Path | None, names: tuple[str, ...]) -> int:
    """Keep the processes up until told to stop; one that dies is started again."""
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: told.append(received))
    running = {name: start_process(name, config_path) for name in names}
    err.print(link, soft_wrap=True)
    while not told:
        time.sleep(0.1)
        for name, child in running.items():
            if child.poll() is not None and not told:
                _log.error("process_died", process=name, status=child.returncode)
                time.sleep(RESTART_DELAY_S)
                running[name] = start_process(name, config_path)
    return DONE if stop_processes(running.values()) else FOUND_PROBLEMS


async def way_in(config: Config, conninfo: str) -> str:
    """Return where the console is; as long as nobody is a member, the first owner's link too."""
    session = await open_session(config, conninfo)
    address = address_of(config)
    async with session.connection() as conn:
        secret = await session.door().first_link(conn)
    if secret is None:
        return f"Console: {address}"
    return f"You are the first: become the owner here, once: {address}/first-run/{secret}"


def address_of(config: Config) -> str:
    """Return where the console is reached on this machine."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared, not bound
    host = config.web.host
    shown = everywhere.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{config.web.port}"


def configure_logging(config: Config) -> None:
    """Log to standard error as text for people or JSON for machines."""
    levels = {"debug": 10, "info": 20, "warning": 30, "error": 40}
    renderer = (
        structlog.processors.JSONRenderer()
        if config.log.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(levels[config.log.level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
