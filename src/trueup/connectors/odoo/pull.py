"""Pages of records by id, and the level of one product at one place.

Pages go by id, not by time: Odoo stamps every record of a transaction alike and tells whole
seconds of stamps that it keeps finer, so that no page could end between two stamps. A record that
changes while its pages are read keeps its id, and is read again by the next poll.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import msgspec

from trueup.connectors.odoo.model import LEVEL_FIELDS, MODELS, Domain, Model
from trueup.connectors.odoo.shape import NamedShape
from trueup.connectors.odoo.stock import STOCKED
from trueup.connectors.odoo.value import instant
from trueup.contract.connector import Fetch, Page, Piece, Reply, Request
from trueup.errors import ContractBroken, Refused

_T = TypeVar("_T")
PAGE_SIZE = 500
CONTEXT = {"active_test": False, "lang": "en_US"}
"""Archived records are read too; words are Odoo's own, not the user's language."""


class _Found(msgspec.Struct, gc=False):
    records: list[msgspec.Raw]


class _Stamps(msgspec.Struct, gc=False):
    id: int
    write_date: str | bool | None = None
    product_tmpl_id: NamedShape | bool | None = None
    order_line: list["_Stamps"] = []
    stock_quant_ids: list["_Stamps"] = []


class _Quant(msgspec.Struct, gc=False):
    location_id: NamedShape | bool | None = None


class _Levels(msgspec.Struct, gc=False):
    id: int
    default_code: str | bool | None = None
    stock_quant_ids: list[msgspec.Raw] = []


def call(model: str, method: str, body: dict[str, Any], *, writes: bool = False) -> Request:
    """Return the call of a method."""
    return Request(
        method="POST",
        path=f"/json/2/{model}/{method}",
        headers=(("content-type", "application/json; charset=utf-8"),),
        body=msgspec.json.encode(body | {"context": CONTEXT}),
        writes=writes,
    )


def search(model: str, domain: Domain, fields: dict[str, Any], limit: int) -> Request:
    """Return the call that reads records by id."""
    body = {"domain": domain, "specification": fields, "limit": limit, "order": "id"}
    return call(model, "web_search_read", body)


def page_request(resource: str, since: datetime | None, cursor: str | None) -> Request:
    """Return the call for the next page of records changed at or after `since`."""
    model = _model(resource)
    domain = model.domain(_text(since) if since else None, _after(cursor))
    return search(model.model, domain, model.fields, PAGE_SIZE)


def page(resource: str, reply: Reply) -> Page:
    """Return the page that the reply holds."""
    model = _model(resource)
    raws = records_of(reply)
    stamps = [_decode(raw, _Stamps) for raw in raws]
    pieces = [Piece(topic=model.topic, body=bytes(raw)) for raw in raws]
    if resource == "inventory_levels":
        pieces = [piece for raw in raws for piece in levels_of(raw, _read_at(reply))]
    seen = [at for each in stamps if (at := _latest(each)) is not None]
    return Page(
        pieces=tuple(pieces),
        next_cursor=str(stamps[-1].id) if len(raws) >= PAGE_SIZE else None,
        latest_at=max(seen, default=None),
    )


def fetch_request(fetch: Fetch) -> Request:
    """Return the call that reads a product with all its quants."""
    product, _ = _level_ref(fetch)
    return call("product.product", "web_read", {"ids": [product], "specification": LEVEL_FIELDS})


def fetched(fetch: Fetch, reply: Reply) -> Page:
    """Return what lies at the one place; nothing is told as nothing, for a known product."""
    product, location = _level_ref(fetch)
    try:
        found = msgspec.json.decode(reply.body, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("Odoo's reply is no list of records") from fault
    if not found:
        return Page(pieces=())
    shape = _decode(found[0], _Levels)
    quants = [q for q in shape.stock_quant_ids if _place(q)[0] == location]
    body = _level_body(shape, location, quants, _read_at(reply))
    if shape.id != product:
        raise ContractBroken("Odoo answered with another product")
    return Page(pieces=(Piece(topic="fetch/inventory_level", body=body),))


def count_request(resource: str, since: datetime | None) -> Request | None:
    """Return the call that counts; levels are counted by product, so they are not."""
    if resource == "inventory_levels":
        return None
    model = _model(resource)
    domain = model.domain(_text(since) if since else None, 0)
    return call(model.model, "search_count", {"domain": domain})


def count(resource: str, reply: Reply) -> int:
    """Return Odoo's own count."""
    _model(resource)
    try:
        return msgspec.json.decode(reply.body, type=int)
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise ContractBroken("Odoo's count is no number") from fault


