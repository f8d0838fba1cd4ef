"""The two stock mutations: checked, compared, done once per idempotency key."""

from collections.abc import Callable
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo, get_directive_values

from trueup.sandbox.shopify import stock
from trueup.sandbox.shopify.idempotency import KeyMismatch
from trueup.sandbox.shopify.model import Level
from trueup.sandbox.shopify.shop import gid
from trueup.sandbox.shopify.view import Ask, Pick, number_of
from trueup.sandbox.shopify.views_catalogue import InventoryItemView, LocationView

__all__ = ["adjust_quantities", "set_quantities"]

_UNITS_MAX = 1_000_000_000
_SET_NAMES = ("available", "on_hand")
_ADJUST_NAMES = (
    "available", "damaged", "incoming", "quality_control", "reserved", "safety_stock",
)  # fmt: skip
_REASONS = (
    "correction", "cycle_count_available", "damaged", "movement_canceled", "movement_created",
    "movement_received", "movement_updated", "other", "promotion", "quality_control",
    "received", "reservation_created", "reservation_deleted", "reservation_updated",
    "restock", "safety_stock", "shrinkage",
)  # fmt: skip
Given = dict[str, Any]


def set_quantities(ask: Ask, info: GraphQLResolveInfo[Any], given: Given) -> Pick:
    """Set quantities to absolute values, all or none."""
    return _once(
        ask,
        info,
        given,
        rows=("quantities", "InventoryQuantityInput", "InventorySetQuantities"),
        plan=lambda: _plan_set(ask, given),
    )


def adjust_quantities(ask: Ask, info: GraphQLResolveInfo[Any], given: Given) -> Pick:
    """Add to quantities, all or none."""
    return _once(
        ask,
        info,
        given,
        rows=("changes", "InventoryChangeInput", "InventoryAdjustQuantities"),
        plan=lambda: _plan_adjust(ask, given),
    )


def _once(
    ask: Ask,
    info: GraphQLResolveInfo[Any],
    given: Given,
    *,
    rows: tuple[str, str, str],
    plan: Callable[[], tuple[list[Pick], list[tuple[Level, int]]]],
) -> Pick:
    list_name, row_type, prefix = rows
    key = _key(info)
    for row in given[list_name]:
        if "changeFromQuantity" not in row:
            raise GraphQLError(
                f"{row_type} must include the following argument: changeFromQuantity.",
                extensions={"code": "INVALID_FIELD_ARGUMENTS"},
            )

    def do() -> Pick:
        errors, changes = plan()
        if errors:
            return _payload(prefix, None, errors)
        return _payload(prefix, _apply(ask, given, changes), [])

    try:
        result: Pick = ask.shop.idempotency.run(
            mutation=info.field_name, key=key, given=given, do=do
        )
    except KeyMismatch:
        error = _error(
            None, "IDEMPOTENCY_KEY_PARAMETER_MISMATCH",
            "This idempotency key was used before with other input.",
        )  # fmt: skip
        return _payload(prefix, None, [error])
    return result


def _key(info: GraphQLResolveInfo[Any]) -> str:
    directive = info.schema.get_directive("idempotent")
    node = info.field_nodes[0]
    found = (
        None if directive is None else get_directive_values(directive, node, info.variable_values)
    )
    if found is None:
        raise GraphQLError(
            "The @idempotent directive is required for this mutation but was not provided.",
            extensions={"code": "BAD_REQUEST"},
        )
    key = str(found["key"])
    if not key.strip():
        raise GraphQLError(
            "The idempotency key cannot be blank.", extensions={"code": "BAD_REQUEST"}
        )
    return key


def _plan_set(ask: Ask, given: Given) -> tuple[list[Pick], list[tuple[Level, int]]]:
    name = given["name"]
    errors = _common_errors(given, name, _SET_NAMES, "INVALID_NAME")
    changes: list[tuple[Level, int]] = []
    if errors:
        return errors, changes
    seen: set[tuple[int, int]] = set()
    for index, row in enumerate(given["quantities"]):
        path = ["input", "quantities", str(index)]
        wanted = row["quantity"]
        bound = _bound_error(wanted, path, name)
        level = _level(ask, row, path, errors)
        if bound is not None:
            errors.append(bound)
        if level is None or bound is not None:
            continue
        pair = (level.item_id, level.location_id)
        if pair in seen:
            errors.append(_error(path, "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR",
                                 "An item and location may be named only once."))  # fmt: skip
        seen.add(pair)
        current = int(getattr(level, name, 0))
        if row["changeFromQuantity"] not in {None, current}:
            errors.append(_stale(path))
        changes.append((level, wanted - current))
    return errors, changes


