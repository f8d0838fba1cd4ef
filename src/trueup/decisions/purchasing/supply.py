"""Who sends what runs out, and what is on its way: read at once for all SKUs that are concerned."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

import msgspec

from trueup.canon.command import DraftPurchase
from trueup.canon.purchase import SupplierItem
from trueup.db.rows import Row
from trueup.decisions.rule import Look
from trueup.kernel.money import Money
from trueup.ledger.demand import Demand
from trueup.ledger.outlook import outlooks_to_reorder
from trueup.records.expected import incoming_of
from trueup.records.reads import supplier_items_of

KIND: Final = DraftPurchase.command
PAGE_SKUS: Final = 1000


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One SKU that may be sold out before more could come, as its supplier sends it.

    Attributes:
        since: when there last came to be more of it; "first": never.
        available: units, without what is on its way.
        arrivals: (day, units) on their way.
        demand: of 13 weeks, or as the trained model tells it.
        learned: the latter.
        quantity_min: the fewest units that the supplier sends.
        offer_ref: of the supplier's word about it.
    """

    sku: str
    since: str
    available: int
    arrivals: tuple[tuple[date, int], ...]
    demand: Demand
    sold_out_on: date | None
    lead_days: int
    quantity_min: int
    cost: Money | None
    offer_ref: str
    learned: bool = False


class Supplier(msgspec.Struct, frozen=True, kw_only=True):
    """A supplier and what of its SKUs may be sold out.

    Attributes:
        number: the connection whose system knows it and drafts orders there.
    """

    number: int
    ref: str
    name: str
    items: tuple[Item, ...]

    @property
    def subject(self) -> str:
        """What decisions about it are about."""
        return f"supplier/{self.number}/{self.ref}"


async def short_of(look: Look, today: date, more_days: int) -> list[Supplier]:
    """Return the suppliers of what may be sold out before more could come, in order.

    Args:
        look: with what is read.
        today: of the look.
        more_days: so much later than more could come is soon enough.
    """
    rows = await _outlooks(look, today, more_days)
    offers = await offers_of(look, [row["sku"] for row in rows])
    coming = await _coming(look, sorted(offers), today)
    items: dict[tuple[int, str], list[Item]] = defaultdict(list)
    names: dict[tuple[int, str], str] = {}
    for row in rows:
        if row["sku"] not in offers:
            continue
        number, offer = offers[row["sku"]]
        key = (number, offer.supplier_ref)
        names.setdefault(key, offer.supplier or offer.supplier_ref)
        items[key].append(_item(row, offer, coming[row["sku"]]))
    return [
        Supplier(number=key[0], ref=key[1], name=names[key], items=tuple(items[key]))
        for key in sorted(items)
    ]


async def offers_of(
    look: Look, skus: Collection[str] | None
) -> dict[str, tuple[int, SupplierItem]]:
    """Return who sends each SKU: the soonest; of those alike the cheapest, then by name.

    Only suppliers whose system drafts orders when it is asked to.
    """

    def order(offer: tuple[int, SupplierItem]) -> tuple[bool, int, bool, Decimal, str]:
        _, item = offer
        return (
            item.lead_days is None,
            item.lead_days or 0,
            item.cost is None,
            item.cost.amount if item.cost is not None else Decimal(0),
            item.supplier_ref,
        )

    offers: dict[str, list[tuple[int, SupplierItem]]] = defaultdict(list)
    for number, item in await supplier_items_of(look.conn, None if skus is None else sorted(skus)):
        folder = look.hub.folder_of(number)
        if folder is not None and folder.manifest.action(KIND) is not None and item.sku:
            offers[item.sku].append((number, item))
    return {sku: min(each, key=order) for sku, each in offers.items()}


async def _outlooks(look: Look, today: date, more_days: int) -> list[Row]:
    """Return every SKU that may need an order; one that were left out would be taken back."""
    found: list[Row] = []
    page = await outlooks_to_reorder(look.conn, today, more_days, count=PAGE_SKUS)
    while page:
        found += page
        after = page[-1]["sku"]
        page = await outlooks_to_reorder(look.conn, today, more_days, count=PAGE_SKUS, after=after)
    return found


async def _coming(
    look: Look, skus: Sequence[str], today: date
) -> dict[str, list[tuple[date, int]]]:
    coming: dict[str, list[tuple[date, int]]] = defaultdict(list)
    for line in await incoming_of(look.conn, skus):
        if line.expected_on is not None and line.expected_on >= today:
            coming[line.sku].append((line.expected_on, line.units))
    return coming


def _item(row: Row, offer: SupplierItem, coming: list[tuple[date, int]]) -> Item:
    return Item(
        sku=row["sku"],
        since=_since(row["topped_at"]),
        available=row["available"],
        arrivals=tuple(sorted(coming)),
        demand=Demand(
            per_day=row["steady_per_day"],
            dispersion=row["steady_dispersion"],
            days=row["steady_days"],
            selling_days=row["selling_days"],
            doubt=1 / max(1, row["steady_days"]),
        ),
        sold_out_on=row["expected_on"],
        lead_days=row["lead_days"] if offer.lead_days is None else offer.lead_days,
        quantity_min=max(1, offer.quantity_min or 1),
        cost=offer.cost,
        offer_ref=offer.ref,
    )


def _since(topped_at: datetime | None) -> str:
    if topped_at is None:
        return "first"
    return topped_at.astimezone(UTC).isoformat(timespec="seconds")
