"""`trueup import`: hand files to the hub, whole or not at all."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from trueup.cli.ingest import read_all, tell_taken
from trueup.cli.options import ConfigOption, ConnectionOption, JsonOption
from trueup.cli.session import DONE, FOUND_PROBLEMS, err, out, print_json, run
from trueup.contract.loader import ConnectorFolder
from trueup.contract.manifest import FileFormat
from trueup.errors import ConfigError
from trueup.importing import (
    Looked,
    choose_connection,
    find_connection,
    format_of,
    keep_columns,
    look_at,
    read_pieces,
)
from trueup.ingest import Handed, Taken, take_in
from trueup.intake.model import Connection
from trueup.kernel.clock import SystemClock
from trueup.session import Session

_SHOWN_MAX = 50
_LONG = 2_000


def import_(
    format_name: Annotated[
        str, typer.Argument(metavar="FORMAT", help="Such as shopify-orders-csv or camt.")
    ],
    files: Annotated[list[Path], typer.Argument(help="Files of this format.")],
    connection: ConnectionOption = None,
    columns: Annotated[
        Path | None,
        typer.Option(
            "--columns",
            help="TOML file: what the columns of a table mean; kept for the next time.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what would be taken, and the files' totals."),
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Import files whole or not at all: one fault in one file, and nothing is taken.

    The fault is told by line, column, what was expected and what was found. Files may also be put
    into the drop folder, <data dir>/drop/<format>/: the scheduler takes them.
    """
    declared = _text_of(columns) if columns is not None else None

    async def look(session: Session) -> Looked:
        folder, form = format_of(session.hub.connectors.values(), format_name)
        async with session.connection() as conn:
            chosen = await find_connection(conn, session.hub, folder.id, connection)
            handed = _handed(folder, form, files, _settings(chosen, form, declared))
            pieces = [each.piece for each in handed]
            return await look_at(conn, folder, chosen, pieces, SystemClock())

    async def take(session: Session) -> Taken:
        folder, form = format_of(session.hub.connectors.values(), format_name)
        async with session.connection() as conn:
            known = await find_connection(conn, session.hub, folder.id, connection)
            handed = _handed(folder, form, files, _settings(known, form, declared))
            chosen = await choose_connection(conn, session.hub, folder.id, connection)
            if declared is not None:
                chosen = await keep_columns(conn, chosen, form, declared)
        if len(handed) < _LONG or as_json:
            return await take_in(session.conninfo, session.hub, chosen, handed)
        return await _take_long(session, chosen, handed)

    if dry_run:
        _tell_looked(run(look, config_path=config, as_json=as_json), as_json=as_json)
    else:
        tell_taken(run(take, config_path=config, as_json=as_json), as_json=as_json)


async def _take_long(session: Session, chosen: Connection, handed: Sequence[Handed]) -> Taken:
    """Take many pieces, and say on the standard error how far it is."""
    with err.status(f"{len(handed)} pieces") as status:

        def progress(stage: str, done: int) -> None:
            status.update(f"{stage} {done} of {len(handed)}")

        return await take_in(session.conninfo, session.hub, chosen, handed, progress=progress)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path} can not be read: {error}") from error


def _settings(chosen: Connection | None, form: FileFormat, declared: str | None) -> dict[str, str]:
    settings = dict(chosen.settings) if chosen is not None else {}
    return settings | ({form.columns: declared} if declared is not None and form.columns else {})


def _handed(
    folder: ConnectorFolder, form: FileFormat, files: Sequence[Path], settings: dict[str, str]
) -> list[Handed]:
    """Read every file; a fault names its file."""
    handed = []
    for path, content in read_all(files):
        try:
            pieces = read_pieces(folder, form, content, settings)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error.message}", **error.context) from error
        handed += [Handed(name=str(path), piece=piece) for piece in pieces]
    return handed


def _tell_looked(looked: Looked, *, as_json: bool) -> None:
    differs = [each for each in looked.sums if each.agrees is False]
    if as_json:
        sums: list[dict[str, Any]] = [
            {
                "of": each.of,
                "name": each.name,
                "lines": each.lines,
                "opening": each.opening,
                "found": each.found,
                "closing": each.closing,
                "agrees": each.agrees,
            }
            for each in looked.sums
        ]
        print_json(
            {
                "would_take": looked.fresh,
                "known": looked.known,
                "kinds": looked.kinds,
                "sums": sums,
                "issues": looked.issues,
            }
        )
    else:
        _show_looked(looked)
    raise typer.Exit(FOUND_PROBLEMS if differs else DONE)


def _show_looked(looked: Looked) -> None:
    out.print(f"[bold]{looked.fresh}[/] would be taken, {looked.known} are known")
    for kind, count in sorted(looked.kinds.items()):
        out.print(f"  {count} [green]{kind}[/]", highlight=False)
    if looked.sums:
        table = Table("of", "lines", "opening", "come to", "closing", "agrees")
        words = {True: "yes", False: "[bold red]no[/]", None: "not told"}
        for each in looked.sums[:_SHOWN_MAX]:
            table.add_row(
                escape(each.name),
                str(each.lines),
                str(each.opening or ""),
                str(each.found),
                str(each.closing or ""),
                words[each.agrees],
            )
        out.print(table)
    for issue in looked.issues[:_SHOWN_MAX]:
        out.print(
            f"  [yellow]{issue.code}[/] {escape(f'{issue.expected}; found {issue.found}')}",
            highlight=False,
            soft_wrap=True,
        )
