"""The list of SKUs: what lies where, what channels show that they should not, when it runs out."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from trueup.console.readings import Session
from trueup.console.render import answer
from trueup.console.sheet import ROWS_MAX as SHEET_ROWS_MAX
from trueup.console.sheet import sheet, wants_sheet
from trueup.db.rows import Row
from trueup.hub import Hub
from trueup.ledger import reads as ledger
from trueup.ledger.outlook import outlooks_of
from trueup.outbox import reads as outbox
from trueup.records.listings import listings_of_skus

Req = Request[Any, Any, Any]
Begins = Annotated[
    str, QueryParameter(name="q", max_length=255, pattern="^[^\\x00]*$", required=False)
]

ROWS_MAX: Final = 100
_SHEET_PAGE: Final = 2_000


class SkuRow(msgspec.Struct, frozen=True, kw_only=True):
    """One SKU.

    Attributes:
        counted: its books were opened.
        channels: how many listings of it there are.
        apart: at how many of them something else is believed to stand than shall.
        sold_out_on: when it runs out, where that was worked out.
        low: it runs out before more could come.
    """

    sku: str
    title: str
    available: int
    on_hand: int
    reserved: int
    in_transit: int
    quarantine: int
    counted: bool
    channels: int
    apart: int
    sold_out_on: date | None
    low: bool


class SkusPage(msgspec.Struct, frozen=True, kw_only=True):
    """SKUs by their code, or those of which too many were promised, the worst first.

    Attributes:
        after: the last one where there are further ones, else empty.
    """

    begins: str
    oversold: bool
    rows: tuple[SkuRow, ...]
    after: str
    first: bool


async def list_skus(request: Req, session: Session, begins: str, after: str) -> Response[Any]:
    """Answer with the SKUs that begin with a text, or with all.

    Args:
        request: a page, its JSON twin or a sheet.
        session: to read with.
        begins: with what their codes begin.
        after: the last SKU of the page above; empty: from the first.
    """
    hub: Hub = request.app.state.hub
    if wants_sheet(request.url.path):
        return await _sheet(session, hub, begins)
    rows = await ledger.page_balances(
        session, count=ROWS_MAX + 1, after=after or None, begins=begins
    )
    more = len(rows) > ROWS_MAX
    page = SkusPage(
        begins=begins,
        oversold=False,
        rows=await _rows(session, hub, rows[:ROWS_MAX]),
        after=rows[ROWS_MAX - 1]["sku"] if more else "",
        first=not after,
    )
    return answer(request, "skus.html", page)


@get(["/oversold", "/oversold.json", "/oversold.csv"], right="stock.read")
async def list_oversold(request: Req, session: NamedDependency[Session]) -> Response[Any]:
    """Show the SKUs of which more units were promised than there are, the worst first."""
    lowest = await ledger.list_balances(session, count=ROWS_MAX)
    hub: Hub = request.app.state.hub
    short = await _rows(session, hub, [row for row in lowest if row["available"] < 0])
    if wants_sheet(request.url.path):
        return _as_sheet("oversold", short)
    page = SkusPage(begins="", oversold=True, rows=short, after="", first=True)
    return answer(request, "skus.html", page)


async def _rows(session: Session, hub: Hub, rows: Sequence[Row]) -> tuple[SkuRow, ...]:
    skus = [row["sku"] for row in rows]
    titles: dict[str, str] = {}
    for each in await listings_of_skus(session, skus, list(hub.names())):
        titles.setdefault(each.sku, each.title or "")
    outlooks = {row["sku"]: row for row in await outlooks_of(session, skus)}
    channels: Counter[str] = Counter()
    apart: Counter[str] = Counter()
    for intent in await outbox.intents_of_skus(session, skus):
        channels[intent["sku"]] += 1
        apart[intent["sku"]] += intent["believed"] != intent["value"]
    found = []
    for row in rows:
        sku, outlook = row["sku"], outlooks.get(row["sku"])
        places = {name: row[name] for name in ("available", "on_hand", "reserved")}
        found.append(
            SkuRow(
                sku=sku,
                title=titles.get(sku, ""),
                **places,
                in_transit=row["in_transit"],
                quarantine=row["quarantine"],
                counted=row["counted"],
                channels=channels[sku],
                apart=apart[sku],
                sold_out_on=outlook["expected_on"] if outlook else None,
                low=outlook is not None and outlook["low_since"] is not None,
            )
        )
    return tuple(found)


async def _sheet(session: Session, hub: Hub, begins: str) -> Response[Any]:
    found: list[SkuRow] = []
    after: str | None = None
    while len(found) < SHEET_ROWS_MAX:
        rows = await ledger.page_balances(session, count=_SHEET_PAGE, after=after, begins=begins)
        if not rows:
            break
        found += await _rows(session, hub, rows)
        after = rows[-1]["sku"]
    return _as_sheet("skus", found[:SHEET_ROWS_MAX])


def _as_sheet(name: str, rows: Sequence[SkuRow]) -> Response[Any]:
    names = SkuRow.__struct_fields__
    return sheet(name, names, ([getattr(row, name) for name in names] for row in rows))
