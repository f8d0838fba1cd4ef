"""`trueup costs`: what it costs to bring goods here and to send orders; the layers of a SKU."""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from trueup.canon.cost import Allocation, Cost, CostKind, CostOf
from trueup.cli.booking import ByOption, CorrectOption, DryRunOption, tell_booked
from trueup.cli.options import ConfigOption, JsonOption
from trueup.cli.session import DONE, out, print_json, run
from trueup.errors import ConfigError
from trueup.kernel.clock import SystemClock
from trueup.margin.costs import CostBook, read_costs
from trueup.margin.layers import Layer, Method, Taken
from trueup.session import Session
from trueup.warehouse.book import Booked, Desk
from trueup.warehouse.costing import Costing, cost_of, read_money

costs = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="What it costs to get goods here and orders to customers; what a SKU's units cost.",
)


@costs.command()
def add(
    ref: Annotated[str, typer.Argument(help="What names the cost: an invoice's number.")],
    kind: Annotated[CostKind, typer.Option("--kind", help="What it was paid for.")],
    amount: Annotated[str, typer.Option("--amount", help="Without tax, such as 120.00.")],
    currency: Annotated[str, typer.Option("--currency", help="Such as EUR.")],
    purchase: Annotated[
        str | None,
        typer.Option("--purchase", help="Of this purchase order.", show_default=False),
    ] = None,
    order: Annotated[
        str | None, typer.Option("--order", help="Of this order.", show_default=False)
    ] = None,
    allocation: Annotated[
        Allocation | None,
        typer.Option("--allocation", help="How a purchase's is shared out.", show_default=False),
    ] = None,
    by: ByOption = None,
    correct: CorrectOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Tell a cost: trueup costs add F-7 --purchase PO-7 --kind freight --amount 120 --currency EUR.

    A purchase's cost becomes part of what its units cost, whenever it is told. By weight or volume
    it is shared out where the purchase order tells them of all its units, else by quantity.
    """
    if (purchase is None) == (order is None):
        raise typer.BadParameter("Name one of --purchase and --order.")
    of = (CostOf.PURCHASE, purchase) if purchase is not None else (CostOf.ORDER, order or "")

    async def work(session: Session) -> Booked[Cost]:
        told = cost_of(
            *(ref, kind, read_money(amount, currency)),
            of=of,
            now=SystemClock().now(),
            allocation=allocation,
            by=by,
        )
        async with session.connection() as conn:
            desk = Costing(Desk(session.hub))
            return await desk.tell(conn, told, restate=correct, dry_run=dry_run)

    raise tell_booked(run(work, config_path=config, as_json=as_json), as_json=as_json)


@costs.command()
def undo(
    ref: Annotated[str, typer.Argument(help="What names the cost.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Take back a cost that was told by mistake."""

    async def work(session: Session) -> Booked[Cost]:
        async with session.connection() as conn:
            return await Costing(Desk(session.hub)).undo(conn, ref)

    raise tell_booked(run(work, config_path=config, as_json=as_json), as_json=as_json)


@costs.command()
def layers(
    sku: Annotated[str, typer.Argument(help="What is stocked; of a kit its parts.")],
    method: Annotated[
        Method, typer.Option("--method", help="How units that went have their cost.")
    ] = Method.FIFO,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what the units of a SKU cost when they came, landed, and what is left of them."""

    async def work(session: Session) -> CostBook:
        async with session.connection() as conn:
            book = await read_costs(conn, session.hub, method, [sku])
        if sku not in book.costed:
            raise ConfigError(
                f"Nothing of {sku!r} ever came or went: expected the code of what is stocked.",
                field="sku",
            )
        return book

    book = run(work, config_path=config, as_json=as_json)
    told, costed = book.layers.get(sku, []), book.costed[sku]
    if as_json:
        gone = {name: plain_taken(taken) for name, taken in costed.gone.items()}
        document = {"sku": sku, "method": method, "layers": [plain_layer(each) for each in told]}
        print_json(document | {"gone": gone, "left": plain_taken(costed.left)})
    else:
        table = Table("when", "with", "units", "cost of all", "", "from")
        for each in told:
            cost = "" if each.cost is None else f"{each.cost.amount:,f} {each.cost.currency}"
            when = each.at.isoformat(sep=" ", timespec="minutes")
            cells = (when, escape(each.key), str(each.units), cost)
            table.add_row(*cells, each.certainty.value, escape(each.how))
        out.print(table)
        sums = ", ".join(f"{amount:,f} {code}" for code, amount in costed.left.cost.items())
        out.print(f"{costed.left.units} are left, at {sums or 'no known cost'}.")
    raise typer.Exit(DONE)


def plain_layer(layer: Layer) -> dict[str, Any]:
    """Return a layer as it is printed as JSON."""
    return {
        "at": layer.at,
        "with": layer.key,
        "units": layer.units,
        "cost": None if layer.cost is None else f"{layer.cost.amount:f}",
        "currency": None if layer.cost is None else layer.cost.currency,
        "certainty": layer.certainty,
        "how": layer.how,
    }


def plain_taken(taken: Taken) -> dict[str, Any]:
    """Return what units cost as it is printed as JSON."""
    return {
        "units": taken.units,
        "cost": {code: f"{amount:f}" for code, amount in taken.cost.items()},
        "certainty": taken.certainty,
        "how": list(taken.how),
    }
