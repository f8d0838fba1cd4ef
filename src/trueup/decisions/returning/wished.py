"""What customers want to send back, at the shop and in tickets, with what a policy goes by.

Words, tags and addresses are opened here, and only what a policy asks of them comes out.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from trueup.canon.order import Order, OrderPerson
from trueup.canon.parcel import Parcel
from trueup.canon.record import Record, decode
from trueup.canon.refund import Refund, Restock
from trueup.canon.return_command import WantedBack
from trueup.canon.returns import Return, ReturnPerson, ReturnState
from trueup.canon.shipment import Shipment, ShipmentState
from trueup.decisions.returning.policy import PolicySettings, Wish, words_in
from trueup.decisions.returning.seen import ReturnSeen, worth_of
from trueup.decisions.rule import Look
from trueup.decisions.support.asked import Waiting
from trueup.kernel.money import Money, total
from trueup.records.people import join_each
from trueup.records.returned import Key, parcels_of_entities, records_of_entities
from trueup.records.sendback import Kind, open_of_entities, returns_of_persons

_ORDER = Kind(Order.kind, OrderPerson)
_RETURN = Kind(Return.kind, ReturnPerson)
_BESIDE = (Order.kind, Shipment.kind, Refund.kind, Return.kind)
_DEAD = frozenset((ReturnState.DECLINED, ReturnState.CANCELLED))


class _Place(NamedTuple):
    """What of an order's person a policy goes by."""

    country: str | None
    region: str | None
    tags: tuple[str, ...]


class Whose(NamedTuple):
    """What is known of whoever an order is of, and where it went."""

    country: str | None = None
    region: str | None = None
    tags: tuple[str, ...] = ()
    returns: frozenset[int] = frozenset()


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """What is known beside some orders: who, where to, when they arrived, what was said.

    Attributes:
        whose: by order.
        told: all records of an order, by order.
        delivered: when each order had arrived as a whole; those of which nobody tells are missing.
        words: that a person shall read, by the record of the return.
    """

    whose: Mapping[Key, Whose]
    told: Mapping[Key, Sequence[Record]]
    delivered: Mapping[Key, datetime]
    words: Mapping[int, tuple[str, ...]]


class Unit(NamedTuple):
    """The one unit that a ticket can only be about, and what it is worth."""

    wanted: WantedBack
    sku: str | None
    worth: Money


async def read_beside(look: Look, keys: Sequence[Key], settings: PolicySettings) -> Beside:
    """Return what is known beside some orders, read in sets."""
    told: dict[Key, list[Record]] = defaultdict(list)
    numbers: dict[int, Key] = {}
    for row in await records_of_entities(look.conn, keys, _BESIDE):
        key = (row["connection_id"], row["entity"])
        told[key].append(decode(row["kind"], row["body"]))
        numbers[row["record_id"]] = key
    vault = look.hub.vault
    notes = await open_of_entities(
        look.conn, vault, keys, _RETURN, lambda person: _words(person, settings)
    )
    return Beside(
        whose=await _whose(look, keys, numbers, settings),
        told=told,
        delivered=await _delivered(look, keys, told),
        words={number: each.read or () for number, each in notes.items()},
    )


async def _whose(
    look: Look, keys: Sequence[Key], numbers: Mapping[int, Key], settings: PolicySettings
) -> Mapping[Key, Whose]:
    opened = await open_of_entities(
        look.conn, look.hub.vault, keys, _ORDER, lambda person: _place(person, settings)
    )
    persons = {each.person for each in opened.values()}
    same = await join_each(look.conn, persons, look.hub.keys) if persons else {}
    everybody = {person for each in same.values() for person in each}
    since = look.now - timedelta(days=settings.returns_days)
    back = await returns_of_persons(look.conn, everybody, look.hub.sellers(), since)
    found = {}
    for number, each in opened.items():
        place = each.read or _Place(None, None, ())
        theirs = frozenset(one for person in same[each.person] for one in back.get(person, ()))
        found[numbers[number]] = Whose(place.country, place.region, place.tags, theirs)
    return found


def _place(person: OrderPerson, settings: PolicySettings) -> _Place:
    address = person.shipping or person.billing
    tags = {each.casefold() for each in person.tags}
    return _Place(
        country=None if address is None else address.country,
        region=None if address is None else address.province,
        tags=tuple(each for each in settings.final_tags if each.casefold() in tags),
    )


def _words(person: ReturnPerson, settings: PolicySettings) -> tuple[str, ...]:
    return words_in((note for _, note in person.notes), settings.ask_words)


