"""What an event about a match of payouts and lines of a bank means. Pure."""

from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated

import msgspec

from trueup.canon.match import BankMatch, DifferenceAccount, MatchedRow, MatchReason
from trueup.connectors.manual.shape import Faults, read_shape
from trueup.contract.connector import Mapped

TOPIC = "money/match"
ROWS_MAX = 1000

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern="^[^\\x00]*$")]


class MatchShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body under the topic `money/match`; the README says what each field holds."""

    ref: _Name
    told_at: datetime
    payouts: Annotated[tuple[MatchedRow, ...], msgspec.Meta(max_length=ROWS_MAX)]
    lines: Annotated[tuple[MatchedRow, ...], msgspec.Meta(max_length=ROWS_MAX)]
    booked_on: date
    reason: MatchReason
    evidence: Annotated[str, msgspec.Meta(max_length=500)] = ""
    by: _Name = "hub"
    difference: DifferenceAccount | None = None
    deleted: bool = False


_DECODER = msgspec.json.Decoder(MatchShape)


def map_match(body: bytes) -> Mapped:
    """Return the match, or the issue that says what is wrong with it."""
    return read_shape(
        *(body, _DECODER, _faults_of, _match_of),
        code="manual.match_invalid",
        how_to_fix="Match the rows again: trueup money match.",
    )


def _faults_of(shape: MatchShape) -> Faults:
    rows = (*shape.payouts, *shape.lines)
    finite = all(row.amount.amount.is_finite() for row in rows)
    sides = [
        {(row.connection_id, row.ref) for row in side} for side in (shape.payouts, shape.lines)
    ]
    return (
        (shape.told_at.tzinfo is None, "/told_at", "an instant with its zone"),
        (not shape.payouts, "/payouts", "at least one payout"),
        (not shape.lines, "/lines", "at least one line of a bank"),
        (sum(map(len, sides)) < len(rows), "/lines", "each row once"),
        (any(not row.ref or "\x00" in row.ref for row in rows), "/lines", "the ref of each row"),
        (not finite, "/lines", "exact amounts"),
        (
            finite and shape.difference is None and any(_off(shape).values()),
            *("/difference", "an account for what the lines are off"),
        ),
    )


def _off(shape: MatchShape) -> dict[str, Decimal]:
    """Return by how much the lines are off, by currency."""
    off: dict[str, Decimal] = defaultdict(Decimal)
    for row in shape.lines:
        off[row.amount.currency] += row.amount.amount
    for row in shape.payouts:
        off[row.amount.currency] -= row.amount.amount
    return off


def _match_of(shape: MatchShape) -> BankMatch:
    return BankMatch(
        ref=shape.ref,
        updated_at=shape.told_at.astimezone(UTC),
        deleted=shape.deleted,
        payouts=shape.payouts,
        lines=shape.lines,
        booked_on=shape.booked_on,
        reason=shape.reason,
        evidence=shape.evidence,
        by=shape.by,
        difference=shape.difference,
    )
