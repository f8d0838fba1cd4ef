"""`/api/v1/money`: what the money ledger holds, and whether payouts sum up to their entries."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import psycopg
from litestar import get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from trueup.intake import reads as intake
from trueup.ledger.money import MoneyAccount
from trueup.ledger.money_book import money_balances, money_items
from trueup.reconcile.payouts import check_payouts
from trueup.reconcile.reads import plain

Session = psycopg.AsyncConnection[Any]


class BalanceView(msgspec.Struct, frozen=True, kw_only=True):
    """What one money account holds at a connection; above zero is a debit."""

    account: str
    connection: str
    currency: str
    amount: Decimal
    postings: int


class ItemView(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of one item of a money account: nothing, where all who tell of it agree.

    `item` is null for what belongs to none yet. Days are those on which the money moved.
    """

    connection: str
    item: str | None
    currency: str
    amount: Decimal
    debits: Decimal
    credits: Decimal
    first_on: date
    last_on: date


@get("/money/balances", right="money.read")
async def list_balances(
    session: NamedDependency[Session],
    until: Annotated[
        date | None,
        QueryParameter(required=False, description="The last day of booking that counts."),
    ] = None,
) -> list[BalanceView]:
    """List what every money account holds, by connection and currency."""
    names = await _names(session)
    return [
        BalanceView(
            account=row["account"],
            connection=names.get(row["connection_id"], "removed"),
            currency=row["currency"],
            amount=row["amount"],
            postings=row["postings"],
        )
        for row in await money_balances(session, until=until)
    ]


@get("/money/items/{account:str}", right="money.read")
async def list_items(
    session: NamedDependency[Session],
    account: Annotated[str, PathParameter(max_length=40, description="Such as clearing.")],
    *,
    everything: Annotated[
        bool, QueryParameter(required=False, description="Also what came to nothing.")
    ] = False,
) -> list[ItemView]:
    """List what is open on a money account: payouts, payments, orders, lines of a bank."""
    known = {each.value: each for each in MoneyAccount}
    if account not in known:
        raise NotFoundException(
            f"There is no money account {account!r}; there are: {', '.join(sorted(known))}."
        )
    names = await _names(session)
    return [
        ItemView(
            connection=names.get(each.connection_id, "removed"),
            item=each.item or None,
            currency=each.currency,
            amount=each.amount,
            debits=each.debits,
            credits=each.credits,
            first_on=each.first_on,
            last_on=each.last_on,
        )
        for each in await money_items(session, [known[account]])
        if everything or each.amount
    ]


@get("/money/payouts", right="money.read")
async def show_payouts(session: NamedDependency[Session]) -> dict[str, Any]:
    """Hold every payout beside its entries, to the cent, as `trueup reconcile payouts` does."""
    return plain(await check_payouts(session, await _names(session)))


async def _names(session: Session) -> dict[int, str]:
    return {row["connection_id"]: row["name"] for row in await intake.name_connections(session)}


def money_routes() -> list[ControllerRouterHandler]:
    """Return the routes of the money ledger, below `/api/v1`."""
    return [list_balances, list_items, show_payouts]
