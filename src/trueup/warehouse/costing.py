"""Costs that people tell: of a purchase order, to be shared out among its units; of an order."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
import psycopg

from trueup.canon.cost import Allocation, Cost, CostKind, CostOf
from trueup.errors import ConfigError
from trueup.kernel.money import Money
from trueup.warehouse.book import Booked, Desk

Conn = psycopg.AsyncConnection[Any]

TOPIC: Final = "money/cost"


class Costing:
    """Books what people tell of costs.

    Args:
        desk: where it is booked.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def tell(
        self, conn: Conn, cost: Cost, *, restate: bool = False, dry_run: bool = False
    ) -> Booked[Cost]:
        """Book a cost; the same again changes nothing.

        Args:
            conn: in autocommit.
            cost: whole.
            restate: a cost of this ref may be there, and is told anew.
            dry_run: look whether it could be booked, and book nothing.

        Raises:
            KeyReused: the ref names another cost, and it was not to be restated.
            ConfigError: a field is not as it must be; it is named.
        """
        return await self._desk.book(conn, TOPIC, cost, restate=restate, dry_run=dry_run)

    async def undo(self, conn: Conn, ref: str) -> Booked[Cost]:
        """Take back a cost that was entered by mistake."""
        known = await self._desk.find(conn, Cost, ref)
        if known is None:
            raise ConfigError(
                f"There is no cost with the ref {ref!r}: expected one that was told by hand.",
                field="ref",
            )
        gone = msgspec.structs.replace(known, deleted=True)
        return await self._desk.book(conn, TOPIC, gone, restate=True)


def cost_of(
    ref: str,
    kind: CostKind,
    amount: Money,
    *,
    of: tuple[CostOf, str],
    now: datetime,
    allocation: Allocation | None = None,
    by: str | None = None,
) -> Cost:
    """Return a cost as it is told.

    Args:
        ref: its own.
        kind: what it was paid for.
        amount: without taxes that come back.
        of: a purchase order or an order, by number or ref.
        now: when it arose.
        allocation: how a purchase's is shared out; None: by value.
        by: who tells it.
    """
    if of[0] is CostOf.ORDER and allocation is not None:
        raise ConfigError(
            "A cost of an order is not shared out: leave the allocation out.", field="allocation"
        )
    return Cost(
        ref=ref,
        updated_at=now,
        occurred_at=now,
        cost_kind=kind,
        amount=amount,
        of=of[0],
        of_ref=of[1],
        allocation=allocation or Allocation.VALUE,
        by=by,
    )


def read_money(amount: str, currency: str) -> Money:
    """Return the money that somebody wrote as "12.50" and "EUR".

    Raises:
        ConfigError: names which of them is wrong, and what was expected.
    """
    plain = amount.removeprefix("-").replace(".", "", 1)
    if not plain.isascii() or not plain.isdigit():
        raise ConfigError(
            f"amount: expected digits with a point, such as 12.50, and found {amount!r}.",
            field="amount",
        )
    if len(currency) != 3 or not currency.isascii() or not currency.isupper():
        raise ConfigError(
            f"currency: expected three capital letters, such as EUR, and found {currency!r}.",
            field="currency",
        )
    return Money(Decimal(amount), currency)
