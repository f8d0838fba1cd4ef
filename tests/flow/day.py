"""The bodies that one shop sends over one busy day, with their headers."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import msgspec

from trueup.sandbox.clock import ManualClock
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify import day as days
from trueup.sandbox.shopify.commands import Add
from trueup.sandbox.shopify.shop import ShopSettings
from trueup.sandbox.webhooks import Event


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One webhook: its topic, its id, when it was raised, its bytes."""

    topic: str
    webhook_id: str
    triggered_at: str
    body: bytes

    def headers(self, secret: str) -> dict[str, str]:
        mac = hmac.new(secret.encode(), self.body, hashlib.sha256).digest()
        return {
            "content-type": "application/json",
            "x-shopify-topic": self.topic,
            "x-shopify-webhook-id": self.webhook_id,
            "x-shopify-triggered-at": self.triggered_at,
            "x-shopify-hmac-sha256": base64.b64encode(mac).decode(),
        }


def play(*, seed: int, orders: int, skus: int) -> tuple[list[Told], dict[str, int]]:
    """Return what the shop `north` told over a day, and the units of each SKU at its start."""
    day = days.BusyDay(seed=seed, shops=("north",), orders=orders, skus=skus, stock_units=30)
    sandbox = Sandbox(ManualClock(datetime(2026, 3, 2, 5, tzinfo=UTC)))
    shop = sandbox.open_shop(ShopSettings(handle="north", seed=seed))
    told: list[Told] = []

    def hear(event: Event) -> None:
        told.append(
            Told(
                topic=event.topic,
                webhook_id=f"{event.event_id}:{len(told)}",
                triggered_at=event.triggered_at.isoformat().replace("+00:00", "Z"),
                body=event.body,
            )
        )

    shop.sinks.append(hear)
    catalogue = days.catalogue(day)
    for sku in catalogue:
        sandbox.do("north", Add(skus=[sku]))
    passed_s = 0.0
    for step in days.steps(day):
        sandbox.clock.advance(step.after_s - passed_s)
        passed_s = step.after_s
        sandbox.do("north", step.command)
    return told, {sku.sku or "": sku.available for sku in catalogue}
