"""Turn a page's facts into HTML, or into JSON for whoever asks for it."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import msgspec
from babel.dates import format_date
from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    pass_context,
    select_autoescape,
)
from jinja2.runtime import Context
from litestar import MediaType, Request, Response
from markupsafe import Markup, escape

from trueup import __version__
from trueup.access.manner import Language, manner_in_force, read_as, set_apart
from trueup.access.visitor import Visitor
from trueup.api.guard import asks_for_json, form_token, manner_for, visitor_if_any
from trueup.console.fact import Money
from trueup.console.words import gettext, language_in_force, mark, ngettext, said, say
from trueup.kernel.money import Money as ExactMoney

FOLDER = Path(__file__).parent


class Page(NamedTuple):
    """A page of the menu, with the right that it needs; `also` are addresses that belong to it."""

    path: str
    label: str
    right: str
    also: tuple[str, ...] = ()


SECTIONS: Final[Mapping[str, tuple[Page, ...]]] = {
    mark("Overview"): (
        Page("/", mark("Overview"), "today.read"),
        Page("/today", mark("Live"), "today.read"),
    ),
    mark("Orders"): (
        Page("/orders", mark("Orders"), "orders.read"),
        Page("/shipments", mark("Shipments"), "orders.read"),
        Page("/returns", mark("Returns"), "returns.read"),
        Page("/customers", mark("Customers"), "customers.read"),
    ),
    mark("Stock"): (
        Page("/skus", mark("SKUs"), "stock.read"),
        Page("/oversold", mark("Oversold"), "stock.read"),
        Page("/low-stock", mark("Low stock"), "stock.read"),
        Page("/dock", mark("Dock"), "stock.book"),
        Page("/serials", mark("Serials"), "serials.read"),
        Page("/parity", mark("Parity"), "stock.read"),
        Page("/phantoms", mark("Phantoms"), "stock.read"),
    ),
    mark("Money"): (
        Page("/exceptions", mark("Exceptions"), "exceptions.read"),
        Page("/payouts", mark("Payouts"), "money.read"),
        Page("/journals", mark("Journals"), "journals.read"),
        Page("/margin", mark("Margin"), "costs.read"),
    ),
    mark("Ahead"): (
        Page("/forecasts", mark("Forecasts"), "models.read"),
        Page("/routes", mark("Routes"), "models.read"),
        Page("/tiers", mark("Tiers"), "customers.read"),
    ),
    mark("Decisions"): (
        Page("/decisions", mark("Decisions"), "decisions.read", ("/rules", "/write-rule")),
    ),
    mark("System"): (
        Page("/connections", mark("Connections"), "connections.read", ("/connect",)),
        Page("/parked", mark("Parked"), "events.read", ("/events",)),
        Page("/people", mark("People"), "people.read"),
        Page("/audit", mark("Audit"), "audit.read"),
    ),
}
"""The pages of the menu, in sections."""

_DAYS: Final = {Language.GERMAN: "dd. MMM", Language.HINDI: "dd MMM"}

_encoder = msgspec.json.Encoder(decimal_format="string")


def wants_json(request: Request[Any, Any, Any]) -> bool:
    """Say whether the answer shall be the page's JSON twin."""
    return asks_for_json(request)


def answer(
    request: Request[Any, Any, Any],
    template: str,
    page: msgspec.Struct,
    *,
    status: int = 200,
    **more: Any,  # noqa: ANN401 - whatever a template shows beside the facts
) -> Response[Any]:
    """Return a page as HTML, or its facts as JSON.

    Args:
        request: says which.
        template: file name below `templates`.
        page: the facts; the template sees them as `page`.
        status: HTTP status.
        more: what only the HTML shows.
    """
    if wants_json(request):
        return Response(_encoder.encode(page), status_code=status, media_type=MediaType.JSON)
    return html(request, template, status=status, page=page, **more)


def html(
    request: Request[Any, Any, Any],
    template: str,
    *,
    status: int = 200,
    **context: Any,  # noqa: ANN401 - as above
) -> Response[str]:
    """Return a template as HTML."""
    visitor = visitor_if_any(request)
    # An error is told of after its request, and whoever made it reads as they did before.
    with read_as(manner_for(request)):
        given = _frame(request, visitor)
        text = _environment.get_template(template).render(given | context)
    return Response(text, status_code=status, media_type=MediaType.HTML)


def _frame(request: Request[Any, Any, Any], visitor: Visitor | None) -> dict[str, object]:
    """Return what every template sees."""
    return {
        "csrf": form_token(request),
        "path": request.url.path,
        "address": f"{request.url.path}?{request.url.query}".removesuffix("?"),
        "version": __version__,
        "now": datetime.now(UTC),
        "visitor": visitor,
        "zone": manner_in_force().zone,
        "language": language_in_force().value,
        "menu": menu_of(visitor, request.url.path),
    }


class MenuLink(NamedTuple):
    """A link of the menu; `here` says that the page shown is there."""

    path: str
    label: str
    here: bool


class Menu(NamedTuple):
    """The sections that somebody may see, the pages of the one that is shown, and every page."""

    sections: tuple[MenuLink, ...]
    pages: tuple[MenuLink, ...]
    every: tuple[MenuLink, ...]


def menu_of(visitor: Visitor | None, path: str) -> Menu:
    """Return the menu as a visitor sees it at an address. Pure."""
    sections: list[MenuLink] = []
    every: list[MenuLink] = []
    shown: tuple[MenuLink, ...] = ()
    for label, pages in SECTIONS.items():
        seen = [page for page in pages if visitor is not None and visitor.may(page.right)]
        if not seen:
            continue
        links = tuple(MenuLink(page.path, say(page.label), _is_at(page, path)) for page in seen)
        here = any(link.here for link in links)
        sections.append(MenuLink(seen[0].path, say(label), here))
        every += links
        shown = links if here and len(links) > 1 else shown
    return Menu(tuple(sections), shown, tuple(every))


