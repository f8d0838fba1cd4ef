"""Every code that an issue or a parked event can carry, read off the source."""

import ast
import re
from pathlib import Path

from tests.tidy.tree import ROOT, SOURCE, python_files, syntax

# A simulated vendor raises no issue; errors have a page of their own.
_ELSEWHERE = (SOURCE / "sandbox", SOURCE / "errors.py")
_CODE = re.compile(r"[a-z][a-z0-9_]*\.[a-z0-9_<>]+")
_HEADING = re.compile(r"^## `([^`]+)`", re.MULTILINE)


def codes_in_source() -> set[str]:
    """Return the codes; the part that is only known at run time is written `<name>`."""
    found: set[str] = set()
    for path in python_files("src"):
        if not any(path.is_relative_to(folder) for folder in _ELSEWHERE):
            constants = _constants(syntax(path))
            for node in ast.walk(syntax(path)):
                if isinstance(node, ast.Call):
                    found.update(filter(_CODE.fullmatch, _codes_of(node, constants)))
            found.update(_own_codes(path))
    return found


def _own_codes(path: Path) -> set[str]:
    """Return the codes of a connector's own that its file writes out, however they reach an issue."""
    if not path.is_relative_to(SOURCE / "connectors"):
        return set()
    own = re.compile(rf"{path.relative_to(SOURCE / 'connectors').parts[0]}\.[a-z0-9_<>]+")
    nodes = (n for n in ast.walk(syntax(path)) if isinstance(n, ast.Constant | ast.JoinedStr))
    return {text for node in nodes if own.fullmatch(text := _text(node, {}))}


def _constants(tree: ast.Module) -> dict[str, str]:
    """Return the texts that a module gives a name."""
    found: dict[str, str] = {}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        if targets and isinstance(value := getattr(node, "value", None), ast.Constant):
            found |= {t.id: str(value.value) for t in targets if isinstance(t, ast.Name)}
    return found


def _codes_of(call: ast.Call, constants: dict[str, str]) -> list[str]:
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    values = [k.value for k in call.keywords if k.arg in {"code", "cause"}]
    if name.startswith("_") and name.endswith(("error", "issue", "warning", "note")):
        values += call.args[:1]
    return [text for value in values if (text := _text(value, constants))]


def _text(node: ast.expr, constants: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return constants.get(node.id, "")
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else f"<{_name(part)}>"
            for part in node.values
        )
    return ""


def _name(part: ast.expr) -> str:
    value = part.value if isinstance(part, ast.FormattedValue) else part
    return value.id if isinstance(value, ast.Name) else "name"


def codes_in_papers() -> list[str]:
    """Return the codes that docs/issues.md explains, in its order."""
    return _HEADING.findall((ROOT / "docs" / "issues.md").read_text(encoding="utf-8"))
