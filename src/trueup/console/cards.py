"""Cards of the overview: each a number, a small picture, a sentence of cause, and one action.

Every card is read by itself, by who may read it. What it tells is exact as of its reading.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final
from urllib.parse import quote, urlencode

from trueup.access.manner import manner_in_force
from trueup.console.card import (
    LINES_MAX,
    Card,
    Desk,
    Line,
    Tone,
    hours_in_words,
    money_in,
    parts_of,
)
from trueup.console.draw import Bar
from trueup.console.shipments_page import WORDS, Trouble, Way, count_troubles, read_ways
from trueup.console.stock_cards import oversold_card, stock_card
from trueup.console.today import read_clusters
from trueup.console.words import mark, said, say
from trueup.decisions.model import State
from trueup.decisions.reads import list_decisions
from trueup.intake import reads as intake
from trueup.ledger.money import EXACT
from trueup.pull.health import Condition, read_health
from trueup.reconcile.exceptions import (
    AGES,
    Wanted,
    count_exceptions,
    list_runs,
    sum_exceptions,
)
from trueup.reconcile.exceptions import State as ExceptionState
from trueup.reconcile.meanings import meaning_of
from trueup.reconcile.report import UNEXPLAINED
from trueup.records.asked import waiting_tickets
from trueup.records.orders import tally_orders, tally_refunds

TICKETS_MAX: Final = 1_000
TICKETS_SINCE: Final = timedelta(days=60)
DECISIONS_MAX: Final = 500
LONG: Final = timedelta(hours=4)
"""Who waits longer for an answer waits long."""

_DAY: Final = timedelta(days=1)

AHEAD: Final = _DAY
"""By how much a channel's clock may be ahead: what came in has come in."""


# -- what came in ----------------------------------------------------------------------------------


async def orders_card(desk: Desk) -> Card:
    """Return how many orders came, by channel."""
    span = desk.span
    sold = await tally_orders(desk.session, span.since, span.until + AHEAD, span.part)
    earlier = await tally_orders(desk.session, span.before.since, span.since, span.part)
    names = desk.hub.names()
    by_channel: Counter[str] = Counter()
    for each in sold:
        by_channel[names.get(each.connection_id, say("removed"))] += each.orders
    first = span.since.astimezone(manner_in_force().place()).date()
    count, was = by_channel.total(), sum(each.orders for each in earlier)
    return Card(
        name="orders",
        title=say("Orders"),
        count=count,
        unit=say("orders"),
        tone=Tone.NOTE,
        cause=_compared(count, was, by_channel),
        act=say("Look at them"),
        address=f"/orders?first={first}",
        drawn=parts_of(sold, span, lambda each: float(each.orders)),
        over_time=True,
        lines=tuple(
            Line(
                label=name,
                count=orders,
                address=f"/orders?{urlencode({'channel': name, 'first': str(first)})}",
            )
            for name, orders in by_channel.most_common(LINES_MAX)
        ),
    )


async def money_card(desk: Desk) -> Card:
    """Return what was ordered for how much, and what was given back."""
    span = desk.span
    sold = await tally_orders(desk.session, span.since, span.until + AHEAD, span.part)
    back = await tally_refunds(desk.session, span.since, span.until)
    totals: dict[str, Decimal] = defaultdict(Decimal)
    orders: Counter[str] = Counter()
    for each in sold:
        totals[each.currency] = EXACT.add(totals[each.currency], each.amount)
        orders[each.currency] += each.orders
    main = orders.most_common(1)[0][0] if orders else ""
    given = [row for row in back if row["currency"]]
    first = span.since.astimezone(manner_in_force().place()).date()
    return Card(
        name="money",
        title=say("Money"),
        count=orders.total(),
        unit=say("orders, taxes and shipping included"),
        tone=Tone.NOTE,
        cause=_given_back(given, totals),
        act=say("Look at what was paid out"),
        address="/payouts",
        money=tuple(money_in(totals[each], each) for each, _ in orders.most_common()),
        drawn=parts_of(
            [each for each in sold if each.currency == main], span, lambda each: float(each.amount)
        ),
        over_time=True,
        lines=tuple(
            Line(
                label=say("given back, in %(refunds)s", refunds=row["refunds"]),
                money=money_in(row["amount"], row["currency"]),
                address=f"/orders?first={first}",
            )
            for row in given[:LINES_MAX]
        ),
    )


