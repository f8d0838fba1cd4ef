"""`trueup stock offers` and `trueup stock low`: what channels are offered, and what runs out."""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from trueup.cli.options import ConfigOption, JsonOption
from trueup.cli.session import DONE, FOUND_PROBLEMS, fail, out, print_json, run
from trueup.db.rows import Row
from trueup.kernel.clock import SystemClock
from trueup.ledger.outlook import low_outlooks, work_out
from trueup.ledger.reads import list_balances
from trueup.outbox.flags import Flag, order_flags, plan_flags
from trueup.outbox.offers import Offers, read_offers
from trueup.session import Session

_CountOption = Annotated[int, typer.Option("--count", min=1, max=1000, help="SKUs at most.")]


def offers(
    sku: Annotated[str, typer.Argument(help="The SKU.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what each channel is offered of a SKU, why, and what other bounds would come to."""

    async def work(session: Session) -> Offers | None:
        async with session.connection() as conn:
            now = SystemClock().now()
            return await read_offers(conn, sku, now=now, names=session.hub.names())

    found = run(work, config_path=config, as_json=as_json)
    if found is None:
        message = f"No channel lists {sku!r}."
        fail("show.not_found", message, as_json=as_json, status=FOUND_PROBLEMS)
    if as_json:
        print_json(found)
    else:
        print_offers(found)
    raise typer.Exit(DONE)


def low(
    count: _CountOption = 50,
    sku: Annotated[
        str | None, typer.Option("--sku", help="Work this one out now.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the SKUs that will be sold out before more could come, those first that are first."""

    async def work(session: Session) -> list[dict[str, Any]]:
        async with session.connection() as conn:
            if sku is None:
                return await low_outlooks(conn, count=count)
            balances = await list_balances(conn, sku=sku)
            available = {row["sku"]: row["available"] for row in balances}
            now, lead_days = SystemClock().now(), session.hub.lead_days
            await work_out(conn, available, now=now, lead_days=lead_days)
            return [row for row in await low_outlooks(conn, count=1000) if row["sku"] == sku]

    rows = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"low": rows})
    elif not rows:
        out.print("Nothing will be sold out before more could come.")
    else:
        out.print(_low_table(rows))
    raise typer.Exit(FOUND_PROBLEMS if rows else DONE)


def flag(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it, and order nothing.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Order the flags of low stock at storefronts that have the setting low_stock_flag."""

    async def work(session: Session) -> list[Flag]:
        async with session.connection() as conn:
            now = SystemClock().now()
            if dry_run:
                return await plan_flags(conn, session.hub, now=now)
            async with conn.transaction():
                return await order_flags(conn, session.hub, now=now)

    flags = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"flags": flags, "ordered": not dry_run})
    else:
        for each in flags:
            what = "low" if each.raised else "not low any more"
            where = escape(f"{each.sku} at {each.connection}")
            out.print(f"  {where}: {what}, sold out about {each.expected_on}", highlight=False)
        out.print(f"{len(flags)} flags {'would be' if dry_run else 'are'} ordered.")
    raise typer.Exit(DONE)


def print_offers(found: Offers) -> None:
    """Print what the channels are offered, and the trade."""
    table = Table(
        "channel",
        *("shows", "shall", "kept back", "ahead", "bound", "chance", "sells a day", "in", "out"),
    )
    for each in found.channels:
        kept = str(max(each.buffer, each.safety))
        table.add_row(
            escape(
                each.connection
                if each.listing == found.sku
                else f"{each.connection}: {each.listing}"
            ),
            "?" if each.believed is None else str(each.believed),
            str(each.offered),
            kept if each.part_units is None else "its part",
            f"{each.ahead} of {each.incoming} to come" if each.ahead_incoming else str(each.ahead),
            f"{each.bound:g}" if each.adaptive else "by rule",
            f"{each.oversell_chance:.2g}",
            f"{each.rate_per_day:.3g}",
            f"{each.inward_s:.1f} s" + ("" if each.measured else " ?"),
            f"{each.outward_s:.1f} s",
        )
    how = "thin: no unit is shown twice" if found.thin else f"thin below {found.thin_below}"
    out.print(f"{escape(found.sku)}: {found.available} for the channels; {how}", highlight=False)
    out.print(table)
    trade = Table("bound", *("kept back", "a sell-out oversells", "turned away", "a day"))
    for choice in found.choices:
        trade.add_row(
            "none" if choice.chance is None else f"{choice.chance:g}",
            ", ".join(map(str, choice.buffers)),
            f"{choice.oversell_chance:.2g}",
            f"{choice.turned_away:.2f}",
            f"{choice.turned_away_per_day:.2f}",
        )
    out.print(trade)


def _low_table(rows: list[Row]) -> Table:
    table = Table(
        "sku", *("sold out about", "between", "available", "on the way", "a day", "more in")
    )
    for row in rows:
        span = f"{row['earliest_on'] or '?'} and {row['latest_on'] or '?'}"
        table.add_row(
            escape(row["sku"]),
            str(row["expected_on"]),
            span,
            str(row["available"]),
            str(row["incoming"]),
            f"{row['per_day']:.2g}",
            f"{row['lead_days']} days",
        )
    return table
