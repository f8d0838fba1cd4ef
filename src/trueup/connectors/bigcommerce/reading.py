"""What replies have in common: the envelope of newer calls, no content for an empty list."""

from typing import Generic, TypeVar

import msgspec

from trueup.contract.connector import Reply
from trueup.errors import ContractBroken

_T = TypeVar("_T")
_NO_CONTENT = 204


class _Pagination(msgspec.Struct, gc=False):
    total: int = 0
    current_page: int = 1
    total_pages: int = 1


class _Meta(msgspec.Struct, gc=False):
    pagination: _Pagination | None = None


class Paged(msgspec.Struct, Generic[_T], gc=False):
    """One page of a newer list."""

    data: list[_T]
    meta: _Meta | None = None

    @property
    def next_page(self) -> str | None:
        """The number of the next page; None on the last one."""
        pages = self.meta.pagination if self.meta else None
        if pages is None or pages.current_page >= pages.total_pages:
            return None
        return str(pages.current_page + 1)

    @property
    def total(self) -> int:
        """How many there are by the vendor's own count.

        Raises:
            ContractBroken: the reply does not say.
        """
        if self.meta is None or self.meta.pagination is None:
            raise ContractBroken("BigCommerce does not say how many there are.")
        return self.meta.pagination.total


def read(reply: Reply, kind: type[_T], what: str) -> _T:
    """Return the reply as it was asked for.

    Raises:
        ContractBroken: it has another shape.
    """
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken(f"BigCommerce's reply is no {what}") from fault


def read_old_list(reply: Reply, what: str) -> list[msgspec.Raw]:
    """Return the items of an older list, which answers 204 where it is empty."""
    if reply.status == _NO_CONTENT or not reply.body.strip():
        return []
    return read(reply, list[msgspec.Raw], what)