def records_of(reply: Reply) -> list[msgspec.Raw]:
    """Return the records of a reply to `search`.

    Raises:
        Refused: Odoo does not read so: a field or a model is not there.
        ContractBroken: the reply is no list of records.
    """
    if reply.status >= 300:
        raise Refused("Odoo refused the call", status=reply.status)
    try:
        return msgspec.json.decode(reply.body, type=_Found).records
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("Odoo's reply is no page of records") from fault


def levels_of(raw: msgspec.Raw | bytes, read_at: str | None = None) -> list[Piece]:
    """Return one piece per place at which a product lies."""
    shape = _decode(raw, _Levels)
    places: dict[int, list[msgspec.Raw]] = {}
    for quant in shape.stock_quant_ids:
        location, usage = _place(quant)
        if usage in STOCKED:
            places.setdefault(location, []).append(quant)
    return [
        Piece(topic="pull/inventory_level", body=_level_body(shape, location, quants, read_at))
        for location, quants in sorted(places.items())
    ]


def _level_body(
    shape: _Levels, location: int, quants: list[msgspec.Raw], read_at: str | None
) -> bytes:
    """Return all quants of one place as one body; only an empty place needs the time of reading.

    With it, every reading of a place that did not change would be another event.
    """
    body: dict[str, Any] = {
        "product": shape.id,
        "location": location,
        "default_code": shape.default_code,
        "quants": quants,
    }
    if not quants and read_at is not None:
        body["read_at"] = read_at
    return msgspec.json.encode(body)


def _place(quant: msgspec.Raw) -> tuple[int, str]:
    place = _decode(quant, _Quant).location_id
    if not isinstance(place, NamedShape):
        return 0, ""
    return place.id, place.usage if isinstance(place.usage, str) else ""


def _level_ref(fetch: Fetch) -> tuple[int, int]:
    product, _, location = fetch.ref.partition("@")
    if fetch.resource != "inventory_level" or not product.isdecimal() or not location.isdecimal():
        raise Refused("Odoo has no such record here", resource=fetch.resource)
    return int(product), int(location)


def _after(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not cursor.isascii() or not cursor.isdecimal():
        raise Refused("This is no place in Odoo's pages", cursor=cursor[:40])
    return int(cursor)


def _model(resource: str) -> Model:
    if resource not in MODELS:
        raise Refused("Odoo has no such resource here", resource=resource)
    return MODELS[resource]


def _latest(each: _Stamps) -> datetime | None:
    template = each.product_tmpl_id
    stamps = [each.write_date, template.write_date if isinstance(template, NamedShape) else None]
    stamps += [line.write_date for line in (*each.order_line, *each.stock_quant_ids)]
    return max((at for stamp in stamps if (at := instant(stamp)) is not None), default=None)


def _read_at(reply: Reply) -> str | None:
    """Return when Odoo answered, by its own clock."""
    try:
        at = parsedate_to_datetime(reply.headers.get("date", ""))
    except ValueError:
        return None
    return _text(at) if at.tzinfo else None


def _decode(raw: msgspec.Raw | bytes, shape: type[_T]) -> _T:
    try:
        return msgspec.json.decode(raw, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("Odoo's reply holds what is no record") from fault


def _text(at: datetime) -> str:
    """Return an instant as Odoo writes it: whole seconds in UTC, without a zone."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
