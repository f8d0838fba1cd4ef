"""The page of parity: where a channel does not show what shall stand there, and why."""

from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

import msgspec

from trueup.console.phantoms import PhantomRow, read_phantoms
from trueup.console.readings import Session
from trueup.console.today import read_names
from trueup.console.words import mark
from trueup.db.rows import Row
from trueup.reconcile import reads as reconcile
from trueup.reconcile.report import UNEXPLAINED

T = TypeVar("T", bound=msgspec.Struct)

ROWS_MAX: Final = 200
REPAIRS_MAX: Final = 50
SHOWN_FOR: Final = timedelta(days=2)

_DO: Final = {
    "in_flight": mark("Nothing: it is on its way."),
    "vendor_delay": mark("Nothing: the vendor shows it a little later."),
    "lost_webhook": mark(
        "Nothing: the order was read and is in the log. Look why its webhook was lost."
    ),
    "phantom_reservation": mark("Nothing: the order was read, and its units are free again."),
    "parked_event": mark("Put right what parked the event, and try it again."),
    "second_writer": mark(
        "Find the other hub, app or person that writes stock there, and stop it."
    ),
    "rule_changed": mark("Nothing: the new number is on its way."),
    "given_up": mark("Put right what the vendor names, then: trueup dead retry."),
    "gone_at_vendor": mark("Stock it at the channel again, or end the listing."),
    "unmapped_sku": mark("Give the item a SKU of ours, or end it at the channel."),
    UNEXPLAINED: mark("Read what was looked at. A later look proves more."),
}


class Because(msgspec.Struct, frozen=True, kw_only=True):
    """One cause of a difference: units, what shows it, and what to do."""

    cause: str
    amount: int
    evidence: tuple[str, ...]
    to_do: str


class DifferenceRow(msgspec.Struct, frozen=True, kw_only=True):
    """One listing at which not what shall stands."""

    connection: str
    sku: str
    shall: int
    stands: int | None
    since_at: datetime
    looked_at: datetime
    unexplained: int
    causes: tuple[Because, ...]


class ItemRow(msgspec.Struct, frozen=True, kw_only=True):
    """Stock at a channel that no listing of ours names."""

    connection: str
    item_ref: str
    sku: str | None
    stands: int | None
    why: str
    since_at: datetime


class LookRow(msgspec.Struct, frozen=True, kw_only=True):
    """How far looking at a channel has come."""

    connection: str
    looked: int
    differing: int
    unexplained: int
    oldest_at: datetime
    newest_at: datetime


class RepairRow(msgspec.Struct, frozen=True, kw_only=True):
    """What was done about a difference."""

    connection: str
    sku: str
    action: str
    cause: str
    shall: int
    stood: int | None
    repaired_at: datetime
    mended_at: datetime | None


class OpenPoint(msgspec.Struct, frozen=True, kw_only=True):
    """How many listings differed at a time, and of how many nothing said why."""

    at: datetime
    differing: int
    unexplained: int


class ParityPage(msgspec.Struct, frozen=True, kw_only=True):
    """Where channels do not show what shall stand there, what nothing explains first."""

    channels: tuple[LookRow, ...]
    differences: tuple[DifferenceRow, ...]
    items: tuple[ItemRow, ...]
    repairs: tuple[RepairRow, ...]
    phantoms: tuple[PhantomRow, ...]
    over_time: tuple[OpenPoint, ...]


async def read_parity(session: Session, now: datetime | None = None) -> ParityPage:
    """Return the page."""
    names = await read_names(session)
    now = now or datetime.now(UTC)
    differences = await reconcile.list_differences(session, count=ROWS_MAX)
    return ParityPage(
        channels=tuple(_row(LookRow, r, names) for r in await reconcile.count_looks(session)),
        differences=tuple(_difference(row, names) for row in differences),
        items=tuple(
            _row(ItemRow, r, names) for r in await reconcile.list_unmapped(session, count=ROWS_MAX)
        ),
        repairs=tuple(
            _row(RepairRow, r, names)
            for r in await reconcile.list_repairs(session, count=REPAIRS_MAX)
        ),
        phantoms=await read_phantoms(session),
        over_time=tuple(
            msgspec.convert(row, OpenPoint)
            for row in await reconcile.open_over_time(session, now - SHOWN_FOR, now)
        ),
    )


def _difference(row: Row, names: dict[int, str]) -> DifferenceRow:
    return DifferenceRow(
        connection=names.get(row["connection_id"], "removed"),
        sku=row["sku"],
        shall=row["shall"],
        stands=row["stands"],
        since_at=row["differs_since"],
        looked_at=row["looked_at"],
        unexplained=row["unexplained"],
        causes=tuple(
            Because(
                cause=part["cause"],
                amount=part["amount"],
                evidence=tuple(part["evidence"]),
                to_do=_DO[part["cause"]],
            )
            for part in row["causes"]
        ),
    )


def _row(kind: type[T], row: Row, names: dict[int, str]) -> T:
    named = {**row, "connection": names.get(row["connection_id"], "removed")}
    return msgspec.convert({name: named[name] for name in kind.__struct_fields__}, kind)
