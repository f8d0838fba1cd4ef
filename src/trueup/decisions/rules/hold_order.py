"""Hold an order that can not be sent to its address or looks like fraud; let it go once it can.

What speaks against an order is counted in points with their reasons. Whoever refuses a hold, or
releases it at the shop, has the last word: it is not held again.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Final, NamedTuple

import msgspec

from trueup.canon.command import HoldOrder, ReleaseOrder
from trueup.canon.order import Order, OrderOrigin, OrderPerson
from trueup.config import Amounts
from trueup.decisions.model import Action, Alternative, Facts, Proposal, Values
from trueup.decisions.reads import decided_about
from trueup.decisions.rule import Look, Replay, Rule, Settings
from trueup.decisions.support.addresses import AddressSeen, look_at, normal_place
from trueup.kernel.money import Money
from trueup.records.unsent import Placed, placed_orders

HOLD: Final = "trueup"
_HIGH: Final = Amounts(
    (("EUR", Decimal(300)), ("GBP", Decimal(300)), ("INR", Decimal(25000)), ("USD", Decimal(300)))
)
_DISPOSABLE: Final = ("10minutemail.com", "guerrillamail.com", "mailinator.com", "yopmail.com")
_MISSING, _COUNTRIES, _CROWD, _DISPOSED = 60, 40, 60, 40


class HoldSettings(Settings, frozen=True, kw_only=True):
    """What speaks against an order, and from when on it is held.

    Attributes:
        days: older orders are not looked at.
        score_min: from so many points on an order is held.
        high_value: from which total on another country of the bill counts, by currency.
        crowd: so many orders of others to one address, within `crowd_hours`, count.
        disposable: domains of mail that is thrown away.
    """

    days: Annotated[int, msgspec.Meta(ge=1, le=60)] = 7
    score_min: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 60
    high_value: Amounts = _HIGH
    crowd: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 3
    crowd_hours: Annotated[int, msgspec.Meta(ge=1, le=24 * 14)] = 24
    disposable: tuple[str, ...] = _DISPOSABLE


class HoldValues(Values, frozen=True, kw_only=True):
    """One order of which nothing was sent.

    Attributes:
        other_country: the bill goes to another country than the parcel.
        crowd: orders of others to the same address, near it in time.
        disposable: it was ordered with an address of mail that is thrown away.
        held: it is held by an earlier decision of this rule.
    """

    connection_id: int
    order_ref: str
    number: str
    total: Money
    address: AddressSeen
    other_country: bool
    crowd: int
    disposable: bool
    held: bool


class _Person(NamedTuple):
    """What is made of whom an order is for; `place` is a digest, and stays here."""

    address: AddressSeen | None
    place: bytes
    other_country: bool
    disposable: bool


async def read(look: Look, settings: HoldSettings, subject: str | None) -> list[Facts[HoldValues]]:
    """Return the orders that may still be sent and of which something speaks against it, or did."""
    span = (look.now - timedelta(days=settings.days), look.now)
    one = None if subject is None else _place(subject)
    # One order alone can not tell how many others go to its address.
    orders = await _orders(look, settings, span, unsent=True)
    crowds = crowds_of(orders, settings)
    wanted = [
        (each, crowd)
        for each, crowd in zip(orders, crowds, strict=True)
        if one is None or (each.connection_id, each.order.ref) == one
    ]
    decided = await decided_about(look.conn, RULE.name, [_subject(each) for each, _ in wanted])
    found = []
    for each, crowd in wanted:
        past = decided.get(_subject(each), ())
        held = bool(past) and past[-1].startswith("hold/")
        facts = _facts(each, crowd, done=len(past), held=held)
        if facts is not None and (held or score_of(facts.values, settings)):
            found.append(facts)
    return found


async def _orders(
    look: Look, settings: HoldSettings, span: tuple[datetime, datetime], *, unsent: bool
) -> list[Placed[_Person]]:
    vault, disposable = look.hub.vault, frozenset(settings.disposable)

    def see(person: OrderPerson) -> _Person:
        shipping, billing = person.shipping, person.billing
        countries = {each.country for each in (shipping, billing) if each and each.country}
        place = normal_place(shipping) if shipping is not None else ""
        return _Person(
            address=None if shipping is None else look_at(shipping),
            place=vault.index("place", place) if place else b"",
            other_country=len(countries) > 1,
            disposable=(person.email or "").rpartition("@")[2].casefold() in disposable,
        )

    able = [number for number in look.hub.sellers() if _can_hold(look, number)]
    found = await placed_orders(look.conn, vault, span, able, see, unsent=unsent)
    return [each for each in found if _is_sent_out(each.order)]


def _can_hold(look: Look, number: int) -> bool:
    folder = look.hub.folder_of(number)
    return folder is not None and folder.manifest.action(HoldOrder.command) is not None


def _is_sent_out(order: Order) -> bool:
    """Whether there is something to be sent; what is bought over the counter is taken along."""
    return order.origin is not OrderOrigin.POS and any(
        line.requires_shipping for line in order.lines
    )


def crowds_of(orders: Sequence[Placed[_Person]], settings: HoldSettings) -> list[int]:
    """Return of each order how many of other people go to its address at about its time."""
    within = timedelta(hours=settings.crowd_hours)
    places: dict[bytes, list[Placed[_Person]]] = defaultdict(list)
    for each in orders:
        if each.read is not None and each.read.place:
            places[each.read.place].append(each)
    return [
        len(
            {
                other.person
                for other in places.get(each.read.place if each.read is not None else b"", ())
                if other.person != each.person
                and abs(other.order.placed_at - each.order.placed_at) <= within
            }
        )
        for each in orders
    ]


def _facts(
    placed: Placed[_Person], crowd: int, *, done: int, held: bool
) -> Facts[HoldValues] | None:
    """Return what is known of an order; None where it is dark, or fetched by the customer."""
    order, person = placed.order, placed.read
    if person is None or person.address is None:
        return None
    return Facts(
        subject=_subject(placed),
        episode=f"{'release' if held else 'hold'}/{done}",
        values=HoldValues(
            connection_id=placed.connection_id,
            order_ref=order.ref,
            number=order.number,
            total=(order.totals.current_total or order.totals.total).booked,
            address=person.address,
            other_country=person.other_country,
            crowd=crowd,
            disposable=person.disposable,
            held=held,
        ),
        evidence=(_subject(placed),),
    )


def score_of(known: HoldValues, settings: HoldSettings) -> dict[str, int]:
    """Return the points of each reason that speaks against an order."""
    limits: Mapping[str, Decimal] = dict(settings.high_value)
    limit = limits.get(known.total.currency)
    is_high = limit is not None and known.total.amount >= limit
    found = dict.fromkeys(known.address.says, _MISSING)
    if known.other_country and is_high:
        found[f"{known.total.rounded()} are billed to another country"] = _COUNTRIES
    if known.crowd >= settings.crowd:
        found[
            f"{known.crowd} others ordered to the same address within {settings.crowd_hours} h"
        ] = _CROWD
    if known.disposable:
        found["the mail's address is one that is thrown away"] = _DISPOSED
    return found


def propose(facts: Facts[HoldValues], settings: HoldSettings) -> Proposal | None:
    """Return the hold of an order, or that it is let go; None: it is as it shall be."""
    known = facts.values
    reasons = score_of(known, settings)
    doubted = sum(reasons.values()) >= settings.score_min
    if doubted is known.held:
        return None
    if known.held:
        return Proposal(
            reason=f"What spoke against order {known.number} is gone.",
            actions=(
                _action(known, ReleaseOrder(order_ref=known.order_ref, name=HOLD), "let go of"),
            ),
        )
    why = "; ".join(f"{reason} (+{points})" for reason, points in reasons.items())
    is_address = bool(known.address.says)
    hold = HoldOrder(
        order_ref=known.order_ref,
        reason="address" if is_address else "fraud",
        name=HOLD,
        note="; ".join(reasons),
    )
    return Proposal(
        reason=f"Order {known.number} was not sent yet, and this speaks against it: {why}.",
        actions=(_action(known, hold, "hold"),),
        alternatives=(
            Alternative(
                what="send it",
                why_not="the parcel would come back" if is_address else "it may never be paid",
            ),
        ),
    )


def _action(known: HoldValues, content: HoldOrder | ReleaseOrder, what: str) -> Action:
    return Action(
        connection_id=known.connection_id,
        key=f"order/{known.order_ref}",
        content=content,
        what=f"{what} order {known.number}",
    )


def _subject(placed: Placed[_Person]) -> str:
    return f"connection/{placed.connection_id}/order/{placed.order.ref}"


def _place(subject: str) -> tuple[int, str]:
    _, number, _, ref = subject.split("/", 3)
    return int(number), ref


async def play(look: Look, settings: HoldSettings, since: date, until: date) -> Replay:
    """Go through the orders of the past: which it would have held, and what became of these."""
    span = (datetime.combine(since, time(), UTC), datetime.combine(until, time.max, UTC))
    orders = await _orders(look, settings, span, unsent=False)
    held = cancelled = 0
    for placed, crowd in zip(orders, crowds_of(orders, settings), strict=True):
        facts = _facts(placed, crowd, done=0, held=False)
        if facts is not None and propose(facts, settings) is not None:
            held += 1
            cancelled += placed.order.cancelled_at is not None
    return Replay(
        since=since,
        until=until,
        figures={
            "orders": float(len(orders)),
            "proposals": float(held),
            "cancelled": float(cancelled),
        },
        sentence=(
            f"From {since} to {until} it would have held {held} of {len(orders)} orders; "
            f"{cancelled} of these were cancelled in the end."
        ),
    )


RULE = Rule(
    name="hold_order",
    version=1,
    title="Holds an order that can not be sent to its address or looks like fraud, and lets it go.",
    kinds=frozenset({HoldOrder.command, ReleaseOrder.command}),
    settings=HoldSettings,
    read=read,
    propose=propose,
    play=play,
)
