"""Why a channel does not show what shall stand there. Pure.

A cause is named only where something was read that shows it: an event, a call, an order, an
instant. What nothing shows stays unexplained, with everything that was looked at.

What stands there differs from what shall by two parts. One is on its way: the hub wants to say
another number than it believes to stand there. The rest changed at the channel; it is explained
piece by piece, and each piece has a cause and units of its own.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec

from trueup.outbox.parity import Standing
from trueup.reconcile.report import UNEXPLAINED

SHOWN_MAX: Final = 20
"""So much evidence of one kind is listed."""


class Cause(StrEnum):
    """Why what stands there is not what shall."""

    IN_FLIGHT = "in_flight"  # a number, or an event, is on its way
    VENDOR_DELAY = "vendor_delay"  # written a moment ago, and the vendor still shows the old one
    LOST_WEBHOOK = "lost_webhook"  # the vendor has an order of which we had no event
    PHANTOM_RESERVATION = "phantom_reservation"  # units reserved for an order that is over
    PARKED_EVENT = "parked_event"  # an event about it could not be applied
    SECOND_WRITER = "second_writer"  # a number that nobody of us wrote
    RULE_CHANGED = "rule_changed"  # no unit moved; a rule or a buffer changed the number
    GIVEN_UP = "given_up"  # the vendor refused it, or the schedule is at its end
    GONE_AT_VENDOR = "gone_at_vendor"  # the vendor keeps no stock of it
    UNEXPLAINED = UNEXPLAINED


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a difference: units, stands less shall, and what shows why."""

    cause: Cause
    amount: int
    evidence: tuple[str, ...]


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """An order that the vendor tells newer than we have it.

    Attributes:
        event_id: by which it is read now; None where nothing was appended.
        units: by SKU, how it changed the channel's number: below zero it sold.
        variants: by SKU and variant, where it says which: how it changed that one's number.
        known: we had an older state of it.
        over: it is cancelled or gone.
        held: events about it that wait or are parked: (event_id, cause or None).
        named: words in it, where it can not be read otherwise.
    """

    ref: str
    event_id: int | None
    units: Mapping[str, int]
    variants: Mapping[str, Mapping[str, int]] = {}
    known: bool = False
    over: bool = False
    held: tuple[tuple[int, str | None], ...] = ()
    named: frozenset[str] = frozenset()

    def units_at(self, listing: Standing) -> int:
        """Return how it changed the number of one listing."""
        by_variant = self.variants.get(listing.sku)
        if by_variant is None:
            return self.units.get(listing.sku, 0)
        return by_variant.get(listing.target.get("variant_ref", ""), 0)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What reading the vendor's orders brought.

    Attributes:
        since_at: orders that changed after this were read.
        read_at: when; None where they could not be read, and `why` says why not.
        orders: how many there were.
    """

    since_at: datetime
    read_at: datetime | None
    orders: int = 0
    why: str = ""
    unread: tuple[Unread, ...] = ()


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was looked at about one listing.

    Attributes:
        before, after: what the outbox said before the look and after it; None: the listing ended.
        stands: units; None where the vendor keeps no stock of it.
        looked_at: when the vendor was asked.
        calls: the newest, newest first.
        changed_since: since when it changed there, by the looks before; None: this is the first.
        changed_after: it can not have changed before: a look agreed, or a call was done.
        before_at: when it was last looked at before, and `before_stood` what stood there.
        reading: of the vendor's orders; None where nothing called for it.
        phantoms: units by order that is known to be over and is still reserved: (ref, units, why).
        delay: how long the vendor may take until a number shows.
    """

    before: Standing
    after: Standing | None
    stands: int | None
    looked_at: datetime
    calls: tuple[Mapping[str, Any], ...] = ()
    changed_since: datetime | None = None
    changed_after: datetime | None = None
    before_at: datetime | None = None
    before_stood: int | None = None
    reading: Reading | None = None
    phantoms: tuple[tuple[str, int, str], ...] = ()
    delay: timedelta = timedelta(seconds=60)


def changed_there(facts: Facts) -> int:
    """Return by how many units the channel's number is not what was left there."""
    standing = facts.before
    if facts.stands is None or standing.believed is None or standing.unsure:
        return 0
    return (facts.stands - standing.believed) + (standing.value - standing.shall)


