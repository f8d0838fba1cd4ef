"""Imported files: PayPal's settlement report, in rows that say by their first cell what they are.

RH, FH and SH begin a report, a file and a section, CH names the columns, SB is a transaction; SF,
FF and RF tell totals, SC, FC and RC numbers of rows. Amounts are in the smallest unit, without a
sign: DR or CR stands beside them.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec

from trueup.canon.payout import EntryKind
from trueup.connectors.paypal.event import entry_kind
from trueup.connectors.paypal.section import Section
from trueup.connectors.paypal.told import ENTRY_TOPIC, PAYOUT_TOPIC, STATEMENT_TOPIC, EntryTold
from trueup.contract.connector import Piece
from trueup.contract.fault import file_fault
from trueup.errors import ConfigError
from trueup.kernel.money import minor_digits

FORMAT: Final = "paypal-settlement"
BYTES_MAX: Final = 100 * 1024 * 1024
ROWS_MAX: Final = 1_000_000
_NEEDED: Final = (
    *("Transaction ID", "Transaction Event Code", "Transaction Completion Date"),
    *("Transaction Debit or Credit", "Gross Transaction Amount", "Gross Transaction Currency"),
)
_ORDER: Final = ("RH", "FH", "SH", "CH", "SB", "SF", "SC", "FF", "FC", "RF", "RC")
_COPIED: Final = (
    ("invoice", "Invoice ID"),
    ("reference", "PayPal Reference ID"),
    ("reference_type", "PayPal Reference ID Type"),
    ("tracking", "Payment Tracking ID"),
    ("store", "Store ID"),
    ("bank_reference", "Bank Reference ID"),
    ("custom", "Custom Field"),
    ("consumer", "Consumer ID"),
)


def read_file(format_name: str, content: bytes) -> Sequence[Piece]:
    """Return one piece per transaction, per payout, and per currency of a section.

    Raises:
        ConfigError: the file is not of this format, or its rows do not come to its own totals:
            line, column, expected, found.
    """
    if format_name != FORMAT:
        raise file_fault(0, "", FORMAT, format_name[:60])
    if len(content) > BYTES_MAX:
        raise file_fault(0, "", f"at most {BYTES_MAX} bytes", f"{len(content)} bytes")
    reader = _Reader()
    for row in _rows(content):
        reader.take(row)
    return list(reader.pieces())


class _Row(msgspec.Struct, frozen=True):
    """One row with its line, and its columns once they were named."""

    line: int
    cells: list[str]
    names: dict[str, int]

    @property
    def kind(self) -> str:
        return self.cells[0].strip()

    def cell(self, index: int) -> str:
        return self.cells[index].strip() if index < len(self.cells) else ""

    def text(self, name: str) -> str:
        index = self.names.get(name)
        return "" if index is None else self.cell(index)

    def fault(self, column: str, expected: str, found: str) -> ConfigError:
        return file_fault(self.line, column, expected, found)

    def minor(self, text: str, column: str, currency: str) -> Decimal:
        """Return an amount that is told in the currency's smallest unit."""
        if not re.fullmatch(r"[0-9]{1,18}", text):
            found = "other text" if text else "nothing"
            raise self.fault(column, "an amount in whole smallest units", found)
        return Decimal(text).scaleb(-minor_digits(currency))

    def signed(self, mark: str, text: str, column: str, currency: str) -> Decimal:
        if mark not in {"DR", "CR"}:
            raise self.fault(column, "DR or CR beside the amount", "another word")
        amount = self.minor(text, column, currency)
        return -amount if mark == "DR" else amount

    def instant(self, text: str, column: str) -> datetime:
        try:
            found = datetime.strptime(text, "%Y/%m/%d %H:%M:%S %z")
            return found.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            expected = "an instant such as 2026/01/31 09:00:00 -0800"
            raise self.fault(column, expected, "other text" if text else "nothing") from error


