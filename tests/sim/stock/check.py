"""What must hold after every step, whatever happened, and what must hold once all is quiet."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from psycopg.rows import dict_row

from tests.sim.stock.database import Conn
from tests.sim.stock.facts import Books

PLACES = (
    "supplier",
    "on_hand",
    "in_transit",
    "reserved",
    "demand",
    "customer",
    "quarantine",
    "loss",
    "kit",
)
_BALANCES = """
SELECT s.code, b.* FROM ledger.sku s JOIN ledger.balance b USING (sku_id)
WHERE s.code = ANY(%(skus)s)
"""
_SITES = """
SELECT s.code, b.site, b.on_hand, b.quarantine
FROM ledger.sku s JOIN ledger.site_balance b USING (sku_id) WHERE s.code = ANY(%(skus)s)
"""
_INTENTS = "SELECT * FROM outbox.intent WHERE connection_id = ANY(%(numbers)s) ORDER BY 1, 2, 3"
_QUEUE = "SELECT event_id FROM intake.queue"
_PARKED = """
SELECT event_id, cause, detail FROM intake.parked WHERE connection_id = ANY(%(numbers)s)
"""
_OVERSOLD = """
SELECT ref FROM intake.issue
WHERE code = 'stock.oversold' AND closed_at IS NULL AND ref = ANY(%(refs)s)
"""
_UNBALANCED = """
SELECT event_id FROM ledger.posting WHERE event_id > %(since)s
GROUP BY event_id, sku_id HAVING sum(units) <> 0
"""
_HELD = """
SELECT s.code, sum(h.units)::int AS units FROM ledger.hold h JOIN ledger.sku s USING (sku_id)
WHERE s.code = ANY(%(skus)s) GROUP BY s.code
"""
_REFOLDED = """
SELECT s.code, p.place, p.site, sum(p.units)::int AS units
FROM ledger.posting p JOIN ledger.sku s USING (sku_id) WHERE s.code = ANY(%(skus)s)
GROUP BY 1, 2, 3 HAVING sum(p.units) <> 0
"""


class BrokenInvariant(Exception):
    """Something that must hold does not; `about` names the SKU, `shop` the channel."""

    def __init__(self, what: str, about: str = "", shop: str = "") -> None:
        super().__init__(what)
        self.about, self.shop = about, shop


class State(msgspec.Struct, kw_only=True):
    """What the hub's database says, read at once."""

    balances: dict[str, dict[str, Any]]
    sites: dict[tuple[str, str, str], int]
    intents: list[dict[str, Any]]
    queue: set[int]
    parked: list[dict[str, Any]]
    oversold: set[str]
    unbalanced: list[dict[str, Any]]
    held: dict[str, int]

    def available(self, sku: str) -> int:
        """Return on hand less reserved."""
        row = self.balances.get(sku)
        return 0 if row is None else row["on_hand"] - row["reserved"]


async def look(conn: Conn, skus: Sequence[str], numbers: Sequence[int], since: int) -> State:
    """Read what the checks need, in one round trip."""
    given = {
        "skus": list(skus),
        "numbers": list(numbers),
        "refs": [f"sku/{sku}" for sku in skus],
        "since": since,
    }
    queries = (_BALANCES, _SITES, _INTENTS, _QUEUE, _PARKED, _OVERSOLD, _UNBALANCED, _HELD)
    cursors = []
    async with conn.pipeline():
        for query in queries:
            cursor = conn.cursor(row_factory=dict_row)
            wanted = {name: value for name, value in given.items() if f"%({name})s" in query}
            await cursor.execute(query.encode(), wanted or None, prepare=True)
            cursors.append(cursor)
    rows = [await cursor.fetchall() for cursor in cursors]
    sites = {(r["code"], "on_hand", r["site"]): r["on_hand"] for r in rows[1]}
    sites |= {(r["code"], "quarantine", r["site"]): r["quarantine"] for r in rows[1]}
    return State(
        balances={row["code"]: row for row in rows[0]},
        sites=sites,
        intents=rows[2],
        queue={row["event_id"] for row in rows[3]},
        parked=rows[4],
        oversold={row["ref"] for row in rows[5]},
        unbalanced=rows[6],
        held={row["code"]: row["units"] for row in rows[7]},
    )


