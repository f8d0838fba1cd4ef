"""QuickBooks' entities, as far as Trueup reads them; fields that are not named are skipped.

Amounts are JSON numbers, which are read as decimals from their text.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

import msgspec

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=60, pattern="^[A-Za-z0-9:_-]+$")]
Text = Annotated[str, msgspec.Meta(max_length=10_000)] | None
Number = Decimal | None


class Shape(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """One object of a body."""


class RefShape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an entity points at; a reference and a memo are written alike."""

    value: Text = None
    name: Text = None


class MetaShape(Shape, frozen=True, kw_only=True):
    """When it was made and last changed."""

    create_time: datetime | None = None
    last_updated_time: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class AddressShape(Shape, frozen=True, kw_only=True):
    """An address in free lines."""

    line1: Text = None
    line2: Text = None
    line3: Text = None
    line4: Text = None
    line5: Text = None
    city: Text = None
    country: Text = None
    country_sub_division_code: Text = None
    postal_code: Text = None


class EmailShape(Shape, frozen=True, kw_only=True):
    """An e-mail address."""

    address: Text = None


class FieldShape(Shape, frozen=True, kw_only=True):
    """A field of the company's own."""

    name: Text = None
    string_value: Text = None


class DetailShape(Shape, frozen=True, kw_only=True):
    """What a line is about, whatever its type."""

    item_ref: RefShape | None = None
    account_ref: RefShape | None = None
    item_account_ref: RefShape | None = None
    qty: Number = None
    unit_price: Number = None
    posting_type: Text = None
    line: list["LineShape"] = []


class LineShape(Shape, frozen=True, kw_only=True):
    """One line of a document."""

    id: Text = None
    amount: Number = None
    description: Text = None
    detail_type: Text = None
    sales_item_line_detail: DetailShape | None = None
    item_based_expense_line_detail: DetailShape | None = None
    account_based_expense_line_detail: DetailShape | None = None
    discount_line_detail: DetailShape | None = None
    group_line_detail: DetailShape | None = None
    journal_entry_line_detail: DetailShape | None = None


class TaxShape(Shape, frozen=True, kw_only=True):
    """The tax of a document."""

    total_tax: Number = None


class ChargeShape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the card's processor answered."""

    cc_trans_id: Text = msgspec.field(default=None, name="CCTransId")


class CardShape(Shape, frozen=True, kw_only=True):
    """How a card was charged."""

    credit_charge_response: ChargeShape | None = None


class EntityShape(Shape, frozen=True, kw_only=True):
    """What all entities have; one that was deleted has little more."""

    id: Id
    status: Text = msgspec.field(default=None, name="status")
    meta_data: MetaShape | None = None


class DocumentShape(EntityShape, frozen=True, kw_only=True):
    """A document about money, of whatever entity."""

    doc_number: Text = None
    txn_date: date | None = None
    due_date: date | None = None
    currency_ref: RefShape | None = None
    private_note: Text = None
    customer_ref: RefShape | None = None
    customer_memo: RefShape | None = None
    vendor_ref: RefShape | None = None
    bill_email: EmailShape | None = None
    bill_addr: AddressShape | None = None
    ship_addr: AddressShape | None = None
    custom_field: list[FieldShape] = []
    tracking_num: Text = None
    payment_ref_num: Text = None
    credit_card_payment: CardShape | None = None
    line: list[LineShape] = []
    txn_tax_detail: TaxShape | None = None
    total_amt: Number = None
    balance: Number = None
    remaining_credit: Number = None
    po_status: Text = msgspec.field(default=None, name="POStatus")


class ItemShape(EntityShape, frozen=True, kw_only=True):
    """Something that is bought or sold."""

    name: Text = None
    fully_qualified_name: Text = None
    sku: Text = None
    type: Text = None
    active: bool = True
    qty_on_hand: Number = None
    unit_price: Number = None
    purchase_cost: Number = None
