"""A label is bought once: found by our name of the command, or made, then paid for.

EasyPost keeps no keys. Making a shipment costs nothing, and one shipment is paid for once: a second
payment is refused. So our name stands in the shipment's `reference`, a carrying out begins with a
look for it, and what is paid for is always the shipment that the name leads to. Should a call that
timed out have left two of one name, the list of what was paid for since the order tells.
"""

from collections.abc import Sequence
from datetime import UTC, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final

import msgspec

from trueup.canon.customer import Address
from trueup.canon.postage import BuyLabel, Size
from trueup.connectors.easypost.call import code_of, get, needed, post, refused, unknown
from trueup.connectors.easypost.shape import (
    NAME_PREFIX,
    OUNCE_G,
    LabelShape,
    RateShape,
    ShipmentsShape,
)
from trueup.contract.connector import Command, Piece, Receipt, ReceiptState, Reply, Request
from trueup.errors import Refused
from trueup.kernel.ids import sha256

PAGES_MAX: Final = 5
"""So many pages of what was paid for are gone through; each takes a step."""

_PAGE: Final = 100
_CLOCKS: Final = timedelta(hours=1)
"""So far our clock and EasyPost's may lie apart."""

_INCH_MM: Final = Decimal("25.4")
_TENTH: Final = Decimal("0.1")
_STREETS: Final = ("street1", "street2")
_PAID: Final = "SHIPMENT.POSTAGE.EXISTS"
_OPEN: Final = frozenset(
    (
        *("SHIPMENT.PURCHASE.IN_PROGRESS", "SHIPMENT.POSTAGE.TIMED_OUT"),
        "SHIPMENT.POSTAGE.NO_RESPONSE",
    )
)
"""EasyPost is still at it, or its carrier did not answer: nobody knows yet."""


class _PageOrOne(msgspec.Struct, gc=False):
    shipments: tuple[msgspec.Raw, ...] | None = None


def request(command: Command, content: BuyLabel) -> Request:
    """Return the look for a shipment of our name that a carrying out begins with.

    Raises:
        Refused: an address lacks what every label needs.
    """
    for whose, address in (("sender", content.sender), ("recipient", content.recipient)):
        missing = [name for name, value in _needs(address) if not value]
        if missing:
            raise Refused(f"The {whose}'s address lacks: {', '.join(missing)}.")
        if len(address.lines) > len(_STREETS):
            raise Refused(f"The {whose}'s street takes more than two lines.")
    return _look(command)


def following(command: Command, content: BuyLabel, replies: Sequence[Reply]) -> Request | None:
    """Return the call that the last reply asks for; None: it says what came of it.

    Raises:
        ContractBroken: a reply does not have the shape that was asked for.
    """
    last = replies[-1]
    if last.status >= 400:
        return _after_fault(command, content, replies)
    if _page(last) is not None:
        return _after_page(command, content, replies)
    label = needed(last.body, LabelShape)
    if label.is_paid or any(_is_paid_already(reply) for reply in replies):
        return None
    if last.status == 201:
        return None if _fitting(content, label) is None else _look(command)
    is_sure = any(reply.status == 201 or _page(reply) is not None for reply in replies)
    return _pay(content, label) if is_sure else _paid_since(command)


