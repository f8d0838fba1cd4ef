"""`trueup brakes`: counts that are held for a person: they would change too much at once."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from trueup.cli.options import ConfigOption, CountOption, JsonOption, YesOption
from trueup.cli.session import DONE, FOUND_PROBLEMS, out, print_json, run
from trueup.errors import ConfigError
from trueup.ledger.brakes import discard_brake, list_brakes, release_brake
from trueup.session import Session

brakes = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Counts that are held because they would empty or inflate a large share of a site.",
)

BrakeArgument = Annotated[int, typer.Argument(metavar="BRAKE", help="Its number, out of `list`.")]


@brakes.command("list")
def list_(
    count: CountOption = 100, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """List held groups with their reasons, and those decided; ends with 1 where any is held."""

    async def work(session: Session) -> list[dict[str, Any]]:
        async with session.connection() as conn:
            rows = await list_brakes(conn, count=count)
        names = session.hub.names()
        return [
            row | {"connection": names.get(row.pop("connection_id"), "removed")} for row in rows
        ]

    found = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"brakes": found})
    elif not found:
        out.print("Nothing is held.")
    else:
        table = Table(*found[0])
        for row in found:
            table.add_row(*(escape(str(value)) for value in row.values()))
        out.print(table)
    held = any(row["state"] == "held" for row in found)
    raise typer.Exit(FOUND_PROBLEMS if held else DONE)


@brakes.command()
def release(brake: BrakeArgument, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Let a group be applied, as of its own instants: what was counted or moved since stays."""

    async def work(session: Session) -> int:
        async with session.connection() as conn:
            return _found(await release_brake(conn, brake, datetime.now(UTC)), brake)

    events = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"released": {"brake": brake, "events": events}})
    else:
        out.print(f"{events} counts are on the queue again.")


@brakes.command()
def discard(
    brake: BrakeArgument,
    yes: YesOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Give a group up: it stays in the log and moves nothing, ever."""

    async def work(session: Session) -> int:
        async with session.connection() as conn:
            return _found(await discard_brake(conn, brake, datetime.now(UTC)), brake)

    if not yes and not as_json:
        typer.confirm("Give it up? It will never have an effect", abort=True, err=True)
    events = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"discarded": {"brake": brake, "events": events}})
    else:
        out.print(f"{events} counts were given up.")


def _found(events: int | None, brake: int) -> int:
    if events is None:
        raise ConfigError(f"No group {brake} is held; `trueup brakes list` shows those that are.")
    return events