async def _delivered(
    look: Look, keys: Sequence[Key], told: Mapping[Key, Sequence[Record]]
) -> dict[Key, datetime]:
    parcels: dict[tuple[Key, str], list[Parcel]] = defaultdict(list)
    for row in await parcels_of_entities(look.conn, keys):
        key = (row["connection_id"], row["entity"])
        parcel = msgspec.convert(decode(Parcel.kind, row["body"]), Parcel)
        parcels[key, row["shipment_ref"]].append(parcel)
    found = {}
    for key, records in told.items():
        sent = [each for each in records if _has_left(each)]
        at = [_arrived(each, parcels.get((key, each.ref), ())) for each in sent]
        known = [each for each in at if each is not None]
        if known and len(known) == len(sent):
            found[key] = max(known)
    return found


def _has_left(record: Record) -> bool:
    return isinstance(record, Shipment) and record.state is ShipmentState.SHIPPED


def _arrived(shipment: Record, parcels: Sequence[Parcel]) -> datetime | None:
    """Return when a shipment arrived, by its carrier, or at the latest by its shop."""
    known = [each.delivered_at for each in parcels if each.delivered_at is not None]
    if known and len(known) == len(parcels):
        return max(known)
    by_shop = isinstance(shipment, Shipment) and shipment.parcel_code == "delivered"
    return shipment.updated_at if by_shop else None


def sent_at(told: Iterable[Record]) -> datetime | None:
    """Return when something of an order left last."""
    left = [
        each.shipped_at or each.created_at or each.updated_at
        for each in told
        if isinstance(each, Shipment) and each.state is ShipmentState.SHIPPED
    ]
    return max(left, default=None)


def wish_of(seen: ReturnSeen, beside: Beside) -> Wish:
    """Return what a customer asked for at the shop."""
    key = (seen.connection_id, f"order/{seen.order_ref}")
    whose = beside.whose.get(key, Whose())
    return Wish(
        asked_at=seen.asked_at,
        worth=seen.goods,
        skus=tuple(line.sku for line in seen.lines),
        reasons=tuple(line.reason for line in seen.lines if line.reason is not None),
        kits=any(line.is_kit for line in seen.lines),
        words=beside.words.get(seen.record_id, ()),
        tags=whose.tags,
        delivered_at=beside.delivered.get(key),
        sent_at=sent_at(beside.told.get(key, ())),
        before=len(whose.returns - {seen.record_id}),
        country=whose.country,
        region=whose.region,
    )


def wish_of_ticket(
    waiting: Waiting, unit: Unit | None, key: Key, beside: Beside, *, zero: Money, is_kit: bool
) -> Wish:
    """Return what a customer asks for in a ticket; of no unit where it may be about several."""
    whose = beside.whose.get(key, Whose())
    return Wish(
        asked_at=waiting.spell.since,
        worth=zero if unit is None else unit.worth,
        skus=() if unit is None else (unit.sku,),
        reasons=(),
        kits=is_kit,
        tags=whose.tags,
        delivered_at=beside.delivered.get(key),
        sent_at=sent_at(beside.told.get(key, ())),
        before=len(whose.returns),
        country=whose.country,
        region=whose.region,
    )


def only_unit(told: Sequence[Record]) -> Unit | None:
    """Return the one unit of an order that was sent and may come back; None: none, or several."""
    order = next((each for each in told if isinstance(each, Order)), None)
    if order is None or order.cancelled_at is not None:
        return None
    left: Counter[str] = Counter()
    for shipment in (each for each in told if isinstance(each, Shipment) and _has_left(each)):
        left.update({line.line_ref: line.quantity for line in shipment.lines})
    for refund in (each for each in told if isinstance(each, Refund)):
        for back in (each for each in refund.lines if each.restock is not Restock.CANCEL):
            left[back.line_ref] -= back.quantity
    if sum((+left).values()) != 1:
        return None
    [ref] = +left
    line = next((each for each in order.lines if each.ref == ref), None)
    if line is None or not line.requires_shipping:
        return None
    whole = worth_of(line, order)
    one = Money(whole.amount / line.quantity, whole.currency).rounded()
    return Unit(WantedBack(line_ref=ref, quantity=1), line.sku, one)


def has_return(told: Iterable[Record]) -> bool:
    """Whether an order has a return that was not turned down."""
    return any(isinstance(each, Return) and each.state not in _DEAD for each in told)


def sum_of(worths: Sequence[Money]) -> str:
    """Return amounts as people read them, by currency."""
    currencies = sorted({each.currency for each in worths})
    sums = [total([w for w in worths if w.currency == each], each) for each in currencies]
    return ", ".join(str(each.rounded()) for each in sums) or "nothing"