# -- what is late, or waits ------------------------------------------------------------------------


async def parcels_card(desk: Desk) -> Card:
    """Return how many parcels are in trouble."""
    ways = await read_ways(desk.session, desk.now)
    counts = count_troubles(ways)
    troubled = [way for way in ways if way.trouble is not Trouble.NONE]
    worst = next(iter(counts), Trouble.NONE.value)
    cause = say("All %(parcels)s parcels under way are where they should be.", parcels=len(ways))
    if not ways:
        cause = say("No parcel is under way.")
    elif troubled:
        trouble = say(WORDS[Trouble(worst)])
        cause = say("%(count)s of them: %(trouble)s.", count=counts[worst], trouble=trouble)
        cause = f"{cause} {_carriers(troubled)}"
    tone = Tone.GOOD
    if troubled:
        tone = Tone.ERROR if worst in {Trouble.LOST, Trouble.RETURNING} else Tone.WARNING
    return Card(
        name="parcels",
        title=say("Late or at risk"),
        count=len(troubled),
        unit=say("of %(parcels)s parcels under way", parcels=len(ways)),
        tone=tone,
        cause=cause,
        act=say("See who waits"),
        address="/shipments",
        drawn=tuple(Bar(label=said(name), value=float(count)) for name, count in counts.items()),
        lines=tuple(
            Line(
                label=say(WORDS[Trouble(name)]),
                count=count,
                address=f"/shipments?trouble={name}",
            )
            for name, count in counts.items()
            if name != Trouble.NONE.value
        ),
    )


async def tickets_card(desk: Desk) -> Card:
    """Return how many customers wait for an answer."""
    since = desk.now - TICKETS_SINCE
    tickets = await waiting_tickets(desk.session, since, count=TICKETS_MAX)
    long = [each for each in tickets if desk.now - each.waits_since >= LONG]
    names, removed = desk.hub.names(), say("removed")
    cause = say("Nobody waits for an answer.")
    if tickets:
        hours = round((desk.now - tickets[0].waits_since) / timedelta(hours=1))
        cause = say(
            "%(many)s wait for more than four hours; the longest for %(hours)s.",
            many=len(long),
            hours=hours_in_words(hours),
        )
    ages = Counter(_age(desk.now - each.waits_since) for each in tickets)
    return Card(
        name="tickets",
        title=say("Tickets that need a person"),
        count=len(tickets),
        unit=say("tickets"),
        at_least=len(tickets) == TICKETS_MAX,
        tone=Tone.WARNING if long else Tone.NOTE if tickets else Tone.GOOD,
        cause=cause,
        act=say("See what is proposed"),
        address="/decisions",
        drawn=tuple(
            Bar(label=say(label), value=float(ages[label])) for label in _AGES if ages[label]
        ),
        lines=tuple(
            Line(
                label=f"{names.get(each.connection_id, removed)} {each.ref}",
                at=each.waits_since,
                address=f"/events/{each.event_id}",
            )
            for each in tickets[:LINES_MAX]
        ),
    )


# -- what does not agree, or waits for a word ------------------------------------------------------


