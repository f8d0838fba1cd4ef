"""Look at what stands at a channel: listing by listing, or page by page."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from trueup.canon.inventory import InventoryLevel
from trueup.contract.capability import Limit
from trueup.contract.connector import Request
from trueup.errors import RateLimited, Resting
from trueup.outbox.parity import Standing, listings_to_compare
from trueup.pull.access import Access
from trueup.reconcile.reading import map_piece
from trueup.records.listings import Listing, list_listings

LEVELS: Final = "inventory_levels"
SHARE: Final = 0.1
"""Of a vendor's budget of calls, so much may be spent on looking."""


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """One listing looked at.

    Attributes:
        before, after: what the outbox said before and after; None: the listing ended meanwhile.
        stands: None where the vendor keeps no stock of it.
        looked_at: when the vendor was asked.
    """

    before: Standing
    after: Standing | None
    stands: int | None
    looked_at: datetime


class Unlisted(msgspec.Struct, frozen=True, kw_only=True):
    """Stock at the vendor that no listing of ours tells of."""

    item_ref: str
    sku: str | None
    stands: int | None
    why: str


class Leaf(msgspec.Struct, frozen=True, kw_only=True):
    """One page of levels; `next_cursor` None after the last."""

    sights: tuple[Sight, ...]
    unlisted: tuple[Unlisted, ...]
    next_cursor: str | None


class Allowance:
    """What a round may spend of a vendor's budget; the first call always may be made.

    Args:
        limits: of the manifest, by scope.
        interval_s: how often rounds are.
        share: of the budget.
    """

    def __init__(self, limits: Sequence[Limit], interval_s: float, share: float = SHARE) -> None:
        refills = {limit.scope: limit.refill_per_s for limit in limits}
        self._refills = refills or {"all": 1.0}
        self._part = interval_s * share
        self._spent: dict[str, float] = {}

    def may(self, request: Request) -> bool:
        """Tell whether a call is within the allowance."""
        scope = self._scope(request)
        spent = self._spent.get(scope, 0.0)
        return spent == 0.0 or spent + request.cost <= self._refills[scope] * self._part

    def spend(self, request: Request) -> None:
        """Count a call."""
        scope = self._scope(request)
        self._spent[scope] = self._spent.get(scope, 0.0) + request.cost

    def calls(self, request: Request) -> float:
        """Return how many calls like this one a round may make."""
        most = self._refills[self._scope(request)] * self._part / max(request.cost, 1e-9)
        return max(1.0, most)

    def _scope(self, request: Request) -> str:
        if request.scope in self._refills:
            return request.scope
        return "all" if "all" in self._refills else next(iter(self._refills))


def batch_max(access: Access) -> int:
    """Return how many listings one call reads."""
    action = access.folder.manifest.action("stock.set")
    return 1 if action is None else action.read_max or action.bulk_max


async def look_at(access: Access, standings: Sequence[Standing]) -> list[Sight]:
    """Ask what stands at some listings, in one call.

    Raises:
        ConnectorError: the vendor did not answer.
    """
    keys = [each.key for each in standings]
    connection_id = access.connection.connection_id
    before = await listings_to_compare(access.conn, connection_id, keys)
    if not before:
        return []
    intents = [each.intent for each in before]
    looked_at = access.clock.now()
    reply = await access.send(access.folder.actions.read_request(intents))
    levels = access.folder.actions.read(intents, reply)
    after = {each.key: each for each in await listings_to_compare(access.conn, connection_id, keys)}
    return [
        Sight(before=each, after=after.get(each.key), stands=level, looked_at=looked_at)
        for each, level in zip(before, levels, strict=True)
    ]


async def look_at_some(
    access: Access, standings: Sequence[Standing], allowance: Allowance | None = None
) -> list[Sight]:
    """Ask what stands at listings, in their order, as far as the allowance goes.

    A vendor that wants no more calls ends it; what was seen counts.

    Raises:
        ConnectorError: the vendor did not answer, and nothing was seen.
    """
    sights: list[Sight] = []
    size = batch_max(access)
    for start in range(0, len(standings), size):
        some = standings[start : start + size]
        request = access.folder.actions.read_request([each.intent for each in some])
        if allowance is not None and not allowance.may(request):
            break
        try:
            sights += await look_at(access, some)
        except (RateLimited, Resting):
            if not sights:
                raise
            break
        if allowance is not None:
            allowance.spend(request)
    return sights


def lists_levels(access: Access) -> bool:
    """Whether the vendor lists what stands there, page by page."""
    pulled = access.folder.manifest.pulled(access.connection.settings)
    return any(each.resource == LEVELS for each in pulled)


def page_request(access: Access, cursor: str | None) -> Request:
    """Return the call for one page of levels."""
    return access.folder.pull.page_request(LEVELS, None, cursor)


async def look_on(access: Access, cursor: str | None) -> Leaf:
    """Read one page of levels and say what it shows of listings, and what of none.

    Raises:
        ConnectorError: the vendor did not answer.
    """
    listings = await _listings(access)
    before = await _by_item(access)
    looked_at = access.clock.now()
    page = access.folder.pull.page(LEVELS, await access.send(page_request(access, cursor)))
    levels = _levels(access, [r for p in page.pieces for r in map_piece(access, p).records])
    after = await _by_item(access)
    sights, unlisted = [], []
    for level in levels:
        standing = before.get(level.item_ref)
        if level.item_ref not in listings:
            unlisted.append(_unlisted(level, "no listing of ours names it"))
        elif standing is not None:
            sight = Sight(
                before=standing,
                after=after.get(level.item_ref),
                stands=level.available,
                looked_at=looked_at,
            )
            sights.append(sight)
    return Leaf(sights=tuple(sights), unlisted=tuple(unlisted), next_cursor=page.next_cursor)


async def _by_item(access: Access) -> Mapping[str, Standing]:
    standings = await listings_to_compare(access.conn, access.connection.connection_id)
    return {each.target.get("item_ref", ""): each for each in standings}


async def _listings(access: Access) -> Mapping[str, Listing]:
    connection_id = access.connection.connection_id
    return {
        each.item_ref: each
        for each in await list_listings(access.conn)
        if each.connection_id == connection_id and each.active and each.stocked and each.item_ref
    }


def _levels(access: Access, records: Sequence[object]) -> list[InventoryLevel]:
    """Return the levels that count: where the hub writes, and of what is stocked."""
    location = access.hub.stock_location(access.connection.connection_id)
    return [
        each
        for each in records
        if isinstance(each, InventoryLevel)
        and not each.deleted
        and each.available is not None
        and location in {"", each.location_ref}
    ]


def _unlisted(level: InventoryLevel, why: str) -> Unlisted:
    return Unlisted(item_ref=level.item_ref, sku=level.sku, stands=level.available, why=why)
