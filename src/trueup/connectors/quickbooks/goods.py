"""Items with their stock, and purchase orders."""

from typing import Final

import msgspec

from trueup.canon.inventory import InventoryLevel
from trueup.canon.issue import Issue
from trueup.canon.link import Link, LinkSpace
from trueup.canon.product import Product, Variant
from trueup.canon.purchase import PurchaseLine, PurchaseOrder, PurchaseState
from trueup.connectors.quickbooks.entity import LEVEL, ref_of
from trueup.connectors.quickbooks.fault import fraction, invalid, unknown_word
from trueup.connectors.quickbooks.shape import DetailShape, DocumentShape, ItemShape
from trueup.connectors.quickbooks.value import currency_of, money, units, updated_at
from trueup.contract.connector import Mapped
from trueup.contract.memo import links_in

_STATES: Final = {"Open": PurchaseState.SENT, "Closed": PurchaseState.RECEIVED}
_UNDATED: Final = invalid("/MetaData/LastUpdatedTime", "an instant with its zone")


def map_item(body: bytes, home: str) -> Mapped:
    """Return the item as a product with one variant; its prices are in the home currency."""
    shape = msgspec.json.decode(body, type=ItemShape)
    at = updated_at(shape)
    if at is None:
        return Mapped(issues=(_UNDATED,))
    if shape.type == "Category":
        return Mapped(ignored="a category groups items and is none itself")
    title = shape.fully_qualified_name or shape.name or ""
    stocked = shape.type == "Inventory"
    variant = Variant(
        ref=shape.id,
        item_ref=shape.id,
        title=title,
        sku=shape.sku or None,
        price=money(shape.unit_price, home) if home else None,
        cost=money(shape.purchase_cost, home) if home else None,
        stocked=stocked,
        requires_shipping=shape.type != "Service",
    )
    product = Product(
        ref=shape.id,
        updated_at=at,
        title=title,
        state="active" if shape.active else "archived",
        product_type=shape.type,
        variants=(variant,),
    )
    return Mapped(records=(product,))


def map_level(body: bytes, home: str) -> Mapped:  # noqa: ARG001 - called as the others are
    """Return how many of an item there are in the whole company."""
    shape = msgspec.json.decode(body, type=ItemShape)
    at = updated_at(shape)
    if at is None:
        return Mapped(issues=(_UNDATED,))
    if shape.type != "Inventory":
        return Mapped(ignored="QuickBooks counts no stock of this item")
    ref, issues = ref_of(LEVEL, shape.id), []
    on_hand = units(shape.qty_on_hand)
    if on_hand is None:
        issues.append(fraction("/QtyOnHand", f"inventory_level/{ref}"))
    level = InventoryLevel(
        ref=ref,
        updated_at=at,
        item_ref=shape.id,
        location_ref="",
        on_hand=on_hand,
        sku=shape.sku or None,
    )
    return Mapped(records=(level,), issues=tuple(issues))


def map_purchase(body: bytes, home: str) -> Mapped:
    """Return the purchase order; QuickBooks tells neither what came in nor SKUs."""
    shape = msgspec.json.decode(body, type=DocumentShape)
    at = updated_at(shape)
    if at is None:
        return Mapped(issues=(_UNDATED,))
    issues: list[Issue] = []
    entity = f"purchase_order/{shape.id}"
    code = currency_of(shape.currency_ref, home, entity, issues)
    word = shape.po_status or ""
    state = _STATES.get(word, PurchaseState.UNKNOWN)
    if state is PurchaseState.UNKNOWN:
        issues.append(unknown_word("quickbooks.state_unknown", "/POStatus", word, entity))
    supplier, number = shape.vendor_ref, shape.doc_number or shape.id
    order = PurchaseOrder(
        ref=shape.id,
        updated_at=at,
        links=(Link(LinkSpace.PURCHASE, number), *links_in(shape.private_note)),
        number=number,
        state=state,
        state_code=word or None,
        supplier_ref=(supplier.value if supplier else None) or None,
        supplier=(supplier.name if supplier else None) or None,
        currency=code,
        lines=_lines_of(shape, code, state, issues),
        total=money(shape.total_amt, code),
        expected_on=shape.due_date,
    )
    return Mapped(records=(order,), issues=tuple(issues))


def _lines_of(
    shape: DocumentShape, code: str, state: PurchaseState, issues: list[Issue]
) -> tuple[PurchaseLine, ...]:
    lines = []
    for place, line in enumerate(shape.line):
        detail = line.item_based_expense_line_detail
        if detail is None:
            continue  # an expense without an item brings no goods
        quantity = _quantity(detail, f"/Line/{place}", shape.id, issues)
        lines.append(
            PurchaseLine(
                ref=line.id or str(place),
                quantity=quantity,
                quantity_received=quantity if state is PurchaseState.RECEIVED else 0,
                cost=money(detail.unit_price, code),
            )
        )
    return tuple(lines)


def _quantity(detail: DetailShape, place: str, ref: str, issues: list[Issue]) -> int:
    found = units(detail.qty)
    if found is None:
        pointer = f"{place}/ItemBasedExpenseLineDetail/Qty"
        issues.append(fraction(pointer, f"purchase_order/{ref}"))
    return found or 0
