"""What others may read of models."""

import hashlib
from datetime import date, datetime
from typing import Any

import msgspec
import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.errors import invariant
from trueup.models.model import Card, Model

_queries = load_queries("trueup.models")

Conn = psycopg.AsyncConnection[Any]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A model as it was trained and kept.

    Attributes:
        until: the last day of its history.
        sha256, features: digests of the artifact, and of all that it was trained on, as hex.
    """

    trained_id: int
    until: date
    artifact: bytes
    card: Card
    sha256: str
    features: str


async def list_trained(conn: Conn) -> list[Row]:
    """Return the newest of each model without its artifact, with how it was last watched."""
    rows = await fetch_rows(conn, _queries.newest_trained)
    return [row | {"card": msgspec.convert(row["card"], Card)} for row in rows]


async def find_trained(conn: Conn, model: Model) -> Kept | None:
    """Return the newest of a model in its version of now; None where it was not trained yet."""
    query = _queries.newest_artifact
    return _kept(await fetch_rows(conn, query, model=model.name, version=model.version))


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a kept model without opening it, or importing what it needs."""

    version: int
    sha256: bytes
    card: Card


async def newest_card(conn: Conn, name: str) -> Shown | None:
    """Return the card of the newest of a model, whatever its version; None where there is none."""
    rows = await fetch_rows(conn, _queries.newest_card, model=name)
    return msgspec.convert(rows[0], Shown) if rows else None


async def trained_before(conn: Conn, model: Model, until: date) -> Kept | None:
    """Return the newest of a model whose history ended on or before a day."""
    return _kept(
        await fetch_rows(
            conn, _queries.artifact_before, model=model.name, version=model.version, until=until
        )
    )


async def may_use(conn: Conn, model: Model) -> Kept | None:
    """Return the newest of a model where it beats the rule below it; None: the rule counts."""
    kept = await find_trained(conn, model)
    return kept if kept is not None and kept.card.beats else None


def _kept(rows: list[Row]) -> Kept | None:
    if not rows:
        return None
    [row] = rows
    artifact = bytes(row["artifact"])
    same = hashlib.sha256(artifact).digest() == bytes(row["sha256"])
    invariant(same, "an artifact is what was kept")
    return Kept(
        trained_id=row["trained_id"],
        until=row["until"],
        artifact=artifact,
        card=msgspec.convert(row["card"], Card),
        sha256=bytes(row["sha256"]).hex(),
        features=bytes(row["features"]).hex(),
    )


def tell_card(model: str, card: Card, trained_at: datetime) -> str:
    """Return a card in words, for whoever wants to rely on a model."""
    lines = [
        f"{model}: {card.purpose}",
        f"Trained {trained_at:%Y-%m-%d %H:%M} UTC on {card.trained_on}.",
        f"Its history goes from {card.since} to {card.until}.",
        f"What came from {card.held_out_since} on was kept from it, and beside {card.rule}:",
    ]
    lines += [f"  {each.name}: {_beside(each.model, each.rule)}" for each in card.figures]
    judge = card.judge
    if card.beats:
        lines.append(f"It beats the rule by {judge.name}, so it is used.")
    elif judge.rule is None:
        lines.append(f"The rule has no {judge.name} to hold it beside, so the rule counts.")
    else:
        lines.append(f"It does not beat the rule by {judge.name}, so the rule counts.")
    return "\n".join((*lines, *(f"Limit: {each}" for each in card.limits)))


def _beside(model: float, rule: float | None) -> str:
    return f"{model:.4g}" if rule is None else f"{model:.4g}, the rule {rule:.4g}"
