"""One value per field group, from its one owner; what others say is kept, compared, never merged.

Several systems tell of one SKU. For each group of its fields one connection is the owner, by
configuration (`[owner]` in trueup.toml) or else the one that was connected first; its value counts.
Where another says something else, that is an issue, and nobody's value is changed.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
import psycopg

from trueup.canon.issue import Issue, Severity
from trueup.canon.product import Product, Variant
from trueup.canon.record import decode
from trueup.db.queries import load_queries
from trueup.intake.issues import close_issues, open_issues
from trueup.kernel.money import Money

_queries = load_queries("trueup.records")

_NO_CURRENCY = "XXX"  # of ISO 4217: no currency is told

GROUPS: Mapping[str, tuple[str, ...]] = {
    "product_identity": ("title",),
    "product_identifiers": ("barcode", "weight_g"),
    "product_price": ("price", "compare_at"),
    "product_cost": ("cost",),
}
"""The fields of a SKU by the group that has one owner."""


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """What one connection says of a SKU now."""

    connection_id: int
    sku: str
    product: Product
    variant: Variant

    def value(self, field: str) -> object:
        """Return the value of a field; None where it is not told."""
        if field == "title":
            return self.product.title or None
        return getattr(self.variant, field)


class OwnedField(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a SKU: the owner's value, and who says otherwise.

    Attributes:
        owner: the connection whose value counts; None where nobody tells the field.
        others: connections that say something else, with what they say.
    """

    field: str
    group: str
    owner: int | None
    value: object
    others: tuple[tuple[int, object], ...] = ()


def merge_tellings(
    tellings: Sequence[Telling], owners: Mapping[str, int]
) -> tuple[OwnedField, ...]:
    """Return each field of one SKU by its owner. Pure.

    Args:
        tellings: at most one a connection, in any order.
        owners: field group -> connection; a group without one is owned by the connection that was
            made first among those that tell the field.
    """
    by_age = sorted(tellings, key=lambda telling: telling.connection_id)
    merged = []
    for group, fields in GROUPS.items():
        for field in fields:
            told = [(t.connection_id, v) for t in by_age if (v := t.value(field)) is not None]
            chosen = [pair for pair in told if pair[0] == owners.get(group)] or told
            owner, value = chosen[0] if chosen else (None, None)
            others = tuple(pair for pair in told if _is_other(pair[1], value))
            merged.append(
                OwnedField(field=field, group=group, owner=owner, value=value, others=others)
            )
    return tuple(merged)


def _is_other(told: object, value: object) -> bool:
    """Whether two values differ; an amount without a currency is the same in any."""
    if isinstance(told, Money) and isinstance(value, Money):
        untold = _NO_CURRENCY in {told.currency, value.currency}
        return told.amount != value.amount if untold else told != value
    return told != value


async def read_tellings(
    conn: psycopg.AsyncConnection[Any], skus: Collection[str]
) -> dict[str, list[Telling]]:
    """Return what each connection says of some SKUs now."""
    found: dict[str, list[Telling]] = {sku: [] for sku in skus}
    if not skus:
        return found
    cursor = await conn.execute(_queries.tellings_of_skus, {"skus": sorted(skus)})
    for connection_id, sku, variant_ref, body in await cursor.fetchall():
        product = decode(Product.kind, body)
        for variant in product.variants if isinstance(product, Product) else ():
            if variant.ref == variant_ref and isinstance(product, Product):
                found[sku].append(
                    Telling(connection_id=connection_id, sku=sku, product=product, variant=variant)
                )
    return found


async def note_differences(
    conn: psycopg.AsyncConnection[Any],
    skus: Collection[str],
    owners: Mapping[str, int],
    names: Mapping[int, str],
    event_id: int,
) -> None:
    """Keep one open issue for each field of a SKU that another says otherwise.

    Args:
        conn: in the transaction that stored the products.
        skus: those whose products changed.
        owners: field group -> connection.
        names: of the connections.
        event_id: that the issues are noted with.
    """
    issues: list[tuple[int | None, int | None, Issue]] = []
    for sku, tellings in (await read_tellings(conn, skus)).items():
        for owned in merge_tellings(tellings, owners):
            for connection_id, value in owned.others:
                issue = _differs(sku, owned, connection_id, value, names)
                issues.append((event_id, connection_id, issue))
    await close_issues(conn, "product.differs", [f"sku/{sku}" for sku in sorted(skus)])
    await open_issues(conn, issues)


def _differs(
    sku: str, owned: OwnedField, connection_id: int, value: object, names: Mapping[int, str]
) -> Issue:
    owner = names.get(owned.owner or 0, "the owner")
    return Issue(
        code="product.differs",
        severity=Severity.NOTE,
        pointer=f"{names.get(connection_id, connection_id)}/{owned.field}",
        expected=f"{owned.value} as at {owner}",
        found=str(value),
        how_to_fix=f"Correct it at one of the two, or name another owner of {owned.group}.",
        ref=f"sku/{sku}",
    )
