"""Profile: the CRM is told in which tier customers are, whether they may leave, and when they buy.

Customers are worked out once a day (`decisions.patrons`). Of whom something else was told, and of
whom nothing was yet, the first look of a day makes batches; each is one decision about many. What
the CRM makes of it (segments by these properties, flows) is its own.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final, Literal

import msgspec

from trueup.decisions.blanks.membership import Membership
from trueup.decisions.blanks.portrait import Portrait
from trueup.decisions.model import Action, Facts, Proposal, State, Values
from trueup.decisions.patrons.habits import end_of
from trueup.decisions.patrons.history import History
from trueup.decisions.patrons.portraits import (
    Band,
    Batch,
    Change,
    Cuts,
    band_of,
    batches_of,
    moved,
    portraits_due,
)
from trueup.decisions.patrons.work_out import HISTORY
from trueup.decisions.rule import Look, Replay, Rule, Settings
from trueup.models.value.rfm import Tier
from trueup.records.bought import BoughtOrder, first_of_persons, orders_bought

NAME: Final = "profile"

Property = Literal["tier", "churn_risk", "next_order_on", "last_order_on"]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
ListRef = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
_Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]
_Days = Annotated[int, msgspec.Meta(ge=1, le=365)]

_WEEK: Final = timedelta(days=7)
_EVIDENCE_MAX: Final = 5
_SAYS: Final[Mapping[str, str]] = {
    "first": "nothing was told of",
    "tier": "are in another tier",
    "risk": "have another churn risk",
    "next": "have another next purchase",
}


class ProfileSettings(Settings, frozen=True, kw_only=True):
    """What the CRM is told of whom.

    Attributes:
        connection: the CRM, by its name; without one nobody is told.
        properties: what is told, each under a name of the CRM's.
        lists: the CRM's id of the list of each tier that has one.
        stays_percent: whoever still buys with at least this chance has a low churn risk.
        leaves_percent: with at least this a middle one; with less a high one.
        moved_days: a next purchase that moved by less is not told anew.
        apart_days: so long lies between two tellings of one customer.
        batch: so many customers are one decision.
        batches: so many decisions are made a day.
    """

    connection: str | None = None
    properties: Annotated[Mapping[Property, Name], msgspec.Meta(min_length=1)] = msgspec.field(
        default_factory=lambda: {
            "tier": "trueup_tier",
            "churn_risk": "trueup_churn_risk",
            "next_order_on": "trueup_next_order_on",
            "last_order_on": "trueup_last_order_on",
        }
    )
    lists: Mapping[Tier, ListRef] = {}
    stays_percent: _Percent = 60
    leaves_percent: _Percent = 30
    moved_days: _Days = 7
    apart_days: _Days = 7
    batch: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    batches: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20

    @property
    def cuts(self) -> Cuts:
        """What counts as something else."""
        return Cuts(
            stays=self.stays_percent,
            leaves=self.leaves_percent,
            moved_days=self.moved_days,
            apart=timedelta(days=self.apart_days),
        )


class ProfileValues(Values, frozen=True, kw_only=True):
    """Some customers of whom the CRM was told something else."""

    connection_id: int
    changes: tuple[Change, ...]


async def read(
    look: Look, settings: ProfileSettings, subject: str | None
) -> list[Facts[ProfileValues]]:
    """Return the batches that are open, and those of today where none was made yet."""
    crm = look.hub.number_of(settings.connection)
    if crm is None:
        return []
    day = f"profiles/{look.now.astimezone(UTC).date()}/"
    kept = await batches_of(look.conn, NAME, day, subject)
    found = [facts for each in kept if (facts := await _standing(look, settings, crm, each))]
    if subject is not None or any(each.subject.startswith(day) for each in kept):
        return found
    due = await portraits_due(
        look.conn, NAME, crm, settings.cuts, look.now, count=settings.batch * settings.batches
    )
    batches = [tuple(due[n : n + settings.batch]) for n in range(0, len(due), settings.batch)]
    return found + [
        _facts(f"{day}{n}", ProfileValues(connection_id=crm, changes=changes))
        for n, changes in enumerate(batches, 1)
    ]


async def _standing(
    look: Look, settings: ProfileSettings, crm: int, batch: Batch
) -> Facts[ProfileValues] | None:
    """Return a batch as it was proposed, where anything of it is still to be told.

    What was ordered is followed to its end; who changed meanwhile is left out when it is ordered.
    """
    if batch.state not in _OPEN:
        return None
    known = msgspec.convert(batch.facts, ProfileValues, strict=False)
    if batch.state != State.ORDERED.value:
        people = {bytes.fromhex(each.person) for each in known.changes}
        due = await portraits_due(
            look.conn, NAME, crm, settings.cuts, look.now, people=people, count=len(people)
        )
        still = {(each.person, each.now.tier, each.last_on) for each in due}
        if not any((each.person, each.now.tier, each.last_on) in still for each in known.changes):
            return None
    return _facts(batch.subject, known)


_OPEN: Final = (
    State.SHADOW.value,
    State.PROPOSED.value,
    State.APPROVED.value,
    State.ORDERED.value,
)


def _facts(subject: str, values: ProfileValues) -> Facts[ProfileValues]:
    return Facts(
        subject=subject,
        episode="once",
        values=values,
        evidence=tuple(each.order for each in values.changes[:_EVIDENCE_MAX]),
    )


def propose(facts: Facts[ProfileValues], settings: ProfileSettings) -> Proposal:
    """Return that the CRM is told of each, and who belongs in another list."""
    known = facts.values
    actions = [each for change in known.changes for each in _actions(known, change, settings)]
    count = len(known.changes)
    whom = "one customer" if count == 1 else f"{count} customers"
    return Proposal(
        reason=f"What the CRM knows of {whom} is no longer so: {_counted(known.changes)}.",
        actions=tuple(actions),
    )


def _counted(changes: Iterable[Change]) -> str:
    counts = Counter(moved(each.was, each.now) or "next" for each in changes)
    return ", ".join(f"{counts[what]} {says}" for what, says in _SAYS.items() if counts[what])


def _actions(known: ProfileValues, change: Change, settings: ProfileSettings) -> list[Action]:
    key = f"patron/{change.person}"  # in turn: who has no profile has one before they join a list
    portrait = Portrait(
        person=change.person,
        order=change.order,
        band=change.now,
        last_on=change.last_on,
        properties=_told(change, settings),
    )
    what = "tell the CRM of a customer what is so now"
    found = [Action(content=portrait, connection_id=known.connection_id, key=key, what=what)]
    tier = change.now.tier
    if settings.lists and (change.was is None or change.was.tier != tier):
        joined = tuple(ref for each, ref in settings.lists.items() if each == tier)
        left = tuple(dict.fromkeys(r for r in settings.lists.values() if r not in joined))
        membership = Membership(
            person=change.person,
            order=change.order,
            band=change.now,
            last_on=change.last_on,
            joined=joined,
            left=left,
        )
        what = "move a customer to the list of their tier"
        found.append(
            Action(content=membership, connection_id=known.connection_id, key=key, what=what)
        )
    return found


def _told(change: Change, settings: ProfileSettings) -> tuple[tuple[str, str], ...]:
    """Return what is told under the CRM's names; what is no longer known is emptied."""
    was_known = change.was is not None and change.was.next_on is not None
    next_on = "" if was_known else None
    if change.now.next_on is not None:
        next_on = change.now.next_on.isoformat()
    values: Mapping[Property, str | None] = {
        "tier": change.now.tier.value,
        "churn_risk": change.now.risk.value,
        "next_order_on": next_on,
        "last_order_on": change.last_on.isoformat(),
    }
    return tuple(
        (name, value)
        for each, name in settings.properties.items()
        if (value := values[each]) is not None
    )


