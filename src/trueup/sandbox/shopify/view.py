"""How a record answers GraphQL: a view beside it, with snake_case names for the fields."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Generic, TypeVar

from graphql import GraphQLError, GraphQLResolveInfo

from trueup.sandbox.shopify.model import Order
from trueup.sandbox.shopify.money import Pair, amount_text
from trueup.sandbox.shopify.paging import Connection, PageArgs, page
from trueup.sandbox.shopify.search import SearchError, keep
from trueup.sandbox.shopify.shop import Shop, gid

__all__ = [
    "Ask",
    "Pick",
    "View",
    "bag",
    "listed",
    "money",
    "number_of",
    "resolve_field",
    "searched",
]

Record = TypeVar("Record")
_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")
_WORDS = frozenset({"return"})


@dataclass(slots=True)
class Ask:
    """One request: whose shop, from where, and how it is to be answered."""

    shop: Shop
    base_url: str
    whole: bool = False  # a bulk run: connections need no page size
    stale: bool = False  # a fault: inventory as it was before the last change


class View(Generic[Record]):
    """A record as the API shows it; names it does not define are read from the record."""

    typename: ClassVar[str] = ""

    def __init__(self, ask: Ask, it: Record) -> None:
        self.ask = ask
        self.it = it

    @property
    def shop(self) -> Shop:
        """The shop asked."""
        return self.ask.shop

    @property
    def id(self) -> str:
        """The global id."""
        return gid(self.typename, self.it.id)  # type: ignore[attr-defined]

    @property
    def legacy_resource_id(self) -> int:
        """The number in the global id."""
        return self.it.id  # type: ignore[attr-defined, no-any-return]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - fields of any type
        return getattr(self.it, name)


class Pick:
    """A small answer without a record behind it: fields by name, methods none."""

    def __init__(self, typename: str, /, **fields: object) -> None:
        self.typename = typename
        self.__dict__.update(fields)


@cache
def _snake(name: str) -> str:
    plain = _HUMP.sub(r"_\1", name).lower()
    return f"{plain}_" if plain in _WORDS else plain


def resolve_field(source: object, info: GraphQLResolveInfo[Any], **args: object) -> object:
    """Resolve any field: an attribute of the source, called with its arguments if it can be."""
    name = _snake(info.field_name)
    if isinstance(source, dict):
        return source.get(info.field_name)
    found = getattr(source, name)
    if callable(found):
        return found(**{_snake(key): value for key, value in args.items()})
    return found


def money(amount: object, currency: str) -> Pick:
    """Return an amount in one currency."""
    return Pick("MoneyV2", amount=amount, currency_code=currency)


def bag(order: Order, amount: Pair) -> Pick:
    """Return an amount in the shop's and the buyer's currency."""
    exchange = order.exchange
    return Pick(
        "MoneyBag",
        shop_money=money(_digits(amount.shop), exchange.shop),
        presentment_money=money(_digits(amount.presentment), exchange.presentment),
    )


def _digits(amount: object) -> str:
    # The API leaves out a last zero ("20.0"), where REST writes two digits.
    text = amount_text(amount, "XXX")  # type: ignore[arg-type]
    return text.removesuffix("0")


def listed(
    ask: Ask,
    items: Iterable[Record],
    wrap: Callable[[Record], object],
    args: dict[str, Any],
    key: Callable[[Record], tuple[object, int]] | None = None,
) -> Connection:
    """Return a page of a list in its own order (or by `key`)."""
    items = list(items)
    place = {id(item): index for index, item in enumerate(items)}
    return page(
        items,
        PageArgs(**{name: args[name] for name in PageArgs.__struct_fields__ if name in args}),
        key=key or (lambda item: (place[id(item)], 0)),
        wrap=wrap,
        whole=ask.whole,
    )


def searched(
    items: list[Record], text: str | None, fields: dict[str, Callable[[Record], object]]
) -> list[Record]:
    """Return what a search text keeps; its mistakes become the vendor's error shape."""
    try:
        return keep(items, text, fields)
    except SearchError as error:
        raise GraphQLError(str(error), extensions={"code": "BAD_REQUEST"}) from error


def number_of(text: str, kind: str) -> int | None:
    """Return the number of a global id of this kind; None when it is of another kind.

    Raises:
        GraphQLError: the text is no global id at all.
    """
    match = re.fullmatch(r"gid://shopify/(\w+)/(\d+)(?:\?.*)?", text)
    if match is None:
        raise GraphQLError(f"Invalid global id '{text}'", extensions={"code": "BAD_REQUEST"})
    return int(match[2]) if match[1] == kind else None
