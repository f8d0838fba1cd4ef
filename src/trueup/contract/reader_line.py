"""Which line of a connector reads a field: where to look when a vendor changes it."""

import ast
import re
from functools import lru_cache
from pathlib import Path

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def reader_line(folder: Path, path: str) -> str | None:
    """Return "shape.py:41" for the first line of a connector that names a field; None: nobody does.

    Args:
        folder: the connector's.
        path: of the field, such as `$.lines[*].unitPrice`; its last name counts.
    """
    name = path.rpartition(".")[2].replace("[*]", "")
    places = _places(folder)
    snake = _CAMEL.sub("_", name).lower()
    return places.get(name) or places.get(snake)


@lru_cache(maxsize=64)
def _places(folder: Path) -> dict[str, str]:
    """Return the first line at which each name stands as a field or as a text."""
    found: dict[str, str] = {}
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            name = _named(node)
            if name:
                place = f"{file.relative_to(folder)}:{getattr(node, 'lineno', 0)}"
                found.setdefault(name, place)
    return found


def _named(node: ast.AST) -> str:
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
        return node.value
    return ""
