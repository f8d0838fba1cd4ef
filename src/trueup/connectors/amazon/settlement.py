"""Settlement reports: the tab-separated files by which Amazon accounts for what it pays out.

Two layouts are met. The newer one ("V2", 24 columns) has one amount in each row with the columns
amount-type, amount-description and amount. The older one (36 columns) has nine amount columns, each
with its own column of types. Both become the same pieces: one payout and one entry per amount,
whose sum is the settlement's total to the cent.

Columns are found by their names in the head; rows may lack columns at their end. Amounts are
written with a point or a comma, instants with or without a zone (without one they are UTC).
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from trueup.contract.connector import Piece
from trueup.contract.fault import file_fault
from trueup.errors import ConfigError

PAYOUT_TOPIC: Final = "settlement/payout"
ENTRY_TOPIC: Final = "settlement/entry"
UNREADABLE_TOPIC: Final = "settlement/unreadable"

ROWS_MAX: Final = 2_000_000
_NEEDED: Final = (
    *("settlement-id", "settlement-start-date", "settlement-end-date", "deposit-date"),
    *("total-amount", "currency", "transaction-type", "posted-date"),
)
_OLD_AMOUNTS: Final = (
    ("price-type", "price-amount", "ItemPrice"),
    ("item-related-fee-type", "item-related-fee-amount", "ItemFees"),
    ("promotion-type", "promotion-amount", "Promotion"),
    ("shipment-fee-type", "shipment-fee-amount", "ShipmentFees"),
    ("order-fee-type", "order-fee-amount", "OrderFees"),
    ("", "misc-fee-amount", "MiscFees"),
    ("other-fee-reason-description", "other-fee-amount", "OtherFees"),
    ("direct-payment-type", "direct-payment-amount", "DirectPayment"),
    ("", "other-amount", "Other"),
)
_AMOUNT: Final = re.compile(r"[+-]?[0-9][0-9.,]{0,24}")
_STAMPS: Final = ("%d.%m.%Y %H:%M:%S", "%d.%m.%Y", "%d/%m/%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S")
_BANK_ROWS: Final = frozenset(("Transfer", "To your account", "To account"))


def settlement_pieces(content: bytes) -> list[Piece]:
    """Return a payout and its entries for each settlement of a file.

    Raises:
        ConfigError: it is no settlement report: line, column, expected, found.
    """
    rows = _rows(content)
    head = next(rows).cells
    missing = next((name for name in _NEEDED if name not in head), None)
    if missing is not None:
        raise file_fault(1, missing, "a column of this name", "none")
    flat = {"amount-type", "amount-description", "amount"} <= set(head)
    if not flat and not any(column in head for _, column, _ in _OLD_AMOUNTS):
        raise file_fault(1, "amount", "a column with amounts", "none")
    books: dict[str, _Book] = {}
    for row in rows:
        ref = row.text("settlement-id")
        if not ref:
            raise row.fault("settlement-id", "the settlement's number", "nothing")
        book = books.get(ref) or books.setdefault(ref, _Book(row))
        book.add(row, flat=flat)
    if not books:
        raise file_fault(2, "settlement-id", "the settlement's own row", "the end of the file")
    return [piece for book in books.values() for piece in book.pieces()]


def unreadable_piece(ref: str, fault: ConfigError) -> Piece:
    """Return what stands for a report that Amazon handed out and that can not be read."""
    told = {name: str(fault.context.get(name, "")) for name in ("line", "column", "expected")}
    body = {"report": ref, **told, "found": str(fault.context.get("found", ""))}
    return Piece(topic=UNREADABLE_TOPIC, body=msgspec.json.encode(body))


class _Row(msgspec.Struct, frozen=True, gc=False):
    """One row: its line in the file, and its cells by the names in the head."""

    line: int
    cells: dict[str, str]

    def text(self, column: str) -> str:
        return self.cells.get(column, "").strip()

    def fault(self, column: str, expected: str, found: str) -> ConfigError:
        return file_fault(self.line, column, expected, found)

    def amount(self, column: str) -> Decimal | None:
        text = self.text(column).replace("\u00a0", "").replace(" ", "").replace("\u2212", "-")
        if not text:
            return None
        if not _AMOUNT.fullmatch(text):
            raise self.fault(column, "an amount such as 12.50 or 12,50", "other text")
        return _decimal(text)

    def instant(self, column: str) -> datetime | None:
        text = self.text(column)
        found = _instant(text) if text else None
        if text and found is None:
            raise self.fault(column, "an instant such as 2026-01-31T09:00:00+00:00", "other text")
        return found

    def units(self, column: str) -> int | None:
        text = self.text(column)
        if text and not re.fullmatch(r"-?[0-9]{1,9}", text):
            raise self.fault(column, "a whole number of units", "other text")
        return int(text) if text else None


class _Book:
    """One settlement: its own row comes first, then a row for each amount."""

    def __init__(self, row: _Row) -> None:
        self.ref = row.text("settlement-id")
        self.start_at = row.instant("settlement-start-date")
        self.end_at = row.instant("settlement-end-date")
        self.deposit_at = row.instant("deposit-date")
        self.currency = row.text("currency")
        self.total = row.amount("total-amount")
        if self.total is None:
            raise row.fault("total-amount", "the settlement's total in its first row", "nothing")
        if not re.fullmatch(r"[A-Z]{3}", self.currency):
            raise row.fault("currency", "a currency such as EUR", "other text")
        if self.end_at is None:
            raise row.fault("settlement-end-date", "an instant", "nothing")
        self.sum = Decimal(0)
        self.entries: list[dict[str, Any]] = []
        self._units: dict[tuple[str, str], int] = {}
        self._row_count = 0

    def add(self, row: _Row, *, flat: bool) -> None:
        self._row_count += 1
        amounts = _flat_amounts(row) if flat else _old_amounts(row)
        item = (row.text("order-id"), row.text("order-item-code"))
        units = row.units("quantity-purchased")
        if units is not None and not amounts:
            self._units[item] = units  # the older layout tells units in a row of their own
        for part, (kind, what, amount) in enumerate(amounts):
            self._add_entry(row, part, kind, what, amount, units)

    def _add_entry(
        self, row: _Row, part: int, kind: str, what: str, amount: Decimal, units: int | None
    ) -> None:
        transaction = row.text("transaction-type")
        at = row.instant("posted-date-time") or row.instant("posted-date") or self.end_at
        if transaction not in _BANK_ROWS:
            self.sum += amount
        item = (row.text("order-id"), row.text("order-item-code"))
        if units is None and what == "Principal":
            units = self._units.pop(item, None)
        entry: dict[str, Any] = {
            "settlement": self.ref,
            "row": self._row_count,
            "part": part,
            "at": at,
            "settled_at": self.end_at,
            "currency": self.currency,
            "amount": str(amount),
            "transaction": transaction,
            "type": kind,
            "what": what,
            "units": units,
        }
        entry |= {name: row.text(column) or None for name, column in _COPIED}
        self.entries.append({name: value for name, value in entry.items() if value is not None})

    def pieces(self) -> Iterator[Piece]:
        payout = {
            "settlement": self.ref,
            "start_at": self.start_at,
            "end_at": self.end_at,
            "deposit_at": self.deposit_at,
            "currency": self.currency,
            "total": str(self.total),
            "sum": str(self.sum),
            "entries": len(self.entries),
        }
        yield Piece(topic=PAYOUT_TOPIC, body=msgspec.json.encode(payout))
        for entry in self.entries:
            yield Piece(topic=ENTRY_TOPIC, body=msgspec.json.encode(entry))


_COPIED: Final = (
    ("order", "order-id"),
    ("merchant_order", "merchant-order-id"),
    ("item", "order-item-code"),
    ("adjustment", "adjustment-id"),
    ("marketplace", "marketplace-name"),
    ("sku", "sku"),
)


def _flat_amounts(row: _Row) -> list[tuple[str, str, Decimal]]:
    amount = row.amount("amount")
    if amount is None:
        return []
    return [(row.text("amount-type"), row.text("amount-description"), amount)]


def _old_amounts(row: _Row) -> list[tuple[str, str, Decimal]]:
    found = []
    for type_column, column, kind in _OLD_AMOUNTS:
        amount = row.amount(column)
        if amount is not None:
            found.append((kind, row.text(type_column) if type_column else "", amount))
    return found


def _rows(content: bytes) -> Iterator[_Row]:
    """Yield the head, its names as cells, and then each row that is not empty."""
    lines = _text(content).split("\n")
    names: Sequence[str] = [name.strip() for name in lines[0].rstrip("\r").split("\t")]
    repeated = next((name for name in names if name and names.count(name) > 1), None)
    if repeated is not None:
        raise file_fault(1, repeated, "one column of this name", "several")
    yield _Row(1, dict.fromkeys(names, ""))
    for number, line in enumerate(lines[1:], 2):
        cells = line.rstrip("\r").split("\t")
        if not any(cell.strip() for cell in cells):
            continue
        if number > ROWS_MAX:
            raise file_fault(number, "", f"at most {ROWS_MAX} rows", "more")
        if len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
            raise file_fault(number, "", f"at most {len(names)} cells", f"{len(cells)} cells")
        yield _Row(number, dict(zip(names, cells, strict=False)))


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Older files of European marketplaces come in a Western code page.
        text = content.decode("cp1252", errors="replace")
    if "\x00" in text:
        raise file_fault(text.count("\n", 0, text.index("\x00")) + 1, "", "text", "U+0000")
    return text


def _decimal(text: str) -> Decimal:
    """Return an amount: the last of several marks is the decimal one."""
    mark = max(text.rfind("."), text.rfind(","))
    if mark < 0:
        return Decimal(text)
    whole = text[:mark].replace(".", "").replace(",", "")
    return Decimal(f"{whole}.{text[mark + 1 :] or '0'}")


def _instant(text: str) -> datetime | None:
    """Return the instant in UTC; one without a zone is UTC already, as Amazon writes it."""
    bare = re.sub(r"\s*(UTC|GMT|Z)$", "", text.strip())
    if len(bare) > 40:
        return None
    found: datetime | None
    try:
        found = datetime.fromisoformat(bare)
    except ValueError:
        found = next(filter(None, (_parsed(bare, form) for form in _STAMPS)), None)
    if found is None:
        return None
    try:
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except OverflowError:
        return None


def _parsed(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        return None
