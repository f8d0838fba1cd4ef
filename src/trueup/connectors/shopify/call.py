"""One call of the Admin GraphQL API and what its reply holds, typed by the one who asked."""

from typing import Any, TypeVar

import msgspec

from trueup.connectors.shopify.documents import document
from trueup.contract.connector import Reply, Request
from trueup.errors import ContractBroken

_T = TypeVar("_T")


def call(name: str, variables: dict[str, Any], *, cost: float, writes: bool = False) -> Request:
    """Return the request of one document.

    Args:
        name: a file under documents/, without its ending.
        variables: by the names in the document.
        cost: the points that the vendor is expected to take, before its reply tells.
        writes: the document is a mutation.
    """
    body = msgspec.json.encode({"query": document(name), "variables": variables})
    return Request(
        method="POST",
        path="/graphql.json",
        headers=(("content-type", "application/json"), ("accept", "application/json")),
        body=body,
        cost=cost,
        writes=writes,
    )


def answer(reply: Reply, field: str, shape: type[_T]) -> _T | None:
    """Return one root field of the reply's data; None where the vendor answers null.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    try:
        data = msgspec.json.decode(reply.body, type=_Reply).data or {}
        found = data.get(field, _NULL)
        return None if bytes(found) == b"null" else msgspec.json.decode(found, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("Shopify's reply can not be read", field=field) from fault


def needed(reply: Reply, field: str, shape: type[_T]) -> _T:
    """Return one root field of the reply's data.

    Raises:
        ContractBroken: it is missing or null, or has another shape than was asked for.
    """
    found = answer(reply, field, shape)
    if found is None:
        raise ContractBroken("Shopify's reply lacks what was asked for", field=field)
    return found


def root_fields(reply: Reply) -> frozenset[str]:
    """Return which root fields a reply answers; none where it can not be read."""
    try:
        return frozenset(msgspec.json.decode(reply.body, type=_Reply).data or ())
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return frozenset()


class _Reply(msgspec.Struct, gc=False):
    data: dict[str, msgspec.Raw] | None = None


_NULL = msgspec.Raw(b"null")
