"""Find: one field for whatever somebody has in hand, over every system.

An order's number, a SKU, a barcode, a parcel's number, a payment's id, an e-mail address: what is
shown is what the reader may see, and each thing leads to its page, or to the event that told it.
"""

from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from trueup.api.guard import visitor_of
from trueup.console.readings import Session
from trueup.console.render import answer, link_order, link_payout, link_sku, wants_json
from trueup.console.words import mark
from trueup.records.find import TEXT_CHARS_MAX, By, Hit, Scope, find_things

Req = Request[Any, Any, Any]

ROWS_MAX: Final = 50
PEOPLE: Final = "customers.read"
"""Who may look for somebody by their address."""


class _Kind(NamedTuple):
    """A kind of thing: its name for a reader, and the right that it needs."""

    label: str
    right: str


_KINDS: Final = {
    "order": _Kind(mark("Order"), "orders.read"),
    "customer": _Kind(mark("Customer"), PEOPLE),
    "product": _Kind(mark("Product"), "stock.read"),
    "shipment": _Kind(mark("Shipment"), "orders.read"),
    "parcel": _Kind(mark("Parcel"), "orders.read"),
    "return": _Kind(mark("Return"), "returns.read"),
    "refund": _Kind(mark("Refund"), "money.read"),
    "payment": _Kind(mark("Payment"), "money.read"),
    "dispute": _Kind(mark("Dispute"), "money.read"),
    "payout": _Kind(mark("Payout"), "money.read"),
    "invoice": _Kind(mark("Invoice"), "money.read"),
    "purchase_order": _Kind(mark("Purchase order"), "stock.read"),
    "reservation": _Kind(mark("Reservation"), "stock.read"),
    "ticket": _Kind(mark("Ticket"), PEOPLE),
    "message": _Kind(mark("Message"), PEOPLE),
}
_BY: Final = {
    By.ID: mark("its id"),
    By.NUMBER: mark("its number"),
    By.NAME: mark("another name of it"),
}


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """Something that has what was typed.

    Attributes:
        kind: "order", "sku", ...
        label: the same for a reader.
        connection: who tells it; empty for a SKU.
        name: its number, or its id where it has none.
        by: what of it was typed.
        at: when it happened.
        address: its page, or the event that told it last; empty where the reader may see neither.
    """

    kind: str
    label: str
    connection: str
    name: str
    by: str
    at: datetime | None
    deleted: bool
    address: str


class FindPage(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed, and what has it.

    Attributes:
        more: there are more.
        people: whether the reader may look for people.
    """

    text: str
    things: tuple[Thing, ...]
    more: bool
    people: bool


def find_handlers() -> list[ControllerRouterHandler]:
    """Return the page's handlers."""
    return [show_found]


@get(["/find", "/find.json"], right="find.read")
async def show_found(
    request: Req,
    session: NamedDependency[Session],
    q: Annotated[str, QueryParameter(max_length=TEXT_CHARS_MAX, required=False)] = "",
) -> Response[Any]:
    """Show what has the text; one thing alone is opened."""
    page = await _find(request, session, q)
    alone = page.things[0].address if len(page.things) == 1 and not page.more else ""
    if alone and not wants_json(request):
        return Redirect(alone, status_code=303)
    return answer(request, "find.html", page)


async def _find(request: Req, session: Session, text: str) -> FindPage:
    visitor, hub = visitor_of(request), request.app.state.hub
    kinds = [kind for kind, known in _KINDS.items() if visitor.may(known.right)]
    names, people = hub.names(), visitor.may(PEOPLE)
    scope = Scope(vault=hub.vault, keys=hub.keys, connection_ids=names, kinds=kinds, people=people)
    found = await find_things(session, scope, text, count=ROWS_MAX)
    skus = [_sku(sku) for sku in found.skus]
    events = visitor.may("events.read")
    hits = [_thing(hit, names[hit.connection_id], events=events) for hit in found.hits]
    return FindPage(text=text.strip(), things=(*skus, *hits), more=found.more, people=people)


def _sku(sku: str) -> Thing:
    return Thing(
        kind="sku",
        label="SKU",
        connection="",
        name=sku,
        by="its code or barcode",
        at=None,
        deleted=False,
        address=link_sku(sku),
    )


def _thing(hit: Hit, connection: str, *, events: bool) -> Thing:
    return Thing(
        kind=hit.kind,
        label=_KINDS[hit.kind].label,
        connection=connection,
        name=hit.number or hit.ref,
        by=_BY[hit.by],
        at=hit.occurred_at,
        deleted=hit.deleted,
        address=_address(hit, connection) or (f"/events/{hit.event_id}" if events else ""),
    )


def _address(hit: Hit, connection: str) -> str:
    """Return the page of a thing, or of its order; empty where there is none."""
    if hit.kind == "payout":
        return link_payout(connection, hit.ref)
    if hit.kind == "customer" and hit.person is not None:
        return f"/customers/{hit.person.hex()}"
    return "" if hit.order_ref is None else link_order(connection, hit.order_ref)
