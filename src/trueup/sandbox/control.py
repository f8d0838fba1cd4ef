"""The control desk over HTTP: open shops, let things happen, set faults, read the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from trueup.sandbox.faults import ApiFault, WebhookFaults
from trueup.sandbox.line import Reply
from trueup.sandbox.shopify import commands
from trueup.sandbox.shopify.catalogue import SkuSeed
from trueup.sandbox.shopify.door import Door
from trueup.sandbox.shopify.shop import Shop, ShopSettings

if TYPE_CHECKING:
    from trueup.sandbox.sandbox import Sandbox

__all__ = ["answer", "orders_of", "stock_of"]


_NO_ROUTE = Reply(status=404, body=b'{"errors":"no such control route"}')


class _Seed(msgspec.Struct, frozen=True, kw_only=True):
    skus: list[SkuSeed]
    shops: list[str] | None = None


class _Faults(msgspec.Struct, frozen=True, kw_only=True):
    api: list[ApiFault] | None = None
    webhooks: WebhookFaults | None = None
    frozen: int | None = None


class _Advance(msgspec.Struct, frozen=True, kw_only=True):
    seconds: float


async def answer(  # noqa: PLR0911 - a route table; each arm answers
    sandbox: Sandbox, method: str, parts: list[str], body: bytes
) -> Reply:
    """Answer one control request; JSON both ways.

    Routes: GET `state` · POST `shops` · POST `seed` · POST `clock` · POST `deliver` ·
    GET `shops/<handle>/<orders|stock|calls|counters>` · POST `shops/<handle>/commands` ·
    POST `shops/<handle>/faults`.
    """
    match (method, parts):
        case ("GET", ["state"]):
            return _json(_state(sandbox))
        case ("POST", ["shops"]):
            shop = sandbox.open_shop(msgspec.json.decode(body, type=ShopSettings))
            return _json({"shop": shop.domain, "id": shop.id})
        case ("POST", ["seed"]):
            seed = msgspec.json.decode(body, type=_Seed)
            sandbox.seed(seed.skus, seed.shops)
            return _json({"seeded": len(seed.skus)})
        case ("POST", ["clock"]):
            sandbox.clock.advance(msgspec.json.decode(body, type=_Advance).seconds)
            return _json({"now": sandbox.clock.now()})
        case ("POST", ["deliver"]):
            courier = sandbox.courier()
            try:
                return _json({"tried": await courier.deliver_due()})
            finally:
                await courier.close()
        case (_, ["shops", handle, noun]):
            return _shop_answer(sandbox.door(handle), method, noun, body)
    return _NO_ROUTE


def stock_of(shop: Shop) -> dict[str, dict[str, int]]:
    """Return what a shop believes, by SKU over all its locations."""
    found: dict[str, dict[str, int]] = {}
    for (item_id, _), level in shop.levels.items():
        sku = shop.items[item_id].sku
        if sku is None:
            continue
        row = found.setdefault(sku, {"available": 0, "committed": 0, "on_hand": 0})
        for name in row:
            row[name] += getattr(level, name)
    return found


def orders_of(shop: Shop) -> list[dict[str, Any]]:
    """Return every order in brief, oldest first."""
    return [
        {
            "id": order.id,
            "name": order.name,
            "ref": order.ref,
            "financial_status": order.financial_status,
            "cancelled": order.cancelled_at is not None,
            "total": str(order.original_total.shop),
            "lines": [
                {
                    "sku": line.sku,
                    "title": line.title,
                    "quantity": line.quantity,
                    "current": line.current,
                    "fulfillable": line.fulfillable,
                    "fulfilled": line.fulfilled,
                }
                for line in order.lines
            ],
        }
        for order in shop.orders.values()
    ]


def _shop_answer(door: Door, method: str, noun: str, body: bytes) -> Reply:
    shop = door.shop
    reads = {"orders": orders_of, "stock": stock_of}
    if method == "GET" and noun in reads:
        return _json({noun: reads[noun](shop)})
    if method == "GET" and noun == "calls":
        return _json({"calls": list(door.calls)})
    if method == "GET" and noun == "counters":
        return _json(_counters(door))
    if method == "POST" and noun == "commands":
        return _json(commands.run(shop, msgspec.json.decode(body, type=commands.Command)))
    if method == "POST" and noun == "faults":
        _set_faults(shop, msgspec.json.decode(body, type=_Faults))
        return _json({"set": True})
    return _NO_ROUTE


def _set_faults(shop: Shop, wanted: _Faults) -> None:
    if wanted.api is not None:
        shop.faults.rules = list(wanted.api)
    if wanted.webhooks is not None:
        shop.desk.faults = wanted.webhooks
    shop.frozen = wanted.frozen


def _counters(door: Door) -> dict[str, Any]:
    shop = door.shop
    return {
        "events": shop.counters,
        "webhooks": shop.desk.counters | {"waiting": shop.desk.waiting()},
        "calls": door.counters,
        "faults": shop.faults.struck,
        "idempotent_repeats": shop.idempotency.repeats,
        "subscriptions": len(shop.desk.subscriptions),
        "subscriptions_removed": len(shop.desk.removed),
    }


def _state(sandbox: Sandbox) -> dict[str, Any]:
    return {
        "now": sandbox.clock.now(),
        "truth": sandbox.world.available,
        "oversells": sandbox.world.oversells,
        "shops": {
            handle: {"stock": stock_of(door.shop), **_counters(door)}
            for handle, door in sandbox.doors.items()
        },
    }


def _json(body: object) -> Reply:
    return Reply(body=msgspec.json.encode(body))