def may_reach(visitor: Visitor, address: str) -> bool:
    """Say whether a visitor may see the page of the menu that an address belongs to. Pure."""
    path = address.partition("?")[0]
    pages = (page for each in SECTIONS.values() for page in each if _is_at(page, path))
    return all(visitor.may(page.right) for page in pages)


def _is_at(page: Page, path: str) -> bool:
    """Say whether an address is a page's, or of a thing on it."""
    bare = path.removesuffix(".json")
    places = (page.path, *page.also)
    return any(bare == each or (each != "/" and bare.startswith(f"{each}/")) for each in places)


def number(value: float | None) -> str:
    """Return a number with thousands apart and a true minus; an em dash for none."""
    if value is None:
        return "—"
    return _apart(f"{value:,}")


def signed(value: int) -> str:
    """Return a number with its sign."""
    return f"+{number(value)}" if value > 0 else number(value)


def money(value: Money | ExactMoney) -> str:
    """Return an exact amount with its currency."""
    return f"{number_of(Decimal(value.amount))}\u00a0{value.currency}"


def number_of(value: Decimal) -> str:
    """Return a decimal with all its digits."""
    return _apart(f"{value:,f}")


def _apart(text: str) -> str:
    """Return a number as whoever asks reads it, with a true minus."""
    return set_apart(text.replace("-", "−"), manner_in_force().numbers)  # noqa: RUF001 - no hyphen


def sentence(text: str) -> str:
    """Return words as they begin a sentence; names within stay as they are."""
    return text[:1].upper() + text[1:]


@pass_context
def said_as_it_is_read(_: Context, text: str) -> str:
    """Return a word of a closed set in the language in force.

    It takes the context so that no word is folded into a template as it was said first.
    """
    return said(str(text))


def span(value: float | None) -> str:
    """Return milliseconds as people read them: 12 ms, 3.4 s, 5 min."""
    if value is None:
        return "—"
    if value < 1000:
        return f"{_apart(f'{value:,.0f}')}\u00a0ms"
    if value < 60_000:
        return f"{_apart(f'{value / 1000:,.1f}')}\u00a0s"
    return f"{_apart(f'{value / 60_000:,.0f}')}\u00a0min"


def stamp(value: datetime) -> Markup:
    """Return an instant as a `time` element, in its reader's zone; without one the browser's."""
    iso = value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    local = value.astimezone(manner_in_force().place())
    seen = f"{day_of(local)} {local:%H:%M:%S %Z}"
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(iso, seen)


def day_of(value: datetime) -> str:
    """Return the day of an instant as its reader writes it: 05 Dec, 05. Dez."""
    language = language_in_force()
    if language is Language.ENGLISH:
        return f"{value:%d %b}"
    return format_date(value, _DAYS[language], locale=language.value)


def link_order(connection: str, ref: str) -> str:
    """Return the address of an order's page."""
    return f"/orders/{quote(connection, safe='')}/{quote(ref, safe='')}"


def link_sku(sku: str, ending: str = "") -> str:
    """Return the address of a SKU's page; one that no path can carry goes as a parameter.

    Args:
        sku: any text.
        ending: ".json" or ".png" for the page's twin or its chart.
    """
    clean = sku.strip("/") == sku and "//" not in sku and sku not in {".", ".."}
    if clean and not sku.endswith((".json", ".svg", ".png")):
        return f"/skus/{quote(sku, safe='')}{ending}"
    return f"/skus{ending}?sku={quote(sku, safe='')}"


_NAMED = re.compile(
    r"(?:(?P<told_by>[^\s/:;,]+)/)?\b(?P<kind>event|order|payout|journal|sku)/"
    r"(?P<ref>[^\s:;,]+?)(?=/entries\b|\.?(?:[\s:;,]|$))"
)


def evidence(text: str, connection: str = "") -> Markup:
    """Return a line of evidence; what it names and has a page leads there.

    Args:
        text: anybody's words.
        connection: whose an order or a payout is where the words do not say.
    """
    found, end = Markup(""), 0
    for match in _NAMED.finditer(text):
        ours = match["kind"] != "journal" or not match["told_by"]
        told_by = match["told_by"] or connection
        address = _address(match["kind"], told_by, match["ref"]) if ours else ""
        found += escape(text[end : match.start()])
        if address:
            found += Markup('<a href="{}">{}</a>').format(address, match.group())
        else:
            found += escape(match.group())
        end = match.end()
    return found + escape(text[end:])


def _address(kind: str, connection: str, ref: str) -> str:
    if kind == "event":
        return f"/events/{ref}" if ref.isascii() and ref.isdecimal() else ""
    if kind == "sku":
        return link_sku(ref)
    if kind == "journal":
        return f"/journals/{quote(ref, safe='')}"
    if not connection:
        return ""
    return link_order(connection, ref) if kind == "order" else link_payout(connection, ref)


def link_payout(connection: str, ref: str) -> str:
    """Return the address of a payout's page."""
    return f"/payouts/{quote(connection, safe='')}/{quote(ref, safe='')}"


_environment = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    extensions=["jinja2.ext.i18n"],
)
_environment.install_gettext_callables(  # type: ignore[attr-defined] # the extension adds it
    gettext, ngettext, newstyle=True
)
_environment.filters.update(
    number=number,
    signed=signed,
    money=money,
    exact=number_of,
    sentence=sentence,
    span=span,
    stamp=stamp,
    sku_link=link_sku,
    evidence=evidence,
    said=said_as_it_is_read,
)
_environment.globals.update(order_link=link_order, payout_link=link_payout)
