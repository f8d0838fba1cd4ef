"""`trueup backfill`: read a shop's history, with a bar that shows how far it is."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from trueup.cli.options import ConfigOption, JsonOption
from trueup.cli.session import DONE, FOUND_PROBLEMS, err, out, print_json, run
from trueup.errors import ConfigError
from trueup.intake.connections import find_account
from trueup.pull import backfill as filling
from trueup.pull.access import open_access
from trueup.session import Session

_WAIT_S = 60.0


def backfill(
    connection: Annotated[str, typer.Argument(help="Name of the connection.")],
    resource: Annotated[
        list[str] | None,
        typer.Option("--resource", help="Only this one; may be given again.", show_default=False),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", help="Only what changed since, such as 2026-01-31."),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Read a connection's history into the log; one that was stopped goes on where it was."""

    async def work(session: Session) -> list[filling.Backfilled]:
        since_at = _instant(since)
        async with session.connection() as conn:
            account = await find_account(conn, session.hub.vault, connection)
        async with AsyncExitStack() as stack:
            access = await stack.enter_async_context(
                open_access(session.conninfo, session.hub, account, wait_s=_WAIT_S)
            )
            names = resource or [each.resource for each in access.folder.manifest.pull]
            bars = stack.enter_context(_bars(quiet=as_json))
            done = []
            for name in names:
                bar = bars.add_task(name, total=None, stage="")

                def tell(now: filling.Progress, bar: TaskID = bar) -> None:
                    bars.update(
                        bar,
                        completed=now.done,
                        total=now.done if now.stage == "done" else now.expected,
                        stage=now.stage,
                    )

                done.append(
                    await filling.backfill(access, name, since_at=since_at, on_progress=tell)
                )
        return done

    done = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"connection": connection, "resources": done})
    else:
        for each in done:
            count = "" if each.complete else f", the vendor counts {each.expected}"
            out.print(f"{each.resource}: {each.done} read, {each.fresh} new ({each.way}){count}")
    raise typer.Exit(DONE if all(each.complete for each in done) else FOUND_PROBLEMS)


def _bars(*, quiet: bool) -> Progress:
    return Progress(
        TextColumn("{task.description:<18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[stage]}"),
        TimeElapsedColumn(),
        console=err,
        disable=quiet,
    )


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            f"--since must be a day or an instant such as 2026-01-31, found {text!r}."
        ) from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
