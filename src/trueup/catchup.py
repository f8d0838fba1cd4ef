"""Post the money of records that were stored before the hub knew what they are worth.

Each entity is put on the queue once more and booked again by whoever holds its partition, so it
may run beside the workers. An entity is queued once for each edition of the rules: what was stopped
goes on where it was, and what is done stays done.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec

from trueup.db.pool import connect, translate_errors
from trueup.hub import Hub
from trueup.ingest import apply_events
from trueup.intake.append import append_events
from trueup.kernel.limits import COMMIT_EVENTS_MAX
from trueup.ledger.money import MONEY_KINDS
from trueup.rebook import rebookings
from trueup.records.reads import count_records, records_after

EDITION: Final = 1
"""Of the rules that say what records are worth; a higher one books everything again."""

Progress = Callable[[int, int], None]
"""Is told how many records were walked, and of how many."""


class CaughtUp(msgspec.Struct, frozen=True, kw_only=True):
    """What was walked.

    Attributes:
        records: that may move money.
        booked: entities that were booked again.
        known: entities that had been before.
        waiting: something is still on the queue; the workers go on with it.
    """

    records: int = 0
    booked: int = 0
    known: int = 0
    waiting: bool = False


async def catch_up(
    conninfo: str,
    hub: Hub,
    *,
    now: datetime,
    count: int = COMMIT_EVENTS_MAX,
    progress: Progress | None = None,
) -> CaughtUp:
    """Book every entity again that holds money, in batches; may be killed and run again.

    Args:
        conninfo: of the database.
        hub: knows the connections; of those that are gone nothing is booked.
        now: when the entities are queued.
        count: of records in a batch, up to `COMMIT_EVENTS_MAX`.
        progress: is told after each batch.
    """
    walked, booked, known, done = 0, 0, 0, True
    last = 0
    with translate_errors():
        async with await connect(conninfo, application_name="trueup-catch-up") as conn:
            kinds = await count_records(conn)
            total = sum(row["records"] for row in kinds if row["kind"] in MONEY_KINDS)
            while rows := await records_after(conn, last, MONEY_KINDS, count=count):
                last, walked = rows[-1]["record_id"], walked + len(rows)
                entities = {(row["connection_id"], row["entity"]) for row in rows}
                live = sorted(key for key in entities if key[0] in hub.connections)
                again = rebookings(live, f"money/{EDITION}", now)
                appended = await append_events(conn, hub.vault, again)
                fresh = [each.event_id for each in appended if not each.repeated]
                booked, known = booked + len(fresh), known + len(appended) - len(fresh)
                done = await apply_events(conninfo, hub, fresh) and done
                if progress is not None:
                    progress(walked, max(total, walked))
    return CaughtUp(records=walked, booked=booked, known=known, waiting=not done)
