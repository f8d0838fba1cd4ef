"""The books of an accounting system: invoices, and journals of debits and credits."""

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar

import msgspec

from trueup.canon.customer import Address
from trueup.canon.record import Record, register
from trueup.kernel.money import Money


class InvoiceKind(StrEnum):
    """Who owes whom."""

    INVOICE = "invoice"  # a customer owes us
    CREDIT_NOTE = "credit_note"  # we owe a customer
    BILL = "bill"  # we owe a supplier
    SALES_RECEIPT = "sales_receipt"  # sold and paid at once
    REFUND_RECEIPT = "refund_receipt"
    UNKNOWN = "unknown"


class InvoiceState(StrEnum):
    """Whether it counts, and whether it is paid."""

    DRAFT = "draft"
    OPEN = "open"
    PARTLY_PAID = "partly_paid"
    PAID = "paid"
    VOIDED = "voided"
    UNKNOWN = "unknown"


class InvoiceLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of an invoice; `quantity` is text-exact, since books know half hours."""

    ref: str
    amount: Money
    title: str = ""
    sku: str | None = None
    quantity: str | None = None
    account_ref: str | None = None


class InvoicePerson(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is personal in an invoice."""

    email: str | None = None
    name: str | None = None
    billing: Address | None = None
    shipping: Address | None = None
    memo: str | None = None


@register
class Invoice(Record, frozen=True, kw_only=True):
    """One invoice, or what stands in for one."""

    kind: ClassVar[str] = "invoice"

    invoice: InvoiceKind
    state: InvoiceState
    state_code: str | None = None
    number: str | None = None
    issued_on: date | None = None
    due_on: date | None = None
    currency: str
    total: Money
    tax: Money | None = None
    outstanding: Money | None = None
    lines: tuple[InvoiceLine, ...] = ()
    customer_ref: str | None = None
    person: InvoicePerson | None = None


class JournalLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a journal: a debit is above zero, a credit below."""

    account_ref: str
    amount: Money
    ref: str | None = None
    account: str | None = None
    memo: str | None = None


@register
class Journal(Record, frozen=True, kw_only=True):
    """One journal of an accounting system; its lines sum to zero in each currency."""

    kind: ClassVar[str] = "journal"

    number: str | None = None
    posted_on: date
    currency: str
    lines: tuple[JournalLine, ...]
    posted: bool = True
    created_at: datetime | None = None
