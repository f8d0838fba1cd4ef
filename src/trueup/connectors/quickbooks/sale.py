"""Documents about money: invoices, receipts, credits, refunds and bills; and payments."""

from decimal import Decimal
from typing import Final

import msgspec

from trueup.canon.customer import Address
from trueup.canon.issue import Issue
from trueup.canon.journal import Invoice, InvoiceKind, InvoiceLine, InvoicePerson, InvoiceState
from trueup.canon.link import Link, LinkSpace
from trueup.canon.payment import Payment, PaymentKind, PaymentState
from trueup.canon.price import Price
from trueup.connectors.quickbooks.fault import invalid, unknown_word
from trueup.connectors.quickbooks.shape import (
    AddressShape,
    DetailShape,
    DocumentShape,
    LineShape,
)
from trueup.connectors.quickbooks.value import currency_of, money, number, updated_at
from trueup.contract.connector import Mapped
from trueup.contract.memo import links_in
from trueup.kernel.money import Money

KINDS: Final = {
    "Invoice": InvoiceKind.INVOICE,
    "SalesReceipt": InvoiceKind.SALES_RECEIPT,
    "CreditMemo": InvoiceKind.CREDIT_NOTE,
    "RefundReceipt": InvoiceKind.REFUND_RECEIPT,
    "Bill": InvoiceKind.BILL,
}
_AT_ONCE: Final = frozenset((InvoiceKind.SALES_RECEIPT, InvoiceKind.REFUND_RECEIPT))
_ORDER_FIELDS: Final = frozenset(
    ("order", "order number", "order no", "order no.", "order #", "order id", "sales order")
)
# These lines repeat what others say, or have no amount.
_SILENT: Final = frozenset(("SubTotalLineDetail", "DescriptionOnly", "DescriptionLineDetail"))
_LINES_MAX: Final = 10_000
_UNDATED: Final = invalid("/MetaData/LastUpdatedTime", "an instant with its zone")
_NOBODY: Final = InvoicePerson()


def map_document(name: str, body: bytes, home: str) -> Mapped:
    """Return the document as an invoice, or as what stands in for one."""
    shape = msgspec.json.decode(body, type=DocumentShape)
    at, kind = updated_at(shape), KINDS[name]
    if at is None:
        return Mapped(issues=(_UNDATED,))
    issues: list[Issue] = []
    entity = f"invoice/{shape.id}"
    code = currency_of(shape.currency_ref, home, entity, issues)
    total = money(shape.total_amt, code)
    if total is None:
        return Mapped(issues=(invalid("/TotalAmt", "an amount"),))
    left = shape.remaining_credit if kind is InvoiceKind.CREDIT_NOTE else shape.balance
    invoice = Invoice(
        ref=shape.id,
        updated_at=at,
        links=links_of(shape),
        invoice=kind,
        state=_state_of(shape, kind, left),
        number=shape.doc_number or None,
        issued_on=shape.txn_date,
        due_on=shape.due_date,
        currency=code,
        total=total,
        tax=money(shape.txn_tax_detail.total_tax, code) if shape.txn_tax_detail else None,
        outstanding=None if kind in _AT_ONCE else money(left, code),
        lines=_lines_of(shape, code, issues),
        customer_ref=_party_of(shape),
        person=_person_of(shape) if kind is not InvoiceKind.BILL else None,
    )
    return Mapped(records=(invoice,), issues=tuple(issues))


def map_payment(body: bytes, home: str) -> Mapped:
    """Return a customer's payment as the books have it."""
    shape = msgspec.json.decode(body, type=DocumentShape)
    at = updated_at(shape)
    if at is None:
        return Mapped(issues=(_UNDATED,))
    issues: list[Issue] = []
    code = currency_of(shape.currency_ref, home, f"payment/{shape.id}", issues)
    total = money(shape.total_amt, code)
    if total is None:
        return Mapped(issues=(invalid("/TotalAmt", "an amount"),))
    payment = Payment(
        ref=shape.id,
        updated_at=at,
        links=links_of(shape),
        payment_kind=PaymentKind.VOID if is_void(shape) else PaymentKind.SALE,
        state=PaymentState.SUCCEEDED,
        price=Price(total),
    )
    return Mapped(records=(payment,), issues=tuple(issues))


def is_void(shape: DocumentShape) -> bool:
    """Tell whether it was voided: QuickBooks sets every amount to zero, and says so in the note.

    Either is enough: the answer to the voiding itself still has the amounts, and the note is in
    the language of whoever did it.
    """
    amounts = any(line.amount for line in shape.line) or bool(shape.total_amt)
    return not amounts or (shape.private_note or "").startswith("Voided")


