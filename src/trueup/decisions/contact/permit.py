"""Whether a customer may be written to now: send, wait until when, or not at all; and why. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from trueup.canon.command import Purpose
from trueup.decisions.contact.notice import Notice
from trueup.decisions.contact.quiet import Quiet
from trueup.decisions.contact.settings import Cap, ContactSettings
from trueup.records.will import Will, why_not

FREE_TEXT_WINDOW: Final = timedelta(hours=24)
"""How long after somebody wrote they may be answered over WhatsApp without a template."""

MEND: Final = timedelta(hours=1)
"""How long what the configuration lacks is given to be mended."""

_TURNS_MAX: Final = 50


TICKET: Final = "ticket"
"""The medium of an answer in a ticket that is open; it reaches them over another one."""


class InTicket(msgspec.Struct, frozen=True, kw_only=True):
    """An open ticket of a customer, in which they can be answered.

    Attributes:
        person: whose it is.
        over: the medium by which an answer reaches them.
        address: to which a helpdesk sends it that wants to be told; None where nobody is known.
        by_message: the helpdesk takes answers as messages.
    """

    connection_id: int
    ref: str
    person: bytes
    over: str
    address: str | None = None
    by_message: bool = False


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """How a customer can be written to.

    Attributes:
        needs_window: only as an answer, while what they wrote over this medium is fresh.
        ticket: where they are answered in one.
    """

    medium: str
    connection_id: int
    address: str
    needs_window: bool = False
    ticket: InTicket | None = None

    @property
    def over(self) -> str:
        """The medium by which it reaches them: what they said of that one counts."""
        return self.medium if self.ticket is None else self.ticket.over


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """A message that a customer got, or may still get.

    Attributes:
        at: when it left; until that is known, the latest moment at which it may.
    """

    at: datetime
    purpose: Purpose
    about: str
    urgency: int


class Send(msgspec.Struct, frozen=True, kw_only=True):
    """It may be sent now; `not_after` says how long that holds."""

    way: Way
    not_after: datetime


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """It may be sent later; then it is looked at again."""

    until: datetime
    because: str


class Withdraw(msgspec.Struct, frozen=True, kw_only=True):
    """It may not be sent; after `rest` its facts may ask for it again."""

    because: str
    rest: timedelta = timedelta(days=1)


Permit = Send | Wait | Withdraw


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a customer who shall be written to.

    Attributes:
        ways: in the order in which they are tried.
        will: what they said about it.
        quiet: their quiet hours.
        contacts: what they got, as far back as it matters.
    """

    ways: Sequence[Way]
    will: Will
    quiet: Quiet
    contacts: Sequence[Contact]


def judge(notice: Notice, known: Known, settings: ContactSettings, now: datetime) -> Permit:
    """Return whether a notice may be sent now."""
    told = _told_of_it(notice, known.contacts, settings, now)
    if told is not None:
        return Withdraw(
            because=f"they were written to about {notice.about} at {_said(told.at)} already",
            rest=told.at + timedelta(hours=settings.apart_hours) - now,
        )
    way = _choose(notice, known, now)
    if isinstance(way, Withdraw):
        return way
    at, because = _fit(notice, known, settings, now)
    if at is None:
        return Withdraw(because=because)
    until = notice.useful_until
    if until is not None and at >= until:
        why = f"{because}, and " if because else ""
        return Withdraw(because=f"{why}it is of use only until {_said(until)}")
    if at > now:
        return Wait(until=at, because=because)
    return Send(way=way, not_after=_not_after(notice, known, settings, way, now))


def _not_after(
    notice: Notice, known: Known, settings: ContactSettings, way: Way, now: datetime
) -> datetime:
    """Return how long what is right now stays so."""
    ends = [now + timedelta(hours=settings.stale_hours)]
    ends += [end for end in (known.quiet.begins(now), notice.useful_until) if end is not None]
    if way.needs_window:
        ends.append(known.will.wrote[way.over] + FREE_TEXT_WINDOW)
    return min(ends)


def _told_of_it(
    notice: Notice, contacts: Iterable[Contact], settings: ContactSettings, now: datetime
) -> Contact | None:
    """Return what told them of the same just now; what is more urgent waits instead."""
    since = now - timedelta(hours=settings.apart_hours)
    found = [
        each
        for each in contacts
        if each.about == notice.about and each.at > since and each.urgency >= notice.urgency
    ]
    return max(found, key=lambda each: each.at, default=None)


def _choose(notice: Notice, known: Known, now: datetime) -> Way | Withdraw:
    """Return the first way that they allow."""
    if not known.ways:
        return Withdraw(because="nothing is known by which they can be written to")
    refused = []
    for way in known.ways:
        reason = why_not(known.will, way.over, notice.purpose)
        if way.ticket is not None and notice.purpose is Purpose.MARKETING:
            reason = "nothing is advertised in a ticket"
        wrote = known.will.wrote.get(way.over)
        if (
            reason is None
            and way.needs_window
            and (wrote is None or now >= wrote + FREE_TEXT_WINDOW)
        ):
            reason = f"no template of {way.over} was approved, and they did not write today"
        if reason is None:
            return way
        refused.append(reason)
    return Withdraw(because="; ".join(dict.fromkeys(refused)))


def _fit(
    notice: Notice, known: Known, settings: ContactSettings, now: datetime
) -> tuple[datetime | None, str]:
    """Return the first instant at which nothing speaks against it, and what did until then."""
    at, because = now, ""
    for _ in range(_TURNS_MAX):
        before = at
        free, why = _free(notice, known.contacts, settings, at)
        if free is None:
            return None, why
        if free > at:
            at, because = free, why
        fit = known.quiet.ends(at)
        if fit is None:
            return None, "at no hour it is day in all zones where they may be"
        if fit > at:
            at, because = fit, because or "it is quiet where they are"
        if at == before:
            return at, because
    return None, because


def _free(
    notice: Notice, contacts: Sequence[Contact], settings: ContactSettings, at: datetime
) -> tuple[datetime | None, str]:
    """Return from when on no cap holds a notice back, and which did."""
    apart = timedelta(hours=settings.apart_hours)
    newest = max((each.at for each in contacts), default=None)
    if newest is not None and newest + apart > at:
        return newest + apart, f"they were written to less than {settings.apart_hours} hours ago"
    for cap in settings.caps:
        if cap.purpose not in {None, notice.purpose}:
            continue
        if cap.count == 0:
            return None, f"no {notice.purpose} is sent (a cap of 0)"
        free = _under(cap, contacts, at)
        if free > at:
            what = "messages" if cap.purpose is None else f"{cap.purpose} messages"
            return free, f"they had {cap.count} {what} within {cap.days} days"
    return at, ""


def _under(cap: Cap, contacts: Iterable[Contact], at: datetime) -> datetime:
    """Return from when on one more is within a cap."""
    counted = sorted(
        each.at
        for each in contacts
        if cap.purpose in {None, each.purpose} and each.at + cap.window > at
    )
    return at if len(counted) < cap.count else counted[-cap.count] + cap.window


def _said(at: datetime) -> str:
    return at.isoformat(timespec="minutes")
