"""`trueup purchase` and `trueup transfer`: what is ordered, and what goes between sites."""

import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from rich.markup import escape

from trueup.canon.dock import ArrivalLine, ArrivalSource, TransferLine
from trueup.canon.purchase import PurchaseLine, PurchaseState
from trueup.cli.booking import (
    ByOption,
    CorrectOption,
    DryRunOption,
    ExpectedOption,
    LinesArgument,
    SerialsOfOption,
    read_day,
    read_lines,
    read_serials_of,
    tell_booked,
)
from trueup.cli.options import ConfigOption, JsonOption
from trueup.cli.session import DONE, out, print_json, run
from trueup.errors import ConfigError
from trueup.kernel.clock import SystemClock
from trueup.kernel.money import Money
from trueup.ledger.sites import DEFAULT_SITE
from trueup.records.expected import Document, incoming_of
from trueup.session import Session
from trueup.warehouse.book import Booked, Desk
from trueup.warehouse.costing import read_money
from trueup.warehouse.dock import Dock, arrival_of, purchase_of, transfer_of

_Conn = psycopg.AsyncConnection[Any]

purchase = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="What is ordered at suppliers, and what is still to come.",
)
transfer = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Send units to another site, and take them in there.",
)

RefArgument = Annotated[str, typer.Argument(help="Its ref.")]
NameArgument = Annotated[str, typer.Argument(help="Its number or ref.")]


