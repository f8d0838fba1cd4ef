"""`trueup decisions`: what the hub proposes and why, who agrees, and how far each rule may go."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from trueup.cli.options import ConfigOption, CountOption, JsonOption, SaidByOption
from trueup.cli.session import DONE, FOUND_PROBLEMS, err, out, print_json, run
from trueup.cli.written import written
from trueup.decisions.carry import approve as approve_decision
from trueup.decisions.carry import left_to_a_person
from trueup.decisions.carry import refuse as refuse_decision
from trueup.decisions.explain import explain as tell
from trueup.decisions.explain import in_words
from trueup.decisions.leave import give_leave, resume_all, stop_all
from trueup.decisions.model import Mode, State, action_to_json
from trueup.decisions.propose import look
from trueup.decisions.reads import find_decision, list_decisions, list_waiting
from trueup.decisions.replaying import replay_rule
from trueup.decisions.rule import Replay
from trueup.decisions.standing import RuleStanding, rule_standings
from trueup.decisions.tend import Decider, Turn
from trueup.decisions.written.store import RuleBook, read_rulebook
from trueup.kernel.clock import SystemClock
from trueup.session import Session

decisions = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="What the hub proposes to do, why, and what came of it.",
)

decisions.add_typer(written, name="written")

_NumberArgument = Annotated[int, typer.Argument(help="Its number: trueup decisions list.")]
_RuleArgument = Annotated[str, typer.Argument(help="Its name: trueup decisions rules.")]
_WhyOption = Annotated[str, typer.Option("--why", help="Why; it is kept.")]


@decisions.command("list")
def list_(
    state: Annotated[
        State | None, typer.Option("--state", help="Only in this state.", show_default=False)
    ] = None,
    rule: Annotated[
        str | None, typer.Option("--rule", help="Only this rule's.", show_default=False)
    ] = None,
    count: CountOption = 100,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List decisions, the newest first."""

    async def work(session: Session) -> list[dict[str, Any]]:
        async with session.connection() as conn:
            return await list_decisions(conn, state=state, rule=rule, count=count)

    rows = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"decisions": rows})
        return
    if not rows:
        out.print("None. What the rules would propose now: trueup decisions propose --dry-run.")
        return
    table = Table("number", "rule", "about", "state", "what", "proposed")
    for row in rows:
        what = "\n".join(in_words(row["actions"]))
        at = row["proposed_at"].isoformat(timespec="minutes")
        cells = (row["rule"], row["subject"], row["state"], escape(what), at)
        table.add_row(str(row["decision_id"]), *cells)
    out.print(table)


@decisions.command()
def waiting(
    count: CountOption = 100, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """List what was agreed to and waits, until when and why, the next first."""

    async def work(session: Session) -> list[dict[str, Any]]:
        async with session.connection() as conn:
            return await list_waiting(conn, SystemClock().now(), count=count)

    rows = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"waiting": rows})
        return
    if not rows:
        out.print("Nothing waits.")
        return
    table = Table("number", "rule", "about", "until", "because", "what")
    for row in rows:
        what = "\n".join(in_words(row["actions"]))
        until = row["due_at"].isoformat(timespec="minutes")
        because = row["waits"] or "its rule says so"
        cells = (row["rule"], row["subject"], until, escape(because), escape(what))
        table.add_row(str(row["decision_id"]), *cells)
    out.print(table)


