"""All checks that need nothing but the database, by name: for the command, the hour and the API."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec
import psycopg

from trueup.hub import Hub
from trueup.reconcile.bank import check_bank
from trueup.reconcile.books import check_books
from trueup.reconcile.doubles import check_customers, check_skus
from trueup.reconcile.journals import check_journals
from trueup.reconcile.money import model
from trueup.reconcile.money.own import check_money
from trueup.reconcile.money.shipments import check_shipments
from trueup.reconcile.money.storefront import check_storefront
from trueup.reconcile.money.taxes import check_taxes
from trueup.reconcile.payouts import check_payouts
from trueup.reconcile.promises import check_oversells, check_phantoms
from trueup.reconcile.report import Report
from trueup.reconcile.returns import check_returns, view_of

Conn = psycopg.AsyncConnection[Any]


class Check(StrEnum):
    """What can be held beside each other by the hub's own books."""

    LEDGER = "ledger"
    ORDERS = "orders"
    DUPLICATES = "duplicates"
    PAYMENTS = "payments"
    FEES = "fees"
    PAYOUTS = "payouts"
    BANK = "bank"
    TAXES = "taxes"
    SHIPMENTS = "shipments"
    STOREFRONT = "storefront"
    RETURNS = "returns"
    CUSTOMERS = "customers"
    SKUS = "skus"
    OVERSELLS = "oversells"
    PHANTOMS = "phantoms"
    JOURNALS = "journals"


DOES: Final[Mapping[Check, str]] = {
    Check.LEDGER: "re-sums all postings",
    Check.ORDERS: "holds what is owed beside what was paid",
    Check.DUPLICATES: "finds orders that came twice",
    Check.PAYMENTS: "holds what was paid beside the providers' accounts",
    Check.FEES: "holds each fee beside the usual one",
    Check.PAYOUTS: "holds each payout beside its entries",
    Check.BANK: "says which line of the bank is which payout",
    Check.TAXES: "holds taxes by their rates beside tax lines, orders, the ledger and the books",
    Check.SHIPMENTS: "holds units that left beside units ordered",
    Check.STOREFRONT: "holds orders beside what an ERP or accounting system has of them",
    Check.RETURNS: "holds what was asked for, refunded and put away beside each other",
    Check.CUSTOMERS: "finds people whom a system holds twice",
    Check.SKUS: "finds what is sold and moves no stock",
    Check.OVERSELLS: "finds what is promised and not there",
    Check.PHANTOMS: "finds orders that hold units in vain",
    Check.JOURNALS: "holds what was posted beside what stands in the books there",
}
"""What each does, in words after its name."""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What a check is asked with.

    Attributes:
        now: aware.
        connection_id: only this connection's, where a check is of one; None: all.
        by: also the sums of each hour or day, where a check has them.
    """

    now: datetime
    connection_id: int | None = None
    by: model.By | None = None


_MONEY = {
    Check.ORDERS: model.Check.ORDERS,
    Check.DUPLICATES: model.Check.DUPLICATES,
    Check.PAYMENTS: model.Check.PAYMENTS,
    Check.FEES: model.Check.FEES,
}

TOGETHER: Final = (
    tuple(_MONEY),
    *((check,) for check in Check if check not in _MONEY),
)
"""All checks, those together that are run in one go."""

_Do = Callable[[Conn, Hub, Ask], Awaitable[Report]]


async def run_checks(conn: Conn, hub: Hub, ask: Ask, *checks: Check) -> dict[Check, Report]:
    """Run some checks, each once; those of money in one go.

    Args:
        conn: in autocommit; nothing is written.
        hub: with the connections as they are now.
        ask: the moment, and what of it.
        checks: which; none: all.
    """
    wanted = checks or tuple(Check)
    found: dict[Check, Report] = {}
    if any(check in _MONEY for check in wanted):
        reports = await check_money(conn, hub, _rules(hub, ask))
        found |= {check: reports[_MONEY[check]] for check in wanted if check in _MONEY}
    for check in wanted:
        if check not in _MONEY:
            found[check] = await _OTHERS[check](conn, hub, ask)
    return {check: found[check] for check in wanted}


def _rules(hub: Hub, ask: Ask) -> model.Rules:
    leeway = hub.leeway
    return model.Rules(
        as_of=ask.now,
        by=ask.by,
        tolerances={
            (model.Check(check), currency): amount
            for (check, currency), amount in leeway.tolerances.items()
        },
        ship_within=leeway.ship_within,
        carry_within=leeway.carry_within,
    )


async def _ledger(conn: Conn, hub: Hub, ask: Ask) -> Report:
    del hub, ask
    return await check_books(conn)


async def _taxes(conn: Conn, hub: Hub, ask: Ask) -> Report:
    return await check_taxes(conn, hub, _rules(hub, ask))


async def _shipments(conn: Conn, hub: Hub, ask: Ask) -> Report:
    return await check_shipments(conn, hub, _rules(hub, ask))


async def _storefront(conn: Conn, hub: Hub, ask: Ask) -> Report:
    return await check_storefront(conn, hub, _rules(hub, ask))


async def _payouts(conn: Conn, hub: Hub, ask: Ask) -> Report:
    return await check_payouts(conn, hub.names(), connection_id=ask.connection_id)


async def _bank(conn: Conn, hub: Hub, ask: Ask) -> Report:
    return (await check_bank(conn, hub.names(), today=ask.now.date())).report


async def _returns(conn: Conn, hub: Hub, ask: Ask) -> Report:
    view = await view_of(conn, hub, ask.now)
    return await check_returns(conn, view, connection_id=ask.connection_id)


async def _customers(conn: Conn, hub: Hub, ask: Ask) -> Report:
    del ask
    return await check_customers(conn, hub.names())


async def _skus(conn: Conn, hub: Hub, ask: Ask) -> Report:
    del ask
    return await check_skus(conn, hub.names())


async def _oversells(conn: Conn, hub: Hub, ask: Ask) -> Report:
    del hub, ask
    return await check_oversells(conn)


async def _phantoms(conn: Conn, hub: Hub, ask: Ask) -> Report:
    del ask
    return await check_phantoms(conn, hub.names())


async def _journals(conn: Conn, hub: Hub, ask: Ask) -> Report:
    del ask
    return await check_journals(conn, hub.names())


_OTHERS: dict[Check, _Do] = {
    Check.LEDGER: _ledger,
    Check.TAXES: _taxes,
    Check.SHIPMENTS: _shipments,
    Check.STOREFRONT: _storefront,
    Check.PAYOUTS: _payouts,
    Check.BANK: _bank,
    Check.RETURNS: _returns,
    Check.CUSTOMERS: _customers,
    Check.SKUS: _skus,
    Check.OVERSELLS: _oversells,
    Check.PHANTOMS: _phantoms,
    Check.JOURNALS: _journals,
}
