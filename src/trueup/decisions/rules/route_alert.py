"""Route alert: a route does worse than it did; whoever is responsible hears of it once.

Two shares are held beside their own past: of the parcels that came, or still come, after the day
that was promised; and of those that were silent for longer than nine of ten were before. A bad time
ends once a route did well for some days; then it may be told of again.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import msgspec

from trueup.db.rows import Row
from trueup.decisions.blanks.alert import Alert
from trueup.decisions.model import Action, Effect, Facts, Proposal, Values
from trueup.decisions.parcels.routes import is_more
from trueup.decisions.parcels.tracked import order_ref, with_orders, zone_here
from trueup.decisions.reads import list_decisions
from trueup.decisions.rule import Look, Replay, Rule, Settings, Waited
from trueup.models.arrivals.past import ENOUGH, LONG_SHARE, day_of, is_late, quantile, route_of
from trueup.models.arrivals.route import Route
from trueup.records.trips import Trip, trips_since

NAME: Final = "route_alert"
_DAY: Final = timedelta(days=1)
_BACK_DAYS_MAX: Final = 28
_SAME_DAYS: Final = 7
_TOLD_MAX: Final = 1000
_EVIDENCE_MAX: Final = 5
_CENT: Final = Decimal("0.01")


class RouteSettings(Settings, frozen=True, kw_only=True):
    """What is worse.

    Attributes:
        window_days: of the newest parcels.
        past_days: before these; they are held against.
        parcels_min: of fewer parcels in either nothing is said.
        rise_percent: by so many hundredths a share must have risen.
        sure: by so many standard deviations of what chance would do.
        calm_days: a bad time is over after so many days that were not bad.
    """

    window_days: Annotated[int, msgspec.Meta(ge=1, le=60)] = 7
    past_days: Annotated[int, msgspec.Meta(ge=7, le=180)] = 42
    parcels_min: Annotated[int, msgspec.Meta(ge=ENOUGH, le=10_000)] = ENOUGH
    rise_percent: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10
    sure: Annotated[float, msgspec.Meta(ge=1, le=10)] = 3.0
    calm_days: Annotated[int, msgspec.Meta(ge=1, le=30)] = 3


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """A share then and now, as (how many, of how many)."""

    newer: tuple[int, int]
    older: tuple[int, int]


class RouteValues(Values, frozen=True, kw_only=True):
    """A route on the evening of a day.

    Attributes:
        bad_since: the first day of its bad time.
        late: parcels after their promise.
        silent: parcels that were silent for longer than `usual_gap_h`.
    """

    route: Route
    on: date
    bad_since: date
    late: Counted
    silent: Counted
    usual_gap_h: float | None


class History(msgspec.Struct, frozen=True, kw_only=True):
    """A route's parcels by day.

    Attributes:
        promised, late: how many were promised for a day, and how many of these came late.
        gaps_h: the longest silence of each that arrived on a day.
    """

    promised: Mapping[date, int]
    late: Mapping[date, int]
    gaps_h: Mapping[date, Sequence[float]]


async def read(
    look: Look, settings: RouteSettings, subject: str | None
) -> list[Facts[RouteValues]]:
    """Return the routes that are in a bad time, as of yesterday evening."""
    zone = zone_here(look.hub)
    today = day_of(look.now, zone)
    trips, histories = await _known(look, settings, zone)
    told = await list_decisions(look.conn, rule=NAME, count=_TOLD_MAX)
    standing = [
        values
        for route, history in histories.items()
        if subject in {None, route.ref}
        and (values := standing_of(route, history, today - _DAY, settings)) is not None
    ]
    evidence = await _evidence(look, standing, trips, zone, settings.window_days)
    return [
        Facts(
            subject=each.route.ref,
            episode=episode_of(each.route, each.bad_since, told),
            values=each,
            evidence=evidence[each.route],
        )
        for each in standing
    ]


async def _known(
    look: Look, settings: RouteSettings, zone: ZoneInfo
) -> tuple[Sequence[Trip], Mapping[Route, History]]:
    """Return the parcels of the days that matter, and each route's by day; read once a turn."""
    today = day_of(look.now, zone)
    days = settings.window_days + settings.past_days + _BACK_DAYS_MAX

    async def read_all() -> tuple[Sequence[Trip], Mapping[Route, History]]:
        trips = await trips_since(look.conn, look.now - timedelta(days=days))
        return trips, histories_of(trips, today, zone)

    return await look.memo.once(("routes", zone.key, today, days), look.now, read_all)


