"""Train a model on all that is known by now, and hold an older one beside what came after it."""

import asyncio
import hashlib
from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec
import psycopg

from trueup.canon.issue import Issue, Severity
from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows, snapshot
from trueup.hub import Hub
from trueup.intake.issues import close_issues, raise_issue
from trueup.models.model import Better, Card, Figure, Lacking, Look, Model, Score, Tell
from trueup.models.reads import trained_before

_queries = load_queries("trueup.models")

Conn = psycopg.AsyncConnection[Any]

CODE: Final = "model.drifted"
READ_TIMEOUT_S: Final = 600
KEPT_DAYS: Final = 120
"""What was trained before is removed, but for the newest."""


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """How an older one of a model did on the newest window.

    Attributes:
        carded: the same figure on its card.
        drifted: it is worse than its card by more than the share that was chosen.
    """

    trained_id: int
    name: str
    score: Score
    carded: float
    drifted: bool


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """What came of training one model.

    Attributes:
        trained_id, card, sha256: None where it could not be trained.
        lacking: why it could not, else empty; then what was trained before goes on.
        watched: how an older one did on the newest window; None where there is none to look at.
    """

    model: str
    trained_id: int | None = None
    sha256: bytes | None = None
    card: Card | None = None
    lacking: str = ""
    watched: Watched | None = None


async def train_model(
    conn: Conn, hub: Hub, model: Model, now: datetime, *, drift_share: float, tell: Tell
) -> Trained:
    """Read a model's history, train it, keep it, and look how an older one did.

    Args:
        conn: in autocommit.
        hub: with the connections as they are now.
        model: which.
        now: of the training.
        drift_share: by so much worse than on its card is told as an issue.
        tell: is told how far it has come; from another thread.
    """
    tell("reading", 0.0)
    async with snapshot(conn):
        # Whole histories are read.
        await conn.execute(f"SET LOCAL statement_timeout = '{READ_TIMEOUT_S}s'".encode())
        history = await model.read(Look(conn=conn, hub=hub, now=now))
    watched = await _watch(conn, model, history, now.date(), drift_share)
    fitted = await asyncio.to_thread(model.train, history, tell)
    async with conn.transaction():
        if watched is not None:
            await _note_watched(conn, model, watched, now)
        if isinstance(fitted, Lacking):
            return Trained(model=model.name, lacking=fitted.why, watched=watched)
        sha256 = hashlib.sha256(fitted.artifact).digest()
        [row] = await fetch_rows(
            conn,
            _queries.keep_trained,
            model=model.name,
            version=model.version,
            now=now,
            until=fitted.card.until,
            artifact=fitted.artifact,
            sha256=sha256,
            features=fitted.features,
            card=msgspec.json.encode(fitted.card).decode(),
            figures=msgspec.json.encode(_figures(fitted.card)).decode(),
            beats=fitted.card.beats,
        )
        before = now - timedelta(days=KEPT_DAYS)
        await conn.execute(_queries.trim_trained, {"before": before})
    return Trained(
        model=model.name,
        trained_id=row["trained_id"],
        sha256=sha256,
        card=fitted.card,
        watched=watched,
    )


async def _watch(
    conn: Conn, model: Model, history: object, today: date, drift_share: float
) -> Watched | None:
    """Hold the newest that is a window old beside what came since; None where there is none."""
    older = await trained_before(conn, model, today - timedelta(days=model.window_days + 1))
    if older is None:
        return None
    score = await asyncio.to_thread(model.score, older.artifact, history, older.until)
    if score is None:
        return None
    judge = older.card.judge
    return Watched(
        trained_id=older.trained_id,
        name=judge.name,
        score=score,
        carded=judge.model,
        drifted=has_drifted(judge, score.value, drift_share),
    )


def has_drifted(carded: Figure, value: float, share: float) -> bool:
    """Return whether a figure is worse than on the card by more than a share of it."""
    leeway = abs(carded.model) * share
    if carded.better is Better.LOWER:
        return value > carded.model + leeway
    return value < carded.model - leeway


def _figures(card: Card) -> dict[str, dict[str, float | None]]:
    return {each.name: {"model": each.model, "rule": each.rule} for each in card.figures}


async def _note_watched(conn: Conn, model: Model, watched: Watched, now: datetime) -> None:
    """Keep how it did; an issue stands for as long as it is worse than its card."""
    score = watched.score
    await conn.execute(
        _queries.keep_watched,
        {
            "trained_id": watched.trained_id,
            "now": now,
            "since": score.since,
            "until": score.until,
            "cases": score.rows,
            "value": score.value,
            "carded": watched.carded,
            "drifted": watched.drifted,
        },
    )
    if watched.drifted:
        await raise_issue(conn, None, _issue(model, watched, score.since, score.until))
    else:
        await close_issues(conn, CODE, [f"model/{model.name}"])


def _issue(model: Model, watched: Watched, since: date, until: date) -> Issue:
    return Issue(
        code=CODE,
        severity=Severity.WARNING,
        pointer=watched.name,
        expected=f"about {watched.carded:.4g}, as on the model's card",
        found=f"{watched.score.value:.4g} on {watched.score.rows} cases of {since} to {until}",
        how_to_fix="Look whether what is sold, or to whom, has changed: "
        f"trueup train {model.name}. It closes by itself.",
        ref=f"model/{model.name}",
    )
