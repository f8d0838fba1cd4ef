"""Journals before they are posted, and as they were."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple

import msgspec
import psycopg

from trueup.canon.issue import Issue
from trueup.ledger.money_days import Grain

Conn = psycopg.AsyncConnection[Any]

Needs = Literal["account_ref", "name", "either"]
"""What of an account must be known: its id to post, its name for Beancount, either to look."""


class Group(NamedTuple):
    """What one journal is about; `told_by` 0 and `order_ref` "" where it is about several."""

    day: date
    currency: str
    told_by: int
    order_ref: str


class Place(NamedTuple):
    """A money account at a connection."""

    account: str
    connection_id: int


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a journal: a debit is above zero, a credit below.

    Attributes:
        account, connection_id: of the money ledger.
        account_ref: the accounting system's id of its own account.
        name: of that account, in exports.
    """

    account: str
    connection_id: int
    account_ref: str
    name: str
    amount: Decimal
    tax_code: str | None = None
    tax_on: Literal["sales", "purchases"] | None = None


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A journal that is not posted yet; its lines sum to zero."""

    group: Group
    grain: Grain
    lines: tuple[Line, ...]

    @property
    def total(self) -> Decimal:
        """The sum of the debits."""
        return sum((line.amount for line in self.lines if line.amount > 0), Decimal(0))


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A journal that can not be said to the accounting system as it is, and why."""

    draft: Draft
    issue: Issue


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is still to be posted, oldest day first."""

    drafts: tuple[Draft, ...]
    held: tuple[Held, ...]


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """A journal as it was made for an accounting system; it never changes.

    Attributes:
        number: of the document there.
        posted_on: its date there; `group.day` is the day of the ledger that it is about.
        target_id: number of the accounting system's connection.
        reverses: number of the journal that it takes back.
    """

    number: str
    ordinal: int
    group: Group
    grain: Grain
    posted_on: date
    target_id: int
    lines: tuple[Line, ...]
    reverses: str | None = None


class JournalState(msgspec.Struct, frozen=True, kw_only=True):
    """A journal as it is listed, and how far it has come.

    Attributes:
        told_by: number of the connection whose money it is; 0: several.
        total: the sum of the debits.
        state: of its command at the accounting system ("done", "due", "unknown", ...), or
            "withdrawn".
        vendor_ref: its id there.
        code: of a refusal, or of what is not known.
        reverses, reversed_by: numbers of other journals.
    """

    journal_id: int
    number: str
    day: date
    posted_on: date
    currency: str
    told_by: int
    order_ref: str
    target_id: int
    total: Decimal
    state: str
    vendor_ref: str | None
    code: str | None
    reverses: str | None
    reversed_by: str | None
    made_by: str
    made_at: datetime


def command_ref(number: str) -> str:
    """Return our own name of the command that posts a journal."""
    return f"journal/{number}"