async def _evidence(
    look: Look, standing: Sequence[RouteValues], trips: Sequence[Trip], zone: ZoneInfo, days: int
) -> Mapping[Route, tuple[str, ...]]:
    """Return some orders of each route that came late in its bad time or some days before it."""
    since = {each.route: each.bad_since - _DAY * days for each in standing}
    late: dict[Route, list[Trip]] = defaultdict(list)
    for trip in trips:
        route = route_of(trip)
        begun = since.get(route)
        if begun is None or trip.promised_on is None or trip.promised_on < begun:
            continue
        if is_late(trip, day_of(look.now, zone), zone) and len(late[route]) < _EVIDENCE_MAX:
            late[route].append(trip)
    found: dict[Route, list[str]] = defaultdict(list)
    for trip, order in await with_orders(look, [each for some in late.values() for each in some]):
        found[route_of(trip)].append(order_ref(order))
    return {route: tuple(found[route]) for route in since}


def histories_of(trips: Sequence[Trip], today: date, zone: ZoneInfo) -> Mapping[Route, History]:
    """Return each route's parcels by day."""
    promised: dict[Route, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    late: dict[Route, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    gaps: dict[Route, dict[date, list[float]]] = defaultdict(lambda: defaultdict(list))
    for trip in trips:
        route = route_of(trip)
        came_late = is_late(trip, today, zone)
        if came_late is not None and trip.promised_on is not None:
            promised[route][trip.promised_on] += 1
            late[route][trip.promised_on] += came_late
        if trip.delivered_at is not None and trip.gap_s_max is not None:
            gaps[route][day_of(trip.delivered_at, zone)].append(trip.gap_s_max / 3600)
    return {
        route: History(promised=promised[route], late=late[route], gaps_h=gaps[route])
        for route in sorted({*promised, *gaps})
    }


def standing_of(
    route: Route, history: History, on: date, settings: RouteSettings
) -> RouteValues | None:
    """Return how a route stands on the evening of a day; None where it is in no bad time."""
    bad = [
        on - _DAY * n
        for n in range(settings.calm_days)
        if _is_bad(history, on - _DAY * n, settings)
    ]
    if not bad:
        return None
    since = bad[-1]
    while (on - since).days < _BACK_DAYS_MAX:
        before = [since - _DAY * n for n in range(1, settings.calm_days + 1)]
        worse = [day for day in before if _is_bad(history, day, settings)]
        if not worse:
            break
        since = worse[-1]
    late, silent, usual = _counted(history, bad[0], settings)
    return RouteValues(
        route=route, on=on, bad_since=since, late=late, silent=silent, usual_gap_h=usual
    )


def _is_bad(history: History, on: date, settings: RouteSettings) -> bool:
    late, silent, _ = _counted(history, on, settings)
    return _is_worse(late, settings) or _is_worse(silent, settings)


def _is_worse(counted: Counted, settings: RouteSettings) -> bool:
    enough = min(counted.newer[1], counted.older[1]) >= settings.parcels_min
    return enough and is_more(
        counted.newer, counted.older, by=settings.rise_percent / 100, sure=settings.sure
    )


def _counted(
    history: History, on: date, settings: RouteSettings
) -> tuple[Counted, Counted, float | None]:
    """Return late and silent parcels in the days until one, and before these; and the usual gap."""
    window = [on - _DAY * n for n in range(settings.window_days)]
    past = [window[-1] - _DAY * n for n in range(1, settings.past_days + 1)]
    late = Counted(
        newer=(_sum(history.late, window), _sum(history.promised, window)),
        older=(_sum(history.late, past), _sum(history.promised, past)),
    )
    newer = sorted(gap for day in window for gap in history.gaps_h.get(day, ()))
    older = sorted(gap for day in past for gap in history.gaps_h.get(day, ()))
    usual = quantile(older, LONG_SHARE)
    if usual is None:
        none = (0, 0)
        return late, Counted(newer=none, older=none), None
    silent = Counted(
        newer=(len(newer) - bisect_right(newer, usual), len(newer)),
        older=(len(older) - bisect_right(older, usual), len(older)),
    )
    return late, silent, round(usual, 1)


def _sum(counts: Mapping[date, int], days: Sequence[date]) -> int:
    return sum(counts.get(day, 0) for day in days)


def episode_of(route: Route, since: date, told: Sequence[Row]) -> str:
    """Return the name of a bad time: its first day, or the one under which it was told already.

    What a carrier tells later moves the first day by some days; it is the same time all the same.
    """
    known = [date.fromisoformat(row["episode"]) for row in told if row["subject"] == route.ref]
    same = [each for each in known if each >= since - _DAY * _SAME_DAYS]
    return (max(same) if same else since).isoformat()


def propose(facts: Facts[RouteValues], settings: RouteSettings) -> Proposal:
    """Return that the team is told."""
    known = facts.values
    says = known.route.says
    what = _what(known, settings)
    text = f"{says[0].upper()}{says[1:]} has done worse since {known.bad_since}: {what}."
    share, before = _share(known.late.newer), _share(known.late.older)
    return Proposal(
        reason=text,
        actions=(
            Action(
                content=Alert(subject=f"Route {says} got worse", text=text),
                what=f"tell the team that {says} got worse",
            ),
        ),
        effect=Effect(
            measure="late_share",
            says="the share of parcels that come late in the days after",
            came=("none came late", "some came late"),
            without=share,
            within=min(share, before),
            measured_at=datetime.combine(
                known.on + _DAY * (settings.window_days + 1), time(12), UTC
            ),
        ),
    )


def _what(known: RouteValues, settings: RouteSettings) -> str:
    found = []
    if _is_worse(known.late, settings):
        found.append(
            f"{known.late.newer[0]} of {known.late.newer[1]} parcels came after the day promised "
            f"({_percent(known.late.newer)} %), and {_percent(known.late.older)} % before"
        )
    if _is_worse(known.silent, settings):
        found.append(
            f"{known.silent.newer[0]} of {known.silent.newer[1]} were silent for more than "
            f"{known.usual_gap_h:g} hours ({_percent(known.silent.newer)} %), and "
            f"{_percent(known.silent.older)} % before"
        )
    return "; ".join(found)


def _share(counted: tuple[int, int]) -> Decimal:
    return (Decimal(counted[0]) / max(1, counted[1])).quantize(_CENT)


def _percent(counted: tuple[int, int]) -> int:
    return round(100 * counted[0] / max(1, counted[1]))


async def play(look: Look, settings: RouteSettings, since: date, until: date) -> Replay:
    """Go through the evenings of those days, and count how often it would have spoken.

    What came late is counted as it is known today; on the evening itself less of it was known.
    """
    zone = zone_here(look.hub)
    before = settings.window_days + settings.past_days + _BACK_DAYS_MAX
    first = datetime.combine(since - _DAY * before, time(), zone)
    histories = histories_of(await trips_since(look.conn, first), day_of(look.now, zone), zone)
    told: set[tuple[str, date]] = set()
    days = (until - since).days + 1
    for route, history in histories.items():
        last: date | None = None
        for on in (since + _DAY * n for n in range(days)):
            if not _is_bad(history, on, settings):
                continue
            if last is None or (on - last).days > settings.calm_days:
                told.add((route.ref, on))
            last = on
    return Replay(
        since=since,
        until=until,
        figures={"proposals": float(len(told)), "routes": float(len(histories))},
        sentence=(
            f"From {since} to {until} it would have spoken {len(told)} times about "
            f"{len({ref for ref, _ in told})} of {len(histories)} routes."
        ),
    )


async def measure(look: Look, waited: Sequence[Waited]) -> list[Decimal | None]:
    """Return the share of a route's parcels that came late of those promised for the days after.

    None where none was promised.
    """
    zone = zone_here(look.hub)
    first = min(each.since for each in waited) - timedelta(days=_BACK_DAYS_MAX)
    histories = histories_of(await trips_since(look.conn, first), day_of(look.now, zone), zone)
    by_ref = {route.ref: history for route, history in histories.items()}
    found: list[Decimal | None] = []
    for each in waited:
        history = by_ref.get(each.subject)
        begun, ended = day_of(each.since, zone), day_of(each.until, zone)
        days = [begun + _DAY * n for n in range((ended - begun).days)]
        promised = 0 if history is None else _sum(history.promised, days)
        late = 0 if history is None else _sum(history.late, days)
        found.append(_share((late, promised)) if promised else None)
    return found


RULE = Rule(
    name=NAME,
    version=1,
    title="Tells the team that a carrier's route got worse than it was.",
    kinds=frozenset({Alert.command}),
    settings=RouteSettings,
    read=read,
    propose=propose,
    play=play,
    measure=measure,
)
