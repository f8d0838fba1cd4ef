"""Whether a product is shown and sold: its status is active, or draft.

Only between these two is it moved. What is archived, or unlisted and sold by its address alone, was
made so by somebody of the shop, and nothing would say to what it should go back.
"""

from collections.abc import Sequence

import msgspec

from trueup.canon.command import PublishListing
from trueup.connectors.shopify.call import answer, call, needed, root_fields
from trueup.connectors.shopify.refs import gid, numbered
from trueup.connectors.shopify.refusal import UserError, refusal, refused
from trueup.contract.connector import Receipt, ReceiptState, Reply, Request

_SHOWN, _HIDDEN, _ARCHIVED = "ACTIVE", "DRAFT", "ARCHIVED"


class _Product(msgspec.Struct, gc=False):
    id: str
    status: str


class _Updated(msgspec.Struct, gc=False, rename="camel"):
    product: _Product | None = None
    user_errors: list[UserError] = []


def request(content: PublishListing) -> Request:
    """Return the look at the product that a carrying out begins with.

    Raises:
        Refused: the product's id is not one of Shopify's.
    """
    return call("product_status", {"id": _gid(content)}, cost=2)


def following(
    content: PublishListing,
    ref: str,  # noqa: ARG001 - as others
    replies: Sequence[Reply],
) -> Request | None:
    """Return the call that sets the status; None where it stands, or is not ours to set.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    product = answer(replies[0], "product", _Product)
    if len(replies) > 1 or product is None or product.status != _before(content):
        return None
    wish = {"id": product.id, "status": _after(content)}
    return call("product_publish", {"product": wish}, cost=10, writes=True)


def receipt(content: PublishListing, ref: str, reply: Reply) -> Receipt:  # noqa: ARG001 - as others
    """Return what came of it, from the last reply.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    if "product" in root_fields(reply):
        return _seen(content, answer(reply, "product", _Product))
    updated = needed(reply, "productUpdate", _Updated)
    if updated.user_errors:
        return refusal(updated.user_errors)
    if updated.product is None:
        return Receipt(state=ReceiptState.UNKNOWN, code="no_product")
    return _seen(content, updated.product)


def _seen(content: PublishListing, product: _Product | None) -> Receipt:
    if product is None:
        return refused("not_found", "The shop has no such product.")
    hidden = product.status == _ARCHIVED and not content.published
    if product.status == _after(content) or hidden:
        return Receipt(state=ReceiptState.DONE, vendor_ref=content.product_ref)
    if product.status == _before(content):
        return Receipt(state=ReceiptState.UNKNOWN, code="not_as_written")
    word = product.status.lower()[:20]
    return refused("status_of_others", f"Somebody of the shop made the product {word}.")


def _before(content: PublishListing) -> str:
    return _HIDDEN if content.published else _SHOWN


def _after(content: PublishListing) -> str:
    return _SHOWN if content.published else _HIDDEN


def _gid(content: PublishListing) -> str:
    return gid("Product", numbered(content.product_ref, "product"))
