"""Odoo's records, as far as Trueup reads them; fields that are not named are skipped.

Odoo writes `false` for what is empty, instants without a zone in UTC, and amounts as JSON numbers,
which are read as decimals from their text. A many2one is an object of the fields that were asked
for, with its id; or `false`.
"""

from decimal import Decimal
from typing import Annotated

import msgspec

Id = Annotated[int, msgspec.Meta(ge=1, le=9_007_199_254_740_991)]
Text = Annotated[str, msgspec.Meta(max_length=10_000)] | bool | None
Number = Decimal | bool | None


class Shape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One object of a body."""


class NamedShape(Shape, frozen=True, kw_only=True):
    """A many2one: whatever of these was asked for."""

    id: Id
    display_name: Text = None
    name: Text = None
    code: Text = None
    default_code: Text = None
    usage: Text = None
    write_date: Text = None


Named = NamedShape | bool | None


class StampedShape(Shape, frozen=True, kw_only=True):
    """Every record of Odoo has an id and a last change."""

    id: Id
    write_date: Text = None
    create_date: Text = None


class LocationShape(StampedShape, frozen=True, kw_only=True):
    """A place in a warehouse, or a virtual one."""

    complete_name: Text = None
    active: bool = True
    usage: Text = None


class ProductShape(StampedShape, frozen=True, kw_only=True):
    """A variant; what its template has is told with it."""

    default_code: Text = None
    barcode: Text = None
    display_name: Text = None
    active: bool = True
    is_storable: bool | None = None
    lst_price: Number = None
    currency_id: Named = None
    standard_price: Number = None
    cost_currency_id: Named = None
    weight: Number = None
    categ_id: Named = None
    product_tmpl_id: Named = None


class QuantShape(StampedShape, frozen=True, kw_only=True):
    """Units of one product at one place, of one lot, package and owner."""

    location_id: Named = None
    quantity: Number = None
    reserved_quantity: Number = None


class LevelShape(Shape, frozen=True, kw_only=True):
    """All quants of one product at one place, as `pull` puts them together.

    Attributes:
        read_at: when it was read, by Odoo's clock; what dates a place that holds nothing.
    """

    product: Id
    location: Id
    default_code: Text = None
    read_at: Text = None
    quants: list[QuantShape] = []


class MoveLineShape(StampedShape, frozen=True, kw_only=True):
    """Units that moved from one place to another."""

    product_id: Named = None
    location_id: Named = None
    location_dest_id: Named = None


class SaleShape(Shape, frozen=True, kw_only=True):
    """A sales order as a delivery names it: our number, and what the shop calls it."""

    id: Id
    name: Text = None
    client_order_ref: Text = None


class MovedShape(StampedShape, frozen=True, kw_only=True):
    """Units of one product in a delivery."""

    id: Id
    product_id: Named = None
    quantity: Number = None
    state: Text = None


class DeliveryShape(StampedShape, frozen=True, kw_only=True):
    """Goods that leave for a customer: a `stock.picking` with its moves."""

    id: Id
    name: Text = None
    state: Text = None
    origin: Text = None
    date_done: Text = None
    create_date: Text = None
    location_id: Named = None
    sale_id: SaleShape | bool | None = None
    move_ids: list[MovedShape] = []


class SupplierItemShape(StampedShape, frozen=True, kw_only=True):
    """What a supplier asks for a product; `delay` in days."""

    partner_id: Named = None
    product_id: Named = None
    product_tmpl_id: Named = None
    delay: Number = None
    min_qty: Number = None
    price: Number = None
    currency_id: Named = None


class PurchaseLineShape(StampedShape, frozen=True, kw_only=True):
    """One line of a purchase order; a section or a note has a `display_type`."""

    display_type: Text = None
    product_id: Named = None
    product_qty: Number = None
    qty_received: Number = None
    price_unit: Number = None
    date_planned: Text = None


class PurchaseShape(StampedShape, frozen=True, kw_only=True):
    """A purchase order."""

    name: Text = None
    state: Text = None
    partner_id: Named = None
    partner_ref: Text = None
    origin: Text = None
    currency_id: Named = None
    amount_total: Number = None
    date_order: Text = None
    date_planned: Text = None
    effective_date: Text = None
    order_line: list[PurchaseLineShape] = []


class PlaceShape(Shape, frozen=True, kw_only=True):
    """A partner's address."""

    id: Id
    name: Text = None
    email: Text = None
    phone: Text = None
    street: Text = None
    street2: Text = None
    city: Text = None
    zip: Text = None
    state_id: Named = None
    country_id: Named = None


class MoveLinesShape(StampedShape, frozen=True, kw_only=True):
    """One line of an invoice or of a journal; `balance` is debit less credit."""

    display_type: Text = None
    name: Text = None
    product_id: Named = None
    account_id: Named = None
    quantity: Number = None
    price_subtotal: Number = None
    balance: Number = None


class MoveShape(StampedShape, frozen=True, kw_only=True):
    """An entry in the books: an invoice, a credit note, a bill or a journal."""

    name: Text = None
    move_type: Text = None
    state: Text = None
    payment_state: Text = None
    date: Text = None
    invoice_date: Text = None
    invoice_date_due: Text = None
    ref: Text = None
    invoice_origin: Text = None
    payment_reference: Text = None
    narration: Text = None
    currency_id: Named = None
    company_currency_id: Named = None
    amount_total: Number = None
    amount_tax: Number = None
    amount_residual: Number = None
    commercial_partner_id: Named = None
    invoice_partner_display_name: Text = None
    partner_shipping_id: PlaceShape | bool | None = None
    invoice_line_ids: list[MoveLinesShape] = []
    line_ids: list[MoveLinesShape] = []