def _plan_adjust(ask: Ask, given: Given) -> tuple[list[Pick], list[tuple[Level, int]]]:
    name = given["name"]
    errors = _common_errors(given, name, _ADJUST_NAMES, "INVALID_QUANTITY_NAME")
    changes: list[tuple[Level, int]] = []
    if errors:
        return errors, changes
    for index, row in enumerate(given["changes"]):
        path = ["input", "changes", str(index)]
        level = _level(ask, row, path, errors)
        if level is None:
            continue
        current = int(getattr(level, name, 0))
        bound = _bound_error(current + row["delta"], path, "available")
        if bound is not None:
            errors.append(bound)
        if row["changeFromQuantity"] not in {None, current}:
            errors.append(_stale(path))
        changes.append((level, row["delta"]))
    return errors, changes


def _common_errors(given: Given, name: str, names: tuple[str, ...], code: str) -> list[Pick]:
    errors = []
    if name not in names:
        text = f"The quantity name must be one of: {', '.join(names)}."
        errors.append(_error(["input", "name"], code, text))
    if given["reason"] not in _REASONS:
        text = f"The reason must be one of: {', '.join(_REASONS)}."
        errors.append(_error(["input", "reason"], "INVALID_REASON", text))
    uri = given.get("referenceDocumentUri")
    if uri is not None and "://" not in uri:
        text = "The reference document must be a URI."
        errors.append(_error(["input", "referenceDocumentUri"], "INVALID_REFERENCE_DOCUMENT", text))
    return errors


def _level(ask: Ask, row: Given, path: list[str], errors: list[Pick]) -> Level | None:
    shop = ask.shop
    item = shop.items.get(number_of(row["inventoryItemId"], "InventoryItem") or 0)
    place = shop.locations.get(number_of(row["locationId"], "Location") or 0)
    if item is None:
        text = "There is no such inventory item."
        errors.append(_error([*path, "inventoryItemId"], "INVALID_INVENTORY_ITEM", text))
    if place is None:
        text = "There is no such location."
        errors.append(_error([*path, "locationId"], "INVALID_LOCATION", text))
    if item is None or place is None:
        return None
    level = shop.levels.get((item.id, place.id))
    if level is None:
        text = "The item is not stocked at this location."
        errors.append(_error([*path, "locationId"], "ITEM_NOT_STOCKED_AT_LOCATION", text))
    return level


def _bound_error(wanted: int, path: list[str], name: str) -> Pick | None:
    path = [*path, "quantity"]
    if name == "on_hand" and wanted < 0:
        return _error(path, "INVALID_QUANTITY_NEGATIVE", "On hand can not be negative.")
    if wanted > _UNITS_MAX:
        return _error(path, "INVALID_QUANTITY_TOO_HIGH", f"At most {_UNITS_MAX:,} units.")
    if wanted < -_UNITS_MAX:
        return _error(path, "INVALID_QUANTITY_TOO_LOW", f"At least -{_UNITS_MAX:,} units.")
    return None


def _stale(path: list[str]) -> Pick:
    return _error([*path, "changeFromQuantity"], "CHANGE_FROM_QUANTITY_STALE",
                  "The quantity is no longer what the request says it is.")  # fmt: skip


def _apply(ask: Ask, given: Given, changes: list[tuple[Level, int]]) -> Pick | None:
    shop = ask.shop
    shop.begin()
    shown: list[Pick] = []
    for level, delta in changes:
        if delta != 0:
            stock.change(shop, level, given["name"], delta)
            shown += _shown_changes(ask, level, given["name"], delta)
    if not shown:
        return None  # as the vendor: where nothing had to change there is no group
    return Pick(
        "InventoryAdjustmentGroup", id=gid("InventoryAdjustmentGroup", shop.new_id()),
        created_at=shop.now(), reason=given["reason"],
        reference_document_uri=given.get("referenceDocumentUri"),
        changes=lambda **_: shown,
    )  # fmt: skip


def _shown_changes(ask: Ask, level: Level, name: str, delta: int) -> list[Pick]:
    names = ["available"] if name == "on_hand" else [name]
    names += [] if name == "incoming" else ["on_hand"]
    item = InventoryItemView(ask, ask.shop.items[level.item_id])
    place = LocationView(ask, ask.shop.locations[level.location_id])
    return [
        Pick(
            "InventoryChange", name=each, delta=delta, quantity_after_change=None, item=item,
            location=place, ledger_document_uri=None,
        )
        for each in names
    ]  # fmt: skip


def _payload(prefix: str, group: Pick | None, errors: list[Pick]) -> Pick:
    return Pick(f"{prefix}Payload", inventory_adjustment_group=group, user_errors=errors)


def _error(path: list[str] | None, code: str, message: str) -> Pick:
    return Pick("UserError", field=path, code=code, message=message)
