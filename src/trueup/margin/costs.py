"""What goods cost: read in sets from the books and the records, worked out by time."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec
import psycopg

from trueup.canon.cost import Cost, CostOf
from trueup.canon.dock import Arrival, ArrivalSource
from trueup.canon.inventory import StockMovement
from trueup.canon.product import InventoryItem
from trueup.canon.purchase import PurchaseLine, PurchaseOrder, SupplierItem
from trueup.canon.record import Record, decode
from trueup.db.rows import Row
from trueup.hub import Hub
from trueup.kernel.money import Money
from trueup.ledger.moved import Moved, units_moved
from trueup.margin.landed import Came, layers_of
from trueup.margin.layers import Certainty, Costed, Gone, Layer, Method, cost_of_gone
from trueup.records.owners import merge_tellings, read_tellings
from trueup.records.reads import page_records
from trueup.records.sales import bodies_of_records, places_of_records

Conn = psycopg.AsyncConnection[Any]
_KindT = TypeVar("_KindT", bound=Record)
Key = tuple[int, str]
"""Connection and entity, as an order has them."""

_ALL: Final = 2**31 - 1
_NO_CURRENCY: Final = "XXX"


class CostBook(msgspec.Struct, frozen=True, kw_only=True):
    """What the units of every SKU cost.

    Attributes:
        layers: what came, by SKU, oldest first.
        usual: what a unit of a SKU is said to cost in general, and by whom.
        costed: what went and what is left, by SKU; what went is named by `name_of` an order.
        order_costs: of costs that are told of orders, by the order's number or ref.
    """

    layers: dict[str, list[Layer]]
    costed: dict[str, Costed]
    order_costs: dict[str, list[Cost]]
    usual: dict[str, tuple[Money, str]]


def name_of(key: Key) -> str:
    """Return by which name an order's units are known in a cost book."""
    return f"{key[0]}/{key[1]}"


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """Who says what a unit costs: purchase orders, suppliers, the owner of a SKU's cost."""

    purchases: dict[str, list[tuple[str, PurchaseOrder]]]
    products: dict[str, tuple[Money, str]]

    def of_arrival(self, arrival: Arrival, sku: str) -> tuple[str | None, PurchaseLine | None]:
        """Return the purchase order of an arrival, by its name here, and the line of a SKU."""
        found = self.purchases.get(arrival.source_ref or "", [])
        if arrival.source_connection is not None:
            prefix = f"{arrival.source_connection}/"
            found = [each for each in found if each[0].startswith(prefix)]
        if arrival.source is not ArrivalSource.PURCHASE or len(found) != 1:
            return None, None
        name, purchase = found[0]
        told = [line for line in arrival.lines if line.sku == sku and line.line_ref]
        refs = {line.line_ref for line in told}
        lines = [line for line in purchase.lines if line.sku == sku]
        by_ref = [line for line in purchase.lines if line.ref in refs]
        priced = [line for line in (*by_ref, *lines) if line.cost is not None]
        return name, next(iter((*priced, *by_ref, *lines)), None)

    def usual(self, sku: str) -> tuple[Money | None, Certainty, str]:
        """Return what a unit of a SKU is said to cost in general."""
        known = self.products.get(sku)
        if known is None:
            return None, Certainty.UNKNOWN, "nobody tells what it cost"
        return known[0], Certainty.ESTIMATED, known[1]


async def read_costs(
    conn: Conn, hub: Hub, method: Method, skus: Collection[str] | None = None
) -> CostBook:
    """Return what the units of some SKUs cost, of all where None.

    Args:
        conn: any session.
        hub: who owns which field of a SKU; names of connections.
        method: which units went.
        skus: parts, and no kits: what is stocked.
    """
    beside = None if skus is None else await _bought_together(conn, skus)
    moved = await units_moved(conn, beside)
    places = await places_of_records(conn, {each.record_id for each in moved})
    prices = await _prices(conn, hub, {each.sku for each in moved})
    costs = await _all(conn, Cost)
    of_purchases = _named_costs((cost for _, cost in costs), prices)
    came, gone = await _came_and_gone(conn, moved, places, prices)
    layers = layers_of(came, of_purchases)
    order_costs: dict[str, list[Cost]] = defaultdict(list)
    for _, cost in costs:
        if cost.of is CostOf.ORDER:
            order_costs[cost.of_ref].append(cost)
    costed = {
        sku: cost_of_gone(layers.get(sku, ()), gone.get(sku, ()), method)
        for sku in {*layers, *gone}
        if skus is None or sku in skus
    }
    ordered = {sku: sorted(of, key=lambda each: (each.at, each.key)) for sku, of in layers.items()}
    return CostBook(
        layers=ordered, costed=costed, order_costs=dict(order_costs), usual=prices.products
    )


async def _bought_together(conn: Conn, skus: Collection[str]) -> set[str]:
    """Return some SKUs with all that came with them: they share what a purchase cost to bring."""
    found = set(skus)
    arrivals = [arrival for _, arrival in await _all(conn, Arrival) if arrival.source_ref]
    refs = {
        arrival.source_ref
        for arrival in arrivals
        if any(line.sku in found for line in arrival.lines)
    }
    for _, purchase in await _all(conn, PurchaseOrder):
        names = {purchase.ref, purchase.number}
        refs |= names if refs & names else set()
    for arrival in arrivals:
        if arrival.source_ref in refs:
            found |= {line.sku for line in arrival.lines}
    return found


