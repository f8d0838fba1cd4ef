"""Which columns the books have, and how they are read: exactly, or not at all."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import duckdb
import msgspec

from trueup.canon.issue import Issue, Severity
from trueup.canon.payment import PaymentKind, PaymentState
from trueup.canon.payout import EntryKind
from trueup.kernel.money import minor_digits
from trueup.reconcile.money.model import Source, Tables


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    CURRENCY = "an ISO 4217 code of three capital letters"
    AMOUNT = "an exact decimal with at most 4 decimals and 14 digits before them"
    UNSIGNED = "an exact decimal of zero or more with at most 4 decimals and 14 digits before them"
    INSTANT = "an instant with its offset from UTC"
    COUNT = "a whole number of zero or more"
    FLAG = "true or false"
    PAYMENT_KIND = "a kind of payment: " + ", ".join(PaymentKind)
    PAYMENT_STATE = "a state of a payment: " + ", ".join(PaymentState)
    ENTRY_KIND = "a kind of balance entry: " + ", ".join(EntryKind)


class Column(msgspec.Struct, frozen=True):
    """One column: its name, what it holds, and what stands where the table does not have it.

    Attributes:
        default: as SQL; None where the column must be there.
        filled: whether each row must say something.
    """

    name: str
    kind: Kind
    default: str | None = None
    filled: bool = True


ORDERS = (
    Column("ref", Kind.TEXT),
    Column("currency", Kind.CURRENCY),
    Column("total", Kind.UNSIGNED),
    Column("refunded", Kind.UNSIGNED, "'0'"),
    Column("placed_at", Kind.INSTANT),
    Column("test", Kind.FLAG, "false"),
    Column("cancelled", Kind.FLAG, "false"),
    Column("lines", Kind.COUNT, "NULL", filled=False),
    Column("ordered", Kind.UNSIGNED, "NULL", filled=False),
    Column("tax", Kind.UNSIGNED, "NULL", filled=False),
    Column("customer", Kind.TEXT, "NULL", filled=False),
    Column("goods", Kind.TEXT, "NULL", filled=False),
)
PAYMENTS = (
    Column("ref", Kind.TEXT),
    Column("order_ref", Kind.TEXT, filled=False),
    Column("kind", Kind.PAYMENT_KIND),
    Column("state", Kind.PAYMENT_STATE),
    Column("amount", Kind.UNSIGNED),
    Column("currency", Kind.CURRENCY),
    Column("vendor", Kind.TEXT, "NULL", filled=False),
    Column("vendor_ref", Kind.TEXT, "NULL", filled=False),
    Column("processed_at", Kind.INSTANT),
    Column("instalments", Kind.COUNT, "NULL", filled=False),
    Column("settled", Kind.FLAG, "true"),
    Column("account_key", Kind.TEXT, "NULL", filled=False),
    Column("owed", Kind.FLAG, "true"),
)
ENTRIES = (
    Column("ref", Kind.TEXT),
    Column("payment_ref", Kind.TEXT, filled=False),
    Column("order_ref", Kind.TEXT, "NULL", filled=False),
    Column("kind", Kind.ENTRY_KIND),
    Column("gross", Kind.AMOUNT),
    Column("fee", Kind.AMOUNT, "'0'"),
    Column("net", Kind.AMOUNT),
    Column("currency", Kind.CURRENCY),
    Column("vendor", Kind.TEXT, "NULL", filled=False),
    Column("occurred_at", Kind.INSTANT),
    Column("payout_ref", Kind.TEXT, "NULL", filled=False),
)
PARKED = (
    Column("ref", Kind.TEXT),
    Column("event", Kind.TEXT),
    Column("cause", Kind.TEXT),
)
NAMES = tuple(Column(name, Kind.TEXT) for name in ("ref", "kind", "teller", "namespace", "digest"))
REFS = (Column("ref", Kind.TEXT),)

_WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT"} | {
    *("UINTEGER", "UBIGINT", "UHUGEINT"),
}
_TEXTS = {"VARCHAR", '"NULL"'}

# Which kinds of a source's column can be read as what it shall hold, and how. Binary floating point
# is in none of them: a cent that was once a double is no longer sure.
_FITTING: dict[Kind, set[str]] = {
    Kind.TEXT: _TEXTS | _WHOLE | {"UUID"},
    Kind.CURRENCY: _TEXTS,
    Kind.AMOUNT: _TEXTS | _WHOLE | {"DECIMAL"},
    Kind.UNSIGNED: _TEXTS | _WHOLE | {"DECIMAL"},
    Kind.INSTANT: _TEXTS | {"TIMESTAMP WITH TIME ZONE"},
    Kind.COUNT: _TEXTS | _WHOLE,
    Kind.FLAG: _TEXTS | {"BOOLEAN"},
    Kind.PAYMENT_KIND: _TEXTS,
    Kind.PAYMENT_STATE: _TEXTS,
    Kind.ENTRY_KIND: _TEXTS,
}
_READ: dict[Kind, str] = {
    Kind.TEXT: "nullif(CAST({0} AS VARCHAR), '')",
    Kind.CURRENCY: "TRY_CAST({0} AS money_currency)",
    Kind.AMOUNT: "exact_amount({0})",
    Kind.UNSIGNED: "unsigned_amount({0})",
    Kind.INSTANT: "aware_instant({0})",
    Kind.COUNT: "whole_count({0})",
    Kind.FLAG: "TRY_CAST({0} AS BOOLEAN)",
    Kind.PAYMENT_KIND: "TRY_CAST({0} AS payment_kind)",
    Kind.PAYMENT_STATE: "TRY_CAST({0} AS payment_state)",
    Kind.ENTRY_KIND: "TRY_CAST({0} AS entry_kind)",
}
_FIXES = {
    "money.column_missing": "Add the column to the table.",
    "money.table_unreadable": "Look whether the file is there and whole, and write it again.",
    "money.kind_unfit": "Cast the column in its source: amounts to DECIMAL or text, instants to"
    " TIMESTAMP WITH TIME ZONE.",
    "money.value_unfit": "Mend the row in its source; a table is taken whole or not at all.",
    "money.ref_repeated": "Give each row one ref of its own; leave repeated rows out.",
}


class Book(NamedTuple):
    """One book: the table it becomes, where it comes from (None: empty), and its columns.

    `repeats`: several rows may have one ref, such as the names of one thing.
    """

    name: str
    source: Source | None
    columns: Sequence[Column]
    repeats: bool = False


def listed(refs: Sequence[str]) -> Source:
    """Return a book of nothing but refs."""

    def make(conn: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        return conn.sql("SELECT unnest(CAST($refs AS VARCHAR[])) AS ref", params={"refs": [*refs]})

    return make


def books_of(tables: Tables) -> tuple[Book, ...]:
    """Return the books of money."""
    return (
        Book("orders", tables.orders, ORDERS),
        Book("payments", tables.payments, PAYMENTS),
        Book("entries", tables.entries, ENTRIES),
        Book("parked", tables.parked, PARKED),
    )


def load_books(conn: duckdb.DuckDBPyConnection, books: Sequence[Book]) -> tuple[Issue, ...]:
    """Read books into tables of the connection.

    Returns:
        What is wrong with them, up to one issue a column; then the books are not to be compared.
    """
    issues: list[Issue] = []
    sources = []
    currencies: set[str] = set()
    for book in books:
        if book.source is None:
            continue
        with _telling(book.name, book.source, issues):
            relation = _open(conn, book.source)
            wrong = list(_shape_issues(book.name, relation, book.columns))
            issues += wrong
            if not wrong and any(each.kind is Kind.CURRENCY for each in book.columns):
                currencies |= _currencies(relation)
            sources.append((book, book.source, relation))
    if issues:
        return tuple(issues)
    _make_codes(conn, sorted(currencies) or ["XXX"])
    for book, source, relation in sources:
        with _telling(book.name, source, issues):
            _read(relation, book.columns).create(book.name)
            issues += _row_issues(conn, book, relation)
    for book in books:
        if book.source is None:
            empty = ", ".join(f"NULL AS {each.name}" for each in book.columns)
            nothing = conn.sql(f"SELECT {empty}")
            _read(nothing.filter("false"), book.columns).create(book.name)
    return tuple(issues)


@contextmanager
def _telling(name: str, source: Source, issues: list[Issue]) -> Iterator[None]:
    """Make an issue of a file that can not be read; what a caller's own relation raises is his."""
    try:
        yield
    except (duckdb.IOException, duckdb.InvalidInputException) as fault:
        if not isinstance(source, Path):
            raise
        # Later lines of the message quote the file, which may hold what is personal.
        issues.append(
            Issue(
                code="money.table_unreadable",
                severity=Severity.ERROR,
                pointer=f"/{name}",
                expected="a Parquet file, or a CSV file in UTF-8 with commas and a header",
                found=str(fault).partition("\n")[0][:200],
                how_to_fix=_FIXES["money.table_unreadable"],
            )
        )


