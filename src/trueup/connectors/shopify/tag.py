"""Tags of an order: added and removed in one call, and all others stay as they are."""

import msgspec

from trueup.canon.command import TagOrder
from trueup.connectors.shopify.call import call, needed, root_fields
from trueup.connectors.shopify.refs import gid, numbered
from trueup.connectors.shopify.refusal import UserError, refusal
from trueup.contract.connector import Receipt, ReceiptState, Reply, Request
from trueup.errors import ContractBroken, Refused

_FIELDS = ("tagsAdd", "tagsRemove")


class _Tagged(msgspec.Struct, gc=False, rename="camel"):
    user_errors: list[UserError] = []


def request(content: TagOrder) -> Request:
    """Return the call; a tag that stands already is not added twice.

    Raises:
        Refused: the order's id is not one of Shopify's, or a tag would become several, or none.
    """
    ref = numbered(content.order_ref, "order")
    if any("," in tag or not tag.strip() for tag in (*content.added, *content.removed)):
        raise Refused("A tag of Shopify has no comma and is not blank.")
    variables = {
        "id": gid("Order", ref),
        "added": content.added,
        "adds": bool(content.added),
        "removed": content.removed,
        "removes": bool(content.removed),
    }
    return call("order_tag", variables, cost=20, writes=True)


def receipt(content: TagOrder, ref: str, reply: Reply) -> Receipt:  # noqa: ARG001 - as others
    """Return what came of it.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    fields = [field for field in _FIELDS if field in root_fields(reply)]
    if not fields:
        raise ContractBroken("Shopify's reply lacks what was asked for", field="tagsAdd")
    errors = [error for name in fields for error in needed(reply, name, _Tagged).user_errors]
    if errors:
        return refusal(errors)
    return Receipt(state=ReceiptState.DONE, vendor_ref=content.order_ref)
