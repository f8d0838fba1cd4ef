"""What a bank tells of an account: statements with their balances, and the lines between them."""

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar

import msgspec

from trueup.canon.customer import Address
from trueup.canon.record import Record, register
from trueup.kernel.money import Money


class BalanceKind(StrEnum):
    """Which balance of an account it is."""

    OPENING = "opening"  # booked, before the first line
    CLOSING = "closing"  # booked, after the last line
    OPENING_AVAILABLE = "opening_available"
    CLOSING_AVAILABLE = "closing_available"
    FORWARD_AVAILABLE = "forward_available"
    INTERIM = "interim"  # booked, in the middle of a day or of a statement
    INTERIM_AVAILABLE = "interim_available"
    EXPECTED = "expected"
    INFO = "info"
    UNKNOWN = "unknown"


class BankBalance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One balance; below zero where the account is overdrawn. `code` is the bank's own word."""

    balance: BalanceKind
    amount: Money
    on: date | None = None
    code: str | None = None


class StatementKind(StrEnum):
    """How final it is."""

    STATEMENT = "statement"  # booked lines, between two balances
    REPORT = "report"  # in the course of a day; lines may still change
    ADVICE = "advice"  # single lines, without balances


class BankStatementPerson(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is personal in a statement: a sole trader's account is a person's."""

    account: str | None = None
    owner: str | None = None


@register
class BankStatement(Record, frozen=True, kw_only=True):
    """One statement as it came; its lines are records of their own.

    Attributes:
        account_ref: the same for everything of one account; says nothing of its number.
        account_shown: the end of the number, for people.
        number, page: as the bank counts; `last_page` is None where it does not say.
        opening, closing: the booked balances, where it tells them.
        line_count: lines that it holds, of any state.
        line_sum: of its booked lines in its currency; `opening + line_sum = closing`.
    """

    kind: ClassVar[str] = "bank_statement"

    statement: StatementKind
    statement_code: str | None = None
    account_ref: str
    account_shown: str
    currency: str
    number: str | None = None
    page: int | None = None
    last_page: bool | None = None
    from_at: datetime | None = None
    to_at: datetime | None = None
    opening: BankBalance | None = None
    closing: BankBalance | None = None
    balances: tuple[BankBalance, ...] = ()
    line_count: int = 0
    line_sum: Money
    bank: str | None = None
    person: BankStatementPerson | None = None


class BankLineState(StrEnum):
    """Whether a line counts already."""

    BOOKED = "booked"
    PENDING = "pending"
    INFO = "info"  # told, and moves nothing
    UNKNOWN = "unknown"


class BankReferences(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The names that others gave a payment; a word for "none" is none.

    Attributes:
        bank: the servicing bank's own id of the line.
        entry: the line's own name within its statement.
        end_to_end: from whoever ordered the payment to whoever receives it.
        customer: of the account's owner.
        remittance: a structured reference, such as RF18539007547034.
        message, payment: of the order and of the batch that it was ordered with.
        uetr: SWIFT's unique end-to-end id.
        own: further ones, each with the bank's word for its kind before it.
    """

    bank: str | None = None
    entry: str | None = None
    end_to_end: str | None = None
    instruction: str | None = None
    transaction: str | None = None
    customer: str | None = None
    mandate: str | None = None
    creditor: str | None = None
    cheque: str | None = None
    remittance: str | None = None
    message: str | None = None
    payment: str | None = None
    clearing: str | None = None
    uetr: str | None = None
    own: tuple[str, ...] = ()


class BankCharge(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fee that the bank took: above zero costs the account's owner.

    `included`: it is within the line's amount; None where the bank does not say.
    """

    amount: Money
    included: bool | None = None
    code: str | None = None


class BankPart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One payment of a batch that was booked as one line."""

    amount: Money | None = None
    references: BankReferences = BankReferences()
    code: str | None = None
    return_code: str | None = None


class BankParty(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who stands at the other end. `bank` is its BIC or name, `number` its own identification."""

    name: str | None = None
    account: str | None = None
    bank: str | None = None
    number: str | None = None
    address: Address | None = None


class BankPartPerson(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is personal in a part, at the same place as the part."""

    counterparty: BankParty | None = None
    ultimate: BankParty | None = None
    remittance: str | None = None


class BankLinePerson(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is personal in a line.

    Attributes:
        counterparty: who paid or was paid.
        ultimate: on whose behalf, where that is told.
        remittance: what the payment is for, in words, lines joined by U+000A.
        note: further words of the bank.
        account: the owner's own.
        parts: of a batch, in the order of the line's `parts`.
    """

    counterparty: BankParty | None = None
    ultimate: BankParty | None = None
    remittance: str | None = None
    note: str | None = None
    account: str | None = None
    parts: tuple[BankPartPerson, ...] = ()


@register
class BankLine(Record, frozen=True, kw_only=True):
    """One line of an account; above zero is money that came in.

    Attributes:
        bank_code: the bank's own word for the kind of movement, whole.
        reversal: it takes back an earlier line; `amount` has its true sign.
        original: what was ordered, where it was in another currency or before charges.
        exchange_rate: text-exact.
        return_code: why a payment came back.
        parts: the payments of a batch; their amounts sum to the line's, where all are told.
    """

    kind: ClassVar[str] = "bank_line"

    account_ref: str
    account_shown: str
    statement_ref: str
    amount: Money
    state: BankLineState
    state_code: str | None = None
    booked_on: date | None = None
    value_on: date | None = None
    bank_code: str | None = None
    references: BankReferences = BankReferences()
    reversal: bool = False
    charges: tuple[BankCharge, ...] = ()
    original: Money | None = None
    exchange_rate: str | None = None
    return_code: str | None = None
    parts: tuple[BankPart, ...] = ()
    person: BankLinePerson | None = None
