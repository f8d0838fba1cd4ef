"""The page that shows what trying parked events again would change, before anybody does."""

from collections import Counter
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import structlog
from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler

from trueup.api.reading import write_session
from trueup.console.fact import Money
from trueup.console.render import answer
from trueup.preview import Fate, Foreseen, Preview, preview_retry

_log = structlog.get_logger("trueup.console")

Req = Request[Any, Any, Any]


class CauseRow(msgspec.Struct, frozen=True, kw_only=True):
    """Why some of the events would be parked again, with what is wrong in one of them."""

    cause: str
    events: int
    detail: str
    how_to_fix: str


class UnitsRow(msgspec.Struct, frozen=True, kw_only=True):
    """Units that all of them together would move at one place."""

    sku: str
    place: str
    site: str
    units: int


class AccountRow(msgspec.Struct, frozen=True, kw_only=True):
    """Money that all of them together would post to one account."""

    account: str
    sum: Money


class KindRow(msgspec.Struct, frozen=True, kw_only=True):
    """How many records of a kind would have a new version; `stale` of them without effect."""

    kind: str
    records: int
    stale: int


class PreviewPage(msgspec.Struct, frozen=True, kw_only=True):
    """What trying the events of one cause again would change.

    Attributes:
        waiting, left: how many are parked for it, and how many of them were not looked at.
        applies, parks, busy: what would become of those that were.
    """

    cluster: str
    waiting: int
    left: int
    applies: int
    parks: int
    busy: int
    causes: tuple[CauseRow, ...]
    kinds: tuple[KindRow, ...]
    units: tuple[UnitsRow, ...]
    money: tuple[AccountRow, ...]
    events: tuple[Foreseen, ...]


@get(["/parked/preview", "/parked/preview.json"], right="events.retry")
async def show_preview(
    request: Req, cluster: Annotated[str, QueryParameter(max_length=500, required=False)] = ""
) -> Response[Any]:
    """Show what trying the events of one cause again would change."""
    known = cluster and "\x00" not in cluster
    async with write_session(request.app.state) as session:
        found = await preview_retry(session, request.app.state.hub, cluster) if known else None
    if found is None or not found.waiting:
        raise NotFoundException("Nothing is parked for this cause.")
    _log.info("retry_previewed", events=len(found.events), applies=found.of(Fate.APPLIES))
    return answer(request, "preview.html", page_of(cluster, found))


def preview_handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of the preview."""
    return [show_preview]


def page_of(cluster: str, found: Preview) -> PreviewPage:
    """Return a preview with its sums. Pure."""
    return PreviewPage(
        cluster=cluster,
        waiting=found.waiting,
        left=found.left,
        applies=found.of(Fate.APPLIES),
        parks=found.of(Fate.PARKED),
        busy=found.of(Fate.BUSY),
        causes=_causes(found),
        kinds=_kinds(found),
        units=_units(found),
        money=_money(found),
        events=found.events,
    )


def _causes(found: Preview) -> tuple[CauseRow, ...]:
    parked = [each for each in found.events if each.fate is Fate.PARKED]
    counted = Counter(each.cause for each in parked)
    first = {each.cause: each for each in reversed(parked)}
    return tuple(
        CauseRow(
            cause=cause,
            events=events,
            detail=first[cause].detail,
            how_to_fix=next(
                (issue.how_to_fix for issue in first[cause].issues if issue.code == cause), ""
            ),
        )
        for cause, events in counted.most_common()
    )


def _kinds(found: Preview) -> tuple[KindRow, ...]:
    told = [each for event in found.events for each in event.records]
    records = {kind: {each.ref for each in told if each.kind == kind} for kind in _named(told)}
    stale = Counter(each.kind for each in told if each.stale)
    return tuple(
        KindRow(kind=kind, records=len(refs), stale=stale[kind]) for kind, refs in records.items()
    )


def _named(told: list[Any]) -> list[str]:
    return sorted({each.kind for each in told})


def _units(found: Preview) -> tuple[UnitsRow, ...]:
    sums: Counter[tuple[str, str, str]] = Counter()
    for event in found.events:
        for each in event.units:
            sums[each.sku, each.place, each.site] += each.units
    return tuple(
        UnitsRow(sku=sku, place=place, site=site, units=units)
        for (sku, place, site), units in sorted(sums.items())
        if units
    )


def _money(found: Preview) -> tuple[AccountRow, ...]:
    sums: dict[tuple[str, str], Decimal] = {}
    for event in found.events:
        for each in event.money:
            key = (each.account, each.currency)
            sums[key] = sums.get(key, Decimal(0)) + each.amount
    return tuple(
        AccountRow(account=account, sum=Money(amount=str(amount), currency=currency))
        for (account, currency), amount in sorted(sums.items())
        if amount
    )
