"""A coupon for one customer, found again by its code; our name of the command stands beside it.

A code stands once in a shop. So it is looked for first, and made where it is not there.
"""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from trueup.canon.command import CreateDiscount
from trueup.connectors.woocommerce.reading import read
from trueup.contract.connector import Command, Receipt, ReceiptState, Reply, Request
from trueup.errors import Refused

MADE_BY: Final = "_trueup_ref"
_FIELDS = "id,code,meta_data"
_PATH = "/wc/v3/coupons"
_CURRENCY = "/wc/v3/data/currencies/current"


class _Meta(msgspec.Struct, gc=False):
    key: str = ""
    value: Any = None


class _Coupon(msgspec.Struct, gc=False):
    id: int
    meta_data: list[_Meta] = []

    def made_by(self, ref: str) -> bool:
        """Tell whether a command of ours made it."""
        return any(each.key == MADE_BY and each.value == ref for each in self.meta_data)


class _Currency(msgspec.Struct, gc=False):
    code: str


def request(command: Command, content: CreateDiscount) -> Request:
    """Return the first look: at the shop's currency, where an amount is taken off; or for the code.

    Raises:
        Refused: WooCommerce can not do it so; says how it can.
    """
    if content.customer_ref is not None and content.email is None:
        raise Refused("WooCommerce keeps a coupon to a customer by e-mail, and none is given.")
    if content.starts_at > command.wanted_at:
        raise Refused("A coupon of WooCommerce is good at once: it has no start.")
    return _look(content) if content.amount is None else Request(method="GET", path=_CURRENCY)


def following(content: CreateDiscount, ref: str, replies: Sequence[Reply]) -> Request | None:
    """Return the look for the code, the call that makes it, or a look where it was taken.

    Raises:
        ContractBroken: a reply is not what was asked for.
    """
    last = replies[-1]
    if last.status == 400:
        # The code was taken since the look, maybe by an earlier call of ours.
        return _look(content)
    if content.amount is not None and len(replies) == 1:
        return _look(content) if _fits(content, last) else None
    is_first_look = len(replies) == (1 if content.amount is None else 2)
    return _create(content, ref) if is_first_look and not _listed(last) else None


def receipt(content: CreateDiscount, ref: str, reply: Reply) -> Receipt:
    """Return what came of it, from the last reply.

    Raises:
        ContractBroken: the reply is not what was asked for.
    """
    if reply.body.lstrip()[:1] == b"[":
        return _seen(ref, _listed(reply))
    if content.amount is not None and _is_currency(reply):
        return Receipt(
            state=ReceiptState.REFUSED,
            code="wrong_currency",
            message="The amount is not in the shop's currency.",
        )
    return Receipt(state=ReceiptState.DONE, vendor_ref=str(read(reply, _Coupon, "coupon").id))


def _seen(ref: str, found: Sequence[_Coupon]) -> Receipt:
    if not found:
        return Receipt(state=ReceiptState.UNKNOWN, code="code_taken_and_gone")
    if not found[0].made_by(ref):
        return Receipt(
            state=ReceiptState.REFUSED,
            code="code_taken",
            message="The shop has another coupon of this code.",
        )
    return Receipt(state=ReceiptState.DONE, vendor_ref=str(found[0].id))


def _look(content: CreateDiscount) -> Request:
    query = urlencode({"code": content.code.lower(), "_fields": _FIELDS})
    return Request(method="GET", path=f"{_PATH}?{query}")


def _create(content: CreateDiscount, ref: str) -> Request:
    amount = content.percent if content.amount is None else content.amount.amount
    wish: dict[str, Any] = {
        "code": content.code.lower(),
        "discount_type": "percent" if content.amount is None else "fixed_cart",
        "amount": str(amount),
        "usage_limit": content.uses,
        "date_expires_gmt": content.ends_at.strftime("%Y-%m-%dT%H:%M:%S"),
        "description": "Made by Trueup",
        "meta_data": [{"key": MADE_BY, "value": ref}],
    }
    if content.email is not None:
        wish["email_restrictions"] = [content.email]
    return Request(
        method="POST",
        path=f"{_PATH}?{urlencode({'_fields': _FIELDS})}",
        headers=(("content-type", "application/json"),),
        body=msgspec.json.encode(wish),
        writes=True,
    )


def _listed(reply: Reply) -> list[_Coupon]:
    return read(reply, list[_Coupon], "list of coupons")


def _fits(content: CreateDiscount, reply: Reply) -> bool:
    code = read(reply, _Currency, "currency").code
    return content.amount is None or content.amount.currency == code


def _is_currency(reply: Reply) -> bool:
    """Tell a currency from a coupon, which has an id."""
    return "id" not in read(reply, dict[str, Any], "coupon or currency")
