"""`trueup demo`: a busy day of two shops that share one stock, with faults, and the proof."""

import fcntl
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
import uvloop
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from trueup.cli.run import configure_logging, way_in
from trueup.cli.session import DONE, FOUND_PROBLEMS, err, out, print_json, telling_failures
from trueup.config import Config, load_config
from trueup.db.database import open_database
from trueup.demo.play import Outcome, Play
from trueup.errors import ConfigError
from trueup.port import free_port, wait_for_port
from trueup.process import Child, start_process, stop_processes
from trueup.sandbox.shopify.day import BusyDay
from trueup.session import open_session

_FOLDER = Path(".trueup") / "demo"
_MARK = "made-by-trueup-demo"


def demo(
    *,
    orders: int = typer.Option(400, min=10, max=20_000, help="Checkouts over the day."),
    skus: int = typer.Option(30, min=2, max=500, help="Articles that both shops sell."),
    seconds: float = typer.Option(12.0, min=1, max=600, help="How long the day takes."),
    seed: int = typer.Option(7, help="The same seed gives the same day."),
    keep: bool | None = typer.Option(
        None, "--keep/--no-keep", help="Leave the console open (default: on a terminal)."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Play a busy day: two sandbox shops, one stock, webhooks lost and repeated; then the proof."""
    staying = sys.stdout.isatty() and not as_json if keep is None else keep
    day = BusyDay(seed=seed, orders=orders, skus=skus)
    children: list[Child] = []
    with telling_failures(as_json=as_json), _alone(_FOLDER):
        config, path = _prepare(_FOLDER)
        configure_logging(config)
        with open_database(config) as conninfo:
            try:
                outcome = uvloop.run(
                    _play(config, path, conninfo, children, day=day, seconds=seconds)
                )
                _show(outcome, as_json=as_json)
                if staying:
                    _stay(uvloop.run(way_in(config, conninfo)))
            finally:
                stop_processes(children)
    raise typer.Exit(DONE if outcome.holds else FOUND_PROBLEMS)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other demos out of the folder while inside: each begins by removing it.

    Raises:
        ConfigError: another demo is open there.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                f"A demo is open in {folder} already. End it with Ctrl+C in its terminal, or look "
                "at its console; then try again."
            ) from error
        yield


def _prepare(folder: Path) -> tuple[Config, Path]:
    """Make a fresh folder for the demo; only one that the demo itself made is removed."""
    if folder.exists():
        if not (folder / _MARK).exists():
            raise ConfigError(f"{folder} was not made by the demo; move it away and try again.")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / _MARK).touch()
    path = (folder / "trueup.toml").absolute()
    web = f"[web]\nport = {free_port()}\n"
    path.write_text(f'data_dir = "data"\n\n{web}\n[log]\nlevel = "error"\n')
    return load_config(path, {}), path


async def _play(
    config: Config,
    path: Path,
    conninfo: str,
    children: list[Child],
    *,
    day: BusyDay,
    seconds: float,
) -> Outcome:
    session = await open_session(config, conninfo)
    children += [start_process("web", path), start_process("worker", path)]
    await wait_for_port(config.web.port)
    url = f"http://127.0.0.1:{config.web.port}"
    play = Play(session, hub_url=url, day=day, seconds=seconds)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
    ) as progress:
        task = progress.add_task("Starting", total=1.0)
        return await play.run(
            lambda what, share: progress.update(task, description=what, completed=share)
        )


def _show(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        print_json(outcome)
        return
    table = Table(show_header=False, box=None, padding=(0, 2))
    for name, value in _rows(outcome):
        table.add_row(name, value)
    out.print()
    out.print("[bold]A busy day, two shops, one stock[/]")
    out.print(table)
    out.print()
    for difference in outcome.differences:
        out.print(f"[red]differs[/] {difference}", highlight=False)
    verdict = (
        "[bold green]Proved:[/] nothing lost, the ledger sums to zero, both shops show the truth."
        if outcome.holds
        else "[bold red]Not proved:[/] see the differences above."
    )
    out.print(verdict)


def _rows(outcome: Outcome) -> list[tuple[str, str]]:
    deliveries, latency, proof = outcome.deliveries, outcome.latency, outcome.proof
    repeats = deliveries.get("repeated", 0)
    return [
        ("Steps in the shops", f"{outcome.steps} in {outcome.seconds} s"),
        ("Webhooks queued", f"{deliveries.get('queued', 0)}"),
        (
            "… repeated, reordered, lost",
            f"{repeats}, {deliveries.get('reordered', 0)}, {deliveries.get('dropped', 0)}",
        ),
        ("Events in the log", f"{outcome.events['events']} (each delivery once)"),
        ("Stale versions ignored", f"{outcome.stale}"),
        ("Orders", f"{outcome.records.get('order', 0)} ({outcome.lost} lost)"),
        ("Checkouts refused, sold out", f"{outcome.sold_out}"),
        ("Units oversold by both shops", f"{outcome.oversold_units}"),
        ("Stock calls sent", f"{outcome.outbox['calls']} ({outcome.same_key_repeats} repeats)"),
        (
            "Sale to stock call",
            ", ".join(f"{name} {latency[f'{name}_ms']:.0f} ms" for name in ("p50", "p95", "p99")),
        ),
        ("Parked events", f"{outcome.events['parked']}"),
        (
            "Ledger",
            f"{proof.transactions} transactions, {proof.postings} postings, sum {proof.total}",
        ),
        ("SKUs that differ anywhere", f"{len(outcome.differences)}"),
    ]


def _stay(link: str) -> None:
    err.print("The console stays open until Ctrl+C.")
    err.print(link, soft_wrap=True)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        err.print("Stopping.")
