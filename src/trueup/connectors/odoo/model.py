"""Which of Odoo's models are read: their fields, and what counts as changed.

`web_search_read` and `web_read` are how Odoo's own web client reads: a record and its lines in one
call and in one transaction. They are public methods of every model since Odoo 17.
"""

from typing import Any

import msgspec

Domain = list[Any]

_NAME: dict[str, Any] = {"fields": {"name": {}}}
_DISPLAY: dict[str, Any] = {"fields": {"display_name": {}}}
_SKU: dict[str, Any] = {"fields": {"default_code": {}}}
_USAGE: dict[str, Any] = {"fields": {"usage": {}}}
_CODE: dict[str, Any] = {"fields": {"code": {}}}
_STOCKED: Domain = ["internal", "transit"]


def _fields(*names: str, **nested: Any) -> dict[str, Any]:  # noqa: ANN401 - Odoo's own nesting
    return {"write_date": {}} | {name: {} for name in names} | nested


QUANTS = {
    "fields": _fields("quantity", "reserved_quantity", location_id=_USAGE),
}
LEVEL_FIELDS = _fields("default_code", stock_quant_ids=QUANTS)

_PLACE = {
    "fields": _fields("name", "email", "phone", "street", "street2", "city", "zip")
    | {"state_id": _CODE, "country_id": _CODE}
}
_MOVE = _fields(
    *("name", "move_type", "state", "payment_state", "date", "ref", "create_date"),
    company_currency_id=_NAME,
)
_ACCOUNT: dict[str, Any] = {"fields": {"code": {}, "display_name": {}}}


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One resource: a model of Odoo, cut to what is needed.

    Attributes:
        model: Odoo's name of it.
        topic: of its pieces.
        fields: as `web_search_read` takes them.
        only: the records that count.
        changed: fields that date a change: what a record shows may stand in other tables, whose
            changes leave its own `write_date` as it was.
    """

    model: str
    topic: str
    fields: dict[str, Any]
    only: Domain = []
    changed: tuple[str, ...] = ("write_date",)

    def domain(self, since: str | None, after: int) -> Domain:
        """Return the domain of records with a higher id that changed at or after `since`."""
        domain: Domain = [*self.only]
        if since is not None:
            domain += ["|"] * (len(self.changed) - 1)
            domain += [[field, ">=", since] for field in self.changed]
        return [*domain, ["id", ">", after]] if after else domain


MODELS = {
    "locations": Model(
        model="stock.location",
        topic="pull/location",
        fields=_fields("complete_name", "active", "usage"),
        only=[["usage", "in", _STOCKED]],
    ),
    "products": Model(
        model="product.product",
        topic="pull/product",
        fields=_fields(
            *("default_code", "barcode", "display_name", "active", "is_storable", "create_date"),
            *("lst_price", "standard_price", "weight"),
            currency_id=_NAME,
            cost_currency_id=_NAME,
            categ_id=_DISPLAY,
            product_tmpl_id={"fields": {"write_date": {}}},
        ),
        changed=("write_date", "product_tmpl_id.write_date"),
    ),
    "inventory_levels": Model(
        model="product.product",
        topic="pull/inventory_level",
        fields=LEVEL_FIELDS,
        only=[["stock_quant_ids.location_id.usage", "in", _STOCKED]],
        changed=("stock_quant_ids.write_date",),
    ),
    "stock_moves": Model(
        model="stock.move.line",
        topic="pull/stock_move",
        fields=_fields(product_id={"fields": {}}, location_id=_USAGE, location_dest_id=_USAGE),
        only=[["state", "=", "done"]],
    ),
    "deliveries": Model(
        model="stock.picking",
        topic="pull/delivery",
        fields=_fields(
            *("name", "state", "origin", "date_done", "create_date"),
            location_id=_USAGE,
            sale_id={"fields": {"name": {}, "client_order_ref": {}}},
            move_ids={"fields": _fields("quantity", "state", product_id=_SKU)},
        ),
        only=[["picking_type_id.code", "=", "outgoing"]],
        changed=("write_date", "move_ids.write_date"),
    ),
    "supplier_items": Model(
        model="product.supplierinfo",
        topic="pull/supplier_item",
        fields=_fields(
            *("delay", "min_qty", "price"),
            partner_id=_DISPLAY,
            product_id=_SKU,
            product_tmpl_id=_SKU,
            currency_id=_NAME,
        ),
    ),
    "purchase_orders": Model(
        model="purchase.order",
        topic="pull/purchase_order",
        fields=_fields(
            *("name", "state", "partner_ref", "origin", "amount_total"),
            *("date_order", "date_planned", "effective_date"),
            partner_id=_DISPLAY,
            currency_id=_NAME,
            order_line={
                "fields": _fields(
                    *("display_type", "product_qty", "qty_received"),
                    *("price_unit", "date_planned"),
                    product_id=_SKU,
                )
            },
        ),
        changed=("write_date", "order_line.write_date"),
    ),
    "invoices": Model(
        model="account.move",
        topic="pull/invoice",
        fields=_MOVE
        | _fields(
            *("invoice_date", "invoice_date_due", "invoice_origin", "payment_reference"),
            *("amount_total", "amount_tax", "amount_residual", "invoice_partner_display_name"),
            currency_id=_NAME,
            commercial_partner_id={"fields": {}},
            partner_shipping_id=_PLACE,
            invoice_line_ids={
                "fields": _fields(
                    *("display_type", "name", "quantity", "price_subtotal"),
                    product_id=_SKU,
                    account_id={"fields": {}},
                )
            },
        ),
        only=[["move_type", "in", ["out_invoice", "out_refund", "out_receipt", "in_invoice"]]],
        changed=(
            "write_date",
            # A payment is matched with an invoice by a row of its own.
            "line_ids.matched_debit_ids.write_date",
            "line_ids.matched_credit_ids.write_date",
        ),
    ),
    "journals": Model(
        model="account.move",
        topic="pull/journal",
        fields=_MOVE
        | {
            "narration": {},
            "line_ids": {"fields": _fields("display_type", "name", "balance", account_id=_ACCOUNT)},
        },
        only=[["move_type", "=", "entry"]],
    ),
}