async def discrepancies_card(desk: Desk) -> Card:
    """Return what differs, by value."""
    sums = await sum_exceptions(desk.session, Wanted(), desk.now)
    counts = await count_exceptions(desk.session)
    amounts: dict[str | None, Decimal] = defaultdict(Decimal)
    ages: Counter[int] = Counter()
    for row in sums:
        amounts[row["currency"]] = EXACT.add(amounts[row["currency"]], row["amount"])
        ages[row["age"]] += row["standing"]
    standing = sum(counts.get("check", {}).values())
    causes = sorted(counts.get("cause", {}).items(), key=lambda each: (-each[1], each[0]))
    unexplained = counts.get("cause", {}).get(UNEXPLAINED, 0)
    cause = say("The books agreed when they were compared last.")
    if not await list_runs(desk.session, count=1):
        cause = say("The books were not compared yet; that is done every night.")
    if causes:
        name, many = causes[0]
        cause = say(
            "Most often (%(many)s times): %(what)s.", many=many, what=said(meaning_of(name).says)
        )
    open_ = counts.get("state", {}).get(ExceptionState.OPEN.value, 0)
    return Card(
        name="discrepancies",
        title=say("Open discrepancies"),
        count=standing,
        unit=say("exceptions, %(open)s open", open=open_),
        tone=Tone.ERROR if unexplained else Tone.WARNING if open_ else Tone.GOOD,
        cause=cause,
        act=say("Settle them"),
        address="/exceptions",
        money=tuple(
            money_in(amount, currency)
            for currency, amount in sorted(amounts.items(), key=lambda each: each[0] or "")
            if currency is not None
        ),
        drawn=tuple(
            Bar(label=said(AGES[age][1]), value=float(many)) for age, many in sorted(ages.items())
        ),
        lines=tuple(
            Line(
                label=say("nothing explains it")
                if name == UNEXPLAINED
                else said(name.replace("_", " ")),
                count=many,
                address="/exceptions",
            )
            for name, many in causes[:LINES_MAX]
        ),
    )


async def decisions_card(desk: Desk) -> Card:
    """Return how many proposals wait for a person."""
    rows = await list_decisions(desk.session, state=State.PROPOSED, count=DECISIONS_MAX)
    rules = Counter(row["rule"] for row in rows)
    cause = say("No proposal waits for your word.")
    if rows:
        oldest = min(row["proposed_at"] for row in rows)
        hours = round((desk.now - oldest) / timedelta(hours=1))
        lapsing = sum(
            row["lapses_at"] is not None and row["lapses_at"] <= desk.now + _DAY for row in rows
        )
        cause = say(
            "The oldest waits for %(hours)s; %(lapsing)s lapse within a day.",
            hours=hours_in_words(hours),
            lapsing=lapsing,
        )
    return Card(
        name="decisions",
        title=say("Decisions waiting"),
        count=len(rows),
        unit=say("proposals"),
        at_least=len(rows) == DECISIONS_MAX,
        tone=Tone.WARNING if rows else Tone.GOOD,
        cause=cause,
        act=say("Decide"),
        address="/decisions?state=proposed",
        drawn=tuple(Bar(label=rule, value=float(many)) for rule, many in rules.most_common()),
        lines=tuple(
            Line(
                label=rule.replace("_", " "),
                count=many,
                address=f"/decisions?state=proposed&rule={quote(rule)}",
            )
            for rule, many in rules.most_common(LINES_MAX)
        ),
    )


# -- what works ------------------------------------------------------------------------------------


async def connections_card(desk: Desk) -> Card:
    """Return how many connections fail."""
    found = await read_health(desk.session, desk.hub, desk.now)
    failing = [each for each in found if each.health is Condition.FAILING]
    cause = say("All %(count)s connections do what they should.", count=len(found))
    if not found:
        cause = say("Nothing is connected yet.")
    elif failing:
        told = next(iter(failing[0].failing.values()), "") or say("it refuses a topic")
        cause = f"{failing[0].name}: {told}"
    states = Counter(each.health.value for each in found)
    return Card(
        name="connections",
        title=say("Connections"),
        count=len(failing),
        unit=say("of %(count)s failing", count=len(found)),
        tone=Tone.ERROR if failing else Tone.GOOD if found else Tone.NOTE,
        cause=cause,
        act=say("See how each is"),
        address="/connections",
        drawn=tuple(
            Bar(label=said(state), value=float(many)) for state, many in states.most_common()
        ),
        lines=tuple(
            Line(label=each.name, at=each.last_event_at, address="/connections")
            for each in (failing or found)[:LINES_MAX]
        ),
    )