async def _all(conn: Conn, kind: type[_KindT]) -> list[tuple[int, _KindT]]:
    rows = await page_records(conn, kind.kind, count=_ALL)
    return [
        (row["connection_id"], msgspec.convert(decode(kind.kind, row["body"]), kind))
        for row in rows
        if not row["deleted"]
    ]


async def _prices(conn: Conn, hub: Hub, skus: Collection[str]) -> Prices:
    purchases: dict[str, list[tuple[str, PurchaseOrder]]] = defaultdict(list)
    names = hub.names()
    for number, purchase in await _all(conn, PurchaseOrder):
        name = f"{names.get(number, number)}/{purchase.ref}"
        for called in {purchase.ref, purchase.number}:
            purchases[called].append((name, purchase))
    products: dict[str, tuple[Money, str]] = {}
    for _, item in await _all(conn, SupplierItem):
        if item.sku and item.cost is not None:
            products[item.sku] = (item.cost, f"what supplier {item.supplier_ref} asks")
    for number, told in await _all(conn, InventoryItem):
        if told.sku and told.cost is not None:
            products[told.sku] = (told.cost, f"the cost at {names.get(number, number)}")
    for sku, tellings in (await read_tellings(conn, skus)).items():
        for field in merge_tellings(tellings, hub.owners()):
            if field.field == "cost" and isinstance(field.value, Money):
                owner = names.get(field.owner or 0, "its owner")
                products[sku] = (field.value, f"the cost at {owner}")
    known = {sku: each for sku, each in products.items() if each[0].currency != _NO_CURRENCY}
    return Prices(purchases=dict(purchases), products=known)


def _named_costs(costs: Iterable[Cost], prices: Prices) -> list[Cost]:
    """Return the costs of purchases, each with the one name of its purchase order."""
    named = []
    for cost in costs:
        found = prices.purchases.get(cost.of_ref, [])
        if cost.of_connection is not None:
            found = [each for each in found if each[0].startswith(f"{cost.of_connection}/")]
        if cost.of is CostOf.PURCHASE and len(found) == 1:
            named.append(msgspec.structs.replace(cost, of_ref=found[0][0]))
    return named


async def _came_and_gone(
    conn: Conn, moved: Collection[Moved], places: Mapping[int, Row], prices: Prices
) -> tuple[list[Came], dict[str, list[Gone]]]:
    """Return what came, and by SKU what went; what came back of an order has not gone."""
    bodies = await bodies_of_records(conn, {m.record_id for m in moved if m.came})
    records = {row["record_id"]: decode(row["kind"], row["body"]) for row in bodies}
    came: list[Came] = []
    net: dict[tuple[str, str], int] = defaultdict(int)
    first: dict[tuple[str, str], datetime] = {}
    for each in moved:
        place = places.get(each.record_id)
        if each.came > 0:
            came.append(_came(each, records.get(each.record_id), place, prices))
        key = (_gone_key(each, place), each.sku)
        units = each.sold + each.lost - min(each.came, 0)
        if units:
            net[key] += units
            first[key] = min(first.get(key, each.moved_at), each.moved_at)
    gone: dict[str, list[Gone]] = defaultdict(list)
    for (name, sku), units in net.items():
        at = first[name, sku]
        if units > 0:
            gone[sku].append(Gone(at, name, units))
        elif units < 0:
            price, certainty, how = prices.usual(sku)
            came.append(
                Came(at, f"found/{name}", sku, -units, None, price, certainty, f"found: {how}")
            )
    return came, gone


def _gone_key(moved: Moved, place: Row | None) -> str:
    if place is None:
        return f"record/{moved.record_id}"
    return name_of((place["connection_id"], place["entity"]))


def _came(moved: Moved, record: Record | None, place: Row | None, prices: Prices) -> Came:
    """Return what came with one record, with what is said of its price."""
    key = f"{place['kind']}/{place['ref']}" if place is not None else f"record/{moved.record_id}"
    price, certainty, how = prices.usual(moved.sku)
    plain = Came(moved.moved_at, key, moved.sku, moved.came, None, price, certainty, how)
    if isinstance(record, StockMovement) and record.cost is not None:
        told = f"told with movement {record.ref}"
        return plain._replace(price=record.cost, certainty=Certainty.TOLD, how=told)
    if not isinstance(record, Arrival):
        return plain
    name, line = prices.of_arrival(record, moved.sku)
    if line is None:
        return plain._replace(purchase=name)
    sized = plain._replace(purchase=name, weight_g=line.weight_g, volume_cm3=line.volume_cm3)
    if line.cost is None:
        return sized
    return sized._replace(price=line.cost, certainty=Certainty.TOLD, how=f"purchase order {name}")


def value_of_stock(book: CostBook) -> dict[str, Decimal]:
    """Return what everything that is left cost, by currency."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for each in book.costed.values():
        for code, amount in each.left.cost.items():
            sums[code] += amount
    return dict(sums)
