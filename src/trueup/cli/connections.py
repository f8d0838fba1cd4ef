"""`trueup connections`: every connection with its health."""

import typer
from rich.markup import escape
from rich.table import Table

from trueup.cli.options import ConfigOption, JsonOption
from trueup.cli.session import DONE, FOUND_PROBLEMS, out, print_json, run
from trueup.kernel.clock import SystemClock
from trueup.pull.health import Condition, Health, read_health
from trueup.session import Session


def connections(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List the connections: when each last told us something, and how its pulls and hooks stand.

    Ends with 1 where one is not healthy.
    """
    found = run(_read, config_path=config, as_json=as_json)
    if as_json:
        print_json({"connections": found})
    else:
        table = Table("name", "connector", "state", "health", "last event", "hooks", "trouble")
        for one in found:
            hooks = f"{one.hooks.registered} at {one.hooks.url}"
            table.add_row(
                one.name,
                one.connector,
                one.state,
                one.health.value,
                _ago(one.last_event_age_s),
                hooks if one.hooks.url else "polls only",
                "\n".join(escape(f"{name}: {why}") for name, why in one.failing.items()),
            )
        out.print(table)
    bad = any(one.health is Condition.FAILING for one in found)
    raise typer.Exit(FOUND_PROBLEMS if bad else DONE)


async def _read(session: Session) -> list[Health]:
    async with session.connection() as conn:
        return await read_health(conn, session.hub, SystemClock().now())


def _ago(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