def judge(facts: Facts) -> tuple[Part, ...]:
    """Return the parts of a difference, what nothing explains first; nothing where it agrees."""
    standing = facts.before
    if facts.stands is None:
        evidence = (f"asked at {_at(facts.looked_at)}: the vendor keeps no stock of it",)
        return (Part(cause=Cause.GONE_AT_VENDOR, amount=-standing.shall, evidence=evidence),)
    if facts.stands == standing.shall:
        return ()
    if _moved_meanwhile(facts):
        evidence = (f"its number changed while it was looked at, at {_at(facts.looked_at)}",)
        amount = facts.stands - standing.shall
        return (Part(cause=Cause.IN_FLIGHT, amount=amount, evidence=evidence),)
    if standing.unsure:
        evidence = ("what was read lately may be in its number or not: the next call compares",)
        amount = facts.stands - standing.shall
        return (Part(cause=Cause.IN_FLIGHT, amount=amount, evidence=evidence),)
    external = changed_there(facts)
    parts = [_on_its_way(facts, facts.stands - standing.shall - external), *_there(facts, external)]
    kept = [part for part in parts if part is not None and part.amount]
    return tuple(sorted(kept, key=lambda part: part.cause is not Cause.UNEXPLAINED))


def _moved_meanwhile(facts: Facts) -> bool:
    before, after = facts.before, facts.after
    if after is None:
        return True
    seen = (before.value, before.believed, before.sequence, before.state)
    return seen != (after.value, after.believed, after.sequence, after.state) or (
        before.state in {"sending", "unknown"}
    )


def _on_its_way(facts: Facts, amount: int) -> Part | None:
    """Explain the part by which the number that is believed is not the one that is wanted."""
    standing, call = facts.before, facts.calls[0] if facts.calls else None
    if not amount:
        return None
    said = [] if call is None else [_of_call(call)]
    if standing.state == "dead":
        given_up = f"given up after {standing.attempts} tries: {standing.value} shall stand there"
        return Part(cause=Cause.GIVEN_UP, amount=amount, evidence=(given_up, *said))
    state = (
        f"intent is {standing.state} since {_at(standing.wanted_at)}: "
        f"{standing.value} shall stand there, try {standing.attempts + 1}"
    )
    ruled = _said_at_this_sequence(facts)
    if ruled is not None:
        moved = f"no unit moved since call {ruled['call_id']} said {ruled['value']}"
        return Part(cause=Cause.RULE_CHANGED, amount=amount, evidence=(moved, state))
    return Part(cause=Cause.IN_FLIGHT, amount=amount, evidence=(state, *said))


def _said_at_this_sequence(facts: Facts) -> Mapping[str, Any] | None:
    """Return the call that said another number though no unit has moved since; None: there is none.

    What was dropped or risen meanwhile changes the number as well, and is no rule.
    """
    standing = facts.before
    if standing.dropped or standing.risen or standing.confirmed_sequence < standing.sequence:
        return None
    for call in facts.calls:
        if call["receipt"] == "done":
            same = call["sequence"] == standing.sequence and call["value"] == standing.believed
            return call if same and call["value"] != standing.value else None
    return None


def _there(facts: Facts, amount: int) -> list[Part]:
    """Explain what changed at the channel, piece by piece."""
    parts: list[Part] = []
    if not amount:
        return parts
    delayed = _still_showing(facts)
    if delayed is not None:
        return [Part(cause=Cause.VENDOR_DELAY, amount=amount, evidence=(delayed,))]
    left = amount
    for unread in facts.reading.unread if facts.reading else ():
        units = _share(left, unread.units_at(facts.before))
        if units:
            parts.append(Part(cause=_cause_of(unread), amount=units, evidence=_of_order(unread)))
            left -= units
    for ref, held, why in facts.phantoms:
        units = _share(left, held)
        if units:
            evidence = (f"order/{ref}", why)
            cause = Cause.PHANTOM_RESERVATION
            parts.append(Part(cause=cause, amount=units, evidence=evidence))
            left -= units
    unreadable = _parked_naming(facts) if left else None
    if unreadable is not None:
        parts.append(Part(cause=Cause.PARKED_EVENT, amount=left, evidence=unreadable))
    elif left:
        parts.append(_rest(facts, left))
    return parts


def _parked_naming(facts: Facts) -> tuple[str, ...] | None:
    """Return the parked event that names the SKU and can not be read; None: there is none."""
    for unread in facts.reading.unread if facts.reading else ():
        parked = any(cause is not None for _, cause in unread.held)
        if parked and not unread.units and facts.before.sku in unread.named:
            return (*_of_order(unread), "it names this SKU; how many units can not be read")
    return None