@purchase.command("new")
def new_purchase(
    ref: Annotated[str, typer.Argument(help="Its number.")],
    lines: LinesArgument,
    supplier: Annotated[
        str | None, typer.Option("--supplier", help="Who sends it.", show_default=False)
    ] = None,
    expected: ExpectedOption = None,
    costs: Annotated[
        list[str] | None,
        typer.Option(
            "--cost", metavar="SKU=AMOUNT", help="What one unit costs; again for more SKUs."
        ),
    ] = None,
    currency: Annotated[
        str | None, typer.Option("--currency", help="Of the costs.", show_default=False)
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option("--weight", metavar="SKU=GRAMS", help="Of one unit; again for more SKUs."),
    ] = None,
    volumes: Annotated[
        list[str] | None,
        typer.Option("--volume", metavar="SKU=CM3", help="Of one unit; again for more SKUs."),
    ] = None,
    site: Annotated[str, typer.Option("--site", help="Where it shall come.")] = DEFAULT_SITE,
    correct: CorrectOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Note a purchase order, where no other system holds it: trueup purchase new PO-7 LAMP=10."""
    now = SystemClock().now()
    units = dict(read_lines(lines))
    prices = _prices(costs or [], currency, units)
    grams, space = _sizes("--weight", weights, units), _sizes("--volume", volumes, units)
    told = [
        PurchaseLine(
            ref=str(number),
            sku=sku,
            quantity=count,
            cost=prices.get(sku),
            weight_g=grams.get(sku),
            volume_cm3=space.get(sku),
        )
        for number, (sku, count) in enumerate(units.items(), start=1)
    ]
    wanted = purchase_of(
        ref, told, site=site, now=now, expected_on=read_day(expected), supplier=supplier
    )
    _book(
        lambda dock, conn: dock.order(conn, wanted, restate=correct, dry_run=dry_run),
        config,
        as_json=as_json,
    )


def _prices(texts: list[str], currency: str | None, units: dict[str, int]) -> dict[str, Money]:
    """Return what one unit costs, by SKU, of "SKU=AMOUNT"."""
    if texts and currency is None:
        raise typer.BadParameter("--currency: say of which currency the costs are, such as EUR.")
    found = {}
    for text in texts:
        sku, _, amount = text.rpartition("=")
        if sku not in units:
            raise typer.BadParameter(f"--cost: write SKU=AMOUNT of a line, and not {text!r}.")
        try:
            found[sku] = read_money(amount, currency or "")
        except ConfigError as error:
            raise typer.BadParameter(f"--cost: {error.message}") from error
        if found[sku].amount < 0:
            raise typer.BadParameter(f"--cost: expected 0 or more, and found {text!r}.")
    return found


def _sizes(option: str, texts: list[str] | None, units: dict[str, int]) -> dict[str, int]:
    try:
        sizes = dict(read_lines(texts or []))
    except typer.BadParameter as error:
        raise typer.BadParameter(f"{option}: {error.message}") from error
    if unknown := sorted(sizes.keys() - units):
        raise typer.BadParameter(f"{option}: no line has the SKU {unknown[0]!r}.")
    return {sku: size for sku, size in sizes.items() if size}


@purchase.command("done")
def end_purchase(
    ref: RefArgument, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Say that nothing more will come of a purchase order of our own."""
    state = PurchaseState.RECEIVED
    _book(lambda dock, conn: dock.end_purchase(conn, ref, state), config, as_json=as_json)


@purchase.command("cancel")
def cancel_purchase(
    ref: RefArgument, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Say that a purchase order of our own was cancelled; what came stays booked."""
    state = PurchaseState.CANCELLED
    _book(lambda dock, conn: dock.end_purchase(conn, ref, state), config, as_json=as_json)


@purchase.command("show")
def show_purchase(
    name: NameArgument, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Show a purchase order of any system line by line: ordered, arrived, still to come."""
    _show(ArrivalSource.PURCHASE, name, config, as_json=as_json)


@purchase.command("incoming")
def list_incoming(
    skus: Annotated[list[str] | None, typer.Argument(help="Of these SKUs; of all.")] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Expected by this day.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List what is still to come, of purchase orders and of transfers, the earliest first."""
    day = read_day(until)

    async def work(session: Session) -> Any:  # noqa: ANN401 - printed as it is
        async with session.connection() as conn:
            return await incoming_of(conn, skus or None, day)

    found = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"incoming": found})
    else:
        for each in found:
            when = each.expected_on.isoformat() if each.expected_on else "some day"
            what = escape(f"{each.sku} at {each.site}, {each.source} {each.number}")
            out.print(f"  {when:10} {each.units:6} {what}", highlight=False)
        out.print(f"{sum(each.units for each in found)} units are still to come.")
    raise typer.Exit(DONE)


@transfer.command()
def send(
    lines: LinesArgument,
    to: Annotated[str, typer.Option("--to", help="The site that they shall reach.")],
    site: Annotated[str, typer.Option("--from", help="The site that they leave.")] = DEFAULT_SITE,
    ref: Annotated[
        str | None, typer.Option("--ref", help="What names the transfer.", show_default=False)
    ] = None,
    expected: ExpectedOption = None,
    serials: SerialsOfOption = None,
    by: ByOption = None,
    correct: CorrectOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Send units to another site; until they are taken in there, they are in transit.

    Refused where more is sent than lies there and is promised to nobody, and where a serial of
    them lies elsewhere.
    """
    wanted = dict(read_lines(lines))
    named = read_serials_of(serials or [], wanted)
    told = [
        TransferLine(sku=sku, quantity=units, serials=named[sku]) for sku, units in wanted.items()
    ]
    sent = transfer_of(
        ref or f"transfer-{uuid.uuid4()}",
        told,
        from_site=site,
        to_site=to,
        now=SystemClock().now(),
        expected_on=read_day(expected),
        by=by,
    )
    _book(
        lambda dock, conn: dock.send(conn, sent, restate=correct, dry_run=dry_run),
        config,
        as_json=as_json,
    )


@transfer.command("receive")
def receive_transfer(
    ref: RefArgument,
    lines: Annotated[
        list[str] | None,
        typer.Argument(help="What came; without it, all that is on its way.", metavar="SKU=UNITS"),
    ] = None,
    damaged: Annotated[
        list[str] | None,
        typer.Option("--damaged", help="SKU=UNITS that came broken; again for more."),
    ] = None,
    serials: SerialsOfOption = None,
    arrival_ref: Annotated[
        str | None, typer.Option("--ref", help="What names the arrival.", show_default=False)
    ] = None,
    by: ByOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Take in what came of a transfer, in as many parts as it comes."""
    good, broken = dict(read_lines(lines or [])), dict(read_lines(damaged or []))
    named = read_serials_of(serials or [], good)

    async def work(dock: Dock, conn: _Conn) -> Booked[Any]:
        if not good and not broken:
            return await dock.arrive(
                conn, await dock.rest_of_transfer(conn, ref, by=by), dry_run=dry_run
            )
        found = await dock.find(conn, ArrivalSource.TRANSFER, ref)
        if not found:
            raise ConfigError(f"There is no transfer with the ref {ref!r}.")
        told = [
            ArrivalLine(
                sku=sku,
                quantity=good.get(sku, 0),
                damaged=broken.get(sku, 0),
                serials=named.get(sku, ()),
            )
            for sku in dict.fromkeys((*good, *broken))
        ]
        came = arrival_of(
            arrival_ref or f"arrival-{uuid.uuid4()}",
            told,
            site=found[0].site,
            now=SystemClock().now(),
            source=ArrivalSource.TRANSFER,
            source_ref=ref,
            by=by,
        )
        return await dock.arrive(conn, came, dry_run=dry_run)

    _book(work, config, as_json=as_json)


@transfer.command("close")
def close_transfer(
    ref: RefArgument, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Wait no longer for the rest: what never came is lost, what came too much is found."""
    _book(lambda dock, conn: dock.close_transfer(conn, ref), config, as_json=as_json)


@transfer.command("undo")
def undo_transfer(
    ref: RefArgument, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Take back a transfer that was entered by mistake, and of which nothing came."""
    _book(lambda dock, conn: dock.undo_transfer(conn, ref), config, as_json=as_json)


@transfer.command("show")
def show_transfer(
    ref: RefArgument, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Show a transfer line by line: sent, arrived, still on its way."""
    _show(ArrivalSource.TRANSFER, ref, config, as_json=as_json)


def _book(
    do: Callable[[Dock, _Conn], Awaitable[Booked[Any]]],
    config: Path | None,
    *,
    as_json: bool,
) -> None:
    async def work(session: Session) -> Booked[Any]:
        async with session.connection() as conn:
            return await do(Dock(Desk(session.hub)), conn)

    raise tell_booked(run(work, config_path=config, as_json=as_json), as_json=as_json)


def _show(source: ArrivalSource, name: str, config: Path | None, *, as_json: bool) -> None:
    async def work(session: Session) -> list[Document]:
        async with session.connection() as conn:
            return await Dock(Desk(session.hub)).find(conn, source, name)

    found = run(work, config_path=config, as_json=as_json)
    if not found:
        raise typer.BadParameter(f"Nothing goes by the name {name!r}.")
    if as_json:
        print_json({"found": found})
        raise typer.Exit(DONE)
    for document in found:
        state = "open" if document.is_open else "done"
        out.print(escape(f"{document.number} to {document.site}, {state}"), highlight=False)
        for line in document.match.lines:
            told = f"{line.quantity} ordered, {line.arrived} arrived, {line.left} to come"
            over = f", {line.over} too many" if line.over else ""
            out.print(f"  {escape(f'{line.line_ref}: {line.sku}')}: {told}{over}", highlight=False)
        for sku, units in document.match.unexpected:
            out.print(f"  {escape(sku)}: {units} arrived that nobody ordered", highlight=False)
    raise typer.Exit(DONE)
