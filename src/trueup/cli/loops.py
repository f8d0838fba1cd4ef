"""`trueup returns list|show`: which of its six facts each return has, and which it lacks."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from trueup.cli.options import ConfigOption, CountOption, JsonOption
from trueup.cli.session import DONE, FOUND_PROBLEMS, out, print_json, run
from trueup.errors import ConfigError
from trueup.intake.connections import find_account
from trueup.kernel.clock import SystemClock
from trueup.reconcile.loop import Fact, FactState, Step
from trueup.reconcile.loop_causes import Loop
from trueup.reconcile.returns import find_loops, list_loops, view_of
from trueup.session import Session


def list_returns(
    missing: Annotated[
        Step | None,
        typer.Option("--missing", help="Only those that lack this fact.", show_default=False),
    ] = None,
    late: Annotated[
        bool, typer.Option("--late", help="Only those that lack something for too long.")
    ] = False,
    connection: Annotated[
        str | None,
        typer.Option("--connection", help="Only of this channel.", show_default=False),
    ] = None,
    count: CountOption = 200,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List returns of the orders of which something was told last, with what each lacks.

    Asked for, received, refunded, restocked, in the books (posted in the money ledger), in the
    customer's value. `trueup reconcile returns` goes through all of them.
    """

    async def work(session: Session) -> list[Loop]:
        async with session.connection() as conn:
            number = None
            if connection is not None:
                account = await find_account(conn, session.hub.vault, connection)
                number = account.connection.connection_id
            view = await view_of(conn, session.hub, SystemClock().now())
            return await list_loops(conn, view, connection_id=number, count=count)

    found = [
        loop
        for loop in run(work, config_path=config, as_json=as_json)
        if (missing is None or loop.lacks(missing)) and (loop.discrepancies or not late)
    ]
    if as_json:
        print_json({"returns": [plain_loop(loop) for loop in found]})
    elif not found:
        out.print("There is no such return.")
    else:
        table = Table("return", "order", "units", "lacks", "for")
        for loop in found:
            lacking = [fact for fact in loop.facts if fact.state is FactState.MISSING]
            table.add_row(
                escape(loop.name or loop.ref),
                escape(loop.order_number or loop.order_ref or ""),
                escape(_units(loop)),
                "\n".join(fact.step.value for fact in lacking) or "nothing",
                "\n".join(_waited(fact) for fact in lacking),
            )
        out.print(table)
    raise typer.Exit(DONE)


def show_return(
    name: Annotated[str, typer.Argument(help="An order's number or ref, or the ref of a return.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show the six facts of a return: done when and by what, missing since when, or why not needed.

    Ends with 1 where something of it is wrong.
    """

    async def work(session: Session) -> list[Loop]:
        async with session.connection() as conn:
            view = await view_of(conn, session.hub, SystemClock().now())
            found = await find_loops(conn, view, name)
        if not found:
            raise ConfigError(
                f"Nothing of {name!r} came back or was refunded: expected the number or ref of an "
                "order with a return, or the ref of a return. List them: trueup returns list.",
                field="name",
                expected="an order's number or ref, or a return's ref",
            )
        return found

    found = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"returns": [plain_loop(loop) for loop in found]})
    else:
        for loop in found:
            _show(loop)
    raise typer.Exit(FOUND_PROBLEMS if any(loop.discrepancies for loop in found) else DONE)


def plain_loop(loop: Loop) -> dict[str, Any]:
    """Return a return as it is printed as JSON."""
    plain: dict[str, Any] = msgspec.to_builtins(loop)
    return {"ref": loop.ref, "closed": loop.closed, **plain}


def _units(loop: Loop) -> str:
    return ", ".join(f"{count} {sku}".strip() for sku, count in loop.units.items())


def _waited(fact: Fact) -> str:
    hours, _ = divmod(fact.waited_s or 0, 3600)
    told = f"{hours // 24} days" if hours >= 48 else f"{hours} hours"
    return f"{told}, late" if fact.late else told


def _show(loop: Loop) -> None:
    of = f" of order {loop.order_number or loop.order_ref}" if loop.order_ref else ""
    state = f", {loop.state}" if loop.state else ""
    out.print(
        f"[bold]{escape(loop.name or loop.ref)}[/]{escape(of)}{state}: {escape(_units(loop))}"
    )
    table = Table("fact", "", "when", "units", "why or by what")
    for fact in loop.facts:
        moment = fact.at or fact.since
        when = "" if moment is None else moment.isoformat(sep=" ", timespec="minutes")
        if fact.state is FactState.MISSING:
            when = f"since {when} ({_waited(fact)})"
        units = "" if not fact.of else f"{fact.units} of {fact.of}"
        lines: Sequence[str] = [*filter(None, [fact.why]), *fact.evidence]
        told = (fact.step.value, fact.state.value.replace("_", " "))
        table.add_row(*told, when, units, escape("\n".join(lines)))
    out.print(table)
    for each in loop.discrepancies:
        by = f"{each.amount:+,f} {each.currency}" if each.currency else f"{each.amount:+d} units"
        out.print(f"[yellow]{each.cause}[/] {by}: {escape(each.evidence[0])}")
