"""One order out of several replies.

What is small is read first and carried along: the taxes. Then comes the order with its lines, which
makes one body with them. Its shipments, refunds and transactions are bodies of their own.
"""

from typing import Literal
from urllib.parse import urlencode

import msgspec

from trueup.connectors.bigcommerce.reading import Paged, read, read_old_list
from trueup.contract.connector import Piece, Reply, Request
from trueup.errors import Refused

PAGE_SIZE = 250
TAXES_MAX = 1_000

Step = Literal["taxes", "order", "shipments", "refunds", "transactions"]


class Place(msgspec.Struct, gc=False):
    """How far the reading of an order is, and what it has to carry."""

    step: Step = "taxes"
    page: int = 1
    taxes: list[msgspec.Raw] = []
    currency: str = ""
    wanted: list[Step] = []


class _Order(msgspec.Struct, gc=False):
    id: int
    items_shipped: int | float | None = None
    currency_code: str | None = None
    default_currency_code: str | None = None


_INCLUDE = urlencode(
    {"include": "consignments.line_items,fees", "consignment_structure": "object"}, safe=","
)


def order_request(ref: str, place: Place) -> Request:
    """Return the call for the next part of an order."""
    paging = urlencode({"limit": PAGE_SIZE, "page": place.page})
    paths: dict[Step, str] = {
        "taxes": f"/v2/orders/{ref}/taxes?{paging}",
        "order": f"/v2/orders/{ref}?{_INCLUDE}",
        "shipments": f"/v2/orders/{ref}/shipments?{paging}",
        "refunds": f"/v3/orders/{ref}/payment_actions/refunds",
        "transactions": f"/v3/orders/{ref}/transactions",
    }
    return Request(method="GET", path=paths[place.step])


def fetched_order(place: Place, reply: Reply) -> tuple[tuple[Piece, ...], Place | None]:
    """Return the bodies that are whole now, and what is to be read next."""
    if place.step == "taxes":
        return (), _after_taxes(place, reply)
    if place.step == "order":
        return _order(place, reply)
    if place.step == "shipments":
        raws = read_old_list(reply, "list of shipments")
        pieces = tuple(Piece(topic="fetch/shipment", body=bytes(raw)) for raw in raws)
        if len(raws) >= PAGE_SIZE:
            return pieces, msgspec.structs.replace(place, page=place.page + 1)
        return pieces, _following(place)
    raws = _newer_list(reply, place.step)
    if place.step == "refunds":
        bodies = [msgspec.json.encode({"currency": place.currency, "refund": r}) for r in raws]
        return tuple(Piece(topic="fetch/refund", body=b) for b in bodies), _following(place)
    pieces = tuple(Piece(topic="fetch/payment", body=bytes(raw)) for raw in raws)
    return pieces, _following(place)


def _after_taxes(place: Place, reply: Reply) -> Place:
    raws = read_old_list(reply, "list of taxes")
    taxes = [*place.taxes, *raws]
    if len(taxes) > TAXES_MAX:
        raise Refused("The order has more taxes than are read.", most=TAXES_MAX)
    if len(raws) >= PAGE_SIZE:
        return msgspec.structs.replace(place, taxes=taxes, page=place.page + 1)
    return Place(step="order", taxes=taxes)


def _order(place: Place, reply: Reply) -> tuple[tuple[Piece, ...], Place | None]:
    order = read(reply, _Order, "order")
    whole = {"order": msgspec.Raw(reply.body), "taxes": place.taxes}
    piece = Piece(topic="fetch/order", body=msgspec.json.encode(whole))
    # The order's own amount of refunds is always 0, and its status may have gone on since.
    wanted: list[Step] = ["refunds", "transactions"]
    if order.items_shipped:
        wanted.insert(0, "shipments")
    currency = order.default_currency_code or order.currency_code or ""
    return (piece,), _following(Place(currency=currency, wanted=wanted))


def _following(place: Place) -> Place | None:
    if not place.wanted:
        return None
    return Place(step=place.wanted[0], currency=place.currency, wanted=place.wanted[1:])


def _newer_list(reply: Reply, step: Step) -> list[msgspec.Raw]:
    if not reply.body.strip():
        return []  # 204
    return read(reply, Paged[msgspec.Raw], f"list of {step}").data
