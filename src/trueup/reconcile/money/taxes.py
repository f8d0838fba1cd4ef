"""Do taxes agree: by rates, by lines, as stated, in the ledger, in other systems? Held in sets."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg

from trueup.hub import Hub
from trueup.intake.reads import copy_parked
from trueup.journals.reads import copy_tax_journals
from trueup.ledger.money_days import copy_taxes_posted
from trueup.reconcile.money.engine import Engine, open_engine
from trueup.reconcile.money.model import Check, Rules
from trueup.reconcile.money.own import copying
from trueup.reconcile.money.storefront import DOCUMENTS, SOLD, copies_of
from trueup.reconcile.money.tables import NAMES, PARKED, REFS, Book, Column, Kind, listed
from trueup.reconcile.report import Part, Report
from trueup.records.books import Carried, Taxed, copy_carried, copy_taxes

_ORDERS: Final = (
    *SOLD,
    Column("record", Kind.TEXT),
    Column("included", Kind.FLAG),
    Column("edits", Kind.FLAG),
    Column("presented", Kind.FLAG),
)
_TAXABLES = (
    Column("ref", Kind.TEXT),
    Column("order_ref", Kind.TEXT),
    Column("seller", Kind.TEXT),
    Column("sku", Kind.TEXT, filled=False),
    Column("base", Kind.AMOUNT),
    Column("quantity", Kind.COUNT),
    Column("removed", Kind.COUNT),
    Column("plain", Kind.FLAG),
)
_TAXES = (
    Column("ref", Kind.TEXT),
    Column("order_ref", Kind.TEXT),
    Column("taxable_ref", Kind.TEXT, filled=False),
    Column("seller", Kind.TEXT),
    Column("title", Kind.TEXT, filled=False),
    Column("rate", Kind.TEXT, filled=False),
    Column("amount", Kind.AMOUNT),
    Column("currency", Kind.CURRENCY),
    Column("by_channel", Kind.FLAG),
)
_SUMS = (Column("ref", Kind.TEXT), Column("currency", Kind.CURRENCY), Column("amount", Kind.AMOUNT))
_POSTED = (
    Column("ref", Kind.TEXT),
    Column("record", Kind.TEXT),
    Column("currency", Kind.CURRENCY),
    Column("amount", Kind.AMOUNT),
)
_STEPS = (
    *("make_part_of", "make_carried", "make_rated", "find_usual_rates", "judge_rates"),
    *("find_untaxed", "make_taxed", "find_uneven_taxes", "find_uneven_there", "write_uneven_there"),
    *("write_uneven_days", "tolerate_taxes", "write_taxes"),
)


class _Books(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything lies that tells of taxes."""

    carried: Carried
    taxed: Taxed
    posted: Path
    days: Path
    journals: Path
    parked: Path


async def check_taxes(conn: psycopg.AsyncConnection[Any], hub: Hub, rules: Rules) -> Report:
    """Hold what is due as taxes beside what is stated, posted, and told to other systems.

    Args:
        conn: in autocommit; nothing is written.
        hub: who sells, and who holds copies.
        rules: tolerances.

    Returns:
        Left are orders with what is due by their rates, right are those that the ledger posted,
        with what it, or another system that has the order, holds as taxes.
    """
    with tempfile.TemporaryDirectory(prefix="trueup-books-") as name:
        folder = Path(name)
        async with copying(conn):
            carried = await copy_carried(
                conn, folder, hub.names(), sellers=hub.sellers(), copies=copies_of(hub)
            )
            taxed = await copy_taxes(conn, folder, hub.names(), hub.sellers())
            books = _Books(
                carried=carried,
                taxed=taxed,
                posted=folder / "posted.csv",
                days=folder / "days.csv",
                journals=folder / "journals.csv",
                parked=folder / "parked.csv",
            )
            await copy_taxes_posted(conn, books.posted, books.days)
            await copy_tax_journals(conn, books.journals)
            await copy_parked(conn, books.parked)
        return await asyncio.to_thread(_compare, books, rules)


def _compare(books: _Books, rules: Rules) -> Report:
    carried, taxed = books.carried, books.taxed
    with open_engine(rules) as engine:
        engine.load(
            (
                Book("orders", carried.orders, _ORDERS),
                Book("aside", carried.aside, REFS),
                Book("document", carried.documents, DOCUMENTS),
                Book("name", carried.names, NAMES, repeats=True),
                Book("seller", listed(carried.sellers), REFS),
                Book("taxable", taxed.taxables, _TAXABLES),
                Book("tax", taxed.taxes, _TAXES),
                Book("posted", books.posted, _POSTED),
                Book("tax_day", books.days, _SUMS),
                Book("journal", books.journals, (*_SUMS, Column("number", Kind.TEXT))),
                Book("parked", books.parked, PARKED),
            )
        )
        for step in _STEPS:
            engine.do(step)
        return _report(engine)


def _report(engine: Engine) -> Report:
    report = engine.report(
        Check.TAXES,
        engine.do("count_taxed")[0],
        (engine.sums("sum_due_taxes"), engine.sums("sum_held_taxes")),
        "sum_tax_periods",
    ).listed()
    parts = tuple(
        Part(
            name=f"{seller}: {title or 'tax'}{f' {rate} %' if rate else ''}",
            currency=currency,
            rows=rows,
            left_total=by_rate,
            right_total=told,
        )
        for seller, title, rate, currency, rows, by_rate, told in engine.do("sum_jurisdictions")
    )
    left_out = tuple(
        f"{seller}: {count} orders state taxes, and none tells a tax line"
        if title is None
        else f"{seller}: {count} tax lines of {title} do not come to what their rates say"
        for seller, count, title in engine.do("list_untold_taxes")
    )
    return msgspec.structs.replace(report, parts=parts, left_out=left_out)
