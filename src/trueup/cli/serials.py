"""`trueup serials`: single units by their own numbers: where each is, and which left with what."""

import uuid
from collections import Counter
from typing import Annotated, Any

import typer
from rich.markup import escape

from trueup.canon.serial import Pack, PackLine, SerialRule
from trueup.cli.booking import ByOption, CorrectOption, DryRunOption, read_serials, tell_booked
from trueup.cli.options import ConfigOption, JsonOption
from trueup.cli.session import DONE, FOUND_PROBLEMS, out, print_json, run
from trueup.kernel.clock import SystemClock
from trueup.ledger.serial import Serial
from trueup.ledger.serials import serials_called, serials_of, tracked_skus
from trueup.ledger.sites import DEFAULT_SITE
from trueup.session import Session
from trueup.warehouse.book import Booked, Desk
from trueup.warehouse.packing import Packing, pack_of

serials = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Single units by their serials: where each is, its story, and which left with an order.",
)

SkuArgument = Annotated[str, typer.Argument(help="The SKU.")]


@serials.command("list")
def list_serials(
    sku: Annotated[
        str | None, typer.Argument(help="Of this SKU; how many there are of all.")
    ] = None,
    site: Annotated[
        str | None, typer.Option("--site", help="Only what lies there.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List serials by SKU and place, or how many there are of each SKU that is tracked."""

    async def work(session: Session) -> tuple[dict[str, bool], list[Serial]]:
        async with session.connection() as conn:
            tracked = await tracked_skus(conn, None if sku is None else [sku])
            return tracked, await serials_of(conn, tracked)

    tracked, found = run(work, config_path=config, as_json=as_json)
    found = [each for each in found if site is None or each.standing.site == site]
    if as_json:
        skus = [{"sku": code, "required": must} for code, must in tracked.items()]
        print_json({"skus": skus, "serials": [] if sku is None else found})
        raise typer.Exit(DONE)
    for code, must in tracked.items():
        told = Counter(str(each.standing.place or "") for each in found if each.sku == code)
        counts = ", ".join(f"{n} {place.replace('_', ' ')}" for place, n in sorted(told.items()))
        needed = "; each must have one" if must else ""
        out.print(f"{escape(code)}: {escape(counts or 'none yet')}{needed}", highlight=False)
    for each in found if sku is not None else ():
        clashing = f"  [yellow]clash: {each.clashes[-1].code.value}[/]" if each.clashes else ""
        told_of = escape(f"{each.serial}: {each.standing}")
        out.print(f"  {told_of}{clashing}", highlight=False)
    raise typer.Exit(DONE)


@serials.command("show")
def show_serial(
    sku: Annotated[str, typer.Argument(help="The SKU, or the serial alone.")],
    serial: Annotated[str | None, typer.Argument(help="The serial, in whatever case.")] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show where a serial is and how it came there."""

    async def work(session: Session) -> list[Serial]:
        async with session.connection() as conn:
            if serial is None:
                return await serials_called(conn, sku)
            return await serials_called(conn, serial, sku=sku)

    found = run(work, config_path=config, as_json=as_json)
    if not found:
        raise typer.BadParameter(f"Nobody told of a serial {serial or sku!r}.")
    if as_json:
        print_json({"serials": found})
        raise typer.Exit(FOUND_PROBLEMS if any(each.clashes for each in found) else DONE)
    for each in found:
        out.print(escape(f"{each.serial} of {each.sku}: {each.standing}"), highlight=False)
        for line in each.lines:
            source = f", {line.source} {line.source_ref}" if line.source_ref else ""
            way = f"{_place(line.start, line.from_site)} → {_place(line.target, line.to_site)}"
            told = f"{line.at:%Y-%m-%d %H:%M} {line.kind} {line.ref}{source}: {way}"
            out.print(f"  {escape(told)}", highlight=False, soft_wrap=True)
        for clash in each.clashes:
            told = f"{clash.line.kind} {clash.line.ref}: it was {clash.was}"
            out.print(f"  [yellow]clash: {clash.code.value}[/] {escape(told)}", soft_wrap=True)
    raise typer.Exit(FOUND_PROBLEMS if any(each.clashes for each in found) else DONE)


@serials.command()
def ship(
    order: Annotated[str, typer.Argument(help="Number or ref of the order.")],
    sku: SkuArgument,
    named: Annotated[
        list[str], typer.Argument(help="What goes into its parcel.", metavar="SERIAL...")
    ],
    channel: Annotated[
        str | None,
        typer.Option("--channel", help="Whose order, by connection.", show_default=False),
    ] = None,
    site: Annotated[str, typer.Option("--site", help="From where it leaves.")] = DEFAULT_SITE,
    ref: Annotated[
        str | None, typer.Option("--ref", help="What names the pack.", show_default=False)
    ] = None,
    by: ByOption = None,
    correct: CorrectOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Say which serials leave with an order: trueup serials ship 1001 CAMERA SN-1 SN-2.

    It moves no units: the order does, when its channel tells that it was sent. A serial that lies
    elsewhere is refused.
    """
    kept = read_serials(named, len(named), "SERIAL")
    pack = pack_of(
        ref or f"pack-{uuid.uuid4()}",
        [PackLine(sku=sku, serials=kept)],
        site=site,
        now=SystemClock().now(),
        by=by,
    )

    async def work(session: Session) -> Booked[Pack]:
        async with session.connection() as conn:
            return await Packing(Desk(session.hub)).pack(
                conn, pack, order=order, channel=channel, restate=correct, dry_run=dry_run
            )

    raise tell_booked(run(work, config_path=config, as_json=as_json), as_json=as_json)


@serials.command()
def undo(
    ref: Annotated[str, typer.Argument(help="What names the pack.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Take back what was packed by mistake: its serials lie where they lay."""

    async def work(session: Session) -> Booked[Pack]:
        async with session.connection() as conn:
            return await Packing(Desk(session.hub)).undo(conn, ref)

    raise tell_booked(run(work, config_path=config, as_json=as_json), as_json=as_json)


@serials.command()
def require(
    sku: SkuArgument,
    off: Annotated[bool, typer.Option("--off", help="They need not have one any more.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Say that each unit of a SKU must have a serial: what comes without is booked, and told."""
    if not sku or "\x00" in sku:
        raise typer.BadParameter("SKU: expected 1 to 255 characters.")

    async def work(session: Session) -> Booked[SerialRule]:
        async with session.connection() as conn:
            return await Packing(Desk(session.hub)).require(conn, sku, required=not off)

    raise tell_booked(run(work, config_path=config, as_json=as_json), as_json=as_json)


def _place(place: Any, site: str) -> str:  # noqa: ANN401 - a place, or none
    if place is None:
        return "seen"
    return f"{place.value.replace('_', ' ')}{f' at {site}' if site else ''}"
