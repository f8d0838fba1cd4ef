"""`trueup stock`: movements that people report, how the books begin, and reservations by hand."""

import uuid
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from trueup.canon.inventory import MovementKind
from trueup.canon.reservation import ReservationLine, ReservationState
from trueup.cli.accounts import MANUAL, choose_connection
from trueup.cli.options import ConfigOption, JsonOption
from trueup.cli.session import DONE, FOUND_PROBLEMS, out, print_json, run
from trueup.errors import ConfigError
from trueup.ingest import Taken
from trueup.intake.connections import find_account
from trueup.intake.reads import oldest_queued
from trueup.kernel.clock import SystemClock
from trueup.ledger.reads import list_balances
from trueup.ledger.sites import DEFAULT_SITE
from trueup.pull.access import open_access
from trueup.reserve import EXPIRES_IN_S_MAX, Answer, Reservations, Wish
from trueup.session import Session
from trueup.stock import Movement, Opening, is_repeat, plan_opening, report_movements

stock = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Report what happened to stock, or reserve some of it.",
)

SkuArgument = Annotated[str, typer.Argument(help="The SKU.")]
SiteOption = Annotated[str, typer.Option("--site", help="Where.")]
RefOption = Annotated[
    str | None,
    typer.Option(
        "--ref",
        help="What names the movement: the same ref again changes nothing.",
        show_default=False,
    ),
]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Why.", show_default=False)]
UnitsArgument = Annotated[int, typer.Argument(min=1, help="Whole units.")]
SignedArgument = Annotated[int, typer.Argument(help="Whole units, signed.")]

_WAIT_S = 60.0
_EXPIRES_IN_S = 900
_SKU_CHARS_MAX = 255
_MINUS = {"ignore_unknown_options": True}
"""Lets -2 be a number and not an option."""


