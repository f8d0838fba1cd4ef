"""`trueup dead`: parked events, and intents and commands that were given up, by their causes."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from trueup.cli.options import ConfigOption, CountOption, JsonOption, SaidByOption, YesOption
from trueup.cli.session import DONE, FOUND_PROBLEMS, out, print_json, run
from trueup.errors import ConfigError
from trueup.intake.park import discard_parked, requeue_parked
from trueup.intake.reads import list_clusters, list_parked
from trueup.outbox.command import discard_commands, list_commands, revive_commands
from trueup.outbox.reads import list_dead, revive_dead
from trueup.session import Session

dead = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Parked events, and intents and commands that were given up: list, retry, discard.",
)

EventOption = Annotated[
    list[int] | None, typer.Option("--event", help="Number of a parked event.", show_default=False)
]
ClusterOption = Annotated[
    str | None,
    typer.Option("--cluster", help="All parked for this cause, as `list` names it."),
]
AllOption = Annotated[bool, typer.Option("--all", help="All of them.")]
SkuOption = Annotated[
    list[str] | None, typer.Option("--sku", help="Intents of this SKU.", show_default=False)
]
CommandOption = Annotated[
    list[str] | None,
    typer.Option("--command", help="A command, by its ref.", show_default=False),
]
_HOPELESS = ("dead", "refused", "unknown")


@dead.command("list")
def list_(
    count: CountOption = 100, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """List parked events by cause, dead intents and commands; ends with 1 where there are any."""

    async def work(session: Session) -> dict[str, Any]:
        async with session.connection() as conn:
            return {
                "clusters": await list_clusters(conn),
                "events": await list_parked(conn, count=count),
                "intents": await list_dead(conn, count=count),
                "commands": await list_commands(conn, states=_HOPELESS, count=count),
            }

    found = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json(found)
    else:
        for title, rows in found.items():
            if not rows:
                continue
            table = Table(*rows[0], title=title, title_justify="left")
            for row in rows:
                table.add_row(*(escape(str(value)) for value in row.values()))
            out.print(table)
        if not any(found.values()):
            out.print("Nothing is parked or dead.")
    raise typer.Exit(FOUND_PROBLEMS if any(found.values()) else DONE)


@dead.command()
def retry(
    event: EventOption = None,
    cluster: ClusterOption = None,
    sku: SkuOption = None,
    command: CommandOption = None,
    everything: AllOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Put parked events back on the queue, and dead intents and commands back to work.

    A command of which nobody knows whether it was done is sent again only when it is named: look
    at the vendor first.
    """

    async def work(session: Session) -> dict[str, int]:
        _check_choice([event, cluster, sku, command], everything=everything)
        events: list[int] = []
        intents: list[dict[str, Any]] = []
        commands: list[dict[str, Any]] = []
        async with session.connection() as conn:
            if event or cluster or everything:
                events = await requeue_parked(conn, event_ids=event, cluster=cluster)
            if sku or everything:
                intents = await revive_dead(conn, skus=sku)
            if command or everything:
                commands = await revive_commands(conn, command)
        return {"events": len(events), "intents": len(intents), "commands": len(commands)}

    done = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"retried": done})
    else:
        counts = ", ".join(f"{count} {what}" for what, count in done.items())
        out.print(f"Retrying {counts}.")


@dead.command()
def discard(
    event: EventOption = None,
    cluster: ClusterOption = None,
    command: CommandOption = None,
    everything: AllOption = False,
    by: SaidByOption = "cli",
    yes: YesOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Give parked events up, or commands by name; they stay in the log, without effect.

    A command that was done by hand, or that the vendor did without our knowing, is discarded too.
    The decision that ordered it ends with it.
    """

    async def work(session: Session) -> dict[str, int]:
        _check_choice([event, cluster, command], everything=everything)
        done = {"events": 0, "commands": 0}
        async with session.connection() as conn:
            if event or cluster or everything:
                done["events"] = len(await discard_parked(conn, event_ids=event, cluster=cluster))
            if command:
                done["commands"] = len(await discard_commands(conn, command, by=by))
        return done

    if not yes and not as_json:
        typer.confirm("Give them up? They will never have an effect", abort=True, err=True)
    done = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"discarded": done})
    else:
        out.print(f"Discarded {done['events']} events and {done['commands']} commands.")


def _check_choice(chosen: Sequence[object], *, everything: bool) -> None:
    if not any(chosen) and not everything:
        raise ConfigError("Say which (--event, --cluster, --command, --sku), or --all.")
    if everything and any(chosen):
        raise ConfigError("--all leaves nothing to choose: say it alone.")
