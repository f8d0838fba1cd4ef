"""What a statement's file tells, whatever its format; also the bodies of the pieces made of it."""

from datetime import date, datetime
from decimal import Decimal

import msgspec

from trueup.canon.bank import BankCharge, BankReferences, StatementKind
from trueup.canon.customer import Address
from trueup.kernel.money import Money

STATEMENT_TOPIC = "bank/statement"
LINE_TOPIC = "bank/line"

BOOKED = "BOOK"
"""ISO 20022's word for a line that counts; formats that know no others leave the state out."""


class BalanceTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One balance, signed; `code` is ISO 20022's word, to which other formats' are translated."""

    code: str
    amount: Money
    on: date | None = None


class TotalTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a file says that its lines come to; `of` is "all", "credit", "debit" or "net"."""

    of: str
    count: int | None = None
    sum: Decimal | None = None


class PartyTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody who took part; `role` such as "debtor", or "counterparty" where formats say less."""

    role: str
    name: str | None = None
    account: str | None = None
    bank: str | None = None
    number: str | None = None
    address: Address | None = None


class PartTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One payment of a line.

    Attributes:
        amount: signed as the account sees it.
        original: what was ordered, where that is told; with `rate` where currencies differ.
        remittance: in words; `structured`: references apart from the words.
    """

    amount: Money | None = None
    original: Money | None = None
    rate: str | None = None
    code: str | None = None
    references: BankReferences = BankReferences()
    charges: tuple[BankCharge, ...] = ()
    parties: tuple[PartyTold, ...] = ()
    remittance: tuple[str, ...] = ()
    structured: tuple[str, ...] = ()
    return_code: str | None = None
    note: str | None = None


class LineTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line. The last fields are given when the whole file was read.

    Attributes:
        bank_id: the bank's id by which the line can be told from all others of the account.
        day_counts: ids of this format are known to come again on other days.
        state: ISO 20022's word; None: booked.
    """

    amount: Money
    value_on: date | None = None
    booked_on: date | None = None
    state: str | None = None
    reversal: bool = False
    code: str | None = None
    references: BankReferences = BankReferences()
    charges: tuple[BankCharge, ...] = ()
    note: str | None = None
    parts: tuple[PartTold, ...] = ()
    bank_id: str | None = None
    day_counts: bool = True

    ref: str = ""
    statement_ref: str = ""
    account: str = ""
    account_ref: str = ""
    account_shown: str = ""
    told_at: datetime | None = None


class TotalFault(msgspec.Struct, frozen=True, kw_only=True):
    """A total of the file's own that its lines do not come to."""

    of: str
    expected: str
    found: str


class StatementTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One statement without its lines. The last fields are given when the whole file was read.

    Attributes:
        account: the number by which the bank keeps it, as written.
        ident: the bank's name of the statement; `number` and `page` as it counts them.
        told_at: when the bank said this; of two tellings of one line the later counts.
        code: the format and version, such as "camt.053.001.08".
        totals: of the lines, as the file says them; `faults`: those that are not so.
        skipped: what the file holds besides and nothing in the hub reads, by kind and count.
    """

    statement: StatementKind
    code: str
    account: str
    currency: str
    told_at: datetime
    owner: str | None = None
    bank: str | None = None
    ident: str | None = None
    number: str | None = None
    page: int | None = None
    last_page: bool | None = None
    from_at: datetime | None = None
    to_at: datetime | None = None
    balances: tuple[BalanceTold, ...] = ()
    totals: tuple[TotalTold, ...] = ()
    note: str | None = None
    skipped: tuple[str, ...] = ()

    ref: str = ""
    account_ref: str = ""
    account_shown: str = ""
    line_count: int = 0
    line_sum: Decimal = Decimal(0)
    faults: tuple[TotalFault, ...] = ()


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """One statement as read, with its lines."""

    statement: StatementTold
    lines: tuple[LineTold, ...]
