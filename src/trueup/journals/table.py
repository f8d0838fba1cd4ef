"""Journals as a table: one row a line. Pure."""

import csv
import io
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from trueup.journals.build import name_of
from trueup.journals.model import Draft

COLUMNS: Final = (
    *("day", "currency", "told_by", "order_ref", "account", "connection", "account_ref", "name"),
    *("debit", "credit", "tax_code", "tax_on"),
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def write_table(drafts: Iterable[Draft], names: Mapping[int, str]) -> str:
    """Return the lines of journals as CSV (RFC 4180) with a head.

    Args:
        drafts: the journals; their lines stand together, in the journals' order.
        names: of the connections, by number.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for draft in drafts:
        group = draft.group
        told = name_of(names, group.told_by) if group.told_by else ""
        for line in draft.lines:
            row = (
                *(group.day, group.currency, told, group.order_ref, line.account),
                *(name_of(names, line.connection_id), line.account_ref, line.name),
                *(_amount(line.amount), _amount(-line.amount)),
                *(line.tax_code or "", line.tax_on or ""),
            )
            writer.writerow([_harmless(str(cell)) for cell in row])
    return text.getvalue()


def _amount(amount: Decimal) -> str:
    return f"{amount:f}" if amount > 0 else ""


def _harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; amounts begin with a digit."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