@decisions.command()
def explain(
    number: _NumberArgument, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Say what was known, why it was chosen, what is expected, and what came of it."""

    async def work(session: Session) -> dict[str, Any]:
        async with session.connection() as conn:
            book = await read_rulebook(conn, session.hub.rule_tables)
            row, steps = await find_decision(conn, number)
            waits = await left_to_a_person(conn, row, book.settings, SystemClock().now())
        return {**row, "steps": steps, "sentence": tell(row, steps, waits=waits)}

    row = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({**row, "digest": row["digest"].hex()})
        return
    out.print(escape(row["sentence"]))
    for ref in row["evidence"]:
        out.print(f"  evidence: {escape(ref)}")


@decisions.command()
def approve(
    number: _NumberArgument,
    why: _WhyOption = "",
    by: SaidByOption = "cli",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Agree to a proposal; it is ordered within a minute, if its facts still ask for it."""
    _answer(approve_decision, State.APPROVED, number, (by, why), as_json=as_json, config=config)


@decisions.command()
def reject(
    number: _NumberArgument,
    why: _WhyOption = "",
    by: SaidByOption = "cli",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Turn a proposal down; the same is not proposed again."""
    _answer(refuse_decision, State.REFUSED, number, (by, why), as_json=as_json, config=config)


@decisions.command()
def propose(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show it; nothing is kept or sent.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Take a turn now, as it is done every minute: look, order what was agreed to, follow."""
    if dry_run:
        _show_proposals(as_json=as_json, config=config)
        return

    async def work(session: Session) -> Turn:
        async with session.connection() as conn:
            return await Decider(session.hub).step(conn)

    turn = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json(turn)
        return
    for name, numbers in turn.proposed.items():
        out.print(f"{name}: {len(numbers)} new.")
    for number, state in turn.moved.items():
        out.print(f"{number} is {state}.")


@decisions.command()
def rules(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List the rules, how far each may go, and what each would have done in the past."""

    async def work(session: Session) -> tuple[list[RuleStanding], RuleBook]:
        async with session.connection() as conn:
            book = await read_rulebook(conn, session.hub.rule_tables)
            return await rule_standings(conn, book), book

    rows, book = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"rules": rows, "broken": book.broken})
        return
    table = Table("rule", "mode", "what it does", "in the past", "what came")
    for row in rows:
        past = row.replay["sentence"] if row.replay else "not played yet"
        again = ", until it is played as it is now" if row.stale else ""
        mode = "stopped" if row.stopped else row.mode + again
        came = "\n".join(_came(each) for each in row.came) or "not known yet"
        table.add_row(row.rule, mode, escape(row.title), past, came)
    out.print(table)
    for name, reason in book.broken.items():
        out.print(escape(f"{name} is left out, it can not be understood any more: {reason}"))


@decisions.command()
def replay(
    rule: _RuleArgument,
    days: Annotated[int, typer.Option("--days", min=1, max=400, help="How far back.")] = 90,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Play a rule on your own past; it may ask or act only after that."""

    async def work(session: Session) -> Replay:
        async with session.connection() as conn:
            book = await read_rulebook(conn, session.hub.rule_tables)
            return await replay_rule(conn, session.hub, book, rule, days, SystemClock().now())

    with err.status(f"Playing {days} days"):
        found = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json(found)
        return
    out.print(found.sentence)
    if found.beside:
        table = Table("", *(name for name, _ in found.beside[0].figures))
        for way in found.beside:
            table.add_row(way.name, *(str(each) for _, each in way.figures))
        out.print(table)


@decisions.command()
def mode(
    rule: _RuleArgument,
    mode: Annotated[Mode, typer.Argument(help="How far it may go.")],
    why: _WhyOption = "",
    by: SaidByOption = "cli",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Say how far a rule may go: off, shadow (nothing is sent), ask (a person agrees), auto."""

    async def work(session: Session) -> None:
        now = SystemClock().now()
        async with session.connection() as conn:
            book = await read_rulebook(conn, session.hub.rule_tables)
            chosen, settings = book.rule(rule), book.settings[rule]
            await give_leave(conn, chosen, settings, mode, by=by, why=why, now=now)

    run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"rule": rule, "mode": mode})
    else:
        out.print(f"{rule} may go as far as: {mode}.")


@decisions.command()
def stop(
    why: _WhyOption = "",
    by: SaidByOption = "cli",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Stop all rules: nothing is proposed, agreed to or ordered until they may go on."""
    _switch(stop_all, (by, why), stopped=True, as_json=as_json, config=config)


@decisions.command()
def resume(
    why: _WhyOption = "",
    by: SaidByOption = "cli",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Let the rules go on, each as far as it might before."""
    _switch(resume_all, (by, why), stopped=False, as_json=as_json, config=config)


def _came(row: dict[str, Any]) -> str:
    done = "done" if row["done"] else "not done"
    expected, came = (f"{row[name] * 100:.0f} %" for name in ("expected", "came"))
    return f"{row['decisions']} {done}: {expected} expected, {came} came"


def _show_proposals(*, as_json: bool, config: Path | None) -> None:
    async def work(session: Session) -> list[dict[str, Any]]:
        found = []
        async with session.connection() as conn:
            book = await read_rulebook(conn, session.hub.rule_tables)
            for name, rule in book.rules.items():
                now, settings = SystemClock().now(), book.settings[name]
                for facts, proposal in await look(conn, session.hub, rule, settings, now):
                    actions = [action_to_json(each) for each in proposal.actions]
                    shown = {"rule": name, "subject": facts.subject, "reason": proposal.reason}
                    found.append({**shown, "actions": actions})
        return found

    rows = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"proposals": rows})
        return
    for row in rows:
        what = " and ".join(in_words(row["actions"]))
        out.print(escape(f"{row['rule']}, {row['subject']}: {row['reason']} It would {what}."))
    if not rows:
        out.print("Nothing is to be done.")
    raise typer.Exit(FOUND_PROBLEMS if rows else DONE)


def _answer(
    act: Callable[..., Awaitable[None]],
    state: State,
    number: int,
    said: tuple[str, str],
    *,
    as_json: bool,
    config: Path | None,
) -> None:
    """Answer a proposal, by whom and why."""
    by, why = said

    async def work(session: Session) -> None:
        async with session.connection() as conn:
            await act(conn, number, by=by, why=why, now=SystemClock().now())

    run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"decision_id": number, "state": state})
    else:
        out.print(f"{number} is {state}.")


def _switch(
    act: Callable[..., Awaitable[None]],
    said: tuple[str, str],
    *,
    stopped: bool,
    as_json: bool,
    config: Path | None,
) -> None:
    """Stop all rules or let them go on, by whom and why."""
    by, why = said

    async def work(session: Session) -> None:
        async with session.connection() as conn:
            await act(conn, by=by, why=why, now=SystemClock().now())

    run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"stopped": stopped})
    else:
        out.print("All rules are stopped." if stopped else "The rules go on.")
