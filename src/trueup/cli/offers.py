"""`trueup kits` and `trueup rules`: what codes stand for, and what channels are offered."""

from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from trueup.canon.rule import ChannelRule
from trueup.cli.booking import DryRunOption, read_lines, tell_booked
from trueup.cli.options import ConfigOption, JsonOption
from trueup.cli.session import out, print_json, run
from trueup.errors import ConfigError
from trueup.kernel.clock import SystemClock
from trueup.kernel.limits import AHEAD_DAYS_MAX, UNITS_MAX
from trueup.offers import read_kits, read_rules, set_kit, set_rule
from trueup.session import Session
from trueup.warehouse.book import Booked, Desk

kits = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Codes that are sold and not stocked: bundles, packs, other names of a SKU.",
)
rules = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="How much of a SKU a channel is told there is: buffer, cap, share, units ahead.",
)

KitArgument = Annotated[str, typer.Argument(help="The code that is sold.")]
ChannelArgument = Annotated[str, typer.Argument(help="The connection.")]
SkuOption = Annotated[
    str | None, typer.Option("--sku", help="Of this SKU; of all without.", show_default=False)
]
AheadOption = Annotated[
    int | None,
    typer.Option(
        min=0, max=UNITS_MAX, help="Units sold before they are there.", show_default=False
    ),
]
AheadIncomingOption = Annotated[
    bool | None,
    typer.Option(
        help="Sell ahead what is still to come; --ahead is the most of it.", show_default=False
    ),
]
AheadDaysOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=AHEAD_DAYS_MAX,
        help="Only what is expected within so many days.",
        show_default=False,
    ),
]


@kits.command("list")
def list_kits(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List kits with their parts, and how many can be put together now."""

    async def work(session: Session) -> Any:  # noqa: ANN401 - printed as it is
        async with session.connection() as conn:
            return await read_kits(conn, session.hub)

    found = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"kits": found})
        return
    table = Table("kit", "parts", "available")
    for each in found:
        parts = ", ".join(f"{units} x {sku}" for sku, units in each.parts.items())
        left = str(each.available) if each.counted else "parts not counted"
        table.add_row(escape(each.kit), escape(parts), left)
    out.print(table if found else "There are no kits. Make one: trueup kits set SET-1 CUP=2 POT=1")


@kits.command("set")
def set_(
    kit: KitArgument,
    parts: Annotated[list[str], typer.Argument(help="SKU=UNITS of each part.")],
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Say what a kit is made of from now on: trueup kits set SET-1 CUP=2 POT=1.

    A pack of six is `trueup kits set CUP-6 CUP=6`; another name is `trueup kits set TASSE CUP=1`.
    """
    _set_kit(kit, dict(read_lines(parts)), config, dry_run=dry_run, as_json=as_json)


@kits.command("remove")
def remove_kit(
    kit: KitArgument,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Say that a code stands for itself from now on; what was sold stays as it was."""
    _set_kit(kit, {}, config, dry_run=dry_run, as_json=as_json)


def _set_kit(kit: str, parts: dict[str, int], config: Any, *, dry_run: bool, as_json: bool) -> None:  # noqa: ANN401 - handed on
    async def work(session: Session) -> Booked[Any]:
        async with session.connection() as conn:
            return await set_kit(conn, Desk(session.hub), kit, parts, dry_run=dry_run)

    raise tell_booked(run(work, config_path=config, as_json=as_json), as_json=as_json)


@rules.command("list")
def list_rules(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List what channels are offered otherwise than all that is available."""

    async def work(session: Session) -> Any:  # noqa: ANN401 - printed as it is
        async with session.connection() as conn:
            return await read_rules(conn, session.hub)

    found = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"rules": found})
        return
    fields = [field for field in msgspec.structs.fields(ChannelRule) if field.name in _SHOWN]
    table = Table(*(field.name.replace("_", " ") for field in fields))
    for each in found:
        values = [getattr(each, field.name) for field in fields]
        table.add_row(*("" if value is None else escape(str(value)) for value in values))
    out.print(table if found else "There are no rules: each channel is told what is available.")


_SHOWN = frozenset(
    (
        *("channel", "sku", "buffer", "cap", "share_percent", "ahead", "adaptive"),
        *("ahead_incoming", "ahead_days", "oversells_per_million"),
    )
)


@rules.command("set")
def set_rule_(
    channel: ChannelArgument,
    sku: SkuOption = None,
    buffer: Annotated[
        int | None, typer.Option(min=0, max=UNITS_MAX, help="Units kept back.", show_default=False)
    ] = None,
    cap: Annotated[
        int | None, typer.Option(min=0, max=UNITS_MAX, help="Units at most.", show_default=False)
    ] = None,
    share: Annotated[
        int | None, typer.Option(min=0, max=100, help="Percent of all.", show_default=False)
    ] = None,
    ahead: AheadOption = None,
    ahead_incoming: AheadIncomingOption = None,
    ahead_days: AheadDaysOption = None,
    adaptive: Annotated[
        bool | None,
        typer.Option(help="Keep back besides what the others sell meanwhile.", show_default=False),
    ] = None,
    oversells_per_million: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=999_999,
            help="How often that may be too little, of a million times.",
            show_default=False,
        ),
    ] = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Set a channel's rule, whole: what is left out is decided by its rule for all SKUs."""
    if ahead_days is not None and ahead_incoming is False:
        raise typer.BadParameter(
            "expected no days with --no-ahead-incoming, because nothing to come counts then: "
            "leave one of them out.",
            param_hint="--ahead-days",
        )
    rule = ChannelRule(
        ref=_ref(channel, sku),
        updated_at=SystemClock().now(),
        channel=channel,
        sku=sku,
        buffer=buffer,
        cap=cap,
        share_percent=share,
        ahead=ahead,
        ahead_incoming=ahead_incoming,
        ahead_days=ahead_days,
        adaptive=adaptive,
        oversells_per_million=oversells_per_million,
    )
    _set_rule(rule, config, dry_run=dry_run, as_json=as_json)


@rules.command("remove")
def remove_rule(
    channel: ChannelArgument,
    sku: SkuOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Forget a channel's rule: the wider one counts again, or the default."""
    rule = ChannelRule(
        ref=_ref(channel, sku),
        updated_at=SystemClock().now(),
        channel=channel,
        sku=sku,
        deleted=True,
    )
    _set_rule(rule, config, dry_run=dry_run, as_json=as_json)


def _ref(channel: str, sku: str | None) -> str:
    return f"{channel}/{sku or '*'}"


def _set_rule(rule: ChannelRule, config: Any, *, dry_run: bool, as_json: bool) -> None:  # noqa: ANN401 - handed on
    async def work(session: Session) -> Booked[Any]:
        if rule.deleted:
            async with session.connection() as conn:
                known = await read_rules(conn, session.hub)
            if (rule.channel, rule.sku) not in {(each.channel, each.sku) for each in known}:
                raise ConfigError(f"There is no rule of {rule.ref!r}: trueup rules list.")
        async with session.connection() as conn:
            return await set_rule(conn, Desk(session.hub), rule, dry_run=dry_run)

    raise tell_booked(run(work, config_path=config, as_json=as_json), as_json=as_json)
