"""`trueup reservations`: orders that hold units and may never take them."""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from trueup.cli.options import ConfigOption, CountOption, JsonOption
from trueup.cli.session import out, print_json, run
from trueup.kernel.clock import SystemClock
from trueup.reconcile.suspects import list_suspects, release_suspect
from trueup.session import Session

reservations = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="What orders hold.",
)
phantoms = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Orders that hold units and may never take them: list, release.",
)
reservations.add_typer(phantoms, name="phantoms")


@phantoms.command("list")
def list_(
    count: CountOption = 100,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List them: those with a cause first, then the oldest.

    What facts prove is released by itself. The rest waits for a person, and so does what is only
    old: its cause is empty until something shows one.
    """

    async def work(session: Session) -> list[dict[str, Any]]:
        names = session.hub.names()
        async with session.connection() as conn:
            rows = await list_suspects(conn, count=count)
        return [_told(row, names) for row in rows]

    rows = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"phantoms": rows})
        return
    table = Table("number", "order", "connection", "units", "cause", "state", "evidence")
    for row in rows:
        units = ", ".join(f"{count} {sku}" for sku, count in row["units"].items())
        cells = (row["order"], row["connection"], units, row["cause"] or "")
        lines = "\n".join(row["evidence"])
        table.add_row(
            str(row["number"]), *(escape(cell) for cell in cells), row["state"], escape(lines)
        )
    out.print(table if rows else "No order holds units for longer than is usual.")


@phantoms.command()
def release(
    number: Annotated[int, typer.Argument(help="Its number in `phantoms list`.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be released, and do nothing.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Let go what an order holds; what the order's vendor tells later counts all the same."""

    async def work(session: Session) -> dict[str, Any]:
        names = session.hub.names()
        async with session.connection() as conn:
            rows = await list_suspects(conn, record_id=number)
            told = _told(rows[0], names) if rows else {}
            event_id = None
            if not dry_run or not rows:
                event_id = await release_suspect(
                    conn, session.hub, number, SystemClock().now(), by="person"
                )
        return {**told, "event_id": event_id}

    told = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json(told)
        return
    units = ", ".join(f"{count} {sku}" for sku, count in told["units"].items())
    verb = "would release" if dry_run else "released"
    out.print(f"{verb} {escape(units)} of {escape(told['order'])}", highlight=False)


def _told(row: dict[str, Any], names: dict[int, str]) -> dict[str, Any]:
    state = "released" if row["told_at"] is not None else "proposed"
    return {
        "number": row["record_id"],
        "order": row["number"],
        "ref": row["ref"],
        "connection": names.get(row["connection_id"], "removed"),
        "placed_at": row["placed_at"],
        "units": row["units"],
        "cause": row["cause"],
        "state": state if row["cause"] is not None else "watched",
        "proven": row["proven"],
        "evidence": row["evidence"],
        "asked_at": row["asked_at"],
    }
