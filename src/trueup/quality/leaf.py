"""The leaves of a JSON body: found, planted with other values, and matched by personal paths."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

Path = tuple[str | int, ...]
_STEP = re.compile(r"\.\.([A-Za-z_][\w-]*)|\.([A-Za-z_][\w-]*)|(\[\*\])")


def read_json(body: bytes) -> Any:  # noqa: ANN401 - JSON holds anything
    """Return the body's value; None where it is no JSON."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Yield every value that holds no others, with its path."""
    if isinstance(value, dict):
        for name, child in value.items():
            yield from leaves(child, (*path, name))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from leaves(child, (*path, index))
    else:
        yield path, value


def planted(value: object, plants: Mapping[Path, object]) -> bytes:
    """Return the value as JSON bytes with other leaves at the given paths."""
    return msgspec.json.encode(_plant(value, (), plants.get))


def _plant(value: object, path: Path, find: Callable[[Path], object]) -> object:
    if isinstance(value, dict):
        return {name: _plant(child, (*path, name), find) for name, child in value.items()}
    if isinstance(value, list):
        return [_plant(child, (*path, index), find) for index, child in enumerate(value)]
    other = find(path)
    return value if other is None else other


def grown(value: object, name: str, content: object) -> object:
    """Return the value with one more field in each of its objects."""
    if isinstance(value, dict):
        inner = {key: grown(child, name, content) for key, child in value.items()}
        return inner | {name: content}
    if isinstance(value, list):
        return [grown(child, name, content) for child in value]
    return value


def personal_leaves(value: object, paths: tuple[str, ...]) -> set[Path]:
    """Return the paths of the leaves that a manifest calls personal.

    Args:
        value: a JSON value.
        paths: such as `$.customer.email`, `$.items[*].name` and `$..phone`.
    """
    found: set[Path] = set()
    for path in paths:
        spots: dict[Path, object] = {(): value}
        for deep, name, _star in _STEP.findall(path):
            spots = _step(spots, deep=deep, name=name)
        for start, spot in spots.items():
            found |= {leaf for leaf, _ in leaves(spot, start)}
    return found


def _step(spots: Mapping[Path, object], *, deep: str, name: str) -> dict[Path, object]:
    after: dict[Path, object] = {}
    for path, spot in spots.items():
        if deep:
            after |= {at: found for at, found in _below(spot, path) if at[-1:] == (deep,)}
        elif name and isinstance(spot, dict) and name in spot:
            after[*path, name] = spot[name]
        elif not name and isinstance(spot, list):
            after |= {(*path, index): child for index, child in enumerate(spot)}
    return after


def _below(value: object, path: Path) -> Iterator[tuple[Path, object]]:
    """Yield the value and everything in it."""
    yield path, value
    if isinstance(value, dict):
        for name, child in value.items():
            yield from _below(child, (*path, name))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _below(child, (*path, index))


def pointer(path: Path) -> str:
    """Return a path as people read it: /customer/email."""
    return "/" + "/".join(map(str, path))
