"""`/api/v1/journals`: what was posted in the accounting system, and how far it has come."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import psycopg
from litestar import get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from trueup.api.cursor import cursor_number, cursor_of
from trueup.api.v1_model import After, Count, Page
from trueup.intake import reads as intake
from trueup.journals.build import name_of
from trueup.journals.model import JournalState, Line
from trueup.journals.reads import list_journals, seek_journal

Session = psycopg.AsyncConnection[Any]

_Day = Annotated[date | None, QueryParameter(required=False, description="A day of the ledger.")]


class JournalView(msgspec.Struct, frozen=True, kw_only=True):
    """One journal as it was made.

    `told_by` is the connection whose money it is, null where it is of several. `total` is the sum
    of the debits. `state` is how far it has come: "done" stands in the accounting system, under the
    id `vendor_ref`; "withdrawn" surely does not. `reverses` and `reversed_by` are numbers.
    """

    number: str
    day: date
    posted_on: date
    currency: str
    told_by: str | None
    order_ref: str | None
    connection: str
    total: Decimal
    state: str
    vendor_ref: str | None
    code: str | None
    reverses: str | None
    reversed_by: str | None
    made_by: str
    made_at: datetime


class JournalLineView(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a journal: a debit is above zero, a credit below.

    `account` at `connection` is of the money ledger; `account_ref` is the accounting system's own.
    """

    account: str
    connection: str
    account_ref: str
    name: str
    amount: Decimal
    tax_code: str | None
    tax_on: str | None


class JournalWhole(msgspec.Struct, frozen=True, kw_only=True):
    """One journal with its lines, which come to nothing."""

    journal: JournalView
    lines: list[JournalLineView]


@get("/journals", right="journals.read")
async def list_posted(
    session: NamedDependency[Session],
    cursor: After = None,
    count: Count = 50,
    since: _Day = None,
    until: _Day = None,
) -> Page[JournalView]:
    """List journals, newest first."""
    names = await _names(session)
    rows = await list_journals(
        session,
        since=since,
        until=until,
        before=None if cursor is None else cursor_number(cursor),
        count=count + 1,
    )
    shown = [journal_view(row, names) for row in rows[:count]]
    more = cursor_of(rows[count - 1].journal_id) if len(rows) > count else None
    return Page(items=shown, next_cursor=more)


@get("/journals/{number:str}", right="journals.read")
async def show_posted(
    session: NamedDependency[Session],
    number: Annotated[str, PathParameter(max_length=40, pattern="^[^\\x00]*$")],
) -> JournalWhole:
    """Show one journal with its lines."""
    found = await seek_journal(session, number)
    if found is None:
        raise NotFoundException(f"There is no journal {number!r}.")
    names = await _names(session)
    told, _, lines = found
    return JournalWhole(
        journal=journal_view(told, names), lines=[line_view(line, names) for line in lines]
    )


def journal_routes() -> list[ControllerRouterHandler]:
    """Return the routes of journals, below `/api/v1`."""
    return [list_posted, show_posted]


def journal_view(told: JournalState, names: dict[int, str]) -> JournalView:
    """Return a journal as it is shown."""
    fields = msgspec.structs.asdict(told) | {
        "told_by": name_of(names, told.told_by) if told.told_by else None,
        "order_ref": told.order_ref or None,
        "connection": name_of(names, told.target_id),
    }
    return JournalView(**{name: fields[name] for name in JournalView.__struct_fields__})


def line_view(line: Line, names: dict[int, str]) -> JournalLineView:
    """Return a line of a journal as it is shown."""
    fields = msgspec.structs.asdict(line) | {"connection": name_of(names, line.connection_id)}
    return JournalLineView(**{name: fields[name] for name in JournalLineView.__struct_fields__})


async def _names(session: Session) -> dict[int, str]:
    return {row["connection_id"]: row["name"] for row in await intake.name_connections(session)}