async def play(look: Look, settings: ProfileSettings, since: date, until: date) -> Replay:
    """Work customers out at the end of each week, by the rule below the model, and count."""
    first_of = await first_of_persons(look.conn, {each.value for each in look.hub.keys.spaces})
    begin, end = datetime.combine(since, time(), UTC), end_of(until)
    orders = [
        order async for order in orders_bought(look.conn, look.hub.sellers(), begin - HISTORY, end)
    ]
    weeks = (until - since).days // _WEEK.days + 1
    evenings = [until - _WEEK * n for n in reversed(range(weeks))]
    counts = await asyncio.to_thread(told_weekly, History(first_of), orders, evenings, settings)
    again = sum(counts[what] for what in ("tier", "risk", "next"))
    return Replay(
        since=since,
        until=until,
        figures={"first": float(counts["first"]), "again": float(again)},
        sentence=(
            f"From {since} to {until}, looked at once a week and by the rule below the model, the "
            f"CRM would have been told of {counts['first']} customers, and {again} times once "
            f"more: {counts['tier']} times of another tier, {counts['risk']} of another churn "
            f"risk, {counts['next']} of another next purchase."
        ),
    )


def told_weekly(
    history: History,
    orders: Sequence[BoughtOrder],
    evenings: Sequence[date],
    settings: ProfileSettings,
) -> Counter[str]:
    """Return what would have been told at the ends of some weeks. Pure."""
    told: dict[bytes, Band] = {}
    counts: Counter[str] = Counter()
    left = iter(orders)
    order = next(left, None)
    for evening in evenings:
        while order is not None and order.placed_at < end_of(evening):
            history.add(order)
            order = next(left, None)
        room = settings.batch * settings.batches * _WEEK.days
        for patron in history.patrons(evening, {}):
            band = band_of(patron, settings.cuts)
            what = moved(told.get(patron.person), band, settings.moved_days)
            if what is not None and room:
                room -= 1
                counts[what] += 1
                told[patron.person] = band
    return counts


RULE = Rule(
    name=NAME,
    version=1,
    title="Tells the CRM in which tier customers are, whether they may leave, and when they buy.",
    kinds=frozenset({Portrait.command, Membership.command}),
    settings=ProfileSettings,
    read=read,
    propose=propose,
    play=play,
)
