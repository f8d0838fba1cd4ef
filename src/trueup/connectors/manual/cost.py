"""What an event about a cost means: each tells the whole cost. Pure."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from trueup.canon.cost import Allocation, Cost, CostKind, CostOf
from trueup.connectors.manual.shape import (
    AMOUNT_DIGITS_MAX,
    AMOUNT_MAX,
    CURRENCY,
    Faults,
    amount_is_wrong,
    read_shape,
)
from trueup.contract.connector import Mapped
from trueup.kernel.money import Money

TOPIC = "money/cost"
_REASON_CHARS_MAX = 500


class _Amount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    amount: Decimal
    currency: str


class CostShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body under the topic `money/cost`; the README says what each field holds."""

    ref: str
    told_at: datetime
    cost_kind: CostKind
    amount: _Amount
    of: CostOf
    of_ref: str
    occurred_at: datetime
    of_connection: str | None = None
    allocation: Allocation = Allocation.VALUE
    by: str | None = None
    reason: str | None = None
    deleted: bool = False


_DECODER = msgspec.json.Decoder(CostShape)


def map_cost(body: bytes) -> Mapped:
    """Return the cost, or the issue that says what is wrong with it."""
    return read_shape(
        *(body, _DECODER, _faults_of, _cost_of),
        code="manual.cost_invalid",
        how_to_fix="Correct the cost and tell it again under the same ref.",
    )


def _cost_of(shape: CostShape) -> Cost:
    return Cost(
        ref=shape.ref,
        updated_at=shape.told_at.astimezone(UTC),
        deleted=shape.deleted,
        cost_kind=shape.cost_kind,
        amount=Money(shape.amount.amount, shape.amount.currency),
        of=shape.of,
        of_ref=shape.of_ref,
        of_connection=shape.of_connection,
        allocation=shape.allocation,
        occurred_at=shape.occurred_at.astimezone(UTC),
        by=shape.by,
        reason=shape.reason,
    )


def _faults_of(shape: CostShape) -> Faults:
    texts = [shape.ref, shape.of_ref, shape.of_connection or "", shape.by or "", shape.reason or ""]
    amount = shape.amount.amount
    wanted = (
        f"an amount other than 0, below {AMOUNT_MAX:,f}, of at most {AMOUNT_DIGITS_MAX} decimals"
    )
    return (
        (not 0 < len(shape.ref) <= 120, "/ref", "1 to 120 characters"),
        (not 0 < len(shape.of_ref) <= 255, "/of_ref", "the number or ref of what it is of"),
        (any("\x00" in text for text in texts), "/ref", "text without U+0000"),
        (amount_is_wrong(amount) or not amount, "/amount/amount", wanted),
        (not CURRENCY.fullmatch(shape.amount.currency), "/amount/currency", "such as EUR"),
        (shape.told_at.tzinfo is None, "/told_at", "an instant with its zone"),
        (shape.occurred_at.tzinfo is None, "/occurred_at", "an instant with its zone"),
        (shape.of_connection == "", "/of_connection", "a connection's name, or nothing"),
        (shape.by == "", "/by", "a name, or nothing"),
        (len(shape.reason or "") > _REASON_CHARS_MAX, "/reason", "at most 500 characters"),
    )
