"""The parse that another reader of MT940 expects: YAML of its own objects, read without them."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

_HIDDEN = frozenset(("tags", "processors", "re", "!"))


class _Loader(yaml.SafeLoader):
    """Makes a mapping of each object, and a list of each call; runs nothing."""


def _made(loader: _Loader, _suffix: str, node: yaml.Node) -> Iterator[Any]:
    held: dict[Any, Any] = {}
    yield held
    if isinstance(node, yaml.MappingNode):
        held.update(loader.construct_mapping(node, deep=True))


def _called(loader: _Loader, suffix: str, node: yaml.Node) -> Any:
    if not isinstance(node, yaml.SequenceNode):
        return None
    given = loader.construct_sequence(node, deep=True)
    if suffix.endswith("Decimal"):
        return Decimal(given[0])
    if suffix.endswith((".Date", ".DateTime")) and given and isinstance(given[0], bytes):
        return f"{given[0][0] * 256 + given[0][1]:04}-{given[0][2]:02}-{given[0][3]:02}"
    return None


_Loader.add_multi_constructor("tag:yaml.org,2002:python/object/apply:", _called)
_Loader.add_multi_constructor("tag:yaml.org,2002:python/object:", _made)
_Loader.add_multi_constructor("tag:yaml.org,2002:python/", _called)


def expected_of(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what is expected of a file as a whole and of each of its lines; what says something."""
    loaded = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe loader
    if not isinstance(loaded, dict):
        return {}, []
    lines = [line["data"] for line in loaded["transactions"]]
    return _told(loaded["data"]), [_told(line) for line in lines]


def _told(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in fields.items()
        if value not in (None, "") and name not in _HIDDEN
    }


def plain(text: object) -> str:
    """Return a text without the blanks that lines are broken by."""
    return re.sub(r"\s", "", str(text))
