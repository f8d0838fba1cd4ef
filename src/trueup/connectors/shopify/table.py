"""Rows of an imported table, and how a fault in one is told."""

import re
from datetime import datetime

import msgspec

from trueup.contract.fault import file_fault
from trueup.errors import ConfigError

_AMOUNT = re.compile(r"-?\d{1,15}(\.\d{1,12})?")


class Row(msgspec.Struct, frozen=True, gc=False):
    """One row: its last line in the file, and its cells by the names in the head."""

    line: int
    cells: dict[str, str]

    def text(self, column: str) -> str:
        """Return the cell without blanks around it; empty where there is no such column."""
        return self.cells.get(column, "").strip()

    def maybe(self, column: str) -> str | None:
        """Return the cell; None where it is empty."""
        return self.text(column) or None

    def amount(self, column: str) -> str | None:
        """Return the cell as a decimal's text; None where it is empty."""
        text = self.text(column)
        if text and not _AMOUNT.fullmatch(text):
            raise self.fault(column, "an amount such as 12.50", "other text")
        return text or None

    def units(self, column: str) -> int:
        """Return the cell as whole units, 0 or more."""
        text = self.text(column)
        if not (text.isascii() and text.isdecimal() and len(text) < 10):
            raise self.fault(column, "a whole number of units", "other text" if text else "nothing")
        return int(text)

    def flag(self, column: str) -> bool | None:
        """Return the cell as a truth value; None where it is empty."""
        text = self.text(column).lower()
        if text not in {"", "true", "false"}:
            raise self.fault(column, "true or false", "other text")
        return text == "true" if text else None

    def instant(self, column: str) -> datetime | None:
        """Return the cell as an instant with its zone; None where it is empty."""
        text = self.text(column)
        if not text:
            return None
        try:
            return datetime.strptime(text, "%Y-%m-%d %H:%M:%S %z")
        except ValueError as error:
            expected = "an instant such as 2026-01-31 09:00:00 +0100"
            raise self.fault(column, expected, "other text") from error

    def fault(self, column: str, expected: str, found: str) -> ConfigError:
        """Return the error for one cell."""
        return file_fault(self.line, column, expected, found)
