"""`trueup replay`: does the log still say what is stored?"""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from trueup.cli.options import ConfigOption, JsonOption
from trueup.cli.session import DONE, FOUND_PROBLEMS, out, print_json, run
from trueup.errors import ConfigError
from trueup.replay import Replayed, replay_log
from trueup.session import Session


def replay(
    shadow: Annotated[
        bool, typer.Option("--shadow/--no-shadow", help="In memory, beside what is stored.")
    ] = True,
    diff: Annotated[bool, typer.Option("--diff/--no-diff", help="Show what differs.")] = True,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Map and merge the whole log again and compare it with what is stored; changes nothing.

    Ends with 1 where something differs: after a change of a mapping, or of rules.
    """

    async def work(session: Session) -> Replayed:
        if not shadow:
            raise ConfigError("A replay never writes over what is stored: leave out --no-shadow.")
        async with session.connection() as conn:
            return await replay_log(conn, session.hub)

    found = run(work, config_path=config, as_json=as_json)
    if not diff:
        found.differences = []
    if as_json:
        print_json(found)
    else:
        told = f"{found.events} events, {found.entities} entities, {found.records} records"
        out.print(f"{told}; {found.dark} dark, {found.skipped} counts not compared")
        if found.differences:
            table = Table("what", "record", "stored", "by the log")
            for each in found.differences:
                table.add_row(
                    each.what, *(escape(cell) for cell in (each.ref, each.stored, each.replayed))
                )
            out.print(table)
        out.print(f"{found.differing} differ." if found.differing else "[green]All the same.[/]")
    raise typer.Exit(FOUND_PROBLEMS if found.differing else DONE)
