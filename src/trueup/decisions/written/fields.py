"""The fields of canonical records by which a person may choose, as the records declare them. Pure.

What is personal stands apart in each record, and is no field here.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from enum import Enum, StrEnum
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from trueup.canon.price import Price
from trueup.canon.record import Record, kind_of
from trueup.kernel.money import Money

Value = str | bool | int | Money | datetime | date
"""What a field holds; a choice is its word."""

DEPTH_MAX = 3
_APART = frozenset(("person", "links", "told", "word"))


class FieldKind(StrEnum):
    """What kind of value a field holds."""

    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"
    MOMENT = "moment"
    DAY = "day"
    FLAG = "flag"
    CHOICE = "choice"


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field.

    Attributes:
        path: its names from the record down; "lines.sku" where they are joined.
        choices: the words that it may hold, where it holds one of some.
        many: a record may hold several, one in each line or scan.
    """

    path: tuple[str, ...]
    kind: FieldKind
    choices: tuple[str, ...] = ()
    many: bool = False

    @property
    def name(self) -> str:
        """As a person writes it."""
        return ".".join(self.path)


@cache
def fields_of(kind: str) -> Mapping[str, Field]:
    """Return the fields of a kind of record by name, such as "totals.total" of "order"."""
    return {field.name: field for field in _walk(inspect.type_info(kind_of(kind)), (), many=False)}


def values_of(record: Record, field: Field) -> tuple[Value, ...]:
    """Return what a record holds in a field; nothing where it is not told."""
    found: list[Any] = [record]
    for name in field.path:
        inner = [getattr(each, name) for each in found if each is not None]
        found = [one for each in inner for one in (each if isinstance(each, tuple) else (each,))]
    return tuple(_plain(each) for each in found if each is not None)


def _plain(value: Any) -> Value:  # noqa: ANN401 - whatever a record holds
    if isinstance(value, Price):
        return value.booked
    if isinstance(value, Enum):
        return str(value.value)
    return value  # type: ignore[no-any-return]


def _walk(info: inspect.Type, path: tuple[str, ...], *, many: bool) -> Iterator[Field]:
    info = _told(info)
    if isinstance(info, inspect.VarTupleType):
        yield from _walk(info.item_type, path, many=True)
    elif isinstance(info, inspect.StructType) and info.cls not in {Price, Money}:
        inner = [each for each in info.fields if each.name not in _APART]
        for each in inner if len(path) < DEPTH_MAX else ():
            yield from _walk(each.type, (*path, each.name), many=many)
    elif (kind := _kind(info)) is not None:
        words = info.cls if isinstance(info, inspect.EnumType) else ()
        choices = tuple(str(each.value) for each in words)
        yield Field(path=path, kind=kind, choices=choices, many=many)


def _told(info: inspect.Type) -> inspect.Type:
    """Return what a value is where it is told at all."""
    if isinstance(info, inspect.UnionType):
        told = [each for each in info.types if not isinstance(each, inspect.NoneType)]
        return told[0] if len(told) == 1 else info
    return info


_KINDS: Mapping[type[inspect.Type], FieldKind] = {
    inspect.StrType: FieldKind.TEXT,
    inspect.IntType: FieldKind.NUMBER,
    inspect.BoolType: FieldKind.FLAG,
    inspect.DateTimeType: FieldKind.MOMENT,
    inspect.DateType: FieldKind.DAY,
    inspect.EnumType: FieldKind.CHOICE,
}


def _kind(info: inspect.Type) -> FieldKind | None:
    """Return what kind of field it is; None for what nobody chooses by (a weight, a table)."""
    if isinstance(info, inspect.StructType):
        return FieldKind.MONEY
    return _KINDS.get(type(info))
