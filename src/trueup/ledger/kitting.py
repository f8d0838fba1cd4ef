"""Kits in the database: their definitions, and how many can be put together after a batch."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from trueup.canon.issue import Issue, Severity
from trueup.db.queries import load_queries
from trueup.ledger.kits import Definition, Kits, kit_available
from trueup.ledger.model import StockChange

_queries = load_queries("trueup.ledger")

Conn = psycopg.AsyncConnection[Any]


async def newer_kits(conn: Conn, kits: Kits, *, alone: bool = False) -> Kits | None:
    """Return the kits with what was defined since; None where these are all.

    Args:
        conn: in the transaction of a batch: until its end nobody defines a kit.
        kits: that the process knows.
        alone: the batch defines kits itself, so nobody else applies anything until its end.
    """
    cursor = await conn.execute(
        _queries.kits_since, {"known": kits.edition, "alone": alone}, prepare=True
    )
    rows = await cursor.fetchall()
    if not rows:
        return None
    return kits.extended(Definition(*row) for row in rows)


async def define_kits(
    conn: Conn, definitions: Sequence[Definition], numbers: Mapping[str, int]
) -> None:
    """Keep definitions; of one code and instant one stays, whatever the order of arrival."""
    if definitions:
        await conn.execute(
            _queries.define_kits,
            {
                "sku_ids": [numbers[each.code] for each in definitions],
                "sinces": [each.since for each in definitions],
                "parts": [Jsonb(dict(each.parts)) for each in definitions],
            },
        )


async def records_of_kits(conn: Conn, kits: Iterable[str]) -> list[int]:
    """Return the records that have posted under the codes of kits."""
    cursor = await conn.execute(_queries.records_of_skus, {"codes": sorted(kits)})
    return [record_id for (record_id,) in await cursor.fetchall()]


async def kit_changes(
    conn: Conn,
    kits: Kits,
    changes: Sequence[StockChange],
    numbers: Mapping[str, int],
    news: tuple[Collection[str], Mapping[str, datetime]] = ((), {}),
) -> list[StockChange]:
    """Return a batch's changes with those of its kits: how many can be put together now.

    The balance of a kit's own code carries its sequence, and is locked before its parts are read:
    so of two batches that move two of its parts the later one sees both.

    Args:
        conn: in the transaction of the batch, which holds the balances of what it moved.
        kits: as they are defined after the batch.
        changes: what the batch made of each SKU.
        numbers: of every code and part.
        news: codes that the batch lists anew, and those it defines with when that was taken in.
    """
    listed, seen = news
    codes = {change.sku for change in changes} | set(listed) | seen.keys()
    whole = kits.now()
    around = {kit for code in seen for kit in kits.ever_containing(code)}
    touched = sorted(kits.containing(codes) | (codes & whole.keys()) | around)
    if not touched:
        return list(changes)
    cursor = await conn.execute(
        _queries.raise_sequences, {"sku_ids": sorted(numbers[code] for code in touched)}
    )
    own = {sku_id: row for sku_id, *row in await cursor.fetchall()}
    parts = {part for code in touched for part in whole.get(code, ())}
    cursor = await conn.execute(_queries.available_now, {"codes": sorted(parts)})
    standing = {code: (left, counted) for code, left, counted in await cursor.fetchall()}
    available = {code: left for code, (left, _) in standing.items()}
    by_sku = {change.sku: change for change in changes}
    since = min((*(change.seen_at for change in changes), *seen.values()), default=None)
    for code in touched:
        sequence, left, counted = own[numbers[code]]
        if code in whole:
            left = kit_available(whole[code], available)
            counted = all(standing.get(part, (0, False))[1] for part in whole[code])
        moved = by_sku.get(code)
        seen_at = moved.seen_at if moved is not None else seen.get(code) or since
        if seen_at is None:
            continue  # only listed: nothing moved, and its intent is made with what is there
        by_sku[code] = StockChange(
            sku=code,
            available=left,
            sequence=sequence,
            counted=counted,
            before=left,
            own=moved.own if moved is not None else {},
            own_at=moved.own_at if moved is not None else {},
            own_live=moved.own_live if moved is not None else {},
            seen_at=seen_at,
        )
    return list(by_sku.values())


async def kits_standing(
    conn: Conn, kits: Kits, codes: Iterable[str]
) -> dict[str, tuple[int, bool]]:
    """Return (available, counted) of those codes that are kits; the caller holds their balances."""
    whole = {code: kits.now()[code] for code in codes if code in kits.now()}
    parts = {part for each in whole.values() for part in each}
    if not parts:
        return {}
    cursor = await conn.execute(_queries.available_now, {"codes": sorted(parts)})
    standing = {code: (left, counted) for code, left, counted in await cursor.fetchall()}
    available = {code: left for code, (left, _) in standing.items()}
    return {
        code: (
            kit_available(each, available),
            all(standing.get(part, (0, False))[1] for part in each),
        )
        for code, each in whole.items()
    }


async def available_of(conn: Conn, kits: Kits, codes: Iterable[str]) -> dict[str, int]:
    """Return what is available of each code that was ever counted; of kits, what parts make."""
    wanted = sorted(set(codes))
    cursor = await conn.execute(_queries.available_now, {"codes": wanted})
    own = {code: left for code, left, counted in await cursor.fetchall() if counted}
    made = await kits_standing(conn, kits, wanted)
    return own | {code: left for code, (left, counted) in made.items() if counted}


async def available_at(
    conn: Conn, kits: Kits, codes: Iterable[str], sites: Iterable[str]
) -> dict[str, int]:
    """Return what some sites together have left of each code; of kits, how many their parts make.

    In the transaction of a batch, which holds the balances of what it moved.
    """
    wanted = set(codes)
    whole = {code: kits.now()[code] for code in wanted if code in kits.now()}
    plain = (wanted - whole.keys()) | {part for parts in whole.values() for part in parts}
    cursor = await conn.execute(
        _queries.available_at_sites, {"codes": sorted(plain), "sites": sorted(sites)}
    )
    left = dict(await cursor.fetchall())
    made = {code: kit_available(parts, left) for code, parts in whole.items()}
    return {code: made.get(code, left.get(code, 0)) for code in wanted}


def circular_kit(code: str) -> Issue:
    """Return the issue of a kit that would be a part of itself."""
    return Issue(
        code="stock.kit_circular",
        severity=Severity.WARNING,
        pointer="/parts",
        expected="parts that do not contain the kit themselves",
        found="kits that contain each other, or are nested too deep",
        how_to_fix="Set one of these kits again without the other: trueup kits set.",
        ref=f"kit/{code}",
    )


class KitStanding(msgspec.Struct, frozen=True):
    """One kit as people look at it: parts by the newest definition, and how many there can be."""

    kit: str
    parts: dict[str, int]
    available: int
    counted: bool


async def list_kits(conn: Conn, kits: Kits) -> list[KitStanding]:
    """Return every kit that is one now."""
    standing = await kits_standing(conn, kits, kits.now())
    return [
        KitStanding(kit=code, parts=dict(kits.now()[code]), available=left, counted=counted)
        for code, (left, counted) in sorted(standing.items())
    ]
