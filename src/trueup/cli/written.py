"""`trueup decisions written`: rules of one's own, shown on the past before they are kept."""

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from rich.markup import escape
from rich.table import Table

from trueup.cli.options import ConfigOption, JsonOption, SaidByOption
from trueup.cli.session import out, print_json, run
from trueup.db.rows import snapshot
from trueup.decisions.rule import Look
from trueup.decisions.written.deeds import DEEDS
from trueup.decisions.written.fields import fields_of
from trueup.decisions.written.model import KINDS, WrittenRule
from trueup.decisions.written.read import read_written, show_written
from trueup.decisions.written.rule import preview as preview_rule
from trueup.decisions.written.store import keep_written, read_rulebook, remove_written
from trueup.errors import ConfigError
from trueup.kernel.clock import SystemClock
from trueup.session import Session

Conn = psycopg.AsyncConnection[Any]

written = typer.Typer(
    no_args_is_help=True,
    help="Rules of your own: when a record of a kind is there, if its fields are so, then a deed.",
)

_FileArgument = Annotated[
    Path, typer.Argument(help="A TOML file: name, title, kind, [[if]], deed, [inputs].")
]
_WhyOption = Annotated[str, typer.Option("--why", help="Why; it is kept.")]
_SHOWN = 20


@written.command("list")
def list_(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List what people wrote."""

    async def work(session: Session) -> list[dict[str, Any]]:
        names = session.hub.names()
        async with session.connection() as conn:
            book = await read_rulebook(conn, session.hub.rule_tables)
        return [show_written(each, names) for each in book.written.values()]

    rows = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"written": rows})
        return
    table = Table("rule", "what it does", "when", "if", "then")
    for row in rows:
        conditions = "\n".join(f"{c['field']} {c['op']} {c['value']}".strip() for c in row["if"])
        then = " ".join((row["deed"], *row["inputs"].values()))
        cells = (row["name"], row["title"], row["kind"], conditions, then)
        table.add_row(*(escape(cell) for cell in cells))
    out.print(table if rows else "None. trueup decisions written fields order shows by what.")


@written.command()
def fields(
    kind: Annotated[str, typer.Argument(help=f"Of records: {', '.join(KINDS)}.")],
    as_json: JsonOption = False,
) -> None:
    """Show by which fields of a kind of record a rule can choose, and what it can have done."""
    if kind not in KINDS:
        raise typer.BadParameter(f"A rule looks at one of {', '.join(KINDS)}; {kind!r} is none.")
    deeds = [deed for deed in DEEDS.values() if kind in deed.kinds]
    if as_json:
        found = [
            {"field": f.name, "kind": f.kind, "choices": f.choices, "many": f.many}
            for f in fields_of(kind).values()
        ]
        told = [{"deed": d.name, "inputs": [each.name for each in d.inputs]} for d in deeds]
        print_json({"fields": found, "deeds": told})
        return
    table = Table("field", "holds")
    for field in fields_of(kind).values():
        holds = f"one of {', '.join(field.choices)}" if field.choices else str(field.kind)
        table.add_row(field.name, f"{holds}, several" if field.many else holds)
    out.print(table)
    for deed in deeds:
        out.print(f"{deed.name} ({', '.join(each.name for each in deed.inputs)}): {deed.label}")


@written.command()
def preview(
    file: _FileArgument,
    days: Annotated[int, typer.Option("--days", min=1, max=180, help="How far back.")] = 90,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what a rule would have done, by what stands of the records now; nothing is kept."""

    async def work(session: Session) -> list[dict[str, str]]:
        rule, now = _read(session, file), SystemClock().now()
        async with session.connection() as conn, snapshot(conn):
            look = Look(conn=conn, hub=session.hub, now=now)
            found = await preview_rule(look, rule, now - timedelta(days=days), count=10_000)
        return [
            {"subject": facts.subject, "what": proposal.actions[0].what}
            for facts, proposal in found
        ]

    rows = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"count": len(rows), "would": rows})
        return
    out.print(f"In {days} days it would have spoken of {len(rows)} records.")
    for row in rows[:_SHOWN]:
        out.print(escape(f"  {row['subject']}: {row['what']}"))
    if len(rows) > _SHOWN:
        out.print(f"  and {len(rows) - _SHOWN} more; all with --json")


@written.command()
def keep(
    file: _FileArgument,
    why: _WhyOption = "",
    by: SaidByOption = "cli",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Keep a rule; one of that name is replaced. It begins as a shadow, and nothing is sent."""

    async def work(session: Session) -> tuple[WrittenRule, int]:
        rule, now = _read(session, file), SystemClock().now()
        async with session.connection() as conn:
            return rule, await keep_written(conn, rule, by=by, why=why, now=now)

    rule, version = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"rule": rule.name, "version": version})
        return
    out.print(
        f"{rule.name} is kept as version {version}, a shadow. To let it ask: "
        f"trueup decisions replay {rule.name}, then trueup decisions mode {rule.name} ask"
    )


@written.command()
def remove(
    name: Annotated[str, typer.Argument(help="Its name.")],
    why: _WhyOption = "",
    by: SaidByOption = "cli",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Take a rule away; what waits under it is taken back, what was done stays done."""

    async def work(session: Session) -> None:
        async with session.connection() as conn:
            await remove_written(conn, name, by=by, why=why, now=SystemClock().now())

    run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"rule": name, "removed": True})
    else:
        out.print(f"{name} is no more.")


def _read(session: Session, file: Path) -> WrittenRule:
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file} can not be read as TOML: {error}") from error
    numbers = {name: number for number, name in session.hub.names().items()}
    return read_written(raw, numbers, str(file))