def _open(conn: duckdb.DuckDBPyConnection, source: Source) -> duckdb.DuckDBPyRelation:
    if not isinstance(source, Path):
        return source(conn)
    if source.suffix == ".parquet":
        return conn.read_parquet(str(source))
    # Every column as text: a guess of the reader could make a double of an amount.
    # Its marks are named as well: guessed ones take a broken line for a whole one.
    return conn.read_csv(
        str(source), header=True, all_varchar=True, sep=",", quotechar='"', escapechar='"'
    )


def _shape_issues(
    name: str, source: duckdb.DuckDBPyRelation, columns: Sequence[Column]
) -> Iterator[Issue]:
    kinds = dict(zip(source.columns, map(str, source.types), strict=True))
    for column in columns:
        kind = kinds.get(column.name)
        if kind is None:
            if column.default is None:
                yield _issue("money.column_missing", name, column, found="no such column")
        elif kind.split("(")[0] not in _FITTING[column.kind]:
            yield _issue("money.kind_unfit", name, column, found=kind)


def _currencies(source: duckdb.DuckDBPyRelation) -> set[str]:
    """Return the currencies of a book; what is none is left out, and is no value of its type."""
    told = (str(row[0]) for row in source.project("currency").distinct().fetchall())
    return {code for code in told if _is_currency(code)}


