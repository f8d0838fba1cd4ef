"""`trueup dead`: parked events and intents that were given up, by their causes."""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from trueup.cli.options import ConfigOption, CountOption, JsonOption, YesOption
from trueup.cli.session import DONE, FOUND_PROBLEMS, out, print_json, run
from trueup.errors import ConfigError
from trueup.intake.park import discard_parked, requeue_parked
from trueup.intake.reads import list_clusters, list_parked
from trueup.outbox.reads import list_dead, revive_dead
from trueup.session import Session

dead = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Parked events and intents that were given up: list, retry, discard.",
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


@dead.command("list")
def list_(
    count: CountOption = 100, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """List parked events by cause, and dead intents; ends with 1 where there are any."""

    async def work(session: Session) -> dict[str, Any]:
        async with session.connection() as conn:
            return {
                "clusters": await list_clusters(conn),
                "events": await list_parked(conn, count=count),
                "intents": await list_dead(conn, count=count),
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
    everything: AllOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Put parked events back on the queue, and dead intents back to work."""

    async def work(session: Session) -> dict[str, int]:
        _check_choice(event, cluster, sku, everything=everything)
        events: list[int] = []
        intents: list[dict[str, Any]] = []
        async with session.connection() as conn:
            if event or cluster or everything:
                events = await requeue_parked(conn, event_ids=event, cluster=cluster)
            if sku or everything:
                intents = await revive_dead(conn, skus=sku)
        return {"events": len(events), "intents": len(intents)}

    done = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"retried": done})
    else:
        out.print(f"Retrying {done['events']} events and {done['intents']} intents.")


@dead.command()
def discard(
    event: EventOption = None,
    cluster: ClusterOption = None,
    everything: AllOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Give parked events up; they stay in the log, without effect."""

    async def work(session: Session) -> int:
        _check_choice(event, cluster, None, everything=everything)
        async with session.connection() as conn:
            return len(await discard_parked(conn, event_ids=event, cluster=cluster))

    if not yes and not as_json:
        typer.confirm("Give them up? They will never have an effect", abort=True, err=True)
    done = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"discarded": {"events": done}})
    else:
        out.print(f"Discarded {done} events.")


def _check_choice(
    event: list[int] | None, cluster: str | None, sku: list[str] | None, *, everything: bool
) -> None:
    chosen = [bool(event), bool(cluster), bool(sku), everything]
    if not any(chosen):
        raise ConfigError("Say which: --event, --cluster, --sku or --all.")
    if everything and any(chosen[:3]):
        raise ConfigError("--all leaves nothing to choose: say it alone.")
