"""Drift: a vendor's bodies have a field that is new, gone, or of another kind than before.

Each connection's own bodies are what it is held against: the first of a topic teach which fields
there are, the later ones are compared. A worker looks at as many bodies as it has time for, so a
busy topic is sampled and a quiet one is seen whole.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import psycopg

from trueup.canon.issue import Issue, Severity
from trueup.contract.shape import NULL, fields_of
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.intake.issues import close_issues, raise_issue

_queries = load_queries("trueup.intake")

Conn = psycopg.AsyncConnection[Any]

LEARN_BODIES = 50
"""So many bodies of a topic teach what it looks like, before anything is called new or gone."""

MISSING_BODIES = 30
"""A field that was nearly always there is gone once so many bodies in a row lack it."""

LOOKS_PER_S = 20
FLUSH_INTERVAL_S = 5.0
_ALWAYS = 0.98

ReaderOf = Callable[[int, str], str | None]
NameOf = Callable[[int], str]


class _Seen(msgspec.Struct):
    """What was looked at of one topic since the last flush."""

    bodies: int = 0
    kinds: dict[str, set[str]] = {}
    counts: dict[str, int] = {}
    last: dict[str, int] = {}
    event_ids: dict[str, int] = {}


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a vendor's bodies.

    Attributes:
        change: "new", "retyped" or "missing".
        event_id: an example.
    """

    connection_id: int
    topic: str
    path: str
    change: str
    expected: str
    found: str
    event_id: int


class DriftWatch:
    """Looks at bodies as they are applied, and now and then writes down what it saw.

    Args:
        looks_per_s: bodies looked at in a second at most.
    """

    def __init__(self, *, looks_per_s: int = LOOKS_PER_S) -> None:
        self._looks_per_s = looks_per_s
        self._second = 0
        self._looks = 0
        self._flushed_at = float("-inf")
        self._seen: dict[tuple[int, str], _Seen] = {}

    def look(self, connection_id: int, topic: str, event_id: int, body: bytes) -> None:
        """Look at one body, if there is time for it."""
        second = int(asyncio.get_running_loop().time())
        if second != self._second:
            self._second, self._looks = second, 0
        if self._looks >= self._looks_per_s:
            return
        self._looks += 1
        fields = fields_of(body)
        if not fields:
            return
        seen = self._seen.setdefault((connection_id, topic), _Seen())
        seen.bodies += 1
        for path, kind in fields.items():
            seen.kinds.setdefault(path, set()).add(kind)
            seen.counts[path] = seen.counts.get(path, 0) + 1
            seen.last[path] = seen.bodies
            seen.event_ids[path] = event_id

    async def flush(
        self, conn: Conn, reader_of: ReaderOf, name_of: NameOf, *, now_s: float | None = None
    ) -> list[Drift]:
        """Write down what was seen, where it is time to; returns what drifted.

        Args:
            conn: in autocommit.
            reader_of: (connection_id, path) -> the line of the connector that reads it.
            name_of: a connection's name.
            now_s: of the loop's clock; None: as it is.
        """
        at = asyncio.get_running_loop().time() if now_s is None else now_s
        if not self._seen or at - self._flushed_at < FLUSH_INTERVAL_S:
            return []
        self._flushed_at = at
        seen, self._seen = self._seen, {}
        found: list[Drift] = []
        for (connection_id, topic), one in sorted(seen.items()):
            async with conn.transaction():
                drifts = await _note(conn, connection_id, topic, one)
                for drift in drifts:
                    reader = reader_of(connection_id, drift.path)
                    if drift.change == "new" and reader is not None:
                        continue  # rare, and the connector knows it
                    await raise_issue(conn, connection_id, _issue(drift, reader, name_of))
                    found.append(drift)
        return found


async def list_topics(conn: Conn, connection_id: int) -> list[Row]:
    """Return what was looked at of a connection's bodies: topic, bodies, fields."""
    return await fetch_rows(conn, _queries.topics_seen, connection_id=connection_id)


async def list_fields(conn: Conn, connection_id: int, topic: str) -> list[Row]:
    """Return the fields of a topic as they are known, by path."""
    return await fetch_rows(conn, _queries.list_fields, connection_id=connection_id, topic=topic)