async def parked_card(desk: Desk) -> Card:
    """Return how many events could not be applied."""
    clusters = await read_clusters(desk.session)
    issues = await intake.count_issues(desk.session)
    events = sum(each.events for each in clusters)
    errors = sum(row["issues"] for row in issues if row["severity"] == "error")
    cause = say("Every event was applied.")
    if clusters:
        cause = say(
            "Most of one cause: %(cause)s. All are kept; none is lost.", cause=clusters[0].cause
        )
    return Card(
        name="parked",
        title=say("Not applied"),
        count=events,
        unit=say("events, and %(errors)s records with an error", errors=errors),
        tone=Tone.ERROR if events else Tone.WARNING if errors else Tone.GOOD,
        cause=cause,
        act=say("See the causes"),
        address="/parked",
        drawn=tuple(Bar(label=each.cause, value=float(each.events)) for each in clusters),
        lines=tuple(
            Line(
                label=each.cause,
                count=each.events,
                address=f"/parked?cluster={quote(each.cluster)}",
            )
            for each in clusters[:LINES_MAX]
        ),
    )


CARDS: Final = (
    ("orders.read", orders_card),
    ("orders.read", money_card),
    ("orders.read", parcels_card),
    ("customers.read", tickets_card),
    ("stock.read", oversold_card),
    ("stock.read", stock_card),
    ("exceptions.read", discrepancies_card),
    ("decisions.read", decisions_card),
    ("connections.read", connections_card),
    ("events.read", parked_card),
)
"""All cards in their order, with the right that each needs."""


_AGES: Final = (
    mark("under 4 hours"),
    mark("4 to 24 hours"),
    mark("1 to 3 days"),
    mark("over 3 days"),
)


def _age(waited: timedelta) -> str:
    steps = (LONG, _DAY, 3 * _DAY)
    return _AGES[sum(waited >= step for step in steps)]


def _compared(count: int, was: int, by_channel: Counter[str]) -> str:
    """Return how a count stands to the one of the same time before, and what it came from."""
    if count == was == 0:
        return say("None came, nor in the same time before.")
    change = say("As many as in the same time before.")
    if was == 0:
        change = say("None came in the same time before.")
    elif count != was:
        share = round(100 * abs(count - was) / was)
        more, fewer = (
            mark("%(share)s %% more than in the same time before."),
            mark("%(share)s %% fewer than in the same time before."),
        )
        change = say(more if count > was else fewer, share=share)
    if len(by_channel) < 2:
        return change
    name, most = by_channel.most_common(1)[0]
    brought = say(
        "%(channel)s brought %(share)s %% of them.", channel=name, share=round(100 * most / count)
    )
    return f"{change} {brought}"


def _given_back(rows: Sequence[dict[str, object]], totals: dict[str, Decimal]) -> str:
    if not totals and not rows:
        return say("Nothing was ordered, and nothing given back.")
    if not rows:
        return say("Nothing was given back.")
    row = rows[0]
    sold, amount = totals.get(str(row["currency"]), Decimal(0)), Decimal(str(row["amount"]))
    if not sold:
        return say("%(refunds)s refunds were made.", refunds=row["refunds"])
    share = round(100 * amount / sold)
    return say(
        "%(refunds)s refunds were made, %(share)s %% of what was ordered in %(currency)s.",
        refunds=row["refunds"],
        share=share,
        currency=row["currency"],
    )


def _carriers(ways: Sequence[Way]) -> str:
    carriers = Counter(way.trip.carrier or say("an unnamed carrier") for way in ways)
    name, many = carriers.most_common(1)[0]
    return say("%(many)s of %(all)s are with %(carrier)s.", many=many, all=len(ways), carrier=name)
