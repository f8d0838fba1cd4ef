"""Cash that a courier collected and remits: a payment provider's account like any other.

Couriers let their customers export remittances as tables whose columns differ by courier, page and
year. A connector says which columns it expects; whoever imports a table may declare others.
Each row is one parcel whose cash was collected; the rows of a remittance come to what is paid out.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import msgspec

from trueup.canon.link import Link, LinkSpace
from trueup.canon.payout import BalanceEntry, EntryKind, Payout, PayoutState
from trueup.canon.record import Record
from trueup.contract.amount import Currency, bounded
from trueup.contract.columns import read_columns
from trueup.contract.connector import Identified, Mapped, Piece
from trueup.contract.fault import Faults, Unsound, file_fault
from trueup.contract.table import Row, rows_of
from trueup.kernel.ids import sha256
from trueup.kernel.money import Money

PAYOUT_TOPIC: Final = "remittance/payout"
ENTRY_TOPIC: Final = "remittance/entry"
TOPICS: Final = frozenset((PAYOUT_TOPIC, ENTRY_TOPIC))

BYTES_MAX: Final = 50 * 1024 * 1024
KNOWN: Final = (
    *("remittance", "utr", "remitted_on", "total", "currency", "awb", "order", "delivered_on"),
    *("cod_amount", "freight", "cod_fee", "deduction", "adjustment", "net", "note"),
)
"""What a column may hold; `total` is the remittance's own total, the same in each of its rows."""

_TAKEN_OFF: Final = ("freight", "cod_fee", "deduction")
_NEEDED: Final = ("utr", "remitted_on", "cod_amount", "currency")

Ref = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]


class PayoutTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One remittance: what its rows come to, and the number by which the bank knows it."""

    ref: Ref
    amount: Decimal
    currency: Currency
    remitted_at: Annotated[datetime, msgspec.Meta(tz=True)]
    remitted_on: date
    utr: str | None = None


class EntryTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row: the cash that was collected, and what was taken off it."""

    ref: Ref
    payout: Ref
    gross: Decimal
    fee: Decimal
    currency: Currency
    at: Annotated[datetime, msgspec.Meta(tz=True)]
    remitted_at: Annotated[datetime, msgspec.Meta(tz=True)]
    awb: str | None = None
    order: str | None = None
    utr: str | None = None
    note: str | None = None


_PAYOUT = msgspec.json.Decoder(PayoutTold)
_ENTRY = msgspec.json.Decoder(EntryTold)


def remittance_pieces(content: bytes, declared: str, zone: str) -> list[Piece]:
    """Return a payout and its entries for each remittance of a table.

    Args:
        content: the file.
        declared: what its columns mean, as TOML; `KNOWN` has the words.
        zone: the IANA name of the zone whose days the table tells.

    Raises:
        ConfigError: the declaration or the table is at fault, or the rows of a remittance do not
            come to its own total: line, column, expected, found.
    """
    if len(content) > BYTES_MAX:
        raise file_fault(0, "", f"at most {BYTES_MAX} bytes", f"{len(content)} bytes")
    columns = read_columns(declared, KNOWN)
    books: dict[str, _Book] = {}
    for row in rows_of(content, columns, _NEEDED):
        name = row.text("remittance") or row.text("utr")
        if not name:
            raise row.fault("utr", "the number of the transfer, or of the remittance", "nothing")
        if name not in books:
            books[name] = _Book(name, row, ZoneInfo(zone))
        books[name].add(row)
    if not books:
        raise file_fault(columns.skip_lines + 2, "", "at least one row", "the end of the file")
    return [piece for book in books.values() for piece in book.pieces()]