def receipt(command: Command, content: BuyLabel, reply: Reply) -> Receipt:
    """Return what came of it, from the last reply.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    if reply.status >= 400:
        return _fault(code_of(reply.body))
    if _page(reply) is not None:
        found = _of_name(command, reply)
        told = "among more labels than can be gone through, ours may be"
        return unknown("too_many_labels", told) if found is None else _bought(found)
    label = needed(reply.body, LabelShape)
    if label.is_paid:
        return _bought(reply.body)
    if _fitting(content, label) is not None:
        return unknown("not_bought", "EasyPost shows a label that was not paid for")
    return _too_dear(content, label)


def name_of(ref: str) -> str:
    """Return our name of a command as it stands in `reference`, and in an address."""
    return f"{NAME_PREFIX}{sha256(ref.encode()).hex()[:40]}"


def _needs(address: Address) -> tuple[tuple[str, object], ...]:
    names = ("a name or company", address.name or address.company), ("a street", address.lines)
    return *names, ("a city", address.city), ("a country", address.country)


def _look(command: Command) -> Request:
    return get("shipments", name_of(command.ref))


def _after_fault(command: Command, content: BuyLabel, replies: Sequence[Reply]) -> Request | None:
    if len(replies) == 1 and replies[0].status == 404:
        return _make(command, content)
    # Paid for by an earlier call of ours: the look tells all of it.
    return _look(command) if _is_paid_already(replies[-1]) else None


def _after_page(command: Command, content: BuyLabel, replies: Sequence[Reply]) -> Request | None:
    page = needed(replies[-1].body, ShipmentsShape)
    if _of_name(command, replies[-1]) is not None:
        return None
    if page.has_more and page.shipments:
        last = needed(bytes(page.shipments[-1]), LabelShape).id
        is_end = sum(_page(reply) is not None for reply in replies) >= PAGES_MAX
        return None if is_end else _paid_since(command, before=last)
    return _pay(content, needed(replies[0].body, LabelShape)) or _look(command)


def _make(command: Command, content: BuyLabel) -> Request:
    # EasyPost turns the addresses round by itself where a parcel goes back.
    sides = content.sender, content.recipient
    here, there = reversed(sides) if content.is_return else sides
    wish: dict[str, Any] = {
        "reference": name_of(command.ref),
        "is_return": content.is_return,
        "from_address": _address(here),
        "to_address": _address(there),
        "parcel": _parcel(content.weight_g, content.size),
        "options": {"label_format": "PDF", "print_custom_1": content.number},
    }
    return post("shipments", body={"shipment": wish})


def _address(address: Address) -> dict[str, str]:
    told = {
        **dict(zip(_STREETS, address.lines, strict=False)),
        "name": address.name,
        "company": address.company,
        "city": address.city,
        "state": address.province,
        "zip": address.postcode,
        "country": address.country,
        "phone": address.phone,
    }
    return {name: value for name, value in told.items() if value}


def _parcel(weight_g: int, size: Size | None) -> dict[str, Decimal]:
    """Return weight in ounces and sides in inches, rounded up: too little is charged later."""
    told = {"weight": _up(Decimal(weight_g) / OUNCE_G)}
    if size is not None:
        sides = ("length", size.length_mm), ("width", size.width_mm), ("height", size.height_mm)
        told |= {name: _up(side / _INCH_MM) for name, side in sides}
    return told


def _up(value: Decimal) -> Decimal:
    return value.quantize(_TENTH, rounding=ROUND_CEILING)


def _pay(content: BuyLabel, label: LabelShape) -> Request | None:
    rate = _fitting(content, label)
    return None if rate is None else post("shipments", label.id, "buy", body={"rate": {"id": rate}})


def _paid_since(command: Command, before: str | None = None) -> Request:
    since = (command.wanted_at - _CLOCKS).astimezone(UTC).isoformat(timespec="seconds")
    query = {
        "page_size": str(_PAGE),
        "purchased": "true",
        "start_datetime": since.replace("+00:00", "Z"),
        **({"before_id": before} if before else {}),
    }
    return get("shipments", query=query)


def _wished(content: BuyLabel, label: LabelShape) -> list[RateShape]:
    """Return the rates of the wished carrier and service, the cheapest first."""
    found = [
        rate
        for rate in label.rates
        if _same(content.carrier, rate.carrier) and _same(content.service, rate.service)
    ]
    return sorted(found, key=lambda rate: (rate.price.amount, rate.id))


def _same(wish: str | None, told: str) -> bool:
    return wish is None or wish.casefold() == told.casefold()


def _fitting(content: BuyLabel, label: LabelShape) -> str | None:
    """Return the id of the cheapest rate that fits; None where none does."""
    highest = content.price_max
    for rate in _wished(content, label):
        if rate.currency == highest.currency and rate.price.amount <= highest.amount:
            return rate.id
    return None


def _too_dear(content: BuyLabel, label: LabelShape) -> Receipt:
    """Say why no rate was taken."""
    wished = _wished(content, label)
    if not label.rates:
        return refused("no_rates", "No carrier takes this parcel from here to there.")
    if not wished:
        known = sorted({f"{rate.carrier} {rate.service}" for rate in label.rates})
        return refused("no_such_service", f"The carriers offer: {', '.join(known)}"[:300])
    cheapest = wished[0]
    if all(rate.currency != content.price_max.currency for rate in wished):
        return refused("wrong_currency", f"The carriers charge in {cheapest.currency}.")
    told = f"{cheapest.carrier} {cheapest.service} costs {cheapest.price}"
    return refused("too_dear", f"{told}; at most {content.price_max} may be paid."[:300])


def _bought(body: bytes) -> Receipt:
    label = needed(body, LabelShape)
    if label.tracker is None:
        return unknown("no_tracker", "EasyPost has yet to give the label its parcel")
    return Receipt(
        state=ReceiptState.DONE,
        vendor_ref=label.tracker.id,
        tells=(Piece(topic="fetch/shipment", body=body),),
    )


def _fault(code: str) -> Receipt:
    if code in _OPEN:
        return unknown(code, "EasyPost or its carrier may still be at it")
    if code in {_PAID, "NOT_FOUND"}:
        return unknown(code, "EasyPost does not find what it has just made")
    return refused(code or "refused", "EasyPost or its carrier does not sell this label.")


def _is_paid_already(reply: Reply) -> bool:
    return reply.status >= 400 and code_of(reply.body) == _PAID


def _page(reply: Reply) -> tuple[msgspec.Raw, ...] | None:
    """Return the shipments of a page; None where the reply is one shipment."""
    return None if reply.status >= 400 else needed(reply.body, _PageOrOne).shipments


def _of_name(command: Command, reply: Reply) -> bytes | None:
    """Return the shipment of our name out of a page of what was paid for."""
    for raw in needed(reply.body, ShipmentsShape).shipments:
        if needed(bytes(raw), LabelShape).reference == name_of(command.ref):
            return bytes(raw)
    return None
