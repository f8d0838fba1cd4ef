"""What was deleted at QuickBooks, of which little more than its id is told."""

from datetime import datetime
from decimal import Decimal

import msgspec

from trueup.canon.journal import Invoice, InvoiceKind, InvoiceState, Journal
from trueup.canon.payment import Payment, PaymentKind, PaymentState
from trueup.canon.price import Price
from trueup.canon.product import Product
from trueup.canon.purchase import PurchaseOrder, PurchaseState
from trueup.canon.record import Record
from trueup.connectors.quickbooks.entity import kind_of
from trueup.connectors.quickbooks.sale import KINDS
from trueup.connectors.quickbooks.shape import EntityShape
from trueup.connectors.quickbooks.value import NO_CURRENCY, updated_at
from trueup.contract.connector import Mapped
from trueup.kernel.money import Money

_NOTHING = Money(Decimal(0), NO_CURRENCY)


def map_deleted(name: str, body: bytes, told_at: datetime) -> Mapped:
    """Return the record that says that an entity is gone; its amounts are not known any more.

    Args:
        name: of the entity.
        body: what is left of it.
        told_at: dates it where QuickBooks does not.
    """
    shape = msgspec.json.decode(body, type=EntityShape)
    at = updated_at(shape) or told_at
    record = _record(name, shape.id, at)
    if record is None:
        return Mapped(ignored="how many there were of a deleted item is told by nobody")
    return Mapped(records=(record,))


def _record(name: str, ref: str, at: datetime) -> Record | None:
    kind = kind_of(name)
    if kind == "product":
        return Product(ref=ref, updated_at=at, deleted=True, title="", state="archived")
    if kind == "purchase_order":
        state = PurchaseState.CANCELLED
        return PurchaseOrder(ref=ref, updated_at=at, deleted=True, number=ref, state=state)
    if kind == "journal":
        return Journal(
            ref=ref,
            updated_at=at,
            deleted=True,
            posted_on=at.date(),
            currency=NO_CURRENCY,
            lines=(),
            posted=False,
        )
    if kind == "payment":
        return Payment(
            ref=ref,
            updated_at=at,
            deleted=True,
            payment_kind=PaymentKind.VOID,
            state=PaymentState.SUCCEEDED,
            price=Price(_NOTHING),
        )
    if kind == "invoice":
        return Invoice(
            ref=ref,
            updated_at=at,
            deleted=True,
            invoice=KINDS.get(name, InvoiceKind.UNKNOWN),
            state=InvoiceState.VOIDED,
            currency=NO_CURRENCY,
            total=_NOTHING,
        )
    return None
