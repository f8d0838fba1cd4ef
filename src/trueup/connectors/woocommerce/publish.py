"""Whether a product is shown and sold: its status is "publish", or "draft".

Only between these two is it moved. What is private, or waits for somebody's review, was made so by
the shop's team.
"""

from typing import Final

import msgspec

from trueup.canon.command import PublishListing
from trueup.connectors.woocommerce.reading import read
from trueup.contract.connector import Receipt, ReceiptState, Reply, Request
from trueup.errors import Refused

_SHOWN: Final = "publish"
_HIDDEN: Final = "draft"
_FIELDS = "_fields=id,status"


class _Product(msgspec.Struct, gc=False):
    id: int
    status: str


def request(content: PublishListing) -> Request:
    """Return the look at the product that a carrying out begins with.

    Raises:
        Refused: the product's id is none of WooCommerce's.
    """
    if not content.product_ref.isascii() or not content.product_ref.isdecimal():
        raise Refused("The product's id is none of WooCommerce's: digits.")
    return Request(method="GET", path=_path(content))


def following(content: PublishListing, look: Reply) -> Request | None:
    """Return the call that sets the status; None where it stands, or is not ours to set.

    Raises:
        ContractBroken: the reply is no product.
    """
    if _read(look).status != (_HIDDEN if content.published else _SHOWN):
        return None
    return Request(
        method="PUT",
        path=_path(content),
        headers=(("content-type", "application/json"),),
        body=msgspec.json.encode({"status": _SHOWN if content.published else _HIDDEN}),
        writes=True,
    )


def receipt(content: PublishListing, reply: Reply) -> Receipt:
    """Return what came of it: looked at or written, the reply is the product as it stands.

    Raises:
        ContractBroken: the reply is no product.
    """
    status = _read(reply).status
    if (status == _SHOWN) is content.published:
        return Receipt(state=ReceiptState.DONE, vendor_ref=content.product_ref)
    if status in {_SHOWN, _HIDDEN}:
        return Receipt(state=ReceiptState.UNKNOWN, code="not_as_written")
    return Receipt(
        state=ReceiptState.REFUSED,
        code="status_of_others",
        message=f"Somebody of the shop made the product {status[:20]}.",
    )


def _path(content: PublishListing) -> str:
    return f"/wc/v3/products/{content.product_ref}?{_FIELDS}"


def _read(reply: Reply) -> _Product:
    return read(reply, _Product, "product")
