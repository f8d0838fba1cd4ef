"""`trueup stock`: movements that people report, how the books begin, and reservations by hand."""

import uuid
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape

from trueup.canon.dock import Arrival, ArrivalLine, ArrivalSource
from trueup.canon.inventory import MovementKind
from trueup.canon.issue import Issue
from trueup.canon.reservation import ReservationLine, ReservationState
from trueup.cli.booking import (
    ByOption,
    CorrectOption,
    DryRunOption,
    SerialsOption,
    print_issues,
    read_day,
    read_serials,
    tell_booked,
)
from trueup.cli.options import ConfigOption, JsonOption
from trueup.cli.session import DONE, FOUND_PROBLEMS, out, print_json, run
from trueup.cli.supply import flag, low, offers
from trueup.errors import ConfigError
from trueup.hub import OWN_CONNECTOR
from trueup.importing import choose_connection
from trueup.ingest import Taken
from trueup.intake.connections import find_account
from trueup.intake.reads import oldest_queued
from trueup.kernel.clock import SystemClock
from trueup.ledger.fefo import Shelf, pick
from trueup.ledger.lots import shelves_of
from trueup.ledger.reads import list_balances
from trueup.ledger.sites import DEFAULT_SITE
from trueup.pull.access import open_access
from trueup.reserve import EXPIRES_IN_S_MAX, Answer, Reservations, Wish
from trueup.session import Session
from trueup.stock import (
    Movement,
    Opening,
    check_serials,
    check_set_aside,
    is_repeat,
    plan_opening,
    report_movements,
)
from trueup.warehouse.book import Booked, Desk
from trueup.warehouse.dock import Dock, arrival_of
from trueup.warehouse.serials import look_at_serials

stock = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Report what happened to stock, or reserve some of it.",
)

stock.command("offers")(offers)
stock.command("low")(low)
stock.command("flag")(flag)

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
PurchaseOption = Annotated[
    str | None,
    typer.Option("--purchase", help="Number of the purchase order.", show_default=False),
]
LineOption = Annotated[
    str | None, typer.Option("--line", help="Its line, by its ref.", show_default=False)
]
LotOption = Annotated[
    str | None, typer.Option("--lot", help="The lot of those that can be sold.", show_default=False)
]
ExpiresOption = Annotated[
    str | None,
    typer.Option("--expires", help="Its last good day, such as 2027-06-30.", show_default=False),
]
DamagedSerialsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--damaged-serial", help="A serial of those that came broken.", show_default=False
    ),
]
WhoseOption = Annotated[
    str | None,
    typer.Option("--of", help="Connection whose purchase order it is.", show_default=False),
]
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
            own = await choose_connection(conn, session.hub, OWN_CONNECTOR, None)
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
    units: Annotated[int, typer.Argument(min=0, help="Whole units that can be sold.")],
    damaged: Annotated[int, typer.Option(min=0, help="Units that came broken.")] = 0,
    purchase: PurchaseOption = None,
    line: LineOption = None,
    lot: LotOption = None,
    expires: ExpiresOption = None,
    serials: SerialsOption = None,
    damaged_serials: DamagedSerialsOption = None,
    whose: WhoseOption = None,
    site: SiteOption = DEFAULT_SITE,
    ref: RefOption = None,
    reason: ReasonOption = None,
    by: ByOption = None,
    correct: CorrectOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Book units that came from a supplier, for a purchase order or for none.

    What is more than was ordered, or was not ordered at all, is booked too, and told.
    """
    if not units + damaged:
        raise typer.BadParameter("At least one unit comes.")
    came = ArrivalLine(
        sku=sku,
        quantity=units,
        damaged=damaged,
        line_ref=line,
        lot=lot,
        expires_on=read_day(expires),
        **_serials(serials, units, damaged_serials, damaged),
    )
    arrival = arrival_of(
        ref or f"arrival-{uuid.uuid4()}",
        [came],
        site=site,
        now=SystemClock().now(),
        source=None if purchase is None else ArrivalSource.PURCHASE,
        source_ref=purchase,
        source_connection=whose,
        reason=reason,
        by=by,
    )

    async def work(session: Session) -> tuple[Booked[Arrival], list[dict[str, Any]]]:
        async with session.connection() as conn:
            dock = Dock(Desk(session.hub))
            booked = await dock.arrive(conn, arrival, restate=correct, dry_run=dry_run)
            return booked, await list_balances(conn, sku=sku)

    booked, balances = run(work, config_path=config, as_json=as_json)
    balance = balances[0] if balances else None
    kind = MovementKind.RECEIPT
    ended = tell_booked(booked, as_json=as_json, movement=kind, balance=balance)
    if not as_json and balance is not None:
        _print_balance(sku, balance)
    raise ended


@stock.command()
def lots(
    sku: SkuArgument,
    units: Annotated[int, typer.Option("--pick", min=0, help="Say what to take for so many.")] = 0,
    site: SiteOption = DEFAULT_SITE,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show the lots of a SKU as they are picked: the first to expire first, expired ones never."""
    today = SystemClock().now().date()

    async def work(session: Session) -> dict[tuple[str, str], Shelf]:
        async with session.connection() as conn:
            return await shelves_of(conn, [sku], today)

    shelves = run(work, config_path=config, as_json=as_json)
    picked = pick(shelves.get((sku, site), Shelf()), units, today)
    if as_json:
        shown = [
            {"site": where, "lots": shelf.lots, "unlotted": shelf.unlotted}
            for (_, where), shelf in sorted(shelves.items())
        ]
        print_json({"sku": sku, "shelves": shown, "pick": dict(picked)})
        raise typer.Exit(DONE)
    for (_, where), shelf in sorted(shelves.items()):
        for each in shelf.lots:
            ends = f", good until {each.expires_on}" if each.expires_on else ""
            out.print(
                f"  {each.units:6} {escape(f'{where}: lot {each.code}{ends}')}", highlight=False
            )
        out.print(f"  {shelf.unlotted:6} {escape(where)}: without a lot", highlight=False)
    for code, taken in picked:
        out.print(f"take {taken} of {escape(code or 'those without a lot')}", highlight=False)
    raise typer.Exit(DONE)


