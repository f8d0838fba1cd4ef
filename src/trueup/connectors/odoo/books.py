"""Invoices, credit notes and bills; and journals."""

from datetime import date

import msgspec

from trueup.canon.customer import Address
from trueup.canon.issue import Issue
from trueup.canon.journal import (
    Invoice,
    InvoiceKind,
    InvoiceLine,
    InvoicePerson,
    InvoiceState,
    Journal,
    JournalLine,
)
from trueup.canon.link import Link, LinkSpace
from trueup.connectors.odoo.fault import invalid, unbalanced, unknown_state
from trueup.connectors.odoo.shape import MoveLinesShape, MoveShape, PlaceShape
from trueup.connectors.odoo.value import (
    currency,
    day,
    instant,
    money,
    named,
    number,
    ref_of,
    text,
)
from trueup.contract.connector import Mapped
from trueup.contract.memo import links_in
from trueup.kernel.money import total

_KINDS = {
    "out_invoice": InvoiceKind.INVOICE,
    "out_refund": InvoiceKind.CREDIT_NOTE,
    "out_receipt": InvoiceKind.SALES_RECEIPT,
    "in_invoice": InvoiceKind.BILL,
}
_PAID = {
    "not_paid": InvoiceState.OPEN,
    "in_payment": InvoiceState.PAID,  # paid; the bank has yet to say so
    "paid": InvoiceState.PAID,
    "partial": InvoiceState.PARTLY_PAID,
    "reversed": InvoiceState.VOIDED,  # a credit note takes all of it back
    "blocked": InvoiceState.OPEN,
    "invoicing_legacy": InvoiceState.UNKNOWN,
}
_STATES = frozenset(("draft", "posted", "cancel"))
_UNDATED = invalid("/write_date", "an instant such as 2026-11-21 10:00:00")
_NOBODY = InvoicePerson()


def map_move(body: bytes) -> Mapped:
    """Return the invoice or the journal that an entry of the books is."""
    shape = msgspec.json.decode(body, type=MoveShape)
    if instant(shape.write_date) is None:
        return Mapped(issues=(_UNDATED,))
    kind = text(shape.move_type) or ""
    if kind == "entry":
        return _journal(shape)
    if kind in {"in_refund", "in_receipt"}:
        return Mapped(ignored="a supplier's credit note or receipt has no place in the records yet")
    return _invoice(shape, kind)


def _journal(shape: MoveShape) -> Mapped:
    posted_on, code = day(shape.date), currency(shape.company_currency_id)
    updated_at = instant(shape.write_date)
    if posted_on is None or code is None or updated_at is None:
        return Mapped(issues=(invalid("/date", "a day and the company's currency"),))
    ref = str(shape.id)
    issues: list[Issue] = []
    state = _state_word(shape, "journal", issues)
    lines = [_journal_line(line, code) for line in shape.line_ids if _counts(line)]
    kept = tuple(line for line in lines if line is not None)
    journal = Journal(
        ref=ref,
        updated_at=updated_at,
        links=links_in(text(shape.narration)),
        number=_number_of(shape),
        posted_on=posted_on,
        currency=code,
        lines=kept,
        posted=state == "posted",
        created_at=instant(shape.create_date),
    )
    if len(kept) < len(lines) or (journal.posted and total((x.amount for x in kept), code)):
        issues.append(unbalanced(f"journal/{ref}"))
    return Mapped(records=(journal,), issues=tuple(issues))


def _journal_line(line: MoveLinesShape, code: str) -> JournalLine | None:
    amount, account = money(line.balance, code), named(line.account_id)
    if amount is None or account is None:
        return None
    return JournalLine(
        account_ref=str(account.id),
        amount=amount,
        ref=str(line.id),
        account=text(account.code) or text(account.display_name),
        memo=text(line.name),
    )


