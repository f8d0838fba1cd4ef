"""A discount code for one customer, found again by the code; its title is our name of the command.

A code stands once in a shop. So a carrying out looks for it first, and makes it where it is not
there; one of the same code that is not ours is left alone, and told.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from trueup.canon.command import CreateDiscount
from trueup.connectors.shopify.call import answer, call, needed, root_fields
from trueup.connectors.shopify.mark import mark_of
from trueup.connectors.shopify.refs import gid, numbered, ref_of
from trueup.connectors.shopify.refusal import UserError, refusal, refused
from trueup.contract.connector import Receipt, ReceiptState, Reply, Request
from trueup.errors import Refused

_TAKEN = "TAKEN"
_FIELD = "discountCodeBasicCreate"
_LOOK = "codeDiscountNodeByCode"


class _Discount(msgspec.Struct, gc=False):
    title: str | None = None


class _Node(msgspec.Struct, gc=False, rename="camel"):
    id: str
    code_discount: _Discount | None = None


class _Made(msgspec.Struct, gc=False, rename="camel"):
    code_discount_node: _Node | None = None
    user_errors: list[UserError] = []


class _Shop(msgspec.Struct, gc=False, rename="camel"):
    currency_code: str


def request(content: CreateDiscount) -> Request:
    """Return the look for the code, and at the shop's currency.

    Raises:
        Refused: the customer's id is not one of Shopify's, or only an address is known.
    """
    if content.customer_ref is not None:
        numbered(content.customer_ref, "customer")
    elif content.email is not None:
        raise Refused("Shopify keeps a code to a customer by their id, and none is given.")
    return call("discount_look", {"code": content.code}, cost=3)


def following(content: CreateDiscount, ref: str, replies: Sequence[Reply]) -> Request | None:
    """Return the call that makes it; and a look where the code was taken meanwhile.

    Raises:
        ContractBroken: a reply does not have the shape that was asked for.
    """
    if len(replies) == 1:
        is_there = answer(replies[0], _LOOK, _Node) is not None
        return None if is_there or not _fits(content, replies[0]) else _create(content, ref)
    codes = {error.code for error in needed(replies[1], _FIELD, _Made).user_errors}
    return request(content) if len(replies) == 2 and _TAKEN in codes else None


def receipt(content: CreateDiscount, ref: str, reply: Reply) -> Receipt:
    """Return what came of it, from the last reply.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    if _LOOK in root_fields(reply):
        return _seen(content, ref, reply)
    made = needed(reply, _FIELD, _Made)
    if made.user_errors:
        return refusal(made.user_errors)
    if made.code_discount_node is None:
        return Receipt(state=ReceiptState.UNKNOWN, code="no_discount")
    return Receipt(state=ReceiptState.DONE, vendor_ref=ref_of(made.code_discount_node.id))


def _seen(content: CreateDiscount, ref: str, reply: Reply) -> Receipt:
    found = answer(reply, _LOOK, _Node)
    if found is None and not _fits(content, reply):
        return refused("wrong_currency", "The amount is not in the shop's currency.")
    if found is None:
        return Receipt(state=ReceiptState.UNKNOWN, code="code_taken_and_gone")
    title = found.code_discount.title if found.code_discount else None
    if title != mark_of(ref):
        return refused("code_taken", "The shop has another discount of this code.")
    return Receipt(state=ReceiptState.DONE, vendor_ref=ref_of(found.id))


def _fits(content: CreateDiscount, look: Reply) -> bool:
    """Tell whether an amount is in the currency in which the shop would take it."""
    currency = needed(look, "shop", _Shop).currency_code
    return content.amount is None or content.amount.currency == currency


def _create(content: CreateDiscount, ref: str) -> Request:
    who: dict[str, Any] = {"all": "ALL"}
    if content.customer_ref is not None:
        who = {"customers": {"add": [gid("Customer", content.customer_ref)]}}
    discount = {
        "title": mark_of(ref),
        "code": content.code,
        "startsAt": content.starts_at,
        "endsAt": content.ends_at,
        "usageLimit": content.uses,
        "appliesOncePerCustomer": content.uses == 1,
        "context": who,
        "customerGets": {"value": _value(content), "items": {"all": True}},
    }
    return call("discount_create", {"discount": discount}, cost=10, writes=True)


def _value(content: CreateDiscount) -> dict[str, Any]:
    if content.amount is not None:
        amount = {"amount": str(content.amount.amount), "appliesOnEachItem": False}
        return {"discountAmount": amount}
    # A share of 1, as a number of JSON that never was a float.
    share = Decimal(content.percent or 0) / 100
    return {"percentage": msgspec.Raw(str(share).encode())}
