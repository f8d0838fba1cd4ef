"""`trueup customers`: which names join people, and which somebody said do not."""

from typing import Annotated, Any

import psycopg
import typer
from rich.table import Table

from trueup.cli.options import ConfigOption, JsonOption
from trueup.cli.session import out, print_json, run
from trueup.errors import ConfigError
from trueup.records.customers import digests_of_person, find_customer
from trueup.records.people import Joined, cut_name, mend_name
from trueup.records.returned import value_of_persons
from trueup.session import Session

customers = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Who is the same customer in several systems, and why; say where a name tells nothing.",
)

NameArgument = Annotated[str, typer.Argument(help="An e-mail, a phone, a customer's number or id.")]
OfOption = Annotated[
    str | None,
    typer.Option("--of", help="Only of this person, by the id that `joins` shows."),
]


@customers.command()
def joins(name: NameArgument, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show who is the same customer as whoever has this name, and by which names."""

    async def work(session: Session) -> Joined:
        async with session.connection() as conn:
            return await _known(session, conn, name)

    found = run(work, config_path=config, as_json=as_json)
    rows = [
        {
            "left": join.left.hex(),
            "right": join.right.hex(),
            "by": join.namespace,
            "since": join.since.isoformat(),
        }
        for join in found.joins
    ]
    if as_json:
        print_json({"customer": found.persons[0].hex(), "joins": rows, "cuts": len(found.cuts)})
        return
    table = Table("person", "is also", "by", "since")
    for row in rows:
        table.add_row(*row.values())
    out.print(table if rows else "Known once, joined with nobody.")


@customers.command()
def value(name: NameArgument, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show what a customer's orders came to, less refunds, by shop and currency.

    Test orders and cancelled ones count nothing, nor does what other systems tell of the same.
    """

    async def work(session: Session) -> tuple[str, list[dict[str, Any]]]:
        hub = session.hub
        async with session.connection() as conn:
            found = await _known(session, conn, name)
            worth = await value_of_persons(conn, found.persons, hub.sellers())
        rows = [
            {
                "connection": hub.names()[each.connection_id],
                "currency": each.currency,
                "orders": each.orders,
                "ordered": each.ordered,
                "refunds": each.refunds,
                "refunded": each.refunded,
                "value": each.value,
            }
            for each in worth
        ]
        return found.persons[0].hex(), rows

    customer, rows = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"customer": customer, "value": rows})
        return
    table = Table("connection", "currency", "orders", "came to", "refunds", "refunded", "value")
    for row in rows:
        table.add_row(*(str(cell) for cell in row.values()))
    out.print(table if rows else "Known, and has ordered nothing.")


@customers.command()
def cut(
    name: NameArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept.")],
    of: OfOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Say that a name joins nobody (an office's phone), or not one person."""
    _change(name, of, reason=reason, as_json=as_json, config=config)


@customers.command()
def mend(
    name: NameArgument,
    of: OfOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Take a cut back: the name joins again."""
    _change(name, of, reason=None, as_json=as_json, config=config)


def _change(
    name: str,
    of: str | None,
    *,
    reason: str | None,
    as_json: bool,
    config: Any,  # noqa: ANN401 - as typer gives it
) -> None:
    person = _person(of)

    async def work(session: Session) -> Joined | None:
        hub = session.hub
        async with session.connection() as conn, conn.transaction():
            for namespace, digest in digests_of_person(hub.vault, hub.keys, name):
                if reason is None:
                    await mend_name(conn, namespace, digest, person=person)
                else:
                    await cut_name(conn, namespace, digest, person=person, reason=reason)
            return await find_customer(conn, hub.vault, hub.keys, name)

    found = run(work, config_path=config, as_json=as_json)
    persons = [] if found is None else [each.hex() for each in found.persons]
    if as_json:
        print_json({"persons": persons})
    else:
        out.print(f"Whoever has this name is now {len(persons)} joined person(s).")


async def _known(session: Session, conn: psycopg.AsyncConnection[Any], name: str) -> Joined:
    found = await find_customer(conn, session.hub.vault, session.hub.keys, name)
    if found is None:
        raise ConfigError(
            f"Nobody is known by {name!r}: expected an e-mail, a phone, a customer's number or id."
        )
    return found


def _person(of: str | None) -> bytes | None:
    if of is None:
        return None
    try:
        return bytes.fromhex(of)
    except ValueError as fault:
        raise ConfigError(
            "--of wants a person's id, as `trueup customers joins` shows it."
        ) from fault