def _invoice(shape: MoveShape, word: str) -> Mapped:
    code, updated_at = currency(shape.currency_id), instant(shape.write_date)
    owed = money(shape.amount_total, code)
    if code is None or owed is None or updated_at is None:
        return Mapped(issues=(invalid("/amount_total", "an amount with its currency"),))
    ref = str(shape.id)
    issues: list[Issue] = []
    kind = _KINDS.get(word, InvoiceKind.UNKNOWN)
    if kind is InvoiceKind.UNKNOWN:
        issues.append(unknown_state("/move_type", word, f"invoice/{ref}"))
    invoice = Invoice(
        ref=ref,
        updated_at=updated_at,
        links=_links_of(shape, kind),
        invoice=kind,
        state=_invoice_state(shape, issues),
        state_code="/".join(w for w in (text(shape.state), text(shape.payment_state)) if w),
        number=_number_of(shape),
        issued_on=_day_of(shape),
        due_on=day(shape.invoice_date_due),
        currency=code,
        total=owed,
        tax=money(shape.amount_tax, code),
        outstanding=money(shape.amount_residual, code),
        lines=tuple(_lines_of(shape, code, issues)),
        customer_ref=ref_of(shape.commercial_partner_id),
        person=_person_of(shape),
    )
    return Mapped(records=(invoice,), issues=tuple(issues))


def _lines_of(shape: MoveShape, code: str, issues: list[Issue]) -> list[InvoiceLine]:
    """Return the lines that have an amount: sections and notes have none."""
    lines = []
    for place, line in enumerate(shape.invoice_line_ids):
        amount = money(line.price_subtotal, code)
        if not _counts(line):
            continue
        if amount is None:
            issues.append(invalid(f"/invoice_line_ids/{place}/price_subtotal", "an amount"))
            continue
        product, quantity = named(line.product_id), number(line.quantity)
        lines.append(
            InvoiceLine(
                ref=str(line.id),
                amount=amount,
                title=text(line.name) or "",
                sku=text(product.default_code) if product else None,
                quantity=None if quantity is None else f"{quantity:f}",
                account_ref=ref_of(line.account_id),
            )
        )
    return lines


def _counts(line: MoveLinesShape) -> bool:
    return not (text(line.display_type) or "").startswith("line_")


def _state_word(shape: MoveShape, kind: str, issues: list[Issue]) -> str:
    word = text(shape.state) or ""
    if word not in _STATES:
        issues.append(unknown_state("/state", word, f"{kind}/{shape.id}"))
    return word


def _invoice_state(shape: MoveShape, issues: list[Issue]) -> InvoiceState:
    word = _state_word(shape, "invoice", issues)
    if word != "posted":
        states = {"draft": InvoiceState.DRAFT, "cancel": InvoiceState.VOIDED}
        return states.get(word, InvoiceState.UNKNOWN)
    paid = text(shape.payment_state) or ""
    if paid not in _PAID:
        issues.append(unknown_state("/payment_state", paid, f"invoice/{shape.id}"))
    return _PAID.get(paid, InvoiceState.UNKNOWN)


def _number_of(shape: MoveShape) -> str | None:
    """Return the number; a draft has none, which Odoo writes as "/"."""
    name = text(shape.name)
    return name if name != "/" else None


def _day_of(shape: MoveShape) -> date | None:
    return day(shape.invoice_date) or day(shape.date)


def _links_of(shape: MoveShape, kind: InvoiceKind) -> tuple[Link, ...]:
    """Return the names: Odoo joins several origins with commas.

    What a customer calls the order stands in `ref`; on a bill it is the supplier's own number. Of a
    kind that nobody knows the names are not known either.
    """
    if kind is InvoiceKind.UNKNOWN:
        return ()
    bill = kind is InvoiceKind.BILL
    origin = LinkSpace.PURCHASE if bill else LinkSpace.ORDER
    found = [(origin, part.strip()) for part in (text(shape.invoice_origin) or "").split(",")]
    found += [
        (LinkSpace.INVOICE if bill else LinkSpace.ORDER, text(shape.ref) or ""),
        (LinkSpace.INVOICE, _number_of(shape) or ""),
        (LinkSpace.INVOICE, text(shape.payment_reference) or ""),
    ]
    return tuple(dict.fromkeys(Link(space, value) for space, value in found if value))


def _person_of(shape: MoveShape) -> InvoicePerson | None:
    to = shape.partner_shipping_id
    place = to if isinstance(to, PlaceShape) else None
    person = InvoicePerson(
        email=text(place.email) if place else None,
        name=text(shape.invoice_partner_display_name),
        shipping=_address_of(place) if place else None,
    )
    return None if person == _NOBODY else person


def _address_of(place: PlaceShape) -> Address | None:
    state, country = named(place.state_id), named(place.country_id)
    address = Address(
        name=text(place.name),
        lines=tuple(line for line in (text(place.street), text(place.street2)) if line),
        city=text(place.city),
        province=text(state.code) if state else None,
        postcode=text(place.zip),
        country=text(country.code) if country else None,
        phone=text(place.phone),
    )
    return None if address == Address() else address
