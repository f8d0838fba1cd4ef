"""`trueup journals`: the money ledger's days in an accounting system, or as files for one."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from trueup.cli.commands import show_call
from trueup.cli.money import read_day
from trueup.cli.options import (
    ConfigOption,
    CountOption,
    DoOption,
    JsonOption,
    SaidByOption,
)
from trueup.cli.session import DONE, FOUND_PROBLEMS, err, out, print_json, run
from trueup.errors import ConfigError
from trueup.journals.beancount import write_beancount
from trueup.journals.build import name_of
from trueup.journals.model import Draft, Held, JournalState, Line, Plan
from trueup.journals.post import Posted, Said, plan_journals, post_journals, preview_post
from trueup.journals.reads import find_journal, list_journals
from trueup.journals.table import write_table
from trueup.journals.undo import reverse_journal, withdraw_journal
from trueup.session import Session

journals = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="The money ledger's days as journals: look, export, post once, take back.",
)


class Format(StrEnum):
    """As what journals are written."""

    CSV = "csv"
    BEANCOUNT = "beancount"


ThroughOption = Annotated[
    str | None, typer.Option("--through", help="The last day of the ledger; yesterday if none.")
]
SinceOption = Annotated[
    str | None, typer.Option("--since", help="The first day; as configured if none.")
]
NumberArgument = Annotated[str, typer.Argument(help="The journal's number.")]


@journals.command("preview")
def preview(
    through: ThroughOption = None, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Show the journals that are still to be posted, line by line; 1 where some can not be."""

    async def work(session: Session) -> tuple[Plan, dict[int, str]]:
        names = session.hub.names()
        async with session.connection() as conn:
            plan = await plan_journals(
                conn,
                session.config.journals,
                names,
                until=_last_day(through),
                needs="either",
            )
        return plan, names

    plan, names = run(work, config_path=config, as_json=as_json)
    if as_json:
        drafts = [_draft(each, names) for each in plan.drafts]
        print_json({"journals": drafts, "held": _held(plan.held, names)})
    else:
        for each in plan.drafts:
            out.print(_table(each.lines, names, title=_title(each, names)))
        if not plan.drafts and not plan.held:
            out.print("Everything was posted.")
    _end(plan.held, names, as_json=as_json)


