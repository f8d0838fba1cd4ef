"""Discount codes: each stands once in the shop, whatever the case it is written in."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from trueup.sandbox.shopify.scopes import allow
from trueup.sandbox.shopify.shop import Code, gid
from trueup.sandbox.shopify.view import Ask, Pick, number_of

__all__ = ["create", "find"]

_SCOPE: Final = "write_discounts"
_NAME = "discountCodeBasicCreate"


def create(ask: Ask, given: dict[str, Any]) -> Pick:
    """Make a code; the first thing that is wrong refuses it."""
    allow(ask, _NAME, _SCOPE)
    shop = ask.shop
    wrong = _wrong(ask, given)
    if wrong is not None:
        code, field, text = wrong
        path = ["basicCodeDiscount", field]
        error = Pick("DiscountUserError", field=path, code=code, message=text, extra_info=None)
        return Pick("DiscountCodeBasicCreatePayload", code_discount_node=None, user_errors=[error])
    value = given["customerGets"]["value"]
    amount = value.get("discountAmount")
    made = Code(
        id=shop.new_id(),
        code=given["code"],
        title=given["title"],
        starts_at=datetime.fromisoformat(given["startsAt"]),
        ends_at=datetime.fromisoformat(given["endsAt"]) if given.get("endsAt") else None,
        share=Decimal(str(value["percentage"])) if amount is None else None,
        amount=None if amount is None else Decimal(amount["amount"]),
        uses=given.get("usageLimit"),
        customers=tuple(_customers(given)),
    )
    shop.codes[made.code.lower()] = made
    return Pick("DiscountCodeBasicCreatePayload", code_discount_node=_node(made), user_errors=[])


def find(ask: Ask, code: str) -> Pick | None:
    """Return the discount of a code."""
    allow(ask, "codeDiscountNodeByCode", _SCOPE)
    found = ask.shop.codes.get(code.lower())
    return None if found is None else _node(found)


def _wrong(ask: Ask, given: dict[str, Any]) -> tuple[str, str, str] | None:
    share = given["customerGets"]["value"].get("percentage")
    if given["code"].lower() in ask.shop.codes:
        return "TAKEN", "code", "Code must be unique. Please try a different code."
    if share is not None and not 0 < share <= 1:
        return "VALUE_OUTSIDE_RANGE", "customerGets", "Value must be between 0.0 and 1.0."
    if given.get("endsAt") and given["endsAt"] <= given["startsAt"]:
        return "END_DATE_BEFORE_START_DATE", "endsAt", "Ends at needs to be after starts_at"
    if any(number not in ask.shop.customers for number in _customers(given)):
        return "INVALID", "context", "Customer does not exist."
    return None


def _customers(given: dict[str, Any]) -> list[int]:
    named = (given["context"].get("customers") or {}).get("add") or []
    return [number_of(each, "Customer") or 0 for each in named]


def _node(made: Code) -> Pick:
    basic = Pick(
        "DiscountCodeBasic", title=made.title, starts_at=made.starts_at, ends_at=made.ends_at,
        usage_limit=made.uses,
    )  # fmt: skip
    return Pick("DiscountCodeNode", id=gid("DiscountCodeNode", made.id), code_discount=basic)
