"""The flag that little is left of a variant.

It is a metafield of the variant, `trueup.low_stock`, true or false, with `trueup.sold_out_on`
beside it where the day is known. A theme reads them. Set again to the same, nothing changes.
"""

from typing import Final

import msgspec

from trueup.canon.command import FlagListing
from trueup.connectors.shopify.call import call, needed
from trueup.connectors.shopify.refs import gid, numbered
from trueup.connectors.shopify.refusal import UserError, refusal
from trueup.contract.connector import Receipt, ReceiptState, Reply, Request

NAMESPACE: Final = "trueup"
FLAG: Final = "low_stock"
DAY: Final = "sold_out_on"


class _Metafield(msgspec.Struct, gc=False):
    id: str
    key: str = ""


class _Set(msgspec.Struct, gc=False, rename="camel"):
    metafields: list[_Metafield] | None = None
    user_errors: list[UserError] = []


def request(content: FlagListing) -> Request:
    """Return the call that sets or clears the flag; it needs no key, for it sets a value.

    Raises:
        Refused: the variant's id is not one of Shopify's.
    """
    owner = gid("ProductVariant", numbered(content.variant_ref, "variant"))
    fields = [_field(owner, FLAG, "boolean", "true" if content.raised else "false")]
    if content.raised and content.expected_on is not None:
        fields.append(_field(owner, DAY, "date", content.expected_on.isoformat()))
    return call("listing_flag", {"metafields": fields}, cost=10, writes=True)


def receipt(content: FlagListing, ref: str, reply: Reply) -> Receipt:  # noqa: ARG001 - as others
    """Return that the flag stands, or why it does not.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    result = needed(reply, "metafieldsSet", _Set)
    if result.user_errors:
        return refusal(result.user_errors)
    flag = next((field.id for field in result.metafields or () if field.key == FLAG), None)
    if flag is None:
        return Receipt(state=ReceiptState.UNKNOWN, code="no_metafield")
    return Receipt(state=ReceiptState.DONE, vendor_ref=flag)


def _field(owner: str, key: str, kind: str, value: str) -> dict[str, str]:
    return {"ownerId": owner, "namespace": NAMESPACE, "key": key, "type": kind, "value": value}
