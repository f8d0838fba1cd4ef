"""Turn a page's facts into HTML, or into JSON for whoever asks for it."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from litestar import MediaType, Request, Response
from markupsafe import Markup, escape

from trueup import __version__
from trueup.access.manner import manner_in_force, set_apart
from trueup.access.visitor import Visitor
from trueup.api.guard import form_token, visitor_if_any
from trueup.console.fact import Money
from trueup.kernel.money import Money as ExactMoney

FOLDER = Path(__file__).parent


class Page(NamedTuple):
    """A page of the menu, with the right that it needs; `also` are addresses that belong to it."""

    path: str
    label: str
    right: str
    also: tuple[str, ...] = ()


SECTIONS: Final[Mapping[str, tuple[Page, ...]]] = {
    "Overview": (
        Page("/", "Overview", "today.read"),
        Page("/today", "Live", "today.read"),
    ),
    "Orders": (
        Page("/orders", "Orders", "orders.read"),
        Page("/shipments", "Shipments", "orders.read"),
        Page("/returns", "Returns", "returns.read"),
        Page("/customers", "Customers", "customers.read"),
    ),
    "Stock": (
        Page("/skus", "SKUs", "stock.read"),
        Page("/low-stock", "Low stock", "stock.read"),
        Page("/dock", "Dock", "stock.book"),
        Page("/serials", "Serials", "serials.read"),
        Page("/parity", "Parity", "stock.read"),
        Page("/phantoms", "Phantoms", "stock.read"),
    ),
    "Money": (
        Page("/exceptions", "Exceptions", "exceptions.read"),
        Page("/payouts", "Payouts", "money.read"),
        Page("/journals", "Journals", "journals.read"),
        Page("/margin", "Margin", "costs.read"),
    ),
    "Ahead": (
        Page("/forecasts", "Forecasts", "models.read"),
        Page("/routes", "Routes", "models.read"),
        Page("/tiers", "Tiers", "customers.read"),
    ),
    "Decisions": (Page("/decisions", "Decisions", "decisions.read", ("/rules", "/write-rule")),),
    "System": (
        Page("/connections", "Connections", "connections.read", ("/connect",)),
        Page("/parked", "Parked", "events.read", ("/events",)),
        Page("/people", "People", "people.read"),
        Page("/audit", "Audit", "audit.read"),
    ),
}
"""The pages of the menu, in sections."""

_encoder = msgspec.json.Encoder(decimal_format="string")


def wants_json(request: Request[Any, Any, Any]) -> bool:
    """Say whether the answer shall be the page's JSON twin."""
    accept = request.headers.get("accept", "")
    return request.url.path.endswith(".json") or (
        "application/json" in accept and "text/html" not in accept
    )


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
    given = {
        "csrf": form_token(request),
        "path": request.url.path,
        "address": f"{request.url.path}?{request.url.query}".removesuffix("?"),
        "version": __version__,
        "now": datetime.now(UTC),
        "visitor": visitor,
        "zone": manner_in_force().zone,
        "menu": menu_of(visitor, request.url.path),
    }
    text = _environment.get_template(template).render(given | context)
    return Response(text, status_code=status, media_type=MediaType.HTML)


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
        links = tuple(MenuLink(page.path, page.label, _is_at(page, path)) for page in seen)
        here = any(link.here for link in links)
        sections.append(MenuLink(seen[0].path, label, here))
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
    seen = value.astimezone(manner_in_force().place()).strftime("%d %b %H:%M:%S %Z")
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(iso, seen)


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
)
_environment.globals.update(order_link=link_order, payout_link=link_payout)
