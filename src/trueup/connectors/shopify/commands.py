"""Commands to requests, replies to receipts: the flag that little is left of a variant.

It is a metafield of the variant, `trueup.low_stock`, true or false, with `trueup.sold_out_on`
beside it where the day is known. A theme reads them. Set again to the same, nothing changes.
"""

from typing import Final

import msgspec

from trueup.canon.command import FlagListing
from trueup.connectors.shopify.call import call, needed
from trueup.connectors.shopify.refs import gid
from trueup.contract.connector import Command, Receipt, ReceiptState, Reply, Request
from trueup.errors import Refused

NAMESPACE: Final = "trueup"
FLAG: Final = "low_stock"
DAY: Final = "sold_out_on"


class _UserError(msgspec.Struct, gc=False):
    field: list[str] | None = None
    message: str = ""
    code: str | None = None


class _Metafield(msgspec.Struct, gc=False):
    id: str
    key: str = ""


class _Set(msgspec.Struct, gc=False, rename="camel"):
    metafields: list[_Metafield] | None = None
    user_errors: list[_UserError] = []


def command_request(command: Command, idempotency_key: str) -> Request:
    """Return the call that sets or clears the flag; it needs no key, for it sets a value.

    Raises:
        Refused: it is no flag of a listing, or the variant's id is not one of Shopify's.
    """
    del idempotency_key
    content = _content(command)
    owner = gid("ProductVariant", content.variant_ref)
    fields = [_field(owner, FLAG, "boolean", "true" if content.raised else "false")]
    if content.raised and content.expected_on is not None:
        fields.append(_field(owner, DAY, "date", content.expected_on.isoformat()))
    return call("listing_flag", {"metafields": fields}, cost=10, writes=True)


def command_receipt(command: Command, reply: Reply) -> Receipt:
    """Return that the flag stands, or why it does not.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    del command
    result = needed(reply, "metafieldsSet", _Set)
    if result.user_errors:
        error = result.user_errors[0]
        code = error.code or "USER_ERROR"
        return Receipt(state=ReceiptState.REFUSED, code=code, message=error.message)
    flag = next((field.id for field in result.metafields or () if field.key == FLAG), None)
    if flag is None:
        return Receipt(state=ReceiptState.UNKNOWN, code="no_metafield")
    return Receipt(state=ReceiptState.DONE, vendor_ref=flag)


def _field(owner: str, key: str, kind: str, value: str) -> dict[str, str]:
    return {"ownerId": owner, "namespace": NAMESPACE, "key": key, "type": kind, "value": value}


def _content(command: Command) -> FlagListing:
    content = command.content
    if not isinstance(content, FlagListing):
        raise Refused("Only listings can be flagged at Shopify", kind=command.kind)
    if not content.variant_ref.isascii() or not content.variant_ref.isdecimal():
        raise Refused("The variant's id is not one of Shopify's: digits", sku=content.sku)
    return content
