"""Connections: pages by cursor that stay right while rows change between two pages."""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from graphql import GraphQLError

__all__ = ["PAGE_ITEMS_MAX", "Connection", "Edge", "PageArgs", "PageInfo", "page"]

Item = TypeVar("Item")
Key = tuple[str | int, int]
PAGE_ITEMS_MAX = 250


class PageArgs(msgspec.Struct, frozen=True, kw_only=True):
    """What a query says of the page it wants."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None
    reverse: bool = False


class PageInfo(msgspec.Struct, frozen=True):
    """Where a page lies in the whole."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


class Edge(msgspec.Struct, frozen=True):
    """A node and its place."""

    cursor: str
    node: object


class Connection(msgspec.Struct, frozen=True):
    """One page."""

    edges: list[Edge]
    nodes: list[object]
    page_info: PageInfo


def page(
    items: Sequence[Item],
    args: PageArgs,
    *,
    key: Callable[[Item], tuple[object, int]],
    wrap: Callable[[Item], object],
    whole: bool = False,
) -> Connection:
    """Cut one page out of `items`, sorted by `key`; `whole` (bulk) needs no page size.

    Raises:
        GraphQLError: neither or both of first and last, or more than 250.
    """
    limit = _limit(args, whole=whole, count=len(items))
    keyed = sorted(((_plain(key(item)), item) for item in items), key=lambda each: each[0])
    if args.reverse:
        keyed.reverse()
    start, stop = _window(keyed, args)
    span = keyed[start:stop]
    taken = span[:limit] if args.last is None else span[max(0, len(span) - limit) :]
    first_at = start if args.last is None else start + max(0, len(span) - limit)
    edges = [Edge(_cursor(each), wrap(item)) for each, item in taken]
    info = PageInfo(
        has_next_page=first_at + len(taken) < len(keyed),
        has_previous_page=first_at > 0,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    return Connection(edges, [edge.node for edge in edges], info)


def _limit(args: PageArgs, *, whole: bool, count: int) -> int:
    if args.first is not None and args.last is not None:
        raise _bad("providing both first and last is not supported")
    size = args.first if args.first is not None else args.last
    if size is None:
        if whole:
            return count
        raise _bad("you must provide one of first or last")
    if size > PAGE_ITEMS_MAX or size < 0:
        raise _bad(f"a page holds from 0 to {PAGE_ITEMS_MAX} items, not {size}")
    return size


def _window(keyed: list[tuple[Key, Item]], args: PageArgs) -> tuple[int, int]:
    start, stop = 0, len(keyed)
    if args.after is not None:
        mark = _uncursor(args.after)
        start = sum(1 for each, _ in keyed if each == mark or _before(each, mark, args))
    if args.before is not None:
        mark = _uncursor(args.before)
        stop = sum(1 for each, _ in keyed if _before(each, mark, args))
    return start, max(start, stop)


def _before(each: Key, mark: Key, args: PageArgs) -> bool:
    if type(each[0]) is not type(mark[0]):
        raise _bad("the cursor belongs to another sort order")
    return (each > mark) if args.reverse else (each < mark)


def _plain(key: tuple[object, int]) -> Key:
    value, number = key
    if isinstance(value, datetime):
        value = value.astimezone(UTC).isoformat(timespec="microseconds")
    return (value if isinstance(value, int | str) else str(value), number)


def _cursor(key: Key) -> str:
    text = msgspec.json.encode({"last_id": key[1], "last_value": key[0]})
    return base64.urlsafe_b64encode(text).decode()


def _uncursor(cursor: str) -> Key:
    try:
        known = msgspec.json.decode(base64.urlsafe_b64decode(cursor))
        return (known["last_value"], known["last_id"])
    except (binascii.Error, msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise _bad("Invalid cursor for current pagination sort.") from error


def _bad(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "BAD_REQUEST"})
