"""What replies that hold lists have in common: their items, and where the next page is."""

import re
from typing import TypeVar

import msgspec

from trueup.contract.connector import Reply
from trueup.errors import ContractBroken

PAGE_SIZE = 100
_NEXT = re.compile(r'<[^>]*[?&]page=(\d+)[^>]*>;\s*rel="next"')
_T = TypeVar("_T")


def read(reply: Reply, kind: type[_T], what: str) -> _T:
    """Return the reply as it was asked for.

    Raises:
        ContractBroken: it has another shape.
    """
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken(f"WooCommerce's reply is no {what}") from fault


def next_page(reply: Reply) -> str | None:
    """Return the number of the next page; None on the last one.

    Raises:
        ContractBroken: there are more pages, and nothing says which this one is: a proxy that
            takes the header away must not end a walk after its first page.
    """
    link = reply.headers.get("link", "")
    if found := _NEXT.search(link):
        return found[1]
    pages = reply.headers.get("x-wp-totalpages", "")
    if pages.isdecimal() and int(pages) > 1 and "rel=" not in link:
        raise ContractBroken("WooCommerce has more pages, and no link to the next one.")
    return None


def total(reply: Reply) -> int:
    """Return how many there are by the vendor's own count.

    Raises:
        ContractBroken: the header is missing.
    """
    told = reply.headers.get("x-wp-total", "")
    if not told.isdecimal():
        raise ContractBroken("WooCommerce does not say how many there are.")
    return int(told)
