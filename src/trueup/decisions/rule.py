"""What a rule is: one file under `rules/` that ends in a `RULE`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

import msgspec
import psycopg

from trueup.canon.issue import Issue
from trueup.config import Amounts
from trueup.decisions.memo import Memo
from trueup.decisions.model import Facts, Proposal
from trueup.hub import Hub

Conn = psycopg.AsyncConnection[Any]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every rule can be set to; a rule adds its own.

    Attributes:
        per_day_max: decisions that are carried out a day (UTC) without a person.
        spend_per_day: money that these may move or commit a day, by currency; none of a currency
            that is not named.
        lapse_days: a proposal that nobody answered in so many days lapses.
    """

    per_day_max: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 20
    spend_per_day: Amounts = Amounts()
    lapse_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 7

    @property
    def lapse(self) -> timedelta:
        """After which time a proposal lapses."""
        return timedelta(days=self.lapse_days)


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """One of several ways that were played on the same past.

    Attributes:
        figures: what came of it, the same of every way in the same order; money as text.
    """

    name: str
    figures: tuple[tuple[str, int | str], ...]


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule would have done in the brand's own past.

    Attributes:
        since, until: the days that were played, both included.
        figures: what came of it; each name ends in its unit.
        sentence: the same for a person.
        beside: the ways that were played beside each other, the rule's own first.
        drawn: the figure of these that says most.
    """

    since: date
    until: date
    figures: dict[str, float]
    sentence: str
    beside: tuple[Beside, ...] = ()
    drawn: str = ""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule reads with.

    Attributes:
        conn: in a transaction of one snapshot; nothing is written.
        hub: with the connections as they are now.
        now: of the look.
        memo: what other looks of the turn have read, and need not be read again.
    """

    conn: Conn
    hub: Hub
    now: datetime
    memo: Memo = msgspec.field(default_factory=Memo)


class Waited(NamedTuple):
    """A proposal of which it can be known by now what came.

    Attributes:
        actions: as they are kept, where what came is about them.
    """

    subject: str
    since: datetime
    until: datetime
    actions: Sequence[Mapping[str, Any]] = ()


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule.

    Attributes:
        name: as it is called in the configuration and by people.
        version: goes up when the same facts may give another proposal.
        title: what it does, in one sentence.
        kinds: the commands that it may ask for; nothing else is carried out for it.
        settings: its part of the configuration, `[decisions.NAME]`.
        read: the facts of one subject, or of all that may need something.
        propose: what to do about them; pure, and None where nothing is to be done.
        play: what it would have done in the past; without one a rule stays a shadow.
        measure: what came of the measure that a proposal's effect is about, from the proposal on:
            of several, by (subject, since, until).
        codes: of the issues that `lacks` may tell of.
        lacks: the issues of what was agreed to and could not be had, until somebody dealt with it;
            each points at the command that was refused.
    """

    name: str
    version: int
    title: str
    kinds: frozenset[str]
    settings: type[Settings]
    read: Callable[[Look, Any, str | None], Awaitable[Sequence[Facts[Any]]]]
    propose: Callable[[Facts[Any], Any], Proposal | None]
    play: Callable[[Look, Any, date, date], Awaitable[Replay]] | None = None
    measure: Callable[[Look, Sequence[Waited]], Awaitable[Sequence[Decimal | None]]] | None = None
    codes: tuple[str, ...] = ()
    lacks: Callable[[Look, Any], Awaitable[Sequence[Issue]]] | None = None
