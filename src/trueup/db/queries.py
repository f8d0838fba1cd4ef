"""Named SQL: each room keeps its statements in `queries.sql`, one heading per query.

A query looks like this; the name and at least one line of purpose are required:

    -- name: find_event
    -- Finds one event by its number.
    -- Parameters: event_id.
    -- Rows: none or one.
    -- Index: event_pkey.
    SELECT body_sha256 FROM intake.event WHERE event_id = %(event_id)s;
"""

import importlib.resources
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import LiteralString

from trueup.errors import InvariantBroken, invariant

_HEADING = re.compile(r"^-- name:(?P<name>.*)$", re.MULTILINE)
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PLACEHOLDER = re.compile(r"%(?:%|\((?P<name>[a-z][a-z0-9_]*)\)[sbt])")


class Queries:
    """The named queries of one room: `queries.find_event` or `queries["find_event"]`.

    The text is what psycopg takes, with `%(name)s` parameters; `psycopg.sql.SQL` accepts it too.
    An unknown name is a bug and raises `InvariantBroken`, which lists the known names.
    """

    def __init__(self, room: str, texts: Mapping[str, LiteralString]) -> None:
        self._room = room
        self._texts = dict(texts)

    def __getitem__(self, name: str) -> LiteralString:
        text = self._texts.get(name)
        if text is None:
            known = ", ".join(self._texts) or "none"
            raise InvariantBroken(f"{self._room} has no query {name!r}; it has: {known}")
        return text

    def __getattr__(self, name: str) -> LiteralString:
        if name.startswith("__"):
            raise AttributeError(name)  # copy and pickle probe for dunder names
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __repr__(self) -> str:
        return f"<Queries of {self._room}: {len(self)}>"


@cache
def load_queries(package: str) -> Queries:
    """Read `queries.sql` of a room once, and `queries_<noun>.sql` where it has more than fits.

    Args:
        package: dotted name of the room, for example `trueup.intake`.

    Raises:
        InvariantBroken: the file is missing, or breaks the rules at the top of this module.
    """
    folder = importlib.resources.files(package)
    invariant((folder / "queries.sql").is_file(), f"{package} has no queries.sql")
    texts = [
        source.read_text(encoding="utf-8")
        for source in sorted(folder.iterdir(), key=lambda source: source.name)
        if source.name.startswith("queries") and source.name.endswith(".sql")
    ]
    found: dict[str, LiteralString] = {}
    for text in texts:
        # Each by itself: what a file says at its top is no part of the last query before it.
        queries = parse_queries(text, room=package)
        twice = found.keys() & queries.keys()
        invariant(not twice, f"{package}: the query {min(twice, default='')!r} is there twice")
        found |= queries
    return Queries(package, found)


def parse_queries(text: str, *, room: str) -> dict[str, LiteralString]:
    """Split the text of a `queries.sql` into its queries, in the order of the file.

    Args:
        text: the whole file.
        room: dotted name of the owner, for messages and for the tag at the head of each query.

    Raises:
        InvariantBroken: no heading, a bad or repeated name, no purpose, no SQL, a stray `%`.
    """
    headings = list(_HEADING.finditer(text))
    preface = text[: headings[0].start()] if headings else text
    invariant(
        all(not line.strip() or line.startswith("--") for line in preface.splitlines()),
        f"{room}/queries.sql: SQL before the first `-- name:` heading",
    )
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    found: dict[str, LiteralString] = {}
    for heading, end in zip(headings, ends, strict=True):
        name = heading["name"].strip()
        where = f"{room}/queries.sql: query {name!r}"
        invariant(_NAME.fullmatch(name), f"{where}: the name must be snake_case")
        invariant(name not in found, f"{where}: the name is used twice")
        found[name] = _read_query(text[heading.end() : end], where=where, tag=f"{room}.{name}")
    return found


def parameter_names(query: str) -> frozenset[str]:
    """Name the `%(name)s` parameters that a query takes."""
    return frozenset(match["name"] for match in _PLACEHOLDER.finditer(query) if match["name"])


def _read_query(block: str, *, where: str, tag: str) -> LiteralString:
    """Check one block (comment lines, then SQL) and give the SQL behind a tag naming it."""
    lines = block.strip("\n").splitlines()
    comment_count = next(
        (index for index, line in enumerate(lines) if not line.startswith("--")), len(lines)
    )
    purpose = "".join(line.lstrip("- ").strip() for line in lines[:comment_count])
    invariant(purpose, f"{where}: write its purpose in comment lines under the name")
    sql = "\n".join(lines[comment_count:]).strip().removesuffix(";").rstrip()
    invariant(sql, f"{where}: there is no SQL under the comments")
    stray = _PLACEHOLDER.sub("", sql)
    invariant("%" not in stray, f"{where}: a stray % (write %% for a percent sign)")
    # The tag shows in pg_stat_activity and in the server's log which query is running.
    # The text comes from a file of our own package, so it is as literal as one in the source.
    return f"/* {tag.removeprefix('trueup.')} */ {sql}"  # pyright: ignore[reportReturnType]