@stock.command()
def undo(
    ref: Annotated[str, typer.Argument(help="What names what was received.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Take back what was received by mistake; refused where it is gone already."""

    async def work(session: Session) -> Booked[Arrival]:
        async with session.connection() as conn:
            return await Dock(Desk(session.hub)).undo_arrival(conn, ref)

    raise tell_booked(run(work, config_path=config, as_json=as_json), as_json=as_json)


@stock.command(context_settings=_MINUS)
def adjust(
    sku: SkuArgument,
    units: SignedArgument,
    site: SiteOption = DEFAULT_SITE,
    ref: RefOption = None,
    reason: ReasonOption = None,
    serials: SerialsOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Book units that were found, or lost with a minus: trueup stock adjust TEE -2."""
    told = _movement(MovementKind.ADJUSTMENT, sku, units, site=site, ref=ref, reason=reason)
    _report(told, serials, ref, as_json=as_json, config=config)


@stock.command()
def count(
    sku: SkuArgument,
    units: Annotated[int, typer.Argument(min=0, help="What lies there, all of it.")],
    site: SiteOption = DEFAULT_SITE,
    ref: RefOption = None,
    reason: ReasonOption = None,
    serials: SerialsOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Book what a person counted at a site; the difference is found or lost."""
    told = _movement(MovementKind.COUNT, sku, units, site=site, ref=ref, reason=reason)
    _report(told, serials, ref, as_json=as_json, config=config)


@stock.command()
def transfer(
    sku: SkuArgument,
    units: UnitsArgument,
    to: Annotated[str, typer.Option("--to", help="The site that they reach.")],
    site: Annotated[str, typer.Option("--from", help="The site that they leave.")] = DEFAULT_SITE,
    ref: RefOption = None,
    reason: ReasonOption = None,
    serials: SerialsOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Book units that went from a site to another."""
    kind = MovementKind.TRANSFER
    told = _movement(kind, sku, units, site=site, ref=ref, reason=reason, to_site=to)
    _report(told, serials, ref, as_json=as_json, config=config)


@stock.command(context_settings=_MINUS)
def quarantine(
    sku: SkuArgument,
    units: SignedArgument,
    site: SiteOption = DEFAULT_SITE,
    ref: RefOption = None,
    reason: ReasonOption = None,
    serials: SerialsOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Set units aside, or release them with a minus: trueup stock quarantine TEE -1."""
    told = _movement(MovementKind.QUARANTINE, sku, units, site=site, ref=ref, reason=reason)
    _report(told, serials, ref, as_json=as_json, config=config)


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


def _serials(
    serials: list[str] | None, units: int, damaged_serials: list[str] | None, damaged: int
) -> dict[str, tuple[str, ...]]:
    return {
        "serials": read_serials(serials or [], units),
        "damaged_serials": read_serials(damaged_serials or [], damaged, "--damaged-serial"),
    }


def _movement(
    kind: MovementKind,
    sku: str,
    units: int,
    *,
    site: str,
    ref: str | None,
    reason: str | None,
    to_site: str | None = None,
) -> Movement:
    return Movement(
        ref=ref or f"{kind.value}/{uuid.uuid4()}",
        movement=kind,
        sku=sku,
        quantity=units,
        site=site,
        occurred_at=SystemClock().now(),
        to_site=to_site,
        reason=reason,
    )


def _report(
    told: Movement,
    serials: list[str] | None,
    ref: str | None,
    *,
    as_json: bool,
    config: Path | None,
) -> None:
    kind, sku = told.movement, told.sku
    named = read_serials(serials or [], abs(told.quantity))
    movement = msgspec.structs.replace(told, serials=named)

    async def work(session: Session) -> tuple[bool, Taken | None, list[Issue], list[Any]]:
        async with session.connection() as conn:
            own = await choose_connection(conn, session.hub, OWN_CONNECTOR, None)
            repeated = ref is not None and await is_repeat(conn, own, movement)
            if not repeated:
                await check_set_aside(conn, movement)
                await check_serials(conn, own, movement)
        taken = None
        if not repeated:
            taken = await report_movements(session.conninfo, session.hub, own, [movement])
        async with session.connection() as conn:
            found = await look_at_serials(conn, movement.occurred_at, [sku])
            wrong = found if movement.serials else []
            return repeated, taken, wrong, await list_balances(conn, sku=sku)

    repeated, taken, wrong, balances = run(work, config_path=config, as_json=as_json)
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
                "issues": (*(taken.issues if taken is not None else ()), *wrong),
            }
        )
    else:
        for fate in bad:
            out.print(f"[red]{fate.outcome}[/]: {escape(fate.reason)}", soft_wrap=True)
        done = "was booked before" if repeated else "booked"
        if not bad:
            out.print(f"{escape(movement.ref)} {done}", highlight=False)
        if balance is not None:
            _print_balance(sku, balance)
        print_issues(wrong)
    raise typer.Exit(FOUND_PROBLEMS if bad or wrong else DONE)


def _print_balance(sku: str, balance: dict[str, Any]) -> None:
    told = f"{balance['on_hand']} on hand, {balance['available']} available"
    out.print(f"{escape(sku)}: {told}")