def links_of(shape: DocumentShape) -> tuple[Link, ...]:
    """Return its names in other systems.

    A document's own number is an invoice's: companies count their documents up, so that it would
    join many an order of the same number by chance.
    """
    card = shape.credit_card_payment
    charge = card.credit_charge_response if card else None
    found = [
        (LinkSpace.INVOICE, shape.doc_number),
        (LinkSpace.TRACKING, shape.tracking_num),
        (LinkSpace.PAYMENT, shape.payment_ref_num),
        (LinkSpace.PAYMENT, charge.cc_trans_id if charge else None),
    ]
    found += [
        (LinkSpace.ORDER, field.string_value)
        for field in shape.custom_field
        if (field.name or "").strip().casefold() in _ORDER_FIELDS
    ]
    links = [Link(space, value) for space, value in found if value]
    return tuple(dict.fromkeys([*links, *links_in(shape.private_note)]))


def _state_of(shape: DocumentShape, kind: InvoiceKind, left: Decimal | None) -> InvoiceState:
    total, open_ = number(shape.total_amt), number(left)
    if is_void(shape):
        return InvoiceState.VOIDED
    if kind in _AT_ONCE:
        return InvoiceState.PAID
    if open_ is None or total is None:
        return InvoiceState.UNKNOWN
    if not open_:
        return InvoiceState.PAID
    return InvoiceState.OPEN if open_ == total else InvoiceState.PARTLY_PAID


def _lines_of(shape: DocumentShape, code: str, issues: list[Issue]) -> tuple[InvoiceLine, ...]:
    lines: list[InvoiceLine] = []
    for place, line in enumerate(shape.line[:_LINES_MAX]):
        bundle = line.group_line_detail
        inner = bundle.line if bundle else [line]
        for number_, each in enumerate(inner):
            told = _line_of(each, f"{place}.{number_}", code)
            if told is not None:
                lines.append(told)
            elif (each.detail_type or "") not in _SILENT:
                pointer, word = f"/Line/{place}/DetailType", each.detail_type or "none"
                issues.append(
                    unknown_word("quickbooks.line_unknown", pointer, word, f"invoice/{shape.id}")
                )
    return tuple(lines)


def _line_of(line: LineShape, place: str, code: str) -> InvoiceLine | None:
    details: dict[str, DetailShape | None] = {
        "SalesItemLineDetail": line.sales_item_line_detail,
        "ItemBasedExpenseLineDetail": line.item_based_expense_line_detail,
        "AccountBasedExpenseLineDetail": line.account_based_expense_line_detail,
        "DiscountLineDetail": line.discount_line_detail,
    }
    amount = money(line.amount, code)
    if line.detail_type not in details or amount is None:
        return None
    detail = details[line.detail_type] or DetailShape()
    quantity = number(detail.qty)
    account = detail.account_ref or detail.item_account_ref
    item = detail.item_ref
    return InvoiceLine(
        ref=line.id or place,
        amount=Money(-amount.amount, code) if line.detail_type == "DiscountLineDetail" else amount,
        title=line.description or (item.name if item else None) or "",
        quantity=None if quantity is None else f"{quantity:f}",
        account_ref=(account.value if account else None) or None,
    )


def _party_of(shape: DocumentShape) -> str | None:
    party = shape.customer_ref or shape.vendor_ref
    return (party.value if party else None) or None


def _person_of(shape: DocumentShape) -> InvoicePerson | None:
    person = InvoicePerson(
        email=(shape.bill_email.address if shape.bill_email else None) or None,
        name=(shape.customer_ref.name if shape.customer_ref else None) or None,
        billing=_address_of(shape.bill_addr),
        shipping=_address_of(shape.ship_addr),
        memo=(shape.customer_memo.value if shape.customer_memo else None) or None,
    )
    return None if person == _NOBODY else person


def _address_of(shape: AddressShape | None) -> Address | None:
    if shape is None:
        return None
    lines = (shape.line1, shape.line2, shape.line3, shape.line4, shape.line5)
    country = shape.country or ""
    address = Address(
        lines=tuple(line for line in lines if line),
        city=shape.city or None,
        province=shape.country_sub_division_code or None,
        postcode=shape.postal_code or None,
        country=country if len(country) == 2 and country.isupper() else None,
    )
    return None if address == Address() else address