async def _note(conn: Conn, connection_id: int, topic: str, seen: _Seen) -> list[Drift]:
    before = await fetch_rows(
        conn, _queries.take_shape, connection_id=connection_id, topic=topic, bodies=seen.bodies
    )
    bodies = int(before[0]["bodies"])
    rows = await list_fields(conn, connection_id, topic)
    known = {row["path"]: row for row in rows}
    drifts = _changes(connection_id, topic, seen, known, bodies - seen.bodies)
    await conn.execute(
        _queries.note_fields,
        {
            "connection_id": connection_id,
            "topic": topic,
            "paths": list(seen.counts),
            "kinds": [msgspec.json.encode(sorted(seen.kinds[p])).decode() for p in seen.counts],
            "counts": list(seen.counts.values()),
            "lasts": [bodies - seen.bodies + seen.last[path] for path in seen.counts],
            "event_ids": [seen.event_ids[path] for path in seen.counts],
        },
    )
    gone = _gone(connection_id, topic, seen, known, bodies)
    back = [path for path, row in known.items() if row["missing"] and path in seen.counts]
    if gone:
        await conn.execute(
            _queries.mark_missing,
            {
                "connection_id": connection_id,
                "topic": topic,
                "paths": [drift.path for drift in gone],
            },
        )
    refs = [f"field/{connection_id}/{topic}/{path}" for path in back]
    await close_issues(conn, "drift.field_missing", refs)
    return drifts + gone


def _changes(
    connection_id: int, topic: str, seen: _Seen, known: Mapping[str, Row], bodies_before: int
) -> list[Drift]:
    """Return fields that are new or of another kind; none while the topic is being learnt."""
    if bodies_before < LEARN_BODIES:
        return []
    drifts = []
    for path, kinds in seen.kinds.items():
        row = known.get(path)
        parent = path.rpartition(".")[0] if not path.endswith("[*]") else path[:-3]
        if row is None and parent in known:
            change, expected, found = "new", "no such field", " or ".join(sorted(kinds))
        elif row is not None and (extra := kinds - {*row["kinds"], NULL}):
            told = {*row["kinds"]} - {NULL}
            if not told:
                continue  # only ever null so far: what it holds is learnt now
            change, expected, found = (
                "retyped",
                " or ".join(sorted(told)),
                " or ".join(sorted(extra)),
            )
        else:
            continue
        drifts.append(
            Drift(
                connection_id=connection_id,
                topic=topic,
                path=path,
                change=change,
                expected=expected,
                found=found,
                event_id=seen.event_ids[path],
            )
        )
    return drifts


def _gone(
    connection_id: int, topic: str, seen: _Seen, known: Mapping[str, Row], bodies: int
) -> list[Drift]:
    """Return fields that were nearly always there and have not been for many bodies."""
    return [
        Drift(
            connection_id=connection_id,
            topic=topic,
            path=path,
            change="missing",
            expected=" or ".join(sorted(row["kinds"])),
            found=f"none in the last {bodies - row['seen_at_body']} bodies",
            event_id=row["last_event_id"],
        )
        for path, row in known.items()
        if path not in seen.counts
        and not row["missing"]
        and row["seen_at_body"] >= LEARN_BODIES
        and row["seen"] >= _ALWAYS * row["seen_at_body"]
        and bodies - row["seen_at_body"] >= MISSING_BODIES
    ]


def _issue(drift: Drift, reader: str | None, name_of: NameOf) -> Issue:
    severity = Severity.NOTE if reader is None else Severity.WARNING
    where = f"read at {reader}" if reader else "nothing reads it"
    return Issue(
        code=f"drift.field_{drift.change}",
        severity=severity,
        pointer=drift.path,
        expected=drift.expected,
        found=f"{drift.found}, for example in event {drift.event_id}",
        how_to_fix=(
            f"{where}. Compare event {drift.event_id} of {name_of(drift.connection_id)} "
            f"({drift.topic}) with the vendor's changelog."
        ),
        ref=f"field/{drift.connection_id}/{drift.topic}/{drift.path}",
    )
