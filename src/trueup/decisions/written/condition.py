"""One condition on one field: read from what a person typed, and asked of a record. Pure."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

import msgspec

from trueup.decisions.written.fields import Field, FieldKind, Value, fields_of
from trueup.errors import ConfigError
from trueup.kernel.money import Money

HOURS_MAX = 24 * 365


class Op(StrEnum):
    """How a field is compared."""

    IS = "is"
    IS_NOT = "is_not"
    CONTAINS = "contains"
    MORE_THAN = "more_than"
    LESS_THAN = "less_than"
    OLDER_THAN = "older_than"
    NEWER_THAN = "newer_than"
    IS_TOLD = "is_told"
    IS_NOT_TOLD = "is_not_told"


_TOLD = (Op.IS_TOLD, Op.IS_NOT_TOLD)
_EQUAL = (Op.IS, Op.IS_NOT)
OPS_OF: Mapping[FieldKind, tuple[Op, ...]] = {
    FieldKind.TEXT: (*_EQUAL, Op.CONTAINS, *_TOLD),
    FieldKind.CHOICE: (*_EQUAL, *_TOLD),
    FieldKind.FLAG: _EQUAL,
    FieldKind.NUMBER: (*_EQUAL, Op.MORE_THAN, Op.LESS_THAN, *_TOLD),
    FieldKind.MONEY: (Op.MORE_THAN, Op.LESS_THAN, *_TOLD),
    FieldKind.MOMENT: (Op.OLDER_THAN, Op.NEWER_THAN, *_TOLD),
    FieldKind.DAY: (Op.OLDER_THAN, Op.NEWER_THAN, *_TOLD),
}
"""How each kind of field may be compared."""


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A condition as a person wrote it.

    Attributes:
        field: such as "totals.total".
        value: to compare with: a word, a whole number, "500 EUR", or hours.
    """

    field: str
    op: Op
    value: str = ""


Known = Mapping[str, tuple[Value, ...]]
"""What a record holds, by field."""


def check(kind: str, condition: Condition) -> Field:
    """Return the field of a condition that can be asked of records of a kind.

    Raises:
        ConfigError: names the field, what was written, what is expected.
    """
    fields = fields_of(kind)
    if condition.field not in fields:
        raise ConfigError(
            f"Records of the kind {kind} have no field {condition.field!r}; they have: "
            f"{', '.join(sorted(fields))}.",
            field="field",
        )
    field = fields[condition.field]
    if condition.op not in OPS_OF[field.kind]:
        able = ", ".join(OPS_OF[field.kind])
        raise ConfigError(
            f"{field.name} is a {field.kind}: it can not be compared by {condition.op.value!r}, "
            f"but by: {able}.",
            field="op",
        )
    if condition.op not in _TOLD:
        _value(field, condition.value)
    return field


def holds(kind: str, condition: Condition, known: Known, now: datetime) -> bool:
    """Whether a record meets a condition that `check` let pass.

    Of a field that a record holds several times, one is enough; for "is_not", none may be so.
    """
    field, values = fields_of(kind)[condition.field], known[condition.field]
    if condition.op in _TOLD:
        return bool(values) is (condition.op is Op.IS_TOLD)
    wanted, op = _value(field, condition.value), condition.op
    if op is Op.IS_NOT:
        return not any(_folded(each) == wanted for each in values)
    return any(_meets(op, each, wanted, now) for each in values)


def _meets(op: Op, value: Any, wanted: Any, now: datetime) -> bool:  # noqa: ANN401 - of one kind
    match op:
        case Op.IS:
            return bool(_folded(value) == wanted)
        case Op.CONTAINS:
            return wanted in value.casefold()
        case Op.MORE_THAN | Op.LESS_THAN:
            return _compared(value, wanted, more=op is Op.MORE_THAN)
        case _:
            return (_moment(value) < now - timedelta(hours=wanted)) is (op is Op.OLDER_THAN)


def _folded(value: Value) -> Value:
    return value.casefold() if isinstance(value, str) else value


def _compared(value: Any, wanted: Any, *, more: bool) -> bool:  # noqa: ANN401 - two of one kind
    """Compare; money of two currencies is neither more nor less."""
    if isinstance(wanted, Money):
        if value.currency != wanted.currency:
            return False
        value, wanted = value.amount, wanted.amount
    return bool(value > wanted if more else value < wanted)


def _moment(value: datetime | date) -> datetime:
    """Return when it was; a day begins where it begins in UTC."""
    return value if isinstance(value, datetime) else datetime.combine(value, time(), UTC)


def _value(field: Field, text: str) -> Any:  # noqa: ANN401 - of the field's own kind
    said = text.strip()
    found = _READ[field.kind](said)
    if found is None or (field.choices and said.casefold() not in field.choices):
        words = f"one of {', '.join(field.choices)}" if field.choices else _EXPECTED[field.kind]
        raise ConfigError(f"{field.name} is compared with {words}; {text!r} is not.", field="value")
    return found


def _flag(text: str) -> bool | None:
    return {"yes": True, "true": True, "no": False, "false": False}.get(text.casefold())


def _number(text: str) -> int | None:
    return int(text) if text.removeprefix("-").isdecimal() and len(text) < 16 else None


def _hours(text: str) -> int | None:
    hours = _number(text)
    return hours if hours is not None and 0 <= hours <= HOURS_MAX else None


def _money(text: str) -> Money | None:
    amount, _, currency = text.partition(" ")
    try:
        exact = Decimal(amount)
    except InvalidOperation:
        return None
    is_code = len(currency) == 3 and currency.isascii() and currency.isalpha()
    return Money(exact, currency.upper()) if is_code and exact.is_finite() else None


_READ: Mapping[FieldKind, Callable[[str], Any]] = {
    FieldKind.TEXT: lambda text: text.casefold() or None,
    FieldKind.CHOICE: lambda text: text.casefold() or None,
    FieldKind.FLAG: _flag,
    FieldKind.NUMBER: _number,
    FieldKind.MONEY: _money,
    FieldKind.MOMENT: _hours,
    FieldKind.DAY: _hours,
}
_EXPECTED: Mapping[FieldKind, str] = {
    FieldKind.TEXT: "a text",
    FieldKind.CHOICE: "a word",
    FieldKind.FLAG: "yes or no",
    FieldKind.NUMBER: "a whole number",
    FieldKind.MONEY: 'an amount and its currency, such as "500 EUR"',
    FieldKind.MOMENT: f"hours, from 0 to {HOURS_MAX}",
    FieldKind.DAY: f"hours, from 0 to {HOURS_MAX}",
}
