"""Imported files: statements of banks, taken whole or not at all."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from trueup.connectors.bank.balances import faults_of, line_sum
from trueup.connectors.bank.camt import read_camt
from trueup.connectors.bank.mt940 import read_mt940
from trueup.connectors.bank.naming import named
from trueup.connectors.bank.ofx import read_ofx
from trueup.connectors.bank.table import read_statement_table
from trueup.connectors.bank.told import LINE_TOPIC, STATEMENT_TOPIC, Read
from trueup.contract.connector import Piece
from trueup.contract.fault import file_fault
from trueup.errors import ConfigError

TABLE: Final = "bank-csv"
BYTES_MAX: Final = 50 * 1024 * 1024
LINES_MAX: Final = 500_000

_READERS: Final[dict[str, Callable[[bytes], list[Read]]]] = {
    "camt": read_camt,
    "mt940": read_mt940,
    "ofx": read_ofx,
}


def read_file(format_name: str, content: bytes) -> Sequence[Piece]:
    """Return one piece per statement and one per line of it, for `mapping`.

    Raises:
        ConfigError: the file is not of this format: line, column, expected, found.
    """
    if format_name == TABLE:
        return read_table(format_name, content, "")
    reader = _READERS.get(format_name)
    if reader is None:
        raise _unknown_format(format_name)
    _check_size(content)
    return _bounded(reader(content))


def read_table(format_name: str, content: bytes, columns: str) -> Sequence[Piece]:
    """Return the pieces of a table whose columns are declared.

    Raises:
        ConfigError: nothing is declared, or the declaration or the table is at fault.
    """
    if format_name != TABLE:
        raise _unknown_format(format_name)
    if not columns:
        expected = "what the columns mean, declared once by --columns <file.toml>"
        raise file_fault(0, "columns", expected, "nothing")
    _check_size(content)
    return _bounded(read_statement_table(content, columns))


def _unknown_format(format_name: str) -> ConfigError:
    expected = "one of " + ", ".join((*sorted(_READERS), TABLE))
    return file_fault(0, "", expected, format_name[:60])


def _check_size(content: bytes) -> None:
    if len(content) > BYTES_MAX:
        raise file_fault(0, "", f"at most {BYTES_MAX} bytes", f"{len(content)} bytes")
    if not content.strip():
        raise file_fault(1, "", "a statement", "an empty file")


def _bounded(read: Sequence[Read]) -> list[Piece]:
    count = sum(len(each.lines) for each in read)
    if count > LINES_MAX:
        raise file_fault(0, "", f"at most {LINES_MAX} lines of an account", f"{count}")
    return list(_pieces(read))


def _pieces(read: Sequence[Read]) -> Iterator[Piece]:
    for each in named(read):
        statement = msgspec.structs.replace(
            each.statement,
            line_count=len(each.lines),
            line_sum=line_sum(each.lines, each.statement.currency),
            faults=tuple(faults_of(each.statement, each.lines)),
        )
        yield Piece(topic=STATEMENT_TOPIC, body=msgspec.json.encode(statement))
        for line in each.lines:
            yield Piece(topic=LINE_TOPIC, body=msgspec.json.encode(line))