@stock.command("open")
def open_(
    source: Annotated[str, typer.Option("--from", help="Connection whose levels are true.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it, and book nothing.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Open the books of SKUs with what a channel shows now; those that are open stay as they are.

    Backfill the orders before, so that what they promise is known to the books.
    """

    async def work(session: Session) -> tuple[Opening, Taken | None]:
        async with session.connection() as conn:
            waiting = (await oldest_queued(conn))["queued"]
            if waiting:
                raise ConfigError(
                    f"{waiting} events wait to be applied; open the books when none do."
                )
            account = await find_account(conn, session.hub.vault, source)
            own = await choose_connection(conn, session, MANUAL, None)
        async with open_access(session.conninfo, session.hub, account, wait_s=_WAIT_S) as access:
            opening = await plan_opening(access)
        if dry_run or not opening.movements:
            return opening, None
        taken = await report_movements(session.conninfo, session.hub, own, opening.movements)
        return opening, taken

    opening, taken = run(work, config_path=config, as_json=as_json)
    issues = taken.issues if taken is not None else ()
    if as_json:
        print_json({"opening": opening, "booked": taken is not None, "issues": issues})
    else:
        for each in opening.movements:
            where = escape(f"{each.sku} at {each.site}")
            out.print(f"  {each.quantity:6} {where}", highlight=False)
        verb = "would be opened" if taken is None else "opened"
        skus = len({each.sku for each in opening.movements})
        out.print(f"{skus} SKUs {verb}; {len(opening.opened)} were open before.")
        for name in ("unlisted", "moving", "empty"):
            if found := getattr(opening, name):
                out.print(f"[yellow]{name}[/]: {escape(', '.join(found))}", soft_wrap=True)
    bad = bool(issues or opening.moving)
    raise typer.Exit(FOUND_PROBLEMS if bad else DONE)


@stock.command()
def receive(
    sku: SkuArgument,
    units: UnitsArgument,
    site: SiteOption = DEFAULT_SITE,
    ref: RefOption = None,
    reason: ReasonOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Book units that came from a supplier."""
    _report(MovementKind.RECEIPT, sku, units, site, ref, reason, None, as_json, config)


@stock.command(context_settings=_MINUS)
def adjust(
    sku: SkuArgument,
    units: SignedArgument,
    site: SiteOption = DEFAULT_SITE,
    ref: RefOption = None,
    reason: ReasonOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Book units that were found, or lost with a minus: trueup stock adjust TEE -2."""
    _report(MovementKind.ADJUSTMENT, sku, units, site, ref, reason, None, as_json, config)


@stock.command()
def count(
    sku: SkuArgument,
    units: Annotated[int, typer.Argument(min=0, help="What lies there, all of it.")],
    site: SiteOption = DEFAULT_SITE,
    ref: RefOption = None,
    reason: ReasonOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Book what a person counted at a site; the difference is found or lost."""
    _report(MovementKind.COUNT, sku, units, site, ref, reason, None, as_json, config)


@stock.command()
def transfer(
    sku: SkuArgument,
    units: UnitsArgument,
    to: Annotated[str, typer.Option("--to", help="The site that they reach.")],
    site: Annotated[str, typer.Option("--from", help="The site that they leave.")] = DEFAULT_SITE,
    ref: RefOption = None,
    reason: ReasonOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Book units that went from a site to another."""
    _report(MovementKind.TRANSFER, sku, units, site, ref, reason, to, as_json, config)


@stock.command(context_settings=_MINUS)
def quarantine(
    sku: SkuArgument,
    units: SignedArgument,
    site: SiteOption = DEFAULT_SITE,
    ref: RefOption = None,
    reason: ReasonOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Set units aside, or release them with a minus: trueup stock quarantine TEE -1."""
    _report(MovementKind.QUARANTINE, sku, units, site, ref, reason, None, as_json, config)


@stock.command()
def reserve(
    sku: SkuArgument,
    units: UnitsArgument,
    site: Annotated[
        str | None, typer.Option("--site", help="Where they must lie.", show_default=False)
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            help="What names the wish: the same again gets the same answer.",
            show_default=False,
        ),
    ] = None,
    expires_in_s: Annotated[
        int, typer.Option(min=1, max=EXPIRES_IN_S_MAX, help="Seconds until they are released.")
    ] = _EXPIRES_IN_S,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Reserve units, or say how many are left."""
    if not 0 < len(sku) <= _SKU_CHARS_MAX:
        raise typer.BadParameter(f"A SKU has 1 to {_SKU_CHARS_MAX} characters.")
    wish = Wish(
        lines=(ReservationLine(sku=sku, quantity=units, site=site or None),),
        expires_in_s=expires_in_s,
    )

    async def work(session: Session) -> Answer:
        async with session.connection() as conn:
            return await Reservations(session.hub).reserve(conn, key or str(uuid.uuid4()), wish)

    answer = run(work, config_path=config, as_json=as_json)
    made = answer.reservation
    refused = made.state is ReservationState.REFUSED
    if as_json:
        print_json({"reservation": made, "repeated": answer.repeated})
    elif refused:
        left = min(each.left for each in made.shortages)
        out.print(f"[red]refused[/]: {left} of {escape(sku)} are left")
    else:
        again = " (answered before)" if answer.repeated else ""
        until = made.expires_at.isoformat(timespec="seconds")
        out.print(f"{made.ref} {made.state.value} until {until}{again}", highlight=False)
    raise typer.Exit(FOUND_PROBLEMS if refused else DONE)


@stock.command()
def release(
    reservation: Annotated[str, typer.Argument(help="Its id.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Give back what a reservation holds; again changes nothing."""

    async def work(session: Session) -> ReservationState:
        async with session.connection() as conn:
            room = Reservations(session.hub)
            found = await room.take(conn, reservation, ReservationState.RELEASED)
        if found is None:
            raise ConfigError(f"There is no reservation {reservation!r}.")
        return found.state

    state = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"reservation": reservation, "state": state})
    else:
        out.print(f"{escape(reservation)} {state.value}", highlight=False)
    raise typer.Exit(DONE)


def _report(
    kind: MovementKind,
    sku: str,
    units: int,
    site: str,
    ref: str | None,
    reason: str | None,
    to_site: str | None,
    as_json: bool,
    config: Path | None,
) -> None:
    movement = Movement(
        ref=ref or f"{kind.value}/{uuid.uuid4()}",
        movement=kind,
        sku=sku,
        quantity=units,
        site=site,
        occurred_at=SystemClock().now(),
        to_site=to_site,
        reason=reason,
    )

    async def work(session: Session) -> tuple[bool, Taken | None, list[dict[str, Any]]]:
        async with session.connection() as conn:
            own = await choose_connection(conn, session, MANUAL, None)
            repeated = ref is not None and await is_repeat(conn, own, movement)
        taken = None
        if not repeated:
            taken = await report_movements(session.conninfo, session.hub, own, [movement])
        async with session.connection() as conn:
            return repeated, taken, await list_balances(conn, sku=sku)

    repeated, taken, balances = run(work, config_path=config, as_json=as_json)
    fates = taken.events if taken is not None else ()
    bad = [fate for fate in fates if fate.outcome != "record"]
    balance = balances[0] if balances else None
    if as_json:
        print_json(
            {
                "ref": movement.ref,
                "movement": kind,
                "repeated": repeated,
                "balance": balance,
                "issues": taken.issues if taken is not None else (),
            }
        )
    else:
        for fate in bad:
            out.print(f"[red]{fate.outcome}[/]: {escape(fate.reason)}", soft_wrap=True)
        done = "was booked before" if repeated else "booked"
        if not bad:
            out.print(f"{escape(movement.ref)} {done}", highlight=False)
        if balance is not None:
            told = f"{balance['on_hand']} on hand, {balance['available']} available"
            out.print(f"{escape(sku)}: {told}")
    raise typer.Exit(FOUND_PROBLEMS if bad else DONE)
