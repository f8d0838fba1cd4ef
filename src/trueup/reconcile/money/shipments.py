"""Did what was ordered leave, and nothing else? Units sent held beside units ordered, in sets."""

import asyncio
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg

from trueup.hub import Hub
from trueup.intake.reads import copy_parked
from trueup.own import learn_kits
from trueup.reconcile.money.engine import Engine, open_engine
from trueup.reconcile.money.model import Check, Rules
from trueup.reconcile.money.own import copying
from trueup.reconcile.money.tables import NAMES, PARKED, REFS, Book, Column, Kind, listed
from trueup.reconcile.report import Report
from trueup.records.books import Sent, copy_sent

ORDERED: Final = (
    Column("ref", Kind.TEXT),
    Column("order_ref", Kind.TEXT),
    Column("seller", Kind.TEXT),
    Column("sku", Kind.TEXT, filled=False),
    Column("quantity", Kind.COUNT),
    Column("current", Kind.COUNT, filled=False),
    Column("kept_back", Kind.COUNT),
    Column("refunded", Kind.COUNT),
    Column("sent", Kind.FLAG),
    Column("paid", Kind.FLAG, filled=False),
    Column("code", Kind.TEXT, filled=False),
    Column("placed_at", Kind.INSTANT),
    Column("cancelled_at", Kind.INSTANT, filled=False),
)
_SENT = (
    Column("ref", Kind.TEXT),
    Column("shipment_ref", Kind.TEXT),
    Column("order_ref", Kind.TEXT, filled=False),
    Column("teller", Kind.TEXT),
    Column("line_ref", Kind.TEXT, filled=False),
    Column("sku", Kind.TEXT, filled=False),
    Column("units", Kind.COUNT),
    Column("state", Kind.TEXT),
    Column("code", Kind.TEXT, filled=False),
    Column("sent_at", Kind.INSTANT),
)
_DELIVERED = (Column("ref", Kind.TEXT), Column("delivered_at", Kind.INSTANT))

_STEPS = (
    *("make_own_sent", "make_items", "find_delivered", "judge_items", "write_shipments"),
    "judge_unknown_shipments",
)


async def check_shipments(conn: psycopg.AsyncConnection[Any], hub: Hub, rules: Rules) -> Report:
    """Hold the units of each order's lines beside those that left, as of one moment.

    Args:
        conn: in autocommit; nothing is written.
        hub: who sells, and which SKUs are kits.
        rules: how long a paid order may wait to be sent.

    Returns:
        Left are lines of orders with the units that should have left by now, right are lines of
        shipments with those that left; amounts are units, too many above zero.
    """
    await learn_kits(conn, hub)
    with tempfile.TemporaryDirectory(prefix="trueup-books-") as name:
        folder = Path(name)
        async with copying(conn):
            sent = await copy_sent(conn, folder, hub.names(), hub.sellers())
            await copy_parked(conn, folder / "parked.csv")
        return await asyncio.to_thread(_compare, sent, folder / "parked.csv", hub, rules)


def _compare(sent: Sent, parked: Path, hub: Hub, rules: Rules) -> Report:
    with open_engine(rules) as engine:
        engine.load(
            (
                Book("ordered", sent.ordered, ORDERED, repeats=True),
                Book("aside", sent.aside, REFS),
                Book("sent", sent.sent, _SENT),
                Book("delivered", sent.delivered, _DELIVERED),
                Book("name", sent.names, NAMES, repeats=True),
                Book("sku", sent.skus, REFS),
                Book("teller", listed(sent.tellers), REFS),
                Book("kit", listed(sorted(hub.kits.now())), REFS),
                Book("parked", parked, PARKED),
            )
        )
        for step in _STEPS:
            engine.do(step)
        return _report(engine)


def _report(engine: Engine) -> Report:
    due, units, items, matched = engine.do("sum_due_units")[0]
    [(parts,)] = engine.do("count_sent")
    report = engine.report(
        Check.SHIPMENTS,
        (items, parts, matched),
        ({"": Decimal(due)}, {"": Decimal(units)}),
        "sum_shipment_periods",
    ).listed()
    left_out = tuple(
        f"{seller}: {orders} orders with kits, of which another system alone tells shipments"
        if kits
        else f"{seller}: nobody tells shipments of {orders} of its orders"
        for seller, orders, kits in engine.do("list_unheld")
    )
    return msgspec.structs.replace(report, left_out=left_out)
