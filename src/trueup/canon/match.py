"""Matches: payouts and lines of a bank of which somebody says that they are the same money."""

from datetime import date
from enum import StrEnum
from typing import ClassVar

import msgspec

from trueup.canon.record import Record, register
from trueup.kernel.money import Money


class MatchReason(StrEnum):
    """What joins rows, the strongest first; the first four are found, never guessed."""

    KEY = "key"  # both carry a reference
    TEXT = "text"  # a reference of the one stands in the other's words
    AMOUNT_AND_DATE = "amount_and_date"  # and no other row has them
    SUM = "sum"  # the only rows that come to it
    PERSON = "person"  # a person says so


class DifferenceAccount(StrEnum):
    """Where a difference between a payout and its lines may go, as a person says."""

    FEES = "fees"  # the bank took something
    EXCHANGE = "exchange"  # somebody changed the currency
    ADJUSTMENTS = "adjustments"  # anything else


class MatchedRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One payout or one line of a bank, with what was open of it when it was matched.

    Attributes:
        connection_id: who told it.
        ref: its own, at that connection.
        amount: above zero where it came to the bank.
    """

    connection_id: int
    ref: str
    amount: Money


@register
class BankMatch(Record, frozen=True, kw_only=True):
    """Payouts that arrived as some lines of a bank.

    Attributes:
        booked_on: the day of the lines, by the bank's calendar.
        evidence: what joins them, in words.
        by: "hub", "schedule", or who says so.
        difference: where what the lines are off goes to; None where they come to it.
        deleted: it was undone, and both sides are open again.
    """

    kind: ClassVar[str] = "bank_match"

    payouts: tuple[MatchedRow, ...]
    lines: tuple[MatchedRow, ...]
    booked_on: date
    reason: MatchReason
    evidence: str = ""
    by: str = "hub"
    difference: DifferenceAccount | None = None
