"""Does an ERP or an accounting system have each order as its shop has it? Held in sets."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg

from trueup.hub import Hub
from trueup.intake.reads import copy_parked
from trueup.ledger.money import Teller
from trueup.own import learn_kits
from trueup.reconcile.money.engine import Engine, open_engine
from trueup.reconcile.money.model import Check, Rules
from trueup.reconcile.money.own import copying
from trueup.reconcile.money.shipments import ORDERED
from trueup.reconcile.money.tables import NAMES, ORDERS, PARKED, REFS, Book, Column, Kind, listed
from trueup.reconcile.report import Report
from trueup.records.books import Carried, copy_carried

_SIGNED = frozenset(("total", "ordered", "tax"))
SOLD: Final = (
    # A shop that tells no payments may tell totals below zero: they are held, and not refused.
    *(
        msgspec.structs.replace(each, kind=Kind.AMOUNT) if each.name in _SIGNED else each
        for each in ORDERS
    ),
    Column("shipping", Kind.AMOUNT, filled=False),
    Column("discount", Kind.AMOUNT, filled=False),
    Column("paid", Kind.FLAG, filled=False),
    Column("seller", Kind.TEXT),
)
DOCUMENTS: Final = (
    Column("ref", Kind.TEXT),
    Column("teller", Kind.TEXT),
    Column("kind", Kind.TEXT),
    Column("state", Kind.TEXT),
    Column("code", Kind.TEXT, filled=False),
    Column("number", Kind.TEXT, filled=False),
    Column("currency", Kind.CURRENCY),
    Column("total", Kind.AMOUNT),
    Column("tax", Kind.AMOUNT, filled=False),
    Column("first_total", Kind.AMOUNT),
    Column("issued_at", Kind.INSTANT),
)
_LINES = (
    Column("ref", Kind.TEXT),
    Column("document_ref", Kind.TEXT),
    Column("sku", Kind.TEXT, filled=False),
    Column("units", Kind.AMOUNT, filled=False),
)
_STEPS = (
    *("make_carried", "make_pairs", "make_held", "find_uneven_carried", "tolerate_carried"),
    *("drop_tolerated_carried", "find_unlike_lines", "describe_uneven_carried", "judge_carried"),
    *("judge_unlike", "judge_unpaid_there", "judge_lone_documents"),
)


async def check_storefront(conn: psycopg.AsyncConnection[Any], hub: Hub, rules: Rules) -> Report:
    """Hold orders of shops beside the documents of other systems that carry their number.

    Args:
        conn: in autocommit; nothing is written.
        hub: who sells, who holds copies, and which SKUs are kits.
        rules: how long an order may take into another system; tolerances.

    Returns:
        Left are orders with what they should come to in a system that has them, right are its
        documents; amounts are what stands there less what should.
    """
    await learn_kits(conn, hub)
    names = hub.names()
    with tempfile.TemporaryDirectory(prefix="trueup-books-") as name:
        folder = Path(name)
        async with copying(conn):
            carried = await copy_carried(
                conn, folder, names, sellers=hub.sellers(), copies=copies_of(hub)
            )
            await copy_parked(conn, folder / "parked.csv")
        return await asyncio.to_thread(_compare, carried, folder / "parked.csv", hub, rules)


def copies_of(hub: Hub) -> list[int]:
    """Return the connections that hold copies of what others sold."""
    return [number for number in hub.names() if hub.teller_of(number) is Teller.COPY]


def _compare(carried: Carried, parked: Path, hub: Hub, rules: Rules) -> Report:
    with open_engine(rules) as engine:
        engine.load(
            (
                Book("orders", carried.orders, SOLD),
                Book("ordered", carried.ordered, ORDERED, repeats=True),
                Book("aside", carried.aside, REFS),
                Book("document", carried.documents, DOCUMENTS),
                Book("document_line", carried.lines, _LINES),
                Book("name", carried.names, NAMES, repeats=True),
                Book("seller", listed(carried.sellers), REFS),
                Book("kit", listed(sorted(hub.kits.now())), REFS),
                Book("parked", parked, PARKED),
            )
        )
        for step in _STEPS:
            engine.do(step)
        return _report(engine)


def _report(engine: Engine) -> Report:
    report = engine.report(
        Check.STOREFRONT,
        engine.do("count_held")[0],
        (engine.sums("sum_held"), engine.sums("sum_carried")),
        "sum_carried_periods",
    ).listed()
    left_out = tuple(_left_out(*row) for row in engine.do("list_uncarried"))
    return msgspec.structs.replace(report, left_out=left_out)


def _left_out(what: str, teller: str, seller: str, there: int, total: int) -> str:
    if what == "pair":
        of_all = f"{there} of {total} orders of {seller}"
        return f"{teller}: it has {of_all}, and nobody says which others it should have"
    if what == "own":
        return f"{teller}: {there} of {total} documents are of no shop's order; they may be its own"
    return f"{teller}: {there} of {total} documents carry a number that several orders have"
