"""Every value inside canonical records, whatever structs hold it."""

from collections.abc import Iterator, Mapping
from enum import StrEnum

import msgspec

from trueup.quality.leaf import Path


def values(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Yield the values that hold no others, with their path."""
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from values(getattr(value, name), (*path, name))
    elif isinstance(value, Mapping):
        for name, child in value.items():
            yield from values(child, (*path, str(name)))
    elif isinstance(value, (tuple, list, frozenset, set)):
        for index, child in enumerate(value):
            yield from values(child, (*path, index))
    else:
        yield path, value


def words(value: object) -> dict[Path, StrEnum]:
    """Return the values that are words of our own language."""
    return {path: found for path, found in values(value) if isinstance(found, StrEnum)}