def check_step(state: State, books: Books, skus: Sequence[str], held: Mapping[str, int]) -> None:
    """Hold the hub's books to what it has read, and its intents to its books.

    Raises:
        BrokenInvariant: the first that does not hold.
    """
    if state.parked:
        raise BrokenInvariant(f"an event was parked: {state.parked[0]}")
    if state.unbalanced:
        raise BrokenInvariant(f"a transaction does not sum to zero: {state.unbalanced[0]}")
    for sku in skus:
        _check_balance(state, books, sku, held.get(sku, 0))
        if state.held.get(sku, 0) != held.get(sku, 0):
            raise BrokenInvariant(
                f"{sku}: {state.held.get(sku, 0)} held, and reservations hold {held.get(sku, 0)}",
                sku,
            )
    for intent in state.intents:
        _check_intent(state, intent, books.kits)


def _check_balance(state: State, books: Books, sku: str, held: int) -> None:
    row = state.balances.get(sku)
    said = dict.fromkeys(PLACES, 0) if row is None else {place: row[place] for place in PLACES}
    if sum(said.values()):
        raise BrokenInvariant(f"{sku}: the balance does not sum to zero: {said}", sku)
    for place in ("on_hand", "reserved", "customer", "quarantine"):
        true = books.units(sku, place) + {"reserved": held, "demand": -held}.get(place, 0)
        if said[place] != true:
            raise BrokenInvariant(
                f"{sku}: the books say {said[place]} {place}; by what was read there are {true}",
                sku,
            )
    for (code, place, site), units in state.sites.items():
        if code == sku and units != books.units(sku, place, site):
            raise BrokenInvariant(
                f"{sku}: the books say {units} {place} at {site}; by what was read there are "
                f"{books.units(sku, place, site)}",
                sku,
            )
    if row is not None and row["counted"]:
        short, open_ = state.available(sku) < 0, f"sku/{sku}" in state.oversold
        if short != open_:
            raise BrokenInvariant(
                f"{sku}: {state.available(sku)} available, and the issue stock.oversold is "
                f"{'open' if open_ else 'not open'}",
                sku,
            )


def value_of(intent: Mapping[str, Any]) -> int:
    """Return what the rule of the channel says shall stand there."""
    left = intent["available"] + intent["ahead"]
    if left < intent["thin_below"]:
        some = max(0, left)
        offered = math.floor(some * intent["thin_to"]) - math.floor(some * intent["thin_from"])
    else:
        offered = left - max(intent["buffer"], intent["safety"])
    if intent["cap"] is not None:
        offered = min(offered, intent["cap"])
    if intent["share_percent"] is not None:
        offered = min(offered, max(0, left) * intent["share_percent"] // 100)
    return max(0, offered - intent["dropped"])


def _check_intent(
    state: State, intent: Mapping[str, Any], kits: Mapping[str, Mapping[str, int]]
) -> None:
    sku = intent["sku"]
    available = min(state.available(p) // n for p, n in kits.get(sku, {sku: 1}).items())
    where = f"{sku} at connection {intent['connection_id']}"
    if intent["counted"] and intent["available"] != available:
        raise BrokenInvariant(
            f"{where}: the intent knows of {intent['available']} available, the books of "
            f"{available}",
            sku,
        )
    if intent["value"] != value_of(intent):
        raise BrokenInvariant(f"{where}: the rule says {value_of(intent)}: {dict(intent)}", sku)
    settled = intent["state"] == "settled" and intent["counted"]
    if settled and intent["believed"] != intent["value"]:
        raise BrokenInvariant(f"{where}: settled, and another number is believed", sku)


async def check_postings(
    conn: Conn, books: Books, skus: Sequence[str], held: Mapping[str, int]
) -> None:
    """Sum all postings again and compare them with the world's truth."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(_REFOLDED.encode(), {"skus": list(skus)}, prepare=True)
    posted: Counter[tuple[str, str, str]] = Counter()
    for row in await cursor.fetchall():
        # Which site keeps a promise is the brand's choice; how much is promised is not.
        site = "" if row["place"] == "reserved" else row["site"]
        posted[row["code"], row["place"], site] += row["units"]
    true = books.places.copy()
    for sku, units in held.items():
        true[sku, "reserved", ""] += units
        true[sku, "demand", ""] -= units
    for key in sorted({*posted, *true}):
        if key[1] in {"on_hand", "reserved", "customer", "quarantine"} and posted[key] != true[key]:
            raise BrokenInvariant(f"{key}: posted {posted[key]}, and true are {true[key]}", key[0])