class _Book:
    """One remittance: the rows say what it is, and must agree."""

    def __init__(self, name: str, row: Row, zone: ZoneInfo) -> None:
        self.name, self._zone, self._first = name, zone, row
        self.utr = row.text("utr")
        remitted_on = row.day("remitted_on")
        if remitted_on is None:
            raise row.fault("remitted_on", "a day", "nothing")
        self.remitted_on = remitted_on
        self.currency = row.text("currency").upper()
        self.total = row.amount("total")
        self.entries: list[EntryTold] = []
        self._names: dict[str, int] = {}

    def add(self, row: Row) -> None:
        for word, known in (("utr", self.utr), ("currency", self.currency)):
            if row.text(word).upper() != known.upper():
                raise row.fault(word, "the same in every row of a remittance", "another one")
        for word, told in (("total", row.amount("total")), ("remitted_on", row.day("remitted_on"))):
            if told != (self.total if word == "total" else self.remitted_on):
                raise row.fault(word, "the same in every row of a remittance", "another one")
        cod = row.amount("cod_amount") or Decimal(0)
        adjustment = row.amount("adjustment") or Decimal(0)
        taken = sum((abs(row.amount(word) or Decimal(0)) for word in _TAKEN_OFF), Decimal(0))
        gross = cod + adjustment
        net = row.amount("net")
        if net is not None and net != gross - taken:
            raise row.fault("net", f"{gross - taken}, by the other columns", f"{net}")
        delivered_on = row.day("delivered_on")
        self.entries.append(
            EntryTold(
                ref=self._ref(row),
                payout=self.name,
                gross=gross,
                fee=taken,
                currency=self.currency,
                at=self._instant(delivered_on or self.remitted_on),
                remitted_at=self._instant(self.remitted_on),
                awb=row.maybe("awb"),
                order=row.maybe("order"),
                utr=self.utr or None,
                note=row.maybe("note"),
            )
        )

    def _ref(self, row: Row) -> str:
        """Name a row by its parcel; one without, or one more of it, by how often it came."""
        part = row.text("awb") or row.text("order") or "adjustment"
        self._names[part] = self._names.get(part, 0) + 1
        count = self._names[part]
        return f"{self.name}-{part}" + (f"-{count}" if count > 1 else "")

    def _instant(self, day: date) -> datetime:
        return datetime.combine(day, time(), self._zone).astimezone(UTC)

    def pieces(self) -> Iterator[Piece]:
        amount = sum((entry.gross - entry.fee for entry in self.entries), Decimal(0))
        if self.total is not None and self.total != amount:
            expected = f"{self.total}, the remittance's own total"
            raise self._first.fault("total", expected, f"{amount}, by its rows")
        payout = PayoutTold(
            ref=self.name,
            amount=amount,
            currency=self.currency,
            remitted_at=self._instant(self.remitted_on),
            remitted_on=self.remitted_on,
            utr=self.utr or None,
        )
        yield Piece(topic=PAYOUT_TOPIC, body=msgspec.json.encode(payout))
        for entry in self.entries:
            yield Piece(topic=ENTRY_TOPIC, body=msgspec.json.encode(entry))


def identify_remittance(piece: Piece) -> Identified:
    """Return what a piece of a remittance is about; an unreadable one is about nothing."""
    digest = sha256(piece.topic.encode() + b"\n" + piece.body).hex()
    try:
        record: Record | None = _record_of(piece.topic, piece.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, Unsound):
        record = None
    return Identified(
        external_id=f"sha256:{digest}",
        topic=piece.topic,
        entity=record.entity() if record is not None else "",
        occurred_at=record.updated_at if record is not None else None,
    )


def map_remittance(topic: str, body: bytes, faults: Faults) -> Mapped:
    """Return the payout or the entry of one body, or what is wrong with it; never raises."""
    nul = faults.null_character(body)
    if nul is not None:
        return Mapped(issues=(nul,))
    try:
        return Mapped(records=(_record_of(topic, body),))
    except msgspec.ValidationError as fault:
        return Mapped(issues=(faults.misshapen(fault),))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        return Mapped(issues=(faults.malformed(fault),))
    except Unsound as fault:
        return Mapped(issues=(faults.unsound(fault),))


def _record_of(topic: str, body: bytes) -> Record:
    return _payout(_PAYOUT.decode(body)) if topic == PAYOUT_TOPIC else _entry(_ENTRY.decode(body))


def _payout(told: PayoutTold) -> Payout:
    """Return the remittance: with a number of the bank's it was sent, without one it will be."""
    remitted_at = told.remitted_at.astimezone(UTC)
    return Payout(
        ref=told.ref,
        updated_at=remitted_at,
        links=_payout_links(told.ref, told.utr),
        state=PayoutState.IN_TRANSIT if told.utr else PayoutState.PENDING,
        amount=Money(bounded(told.amount), told.currency),
        created_at=remitted_at,
        arrives_on=told.remitted_on,
        bank_ref=told.utr or told.ref,
    )


def _entry(told: EntryTold) -> BalanceEntry:
    gross = Money(bounded(told.gross), told.currency)
    fee = Money(bounded(told.fee), told.currency)
    links = list(_payout_links(told.payout, told.utr))
    if told.awb:
        links.append(Link(LinkSpace.TRACKING, told.awb))
    if told.order:
        links.append(Link(LinkSpace.ORDER, told.order))
    remitted_at = told.remitted_at.astimezone(UTC)
    is_parcel = bool(told.awb or told.order)
    return BalanceEntry(
        ref=told.ref,
        updated_at=remitted_at,
        links=tuple(links),
        entry=EntryKind.CHARGE if is_parcel else EntryKind.ADJUSTMENT,
        entry_code="COD remittance",
        gross=gross,
        fee=fee,
        net=gross - fee,
        occurred_at=told.at.astimezone(UTC),
        available_at=remitted_at,
        payout_ref=told.payout,
        payment_ref=told.awb,
        description=told.note,
    )


def _payout_links(ref: str, utr: str | None) -> tuple[Link, ...]:
    names = dict.fromkeys(filter(None, (ref, utr)))
    return tuple(Link(LinkSpace.PAYOUT, name) for name in names)
