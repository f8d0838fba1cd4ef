"""Progress of a connection: how far its history was read, and whether anybody reads it now."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec
import psycopg

from trueup.hub import Hub
from trueup.intake.connections import Account
from trueup.intake.cursors import PullCursor, list_cursors
from trueup.intake.duties import HUB, Duty, list_duties
from trueup.pull.access import what_lacks
from trueup.pull.walk import place_of

Conn = psycopg.AsyncConnection[Any]

SILENT_MAX: Final = timedelta(seconds=60)
"""The scheduler does something of its own every two seconds; after this long nobody schedules."""


class Stage(StrEnum):
    """How far the history of one resource is."""

    WAITING = "waiting"  # it has not begun
    PREPARING = "preparing"  # the vendor prepares an export
    READING = "reading"
    FAILING = "failing"  # it is tried again by itself
    DONE = "done"


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """How far the history of one resource is.

    Attributes:
        done: records in the log so far.
        expected: by the vendor's own count; None where it does not tell how many there are.
        why: it failed the last time; empty where it did not.
        again_at: when it is tried again.
    """

    resource: str
    stage: Stage
    done: int
    expected: int | None
    why: str = ""
    again_at: datetime | None = None

    @property
    def share(self) -> float | None:
        """From 0 to 1; None where nobody knows how much there is."""
        if self.stage is Stage.DONE:
            return 1.0
        return min(1.0, self.done / self.expected) if self.expected else None


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a connection's history is.

    Attributes:
        scheduled: somebody schedules; without, nothing is read.
    """

    resources: tuple[Resource, ...]
    scheduled: bool

    @property
    def running(self) -> bool:
        """Something is still to be read."""
        return any(each.stage is not Stage.DONE for each in self.resources)


async def read_progress(conn: Conn, hub: Hub, account: Account, now: datetime) -> Progress:
    """Return how far a connection's history is.

    Args:
        conn: any session.
        hub: vault and connectors.
        account: the connection.
        now: of the look.
    """
    own, number = await list_duties(conn, HUB), account.connection.connection_id
    folder = hub.connectors.get(account.connection.connector)
    if folder is None or not folder.has("pull") or what_lacks(folder, account):
        return Progress(resources=(), scheduled=is_scheduled(own, now))
    names = [
        each.resource
        for each in folder.manifest.pulled(account.connection.settings)
        if each.is_listed
    ]
    cursors = await list_cursors(conn, number, "backfill")
    duties = {duty.name: duty for duty in await list_duties(conn, number)}
    return Progress(resources=progress_of(names, cursors, duties), scheduled=is_scheduled(own, now))


def is_scheduled(own: Sequence[Duty], now: datetime) -> bool:
    """Tell whether a scheduler is at work, by when the hub's own duties were last done. Pure."""
    told = [at for duty in own for at in (duty.done_at, duty.failed_at) if at is not None]
    return bool(told) and now - max(told) < SILENT_MAX


def progress_of(
    names: Sequence[str], cursors: Mapping[str, PullCursor], duties: Mapping[str, Duty]
) -> tuple[Resource, ...]:
    """Return how far each resource is, by its cursor and its duty. Pure."""
    return tuple(
        _resource(name, cursors.get(name), duties.get(f"backfill.{name}")) for name in names
    )


def _resource(name: str, cursor: PullCursor | None, duty: Duty | None) -> Resource:
    done, expected = (0, None) if cursor is None else (cursor.done, cursor.expected)
    if cursor is not None and cursor.finished_at is not None:
        return Resource(resource=name, stage=Stage.DONE, done=done, expected=expected)
    if duty is not None and duty.failures:
        return Resource(
            resource=name,
            stage=Stage.FAILING,
            done=done,
            expected=expected,
            why=duty.reason or "",
            again_at=duty.due_at,
        )
    return Resource(resource=name, stage=_stage(cursor), done=done, expected=expected)


def _stage(cursor: PullCursor | None) -> Stage:
    if cursor is None:
        return Stage.WAITING
    if cursor.bulk_ref is not None and not cursor.done:
        return Stage.PREPARING
    begun = cursor.done or place_of(cursor) is not None
    return Stage.READING if begun else Stage.WAITING
