"""Metafields: values that apps keep at variants; all of one call are set, or none."""

from typing import Any, Final

from trueup.sandbox.shopify.shop import gid
from trueup.sandbox.shopify.view import Ask, Pick, number_of

BOOLEANS: Final = ("true", "false")
FIELDS_MAX: Final = 25


def set_fields(ask: Ask, given: list[dict[str, Any]]) -> Pick:
    """Set metafields of variants; the first that can not be set refuses the whole call."""
    errors = [error for n, each in enumerate(given) if (error := _wrong(ask, n, each)) is not None]
    if len(given) > FIELDS_MAX:
        errors.append(_error(None, "TOO_LONG", f"At most {FIELDS_MAX} metafields."))
    if errors:
        return Pick("MetafieldsSetPayload", metafields=None, user_errors=errors)
    shop = ask.shop
    shop.begin()
    shown = []
    for each in given:
        place = (each["ownerId"], each.get("namespace") or "", each["key"])
        kept = shop.metafields.get(place)
        number = shop.new_id() if kept is None else kept[0]
        shop.metafields[place] = (number, each["value"])
        shown.append(
            Pick(
                "Metafield",
                id=gid("Metafield", number),
                namespace=place[1],
                key=place[2],
                type=each.get("type") or "single_line_text_field",
                value=each["value"],
            )
        )
    return Pick("MetafieldsSetPayload", metafields=shown, user_errors=[])


def _wrong(ask: Ask, n: int, given: dict[str, Any]) -> Pick | None:
    number = number_of(given["ownerId"], "ProductVariant")
    known = any(each.id == number for each in ask.shop.by_sku.values())
    if not known:
        text = "Owner does not exist."
        return _error(["metafields", str(n), "ownerId"], "INVALID_VALUE", text)
    if not given.get("type"):
        return _error(["metafields", str(n), "type"], "BLANK", "Type can't be blank.")
    if given["type"] == "boolean" and given["value"] not in BOOLEANS:
        return _error(
            ["metafields", str(n), "value"], "INVALID_VALUE", "Value must be true or false."
        )
    return None


def _error(path: list[str] | None, code: str, message: str) -> Pick:
    return Pick(
        "MetafieldsSetUserError", field=path, code=code, message=message, element_index=None
    )
