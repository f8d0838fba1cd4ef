"""Named SQL: the rules of the files, and every statement of every room on a real server."""

import re
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

import trueup
from trueup.db.queries import Queries, load_queries, parameter_names, parse_queries
from trueup.errors import InvariantBroken

PACKAGE = Path(trueup.__file__).parent
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/queries.sql"))

GOOD = """\
-- All about widgets.

-- name: find_widget
-- Finds one widget.
-- Rows: none or one.
SELECT name -- the short one
FROM shop.widget WHERE id = %(id)s AND tag LIKE 'a%%' AND kind = %(kind)b;

-- name: count_widgets
-- Counts them.
SELECT count(*) FROM shop.widget;
"""


def test_the_top_of_a_file_is_no_part_of_the_query_before_it() -> None:
    for text in map(load_queries("trueup.records").__getitem__, load_queries("trueup.records")):
        assert "--" not in text.rpartition(";")[2], text


def test_queries_by_name() -> None:
    queries = Queries("trueup.shop", parse_queries(GOOD, room="trueup.shop"))
    assert list(queries) == ["find_widget", "count_widgets"]
    assert queries.count_widgets == "/* shop.count_widgets */ SELECT count(*) FROM shop.widget"
    assert queries["find_widget"] == queries.find_widget
    assert parameter_names(queries.find_widget) == {"id", "kind"}
    assert parameter_names(queries.count_widgets) == frozenset()
    assert sql.SQL(queries.count_widgets).as_string(None) == queries.count_widgets


def test_unknown_name_lists_the_known_ones() -> None:
    queries = Queries("trueup.shop", parse_queries(GOOD, room="trueup.shop"))
    with pytest.raises(InvariantBroken, match=r"no query 'find_gadget'.*find_widget, count_widget"):
        _ = queries.find_gadget


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("-- name: one\nSELECT 1;", "'one': write its purpose"),
        ("-- name: one\n--\nSELECT 1;", "'one': write its purpose"),
        ("-- name: one\n-- Nothing.\n", "'one': there is no SQL"),
        ("-- name: One\n-- Gives one.\nSELECT 1;", "must be snake_case"),
        ("-- name:\n-- Gives one.\nSELECT 1;", "must be snake_case"),
        (
            "-- name: a\n-- Gives one.\nSELECT 1;\n-- name: a\n-- Gives two.\nSELECT 2;",
            "'a': the name is used twice",
        ),
        ("SELECT 1;\n-- name: a\n-- Gives one.\nSELECT 1;", "SQL before the first"),
        ("-- name: a\n-- Gives one.\nSELECT 10 % 3;", "a stray %"),
        ("-- name: a\n-- Gives one.\nSELECT %s;", "a stray %"),
    ],
)
def test_broken_files_are_bugs(text: str, words: str) -> None:
    with pytest.raises(InvariantBroken, match=re.escape(words)):
        parse_queries(text, room="trueup.shop")


def test_room_without_queries_is_a_bug() -> None:
    with pytest.raises(InvariantBroken, match=r"trueup\.db has no queries\.sql"):
        load_queries("trueup.db")


@pytest.mark.parametrize("room", ROOMS)
def test_every_query_is_understood_by_the_server(room: str, module_database_url: str) -> None:
    """Each statement is parsed and planned against the migrated schema."""
    queries = load_queries(f"trueup.{room}")
    failures: list[str] = []
    with psycopg.connect(module_database_url, autocommit=True) as conn:
        for name in queries:
            numbered = _number_parameters(queries[name])
            try:
                if "*/ LOCK TABLE " in numbered:  # no plan is made of it
                    with conn.transaction(force_rollback=True):
                        conn.execute(numbered)
                    continue
                conn.execute(f"PREPARE probe AS {numbered}")
                conn.execute("DEALLOCATE probe")
            except psycopg.errors.IndeterminateDatatype:
                continue  # psycopg sends the type along with the value
            except psycopg.Error as error:
                failures.append(f"{room}.{name}: {error}")
    assert failures == []


def _number_parameters(query: str) -> str:
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        name = match[1]
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return re.sub(r"%\(([a-z0-9_]+)\)[sbt]", number, query).replace("%%", "%")