class _Reader:
    """Takes rows in their order, and holds what was told beside what was found."""

    def __init__(self) -> None:
        self.told_at: datetime | None = None
        self.account = ""
        self.sections: list[Section] = []
        self._names: dict[str, int] = {}
        self._seen: Counter[str] = Counter()
        self._entries: list[EntryTold] = []
        self._done_files = 0
        self._line = 1
        self._ended = False

    def take(self, row: _Row) -> None:
        self._line = row.line
        if self._ended:
            raise row.fault("", "the end of the file after RC", "another row")
        if row.kind not in _ORDER:
            raise row.fault("", "a row of one of " + ", ".join(_ORDER), "another row")
        if self.told_at is None and row.kind != "RH":
            raise row.fault("", "the report's head, RH", row.kind)
        if row.kind in {"CH", "SB", "SF", "SC"} and not self.sections:
            raise row.fault("", "a section's head, SH, before", row.kind)
        getattr(self, f"_take_{row.kind.lower()}")(row)

    def _take_rh(self, row: _Row) -> None:
        if self.told_at is not None:
            raise row.fault("", "one report in a file", "another RH")
        self.told_at = row.instant(row.cell(1), "Report Generation Date")
        self.account = row.cell(3)

    def _take_fh(self, row: _Row) -> None:
        if not re.fullmatch(r"[0-9]{1,4}", row.cell(1)):
            raise row.fault("File Number", "a number", "other text" if row.cell(1) else "nothing")
        self._done_files = len(self.sections)

    def _take_sh(self, row: _Row) -> None:
        self._names = {}
        account = row.cell(3) or self.account
        if not account:
            raise row.fault("Account ID", "the account's id here or in RH", "nothing")
        start_at = row.instant(row.cell(1), "Reporting Period Start Date")
        end_at = row.instant(row.cell(2), "Reporting Period End Date")
        self.sections.append(Section(account, start_at, end_at))

    def _take_ch(self, row: _Row) -> None:
        names = [name.strip() for name in row.cells]
        for needed in _NEEDED:
            if needed not in names:
                raise row.fault(needed, "a column of this name", "none")
        self._names = {name: index for index, name in enumerate(names) if index}

    def _take_sb(self, row: _Row) -> None:
        if not self._names:
            raise row.fault("", "the names of the columns, CH, before", "SB")
        body = msgspec.structs.replace(row, names=self._names)
        for entry in self._entries_of(body):
            self.sections[-1].add(entry)
            self._entries.append(entry)
        self.sections[-1].rows += 1

    def _entries_of(self, row: _Row) -> Iterator[EntryTold]:
        currency = _currency(row, row.text("Gross Transaction Currency"))
        mark, text = row.text("Transaction Debit or Credit"), row.text("Gross Transaction Amount")
        gross = row.signed(mark, text, "Gross Transaction Amount", currency)
        fee, fee_currency = Decimal(0), currency
        if row.text("Fee Amount").strip("0"):
            fee_currency = _currency(row, row.text("Fee Currency") or currency)
            mark, text = row.text("Fee Debit or Credit"), row.text("Fee Amount")
            fee = row.signed(mark, text, "Fee Amount", fee_currency)
        event, transaction = row.text("Transaction Event Code"), row.text("Transaction ID")
        if not re.fullmatch(r"T[0-9]{4}", event):
            raise row.fault("Transaction Event Code", "a code such as T0006", "other text")
        if not 0 < len(transaction) <= 100:
            raise row.fault("Transaction ID", "PayPal's id of the transaction", "nothing")
        started = row.text("Transaction Initiation Date")
        ended = row.text("Transaction Completion Date") or started
        same = fee_currency == currency
        entry = EntryTold(
            ref=self._ref(transaction, event, gross, currency),
            account=self.sections[-1].account,
            transaction=transaction,
            event=event,
            gross=gross,
            fee=fee if same else Decimal(0),
            currency=currency,
            at=row.instant(ended, "Transaction Completion Date"),
            told_at=self.told_at or self.sections[-1].end_at,
            initiated_at=row.instant(started, "Transaction Initiation Date") if started else None,
            **{name: row.text(column) or None for name, column in _COPIED},
        )
        yield entry
        if not same:
            # A fee in another currency moves another balance.
            yield msgspec.structs.replace(
                entry, ref=f"{entry.ref}-fee", gross=Decimal(0), fee=fee, currency=fee_currency
            )

    def _ref(self, transaction: str, event: str, gross: Decimal, currency: str) -> str:
        """Name a row: one transaction may have several, told apart by what they say."""
        name = f"{transaction}-{event}"
        self._seen[f"{name} {gross} {currency}"] += 1
        count = self._seen[f"{name} {gross} {currency}"]
        self._seen[name] += 1
        if self._seen[name] == 1:
            return name
        return f"{name}-{abs(gross)}{currency}" + (f"-{count}" if count > 1 else "")

    def _take_sf(self, row: _Row) -> None:
        currency = _currency(row, row.cell(1))
        self._hold(row, currency, self.sections[-1:])
        self.sections[-1].close(currency, list(_balances(row, currency)))

    def _take_sc(self, row: _Row) -> None:
        self._hold_count(row, self.sections[-1:])

    def _take_ff(self, row: _Row) -> None:
        self._hold_further(row, self.sections[self._done_files :])

    def _take_fc(self, row: _Row) -> None:
        self._hold_count(row, self.sections[self._done_files :])

    def _take_rf(self, row: _Row) -> None:
        self._hold_further(row, self.sections)

    def _take_rc(self, row: _Row) -> None:
        self._hold_count(row, self.sections)
        self._ended = True

    def _hold_further(self, row: _Row, sections: Sequence[Section]) -> None:
        if len([cell for cell in row.cells if cell.strip()]) > 1:
            self._hold(row, _currency(row, row.cell(1)), sections)

    def _hold(self, row: _Row, currency: str, sections: Sequence[Section]) -> None:
        """Refuse totals that the rows do not come to."""
        names = ("Total Gross Credits", "Total Gross Debits", "Fee Credits", "Fee Debits")
        told = [row.minor(row.cell(n), name, currency) for n, name in enumerate(names, 2)]
        sums = [section.sums_of(currency) for section in sections]
        found = [sum((each[n] for each in sums), Decimal(0)) for n in range(4)]
        for name, wanted, came in zip(names, told, found, strict=True):
            if wanted != came:
                raise row.fault(name, f"{wanted} {currency}, the file's own total", f"{came}")

    def _hold_count(self, row: _Row, sections: Sequence[Section]) -> None:
        if not re.fullmatch(r"[0-9]{1,9}", row.cell(1)):
            raise row.fault("Record Count", "a number of rows", "other text")
        found = sum(section.rows for section in sections)
        if int(row.cell(1)) != found:
            raise row.fault("Record Count", f"{int(row.cell(1))} rows, as told", f"{found}")

    def pieces(self) -> Iterator[Piece]:
        """Yield the pieces of a report that is whole."""
        lacks = next((lack for each in self.sections for lack in each.without_totals()), None)
        if not self.sections:
            raise file_fault(self._line, "", "a section, SH", "the end of the file")
        if lacks is not None:
            raise file_fault(self._line, "SF", f"the totals of {lacks}", "none")
        if not self._ended:
            raise file_fault(self._line, "RC", "the row RC that ends a report", "none")
        told_at = self.told_at or self.sections[0].end_at
        for section in self.sections:
            for statement in section.statements(told_at):
                yield Piece(topic=STATEMENT_TOPIC, body=msgspec.json.encode(statement))
        for entry in self._entries:
            body = msgspec.json.encode(entry)
            yield Piece(topic=ENTRY_TOPIC, body=body)
            if entry_kind(entry.event, received=entry.gross > 0) is EntryKind.PAYOUT:
                yield Piece(topic=PAYOUT_TOPIC, body=body)


def _currency(row: _Row, text: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", text):
        raise row.fault("Currency", "a currency such as EUR", "other text" if text else "nothing")
    return text


def _balances(row: _Row, currency: str) -> Iterator[Decimal]:
    """Yield the balances of a footer, each with its mark; the first two are what is available."""
    index = 6
    while row.cell(index) in {"DR", "CR"}:
        yield row.signed(row.cell(index), row.cell(index + 1), "Balance", currency)
        index += 2


def _rows(content: bytes) -> Iterator[_Row]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        found = f"the byte {content[fault.start]:#04x}"
        raise file_fault(line, "", "text in UTF-8", found) from fault
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        raise file_fault(line, "", "text", "U+0000")
    mark = "\t" if re.match(r'"?RH"?\t', text) else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    try:
        for cells in reader:
            if reader.line_num > ROWS_MAX:
                raise file_fault(reader.line_num, "", f"at most {ROWS_MAX} rows", "more")
            if any(cell.strip() for cell in cells):
                yield _Row(reader.line_num, cells, {})
    except csv.Error as error:
        raise file_fault(reader.line_num, "", "quoted cells", str(error)) from error
    if reader.line_num == 0:
        raise file_fault(1, "", "the report's head, RH", "an empty file")
