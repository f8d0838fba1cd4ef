"""Sheets: a table as CSV, as spreadsheets open it."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, Final

from litestar import Response

ROWS_MAX: Final = 10_000
"""So many rows are written into one sheet; a narrower question tells the rest."""

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def wants_sheet(path: str) -> bool:
    """Say whether an address asks for a sheet."""
    return path.endswith(".csv")


def sheet(name: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> Response[Any]:
    """Return a table as a CSV file.

    A text that a spreadsheet would take for a formula stands behind an apostrophe, because texts
    come from vendors and customers; numbers stay numbers.

    Args:
        name: of the file, without its ending.
        head: the columns' names.
        rows: their cells; None is empty.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(head)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(file.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
