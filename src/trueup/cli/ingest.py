"""`trueup ingest`: hand bodies to the hub."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from trueup.canon.record import Record
from trueup.cli.options import ConfigOption, ConnectionOption, JsonOption
from trueup.cli.plain import plain_record
from trueup.cli.session import DONE, FOUND_PROBLEMS, out, print_json, run
from trueup.contract.recognition import split_body
from trueup.errors import ConfigError
from trueup.importing import choose_connection
from trueup.ingest import Handed, Taken, take_in
from trueup.session import Session

_SHOWN_MAX = 50


def ingest(
    connector: Annotated[str, typer.Argument(help="Id of the connector, such as shopify.")],
    topic: Annotated[
        str,
        typer.Argument(help="The vendor's topic, such as orders/create, or a word, such as order."),
    ],
    files: Annotated[
        list[Path],
        typer.Argument(help="Files that hold a raw body each: a webhook, a reply, a record."),
    ],
    connection: ConnectionOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Put raw bodies through the real intake, trusted as local, and show what they became.

    A page of the vendor's API becomes one piece per record. A body that tells by itself what it is
    needs no right topic; of another with an unknown topic, an issue names the known ones.

    Ends with 1 where a body was parked or refused; warnings alone end with 0.
    """

    async def work(session: Session) -> Taken:
        async with session.connection() as conn:
            chosen = await choose_connection(conn, session.hub, connector, connection)
        folder = session.hub.connectors[connector]
        handed = [
            Handed(name=str(path), piece=piece)
            for path, content in read_all(files)
            for piece in split_body(folder, topic, content)
        ]
        return await take_in(session.conninfo, session.hub, chosen, handed)

    tell_taken(run(work, config_path=config, as_json=as_json), as_json=as_json)


def read_all(files: Sequence[Path]) -> list[tuple[Path, bytes]]:
    """Read every file before the first body is taken.

    Raises:
        ConfigError: one can not be read.
    """
    contents = []
    for path in files:
        try:
            contents.append((path, path.read_bytes()))
        except OSError as error:
            raise ConfigError(f"{path} can not be read: {error.strerror}.") from error
    return contents


def tell_taken(taken: Taken, *, as_json: bool) -> None:
    """Show what was taken and what became of it; ends with 1 where something became nothing."""
    if as_json:
        print_json(
            {
                "accepted": taken.accepted,
                "duplicates": taken.duplicates,
                "records": [plain_record(record) for record in taken.records],
                "issues": taken.issues,
                "unhandled": taken.unhandled,
                "events": taken.events,
            }
        )
    else:
        _show(taken)
    bad = any(fate.outcome in {"parked", "refused", "unhandled"} for fate in taken.events)
    raise typer.Exit(FOUND_PROBLEMS if bad else DONE)


def _show(taken: Taken) -> None:
    out.print(f"[bold]{taken.accepted}[/] accepted, {taken.duplicates} duplicates")
    for record in taken.records[:_SHOWN_MAX]:
        out.print(
            f"  [green]{record.kind}[/] {escape(record.ref)} {escape(_gist(record))}",
            highlight=False,
        )
    left = len(taken.records) - _SHOWN_MAX
    if left > 0:
        out.print(f"  … and {left} more records")
    for fate in taken.events:
        if fate.outcome != "record":
            out.print(
                f"  [yellow]{fate.outcome}[/] {escape(fate.name)}: {escape(fate.reason)}",
                highlight=False,
                soft_wrap=True,
            )
    if taken.issues:
        table = Table("severity", "code", "where", "expected", "found", "what to do")
        for issue in taken.issues[:_SHOWN_MAX]:
            table.add_row(
                *(
                    escape(str(issue[column] or ""))
                    for column in (
                        *("severity", "code", "pointer", "expected", "found", "how_to_fix"),
                    )
                )
            )
        out.print(table)
    if taken.unhandled:
        out.print(f"[bold red]{taken.unhandled} unhandled[/]: this is a bug, please report it")


def _gist(record: Record) -> str:
    """Return what a person knows a record by."""
    for name in ("number", "name", "title", "sku"):
        value = getattr(record, name, None)
        if value:
            return str(value)
    return ""