def _share(left: int, units: int) -> int:
    """Return how much of what is left some units explain: of the same sign, and never more."""
    if left < 0:
        return max(left, min(units, 0))
    return min(left, max(units, 0))


def _cause_of(unread: Unread) -> Cause:
    if unread.held:
        parked = any(cause is not None for _, cause in unread.held)
        return Cause.PARKED_EVENT if parked else Cause.IN_FLIGHT
    return Cause.PHANTOM_RESERVATION if unread.known and unread.over else Cause.LOST_WEBHOOK


def _of_order(unread: Unread) -> tuple[str, ...]:
    if unread.held:
        told = (
            f"event/{number} waits to be applied"
            if cause is None
            else f"event/{number} is parked: {cause}"
            for number, cause in unread.held[:SHOWN_MAX]
        )
        return (f"order/{unread.ref}", *told)
    state = "was known in an older state" if unread.known else "was not known"
    if unread.over:
        state += ", and is over"
    by = "" if unread.event_id is None else f"; read now as event/{unread.event_id}"
    return (f"order/{unread.ref} {state}{by}",)


def _still_showing(facts: Facts) -> str | None:
    """Return what shows that the vendor is late: what stood before a late write still shows."""
    for call in facts.calls:
        late = call["started_at"] > facts.looked_at - facts.delay
        written = call["receipt"] == "done" or call["state"] == "submitted"
        if not (late and written):
            continue
        if facts.stands == call["expected"] and facts.stands != call["value"]:
            return (
                f"call {call['call_id']} of {_at(call['started_at'])} said {call['value']}; "
                f"{facts.stands} stood there before, and still shows"
            )
    return None


def _rest(facts: Facts, amount: int) -> Part:
    """Name the second writer where it is proven; else say what was looked at, and no cause."""
    looked = _looked_at(facts)
    if _is_proven(facts):
        return Part(cause=Cause.SECOND_WRITER, amount=amount, evidence=looked)
    return Part(cause=Cause.UNEXPLAINED, amount=amount, evidence=looked)


def _is_proven(facts: Facts) -> bool:
    """Tell whether nothing of ours and no order can have changed it.

    It must have been there for longer than the vendor takes to show an order, and the orders of
    the whole time must have been read after that.
    """
    reading, after = facts.reading, facts.changed_after
    known_at = [
        at for at in (facts.changed_since, facts.before.unexplained_since) if at is not None
    ]
    if reading is None or reading.read_at is None or after is None or not known_at:
        return False
    return facts.looked_at - min(known_at) >= facts.delay and reading.since_at <= after


def _looked_at(facts: Facts) -> tuple[str, ...]:
    standing, reading = facts.before, facts.reading
    lines = []
    left = next((call for call in facts.calls if call["receipt"] == "done"), None)
    if left is not None:
        lines.append(f"call {left['call_id']} of {_at(left['started_at'])} left {left['value']}")
    lines += [_of_call(call) for call in facts.calls[:3] if call["observed"] is not None]
    if facts.before_at is not None:
        lines.append(f"{facts.before_stood} stood there at {_at(facts.before_at)}")
    lines.append(f"{facts.stands} stands there at {_at(facts.looked_at)}")
    if standing.dropped or standing.risen:
        lines.append(f"{standing.dropped} fell and {standing.risen} rose, unread")
    if reading is None or reading.read_at is None:
        why = "" if reading is None else reading.why
        lines.append(f"the vendor's orders were not read{': ' if why else ''}{why}")
    else:
        named = sum(1 for each in reading.unread if each.units_at(facts.before))
        lines.append(
            f"{reading.orders} orders changed since {_at(reading.since_at)} were read at "
            f"{_at(reading.read_at)}: {named or 'none'} unread with this SKU"
        )
    return tuple(lines)


def _of_call(call: Mapping[str, Any]) -> str:
    text = f"call {call['call_id']} of {_at(call['started_at'])} to say {call['value']}"
    text += f": {call['receipt'] or call['state']}"
    if call["code"]:
        text += f" ({call['code']})"
    if call["observed"] is not None and call["observed"] != call["value"]:
        text += f", found {call['observed']} for {call['expected']}"
    return text


def _at(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds")