def _make_codes(conn: duckdb.DuckDBPyConnection, currencies: list[str]) -> None:
    """Make the types of codes, and say how small the unit of each currency is."""
    for name, values in (
        ("money_currency", currencies),
        ("payment_kind", list(PaymentKind)),
        ("payment_state", list(PaymentState)),
        ("entry_kind", list(EntryKind)),
    ):
        listed = ", ".join(f"'{value}'" for value in values)
        conn.execute(f"CREATE TYPE {name} AS ENUM ({listed})")
    conn.execute("CREATE TABLE minor (currency money_currency, unit DECIMAL(18, 4))")
    conn.executemany(
        "INSERT INTO minor VALUES (?, ?)",
        [(code, Decimal(1).scaleb(-minor_digits(code))) for code in currencies],
    )


def _is_currency(code: str) -> bool:
    return len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()


def _read(source: duckdb.DuckDBPyRelation, columns: Sequence[Column]) -> duckdb.DuckDBPyRelation:
    return source.project(
        ", ".join(f"{_reading(source, column)} AS {column.name}" for column in columns)
    )


def _reading(source: duckdb.DuckDBPyRelation, column: Column) -> str:
    """Return how a column is read; what is exact by its kind is not looked at value by value."""
    if column.name not in source.columns:
        return _READ[column.kind].format(column.default)
    kind = _kind_of(source, column)
    if column.kind is Kind.INSTANT and kind not in _TEXTS:
        return column.name
    if column.kind in {Kind.AMOUNT, Kind.UNSIGNED} and (kind in _WHOLE or _is_short(kind)):
        cast = f"TRY_CAST({column.name} AS DECIMAL(18, 4))"
        if column.kind is Kind.AMOUNT:
            return cast
        return f"CASE WHEN {column.name} >= 0 THEN {cast} END"
    return _READ[column.kind].format(column.name)


def _is_short(kind: str) -> bool:
    """Tell whether a kind such as DECIMAL(18,2) has at most 4 decimals."""
    match = re.fullmatch(r"DECIMAL\(\d+, ?(\d+)\)", kind)
    return match is not None and int(match[1]) <= 4


def _row_issues(
    conn: duckdb.DuckDBPyConnection, book: Book, source: duckdb.DuckDBPyRelation
) -> Iterator[Issue]:
    """Find rows whose value could not be read: nothing stands where something must."""
    name, columns = book.name, book.columns
    table = conn.table(name)
    counts = ", ".join(f"count({column.name})" for column in columns)
    rows, *filled = table.aggregate(f"count(*), {counts}").fetchall()[0]
    for column, count in zip(columns, filled, strict=True):
        if count == rows or column.name not in source.columns:
            continue
        unread = f"{_reading(source, column)} IS NULL"
        if not column.filled:
            if column.kind is Kind.TEXT:
                continue
            unread += f" AND {column.name} IS NOT NULL AND CAST({column.name} AS VARCHAR) <> ''"
        rest = source.filter(unread).project(f"CAST(ref AS VARCHAR), {column.name} IS NULL")
        for ref, empty in rest.order("1").limit(1).fetchall():
            kind = "nothing" if empty else f"{_kind_of(source, column)} that is none"
            yield _issue("money.value_unfit", name, column, found=kind, ref=ref)
    for ref, count in () if book.repeats else _repeated(table):
        yield _issue("money.ref_repeated", name, columns[0], found=f"{count} rows of it", ref=ref)


def _repeated(table: duckdb.DuckDBPyRelation) -> list[tuple[str, int]]:
    """Return a ref that several rows have, if there is one.

    Hashes are counted first: they take a part of the memory that the refs themselves would.
    """
    hashes = table.aggregate("hash(ref) AS place, count(*) AS rows", "place").filter("rows > 1")
    places = [str(row[0]) for row in hashes.order("place").limit(100).fetchall()]
    if not places:
        return []
    likely = table.filter(f"hash(ref) IN ({', '.join(places)})")
    repeated = likely.aggregate("ref, count(*) AS rows", "ref").filter("rows > 1")
    return repeated.order("ref").limit(1).fetchall()


def _kind_of(source: duckdb.DuckDBPyRelation, column: Column) -> str:
    return str(source.types[source.columns.index(column.name)])


def _issue(code: str, table: str, column: Column, *, found: str, ref: str | None = None) -> Issue:
    expected = "a ref of its own for each row" if code == "money.ref_repeated" else column.kind
    return Issue(
        code=code,
        severity=Severity.ERROR,
        pointer="/".join(("", table, *((ref,) if ref else ()), column.name)),
        expected=str(expected),
        found=found,
        how_to_fix=_FIXES[code],
    )
