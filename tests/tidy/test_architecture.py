"""ARCHITECTURE and the decisions speak of files, tables and states that exist."""

import importlib.util
import re

import pytest

from tests.tidy.test_tables import MIGRATIONS, tables
from tests.tidy.tree import ROOT, SOURCE

TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
SQL = "\n".join(path.read_text(encoding="utf-8") for path in sorted(MIGRATIONS.glob("*/up.sql")))


def _rows(heading: str) -> list[list[str]]:
    """Return the rows of the first table below a heading, cell by cell."""
    below = TEXT.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in below.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def test_files_of_the_architecture_exist() -> None:
    named = re.findall(r"`([a-z_]+(?:/[a-z_]+)*\.py)(?:: (\w+))?`", TEXT)
    assert len(named) > 15
    for path, function in named:
        places = [SOURCE / path, ROOT / path]
        files = places if "/" in path else sorted(SOURCE.rglob(path))
        files = [file for file in files if file.is_file()]
        assert files, f"there is no {path}"
        assert f"def {function}" in files[0].read_text(encoding="utf-8") or not function


def test_rooms_of_the_architecture_are_those_of_the_package() -> None:
    drawing = TEXT.split("```\nsrc/trueup/\n", 1)[1].split("```", 1)[0]
    drawn = {
        name
        for line in drawing.splitlines()
        for name in re.findall(r"([a-z]+)(?:/|\.py)(?=\s)", line[:26])
    }
    present = {
        path.stem
        for path in SOURCE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    } - {"__init__"}
    assert drawn == present


def test_tables_of_the_walk_exist() -> None:
    known = {table for names in tables().values() for table in names}
    states = set(re.findall(r"'([a-z]+)'", SQL))
    written = [
        word for row in _rows("The walk of one item") for word in re.findall(r"`(\w+)`", row[2])
    ]
    assert len(written) > 20
    assert not set(written) - known - states


@pytest.mark.parametrize(("heading", "table"), [("An intent", "intent"), ("A call", "call")])
def test_drawn_states_are_those_of_the_table(heading: str, table: str) -> None:
    drawing = TEXT.split(f"### {heading}\n", 1)[1].split("```", 2)[1]
    drawn = set(re.findall(r"\b([a-z]+)(?= -->)|--> ([a-z]+)", drawing))
    states = {state for pair in drawn for state in pair if state}
    columns = SQL.split(f"CREATE TABLE outbox.{table} (", 1)[1].split(";", 1)[0]
    checked = re.search(r"state IN \(([^)]+)\)", columns)
    assert checked
    assert states == set(re.findall(r"'(\w+)'", checked[1]))


def test_modules_of_the_decisions_exist() -> None:
    for paper in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        for name in re.findall(r"`(trueup\.[a-z_.]+)`", paper.read_text(encoding="utf-8")):
            parts = name.split(".")
            is_module = importlib.util.find_spec(name) if _has_parent(parts) else None
            is_member = hasattr(importlib.import_module(".".join(parts[:-1])), parts[-1])
            assert is_module or is_member, f"{paper.name} names {name}"


def _has_parent(parts: list[str]) -> bool:
    """Tell whether the parent is a package, so that a module can be looked for in it."""
    return (SOURCE.parent / "/".join(parts[:-1]) / "__init__.py").is_file()
