"""Each room owns its schema: nobody else names its tables. And its README lists them."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.tidy.tree import SOURCE, check, files, name_of, python_files, syntax
from trueup.db.queries import load_queries, parameter_names

MIGRATIONS = SOURCE / "db" / "migrations"

# Benches write rows without the rooms: bare loops, by which the rooms are measured, and a year that
# no pipeline is waited for to write.
_BARE = SOURCE / "bench"

_SCHEMA = re.compile(r"^CREATE SCHEMA (?:IF NOT EXISTS )?(\w+)", re.MULTILINE)
_TABLE = re.compile(
    r"^CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?(\w+)\.(\w+)(?! PARTITION)", re.MULTILINE
)
_PARTITION = re.compile(r"^CREATE TABLE (\w+)\.(\w+) PARTITION OF", re.MULTILINE)


def _sql(text: str) -> str:
    """Return SQL without comments and literals."""
    return re.sub(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", "", text, flags=re.DOTALL)


@cache
def owners() -> dict[str, Path]:
    """Return the room of every schema: that of the same name. `trueup_meta` is the database's."""
    schemas = {
        schema
        for path in MIGRATIONS.glob("*/up.sql")
        for schema in _SCHEMA.findall(_sql(path.read_text(encoding="utf-8")))
    }
    return {schema: SOURCE / schema for schema in schemas} | {"trueup_meta": SOURCE / "db"}


@cache
def tables() -> dict[str, set[str]]:
    """Return the tables of each schema, without partitions."""
    found: dict[str, set[str]] = {}
    for path in MIGRATIONS.glob("*/up.sql"):
        text = _sql(path.read_text(encoding="utf-8"))
        parts = set(_PARTITION.findall(text))
        for schema, table in _TABLE.findall(text):
            if (schema, table) not in parts:
                found.setdefault(schema, set()).add(table)
    return found


def rooms() -> list[Path]:
    return sorted(path.parent for path in SOURCE.glob("*/queries.sql"))


def test_every_schema_has_a_room_of_its_name() -> None:
    assert len(owners()) >= 5
    missing = [schema for schema, room in owners().items() if not room.is_dir()]
    assert not missing, f"schemas without a room: {missing}"


def test_only_the_owner_names_a_table() -> None:
    found: dict[str, str] = {}
    for schema, room in owners().items():
        named = re.compile(rf"\b{schema}\.({'|'.join(sorted(tables().get(schema, {'-'})))})\b")
        for path in files(".sql", "src"):
            own_migration = path.is_relative_to(MIGRATIONS) and _is_of(path.parent.name, schema)
            is_apart = own_migration or path.is_relative_to(_BARE)
            if not path.is_relative_to(room) and not is_apart:
                for table in set(named.findall(_sql(path.read_text(encoding="utf-8")))):
                    found[f"{name_of(path)}:{schema}.{table}"] = f"only {schema} may name it"
        for path in python_files("src"):
            if not path.is_relative_to(room) and not path.is_relative_to(_BARE):
                for text in _texts(path):
                    for table in named.findall(text):
                        found[f"{name_of(path)}:{schema}.{table}"] = f"only {schema} may name it"
    check("table_ownership", found, "Ask the owner: use its reads, or give it a new write.")


def _is_of(migration: str, schema: str) -> bool:
    """Tell whether a migration folder such as `0010_intake_log` is a schema's."""
    return migration.split("_", 1)[1].startswith(schema.removeprefix("trueup_"))


def _texts(path: Path) -> list[str]:
    """Return the texts of a file that look like SQL; documentation is none."""
    documentation = {
        id(node.value) for node in ast.walk(syntax(path)) if isinstance(node, ast.Expr)
    }
    statement = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|FROM|JOIN|TRUNCATE|COPY|LOCK)\b")
    return [
        node.value
        for node in ast.walk(syntax(path))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in documentation
        and statement.search(node.value)
    ]


@pytest.mark.parametrize("room", rooms(), ids=lambda room: str(room.name))
def test_readme_lists_the_tables_of_the_room(room: Path) -> None:
    readme = room / "README.md"
    assert readme.is_file(), f"{name_of(room)} has no README.md"
    rows = re.findall(
        r"^\| ((?:`\w+`(?:, )?)+) \|", readme.read_text(encoding="utf-8"), re.MULTILINE
    )
    listed = {table for row in rows for table in re.findall(r"`(\w+)`", row)}
    assert listed == tables().get(room.name, set())


def test_every_room_with_tables_has_its_readme_and_queries() -> None:
    for schema, room in owners().items():
        if schema != "trueup_meta":
            assert (room / "README.md").is_file(), f"{name_of(room)} needs a README.md"
            assert (room / "queries.sql").is_file(), f"{name_of(room)} needs a queries.sql"


def test_every_query_is_used_and_every_used_one_exists() -> None:
    found: dict[str, str] = {}
    for room in rooms():
        queries = set(load_queries(f"trueup.{room.name}"))
        used, computed = _used(room)
        assert used <= queries, f"{room.name}/queries.sql has no {sorted(used - queries)}"
        words = {text for path in python_files(name_of(room)) for text in _words(path)}
        unused = queries - used - (words if computed else set())
        found |= {f"{room.name}.{name}": "nobody runs it" for name in unused}
    check("unused_queries", found, "Take the query out, or use it.")


def _used(room: Path) -> tuple[set[str], bool]:
    """Return the names read off `_queries`, and whether some are looked up by a variable."""
    used: set[str] = set()
    computed = False
    for path in python_files(name_of(room)):
        for node in ast.walk(syntax(path)):
            if isinstance(node, ast.Attribute | ast.Subscript) and _is_queries(node.value):
                if isinstance(node, ast.Attribute):
                    used.add(node.attr)
                elif isinstance(node.slice, ast.Constant):
                    used.add(str(node.slice.value))
                else:
                    computed = True
    return used, computed


def _is_queries(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id.strip("_") == "queries"


def _words(path: Path) -> set[str]:
    return {
        node.value
        for node in ast.walk(syntax(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@pytest.mark.parametrize("room", rooms(), ids=lambda room: str(room.name))
def test_every_query_says_its_parameters_rows_and_index(room: Path) -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in room.glob("queries*.sql"))
    heads = dict(re.findall(r"^-- name: (\w+)\n((?:--.*\n)+)", text, re.MULTILINE))
    for name, query in ((name, load_queries(f"trueup.{room.name}")[name]) for name in heads):
        head = heads[name]
        for word in ("Parameters:", "Rows:", "Index:"):
            assert f"-- {word}" in head, f"{room.name}.{name} does not say its {word}"
        told = head.split("Parameters:", 1)[1].split("-- Rows:", 1)[0]
        if "arrays" in told.lower():
            continue  # columns of one batch; their names stand in the statement
        untold = [p for p in parameter_names(query) if not re.search(rf"\b{p}\b", told)]
        assert not untold, f"{room.name}.{name} does not tell of its parameters {untold}"
