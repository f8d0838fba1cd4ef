"""One event: its envelope, what came of it, and its body with what is personal left out."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from trueup.console.pages import (
    Issue,
    Posting,
    Version,
    read_event_issues,
    read_postings,
    state_of,
)
from trueup.console.readings import Session
from trueup.console.today import span_ms
from trueup.contract.loader import ConnectorFolder
from trueup.db.rows import Row
from trueup.govern.persons import read_keys
from trueup.hub import Hub
from trueup.intake import reads as intake
from trueup.intake.claim import load_events
from trueup.intake.model import event_identity
from trueup.ledger import reads as ledger
from trueup.records import reads as records

MASK = "•••"
BODY_CHARS_MAX = 200_000
VERSIONS_MAX = 1000

# Bounded on both sides, so that a long text costs no more than its length.
_ADDRESS = re.compile(r"[^\s@]{1,64}@[^\s@]{1,255}")


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """An event's body. `state` is masked, shown, erased (its key is gone) or unreadable."""

    state: str
    text: str | None
    cut: bool = False


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """One event and everything that came of it."""

    event_id: int
    connection: str
    external_id: str
    topic: str
    entity: str
    origin: str
    state: str
    raised_at: datetime | None
    received_at: datetime
    apply_ms: int | None
    body_bytes: int
    sha256: str
    headers: dict[str, str]
    cause: str | None
    detail: str | None
    cluster: str | None
    due_at: datetime | None
    order_ref: str | None
    versions: tuple[Version, ...]
    postings: tuple[Posting, ...]
    issues: tuple[Issue, ...]
    body: Body


async def read_event(
    session: Session, hub: Hub, event_id: int, *, reveal: bool
) -> EventPage | None:
    """Return an event's page; None where there is no such event.

    Args:
        session: to read with.
        hub: opens the body.
        event_id: of the event.
        reveal: also show what is personal.
    """
    rows = await intake.events_by_number(session, [event_id])
    if not rows:
        return None
    row = rows[0]
    posted = await ledger.transactions_of_events(session, [event_id])
    folder = hub.reader_of(row["connection_id"], row["topic"])
    entity: str = row["entity"]
    known = await records.records_of_entity(session, row["connection_id"], entity)
    copied = (
        *("event_id", "connection", "external_id", "topic", "entity", "origin", "raised_at"),
        *("received_at", "body_bytes", "sha256", "cause", "detail", "cluster", "due_at"),
    )
    return EventPage(
        **{name: row[name] for name in copied},
        state=state_of(row),
        apply_ms=span_ms(row["received_at"], posted[0]["posted_at"] if posted else None),
        headers=_headers(row["headers"]),
        order_ref=next((each["ref"] for each in known if each["kind"] == "order"), None),
        versions=await _versions(session, known, event_id),
        postings=await read_postings(session, [event_id]),
        issues=await read_event_issues(session, [event_id]),
        body=await _read_body(session, hub, event_id, folder, reveal=reveal),
    )


async def _versions(session: Session, known: list[Row], event_id: int) -> tuple[Version, ...]:
    kinds = {row["record_id"]: (row["kind"], row["ref"]) for row in known}
    told = await records.version_events(session, list(kinds), count=VERSIONS_MAX)
    return tuple(
        Version(
            kind=kinds[each["record_id"]][0], ref=kinds[each["record_id"]][1], stale=each["stale"]
        )
        for each in told
        if each["event_id"] == event_id
    )


async def _read_body(
    session: Session, hub: Hub, event_id: int, folder: ConnectorFolder | None, *, reveal: bool
) -> Body:
    event = (await load_events(session, [event_id]))[0]
    person_key = None
    if event.person is not None:
        person_key = (await read_keys(session, hub.vault, [event.person])).get(event.person)
    key = None
    if event.person is None or person_key is not None:
        key = hub.vault.open_event_key(event.wrapped, person_key)
    if key is None:
        return Body(state="erased", text=None)
    identity = event_identity(event.connection_id, event.external_id)
    plain = hub.vault.open_body(event.body, key, identity)
    manifest = None if folder is None else folder.manifest
    paths = () if manifest is None else manifest.personal
    return show_body(plain, paths, reveal=reveal)


def show_body(plain: bytes, personal: Sequence[str], *, reveal: bool) -> Body:
    """Return a body as text, indented.

    Args:
        plain: as received.
        personal: paths out of the connector's manifest.
        reveal: show what is personal too; else it is masked, and a body that is not JSON, in which
            nobody can say what is personal, is not shown at all.
    """
    try:
        document = msgspec.json.decode(plain)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        if not reveal:
            return Body(state="unreadable", text=None)
        return _bounded("shown", plain.decode("utf-8", "replace"))
    if not reveal:
        document = mask(document, personal)
    text = msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
    return _bounded("shown" if reveal else "masked", text)


def mask(document: Any, personal: Sequence[str]) -> Any:  # noqa: ANN401 - any JSON
    """Return a JSON document with its personal values replaced, and every e-mail address too."""
    wanted = [re.compile(_pattern(path)) for path in personal]
    return _masked(document, "", wanted)


def _masked(value: Any, path: str, wanted: list[re.Pattern[str]]) -> Any:  # noqa: ANN401 - any JSON
    if value is not None and path and any(each.fullmatch(path) for each in wanted):
        return MASK
    if isinstance(value, dict):
        return {name: _masked(inner, f"{path}.{name}", wanted) for name, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, f"{path}[*]", wanted) for inner in value]
    if isinstance(value, str) and "@" in value:
        return _ADDRESS.sub(MASK, value)
    return value


def _pattern(path: str) -> str:
    """Return a manifest's path (`$..email`, `$.a.b[*].c`) as a pattern of whole paths."""
    escaped = re.escape(path.removeprefix("$"))
    return escaped.replace(r"\.\.", r"(?:.*)\.")


def _bounded(state: str, text: str) -> Body:
    cut = len(text) > BODY_CHARS_MAX
    return Body(state=state, text=text[:BODY_CHARS_MAX], cut=cut)


def _headers(text: str) -> dict[str, str]:
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, str])
    except msgspec.MsgspecError:
        return {}