@journals.command("export")
def export(
    format_: Annotated[Format, typer.Argument(metavar="FORMAT", help="csv or beancount.")],
    since: SinceOption = None,
    through: ThroughOption = None,
    out_path: Annotated[
        Path | None, typer.Option("--out", help="Into this file, which must not exist yet.")
    ] = None,
    opens: Annotated[
        bool, typer.Option("--opens/--no-opens", help="Beancount: open the accounts, too.")
    ] = True,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Write the journals of days as they stand in the ledger, whatever was posted of them."""

    async def work(session: Session) -> tuple[Plan, dict[int, str], str]:
        names = session.hub.names()
        async with session.connection() as conn:
            plan = await plan_journals(
                conn,
                session.config.journals,
                names,
                until=_last_day(through),
                needs="name" if format_ is Format.BEANCOUNT else "either",
                since=None if since is None else read_day(since),
                whole=True,
            )
        if format_ is Format.BEANCOUNT:
            text = write_beancount(plan.drafts, names, opens=opens)
        else:
            text = write_table(plan.drafts, names)
        if out_path is not None:
            _write_new(out_path, text)
        return plan, names, text

    plan, names, text = run(work, config_path=config, as_json=as_json)
    if as_json:
        shown = {"format": format_.value, "journals": len(plan.drafts)}
        where = {"path": str(out_path)} if out_path is not None else {"text": text}
        print_json(shown | where | {"held": _held(plan.held, names)})
    elif out_path is None:
        typer.echo(text, nl=False)
    else:
        out.print(f"{len(plan.drafts)} journals are in {escape(str(out_path))}.")
    _end(plan.held, names, as_json=as_json)


@journals.command("post")
def post(
    through: ThroughOption = None,
    yes: DoOption = False,
    by: SaidByOption = "cli",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Lock the days and post their journals, each once; without --yes, only show the calls."""

    async def work(session: Session) -> tuple[Posted, dict[int, str]]:
        settings, hub, now = session.config.journals, session.hub, datetime.now(UTC)
        day = _last_day(through)
        async with session.connection() as conn:
            if yes:
                done = await post_journals(conn, hub, settings, through=day, by=by, now=now)
            else:
                done = await preview_post(conn, hub, settings, through=day, now=now)
        return done, hub.names()

    done, names = run(work, config_path=config, as_json=as_json)
    if as_json:
        said = [_said(each, names) for each in done.said]
        shown = {"ordered": yes, "locked": done.locked, "journals": said}
        print_json(shown | {"held": _held(done.held, names)})
    else:
        _tell_said(done.said, names, ordered=yes)
    _end(done.held, names, as_json=as_json)


@journals.command("list")
def list_(
    since: SinceOption = None,
    through: ThroughOption = None,
    count: CountOption = 100,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List journals that were made, newest first, and how far each has come."""

    async def work(session: Session) -> list[dict[str, Any]]:
        names = session.hub.names()
        async with session.connection() as conn:
            found = await list_journals(
                conn,
                since=None if since is None else read_day(since),
                until=None if through is None else read_day(through),
                count=count,
            )
        return [_state(each, names) for each in found]

    rows = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"journals": rows})
    elif not rows:
        out.print("No journal was made yet: trueup journals preview.")
    else:
        columns = ("number", "day", "currency", "told_by", "order_ref", "total", "state", "code")
        table = Table(*columns, "there", "taken back by")
        for row in rows:
            cells = [*(row[name] for name in columns), row["vendor_ref"], row["reversed_by"]]
            table.add_row(*(escape("" if cell is None else str(cell)) for cell in cells))
        out.print(table)
    raise typer.Exit(DONE)


@journals.command("show")
def show(number: NumberArgument, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show one journal as it was made, line by line."""

    async def work(session: Session) -> tuple[JournalState, tuple[Line, ...], dict[int, str]]:
        async with session.connection() as conn:
            told, _, lines = await find_journal(conn, number)
        return told, lines, session.hub.names()

    told, lines, names = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json(_state(told, names) | {"lines": _lines(lines, names)})
    else:
        title = f"{told.number}: {told.day}, {told.currency}, {told.state}"
        out.print(_table(lines, names, title=escape(title)))
    raise typer.Exit(DONE)


@journals.command("reverse")
def reverse(
    number: NumberArgument,
    on: Annotated[
        str | None, typer.Option("--on", help="The counter-journal's date; that of the journal.")
    ] = None,
    yes: DoOption = False,
    by: SaidByOption = "cli",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Take a journal back by a counter-journal; its day is then to be posted anew."""

    async def work(session: Session) -> tuple[Said, dict[int, str]]:
        async with session.connection() as conn:
            said = await reverse_journal(
                conn,
                session.hub,
                number,
                on=None if on is None else read_day(on),
                by=by,
                now=datetime.now(UTC),
                dry_run=not yes,
            )
        return said, session.hub.names()

    said, names = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"ordered": yes, **_said(said, names)})
    else:
        _tell_said([said], names, ordered=yes)
    raise typer.Exit(DONE)


@journals.command("withdraw")
def withdraw(
    number: NumberArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "",
    by: SaidByOption = "cli",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Say that a journal surely does not stand there; what it came to is to be posted anew."""

    async def work(session: Session) -> dict[str, Any]:
        async with session.connection() as conn:
            told = await withdraw_journal(conn, number, by=by, reason=reason, now=datetime.now(UTC))
        return _state(told, session.hub.names())

    told = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json(told)
    else:
        out.print(f"{escape(number)} is withdrawn. Next: trueup journals preview.")
    raise typer.Exit(DONE)


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(
            f"{path} can not be written: {error.strerror}. Name a file that does not exist yet, in "
            "a folder that does.",
            field="out",
        ) from error


def _last_day(through: str | None) -> date:
    """Return the day that is meant; yesterday is the last one that is over."""
    return datetime.now(UTC).date() - timedelta(days=1) if through is None else read_day(through)


def _end(held: Sequence[Held], names: Mapping[int, str], *, as_json: bool) -> None:
    if held and not as_json:
        for each in held:
            issue = each.issue
            said = f"{issue.code}: {_title(each.draft, names)}: {issue.pointer}: expected "
            said += f"{issue.expected}, found {issue.found}. {issue.how_to_fix}"
            err.print(escape(said), highlight=False, soft_wrap=True)
    raise typer.Exit(FOUND_PROBLEMS if held else DONE)


def _tell_said(said: Sequence[Said], names: Mapping[int, str], *, ordered: bool) -> None:
    for each in said:
        journal = each.journal
        out.print(_table(journal.lines, names, title=escape(journal.number)))
    if not said:
        out.print("Everything was posted.")
    elif ordered:
        out.print(f"Ordered {len(said)} journals: trueup journals list.")
    else:
        out.print(f"{len(said)} journals would be posted. With --yes they are.")


def _title(draft: Draft, names: Mapping[int, str]) -> str:
    group = draft.group
    told = name_of(names, group.told_by) if group.told_by else "all connections"
    about = f", order {group.order_ref}" if group.order_ref else ""
    return escape(f"{group.day}, {group.currency}, {told}{about}")


def _table(lines: Sequence[Line], names: Mapping[int, str], *, title: str) -> Table:
    table = Table("account", "connection", "in the books", "debit", "credit", "tax code")
    table.title, table.title_justify = title, "left"
    for line in lines:
        debit, credit = max(line.amount, 0), max(-line.amount, 0)
        table.add_row(
            line.account,
            escape(name_of(names, line.connection_id)),
            escape(" ".join(filter(None, (line.account_ref, line.name)))),
            f"{debit:,f}" if debit else "",
            f"{credit:,f}" if credit else "",
            escape(line.tax_code or ""),
        )
    return table


def _draft(draft: Draft, names: Mapping[int, str]) -> dict[str, Any]:
    group = draft.group
    return {
        "day": group.day,
        "currency": group.currency,
        "told_by": name_of(names, group.told_by) if group.told_by else None,
        "order_ref": group.order_ref or None,
        "total": draft.total,
        "lines": _lines(draft.lines, names),
    }


def _said(said: Said, names: Mapping[int, str]) -> dict[str, Any]:
    journal = said.journal
    draft = Draft(group=journal.group, grain=journal.grain, lines=journal.lines)
    head = {"number": journal.number, "posted_on": journal.posted_on}
    return head | _draft(draft, names) | {"call": show_call(said.call)}


def _held(held: Sequence[Held], names: Mapping[int, str]) -> list[dict[str, Any]]:
    return [_draft(each.draft, names) | {"issue": msgspec.to_builtins(each.issue)} for each in held]


def _lines(lines: Sequence[Line], names: Mapping[int, str]) -> list[dict[str, Any]]:
    return [
        msgspec.structs.asdict(line) | {"connection": name_of(names, line.connection_id)}
        for line in lines
    ]


def _state(told: JournalState, names: Mapping[int, str]) -> dict[str, Any]:
    shown = msgspec.structs.asdict(told)
    del shown["journal_id"]
    return shown | {
        "told_by": name_of(names, told.told_by) if told.told_by else None,
        "order_ref": told.order_ref or None,
        "connection": name_of(names, shown.pop("target_id")),
    }
