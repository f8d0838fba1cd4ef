"""What benchmarks put into the log before or while they measure."""

from collections.abc import Sequence

import msgspec

from trueup.bench.bodies import order_body, sku_name
from trueup.intake.append import append_events
from trueup.intake.model import NewEvent, Origin
from trueup.kernel.clock import SystemClock
from trueup.session import Session

_BATCH = 250
_STEPS = (1, 7, 13)


async def feed_orders(
    session: Session,
    connection_id: int,
    *,
    count: int,
    skus: int,
    first: int = 1,
    lines: int = 2,
) -> None:
    """Append orders of so many lines each (three at most), spread evenly over the SKUs."""
    names = [sku_name(n) for n in range(skus)]
    folder = session.hub.connectors["shopify"]
    now = SystemClock().now()
    events = []
    for number in range(first, first + count):
        chosen = dict.fromkeys(names[number * step % skus] for step in _STEPS[:lines])
        body = order_body(number, skus=tuple(chosen))
        headers = {
            "x-shopify-topic": "orders/create",
            "x-shopify-webhook-id": f"feed-{number:012d}",
            "x-shopify-triggered-at": "2026-03-02T14:00:00.123456Z",
        }
        identified = folder.webhook.identify(headers, body)
        events.append(
            NewEvent(
                connection_id=connection_id,
                external_id=identified.external_id,
                topic=identified.topic,
                entity=identified.entity,
                origin=Origin.WEBHOOK,
                raised_at=identified.raised_at,
                received_at=now,
                body=body,
            )
        )
    await _append(session, events)


async def feed_catalogue(
    session: Session, connection_ids: Sequence[int], own_id: int, *, skus: int, units: int
) -> None:
    """List every SKU at every connection, and open its books with `units`."""
    await _append(
        session,
        [
            _event(connection_id, f"product/{number + 1}", "products/update", _product(number))
            for number in range(skus)
            for connection_id in connection_ids
        ],
    )
    await feed_opening(session, own_id, skus=skus, units=units)


async def feed_opening(session: Session, own_id: int, *, skus: int, units: int) -> None:
    """Open the books of every SKU with `units`."""
    await _append(
        session,
        [
            _event(own_id, f"stock_movement/open-{n}", "stock/movement", _opening(n, units))
            for n in range(skus)
        ],
    )


def _event(connection_id: int, entity: str, topic: str, body: bytes) -> NewEvent:
    return NewEvent(
        connection_id=connection_id,
        external_id=f"feed:{topic}:{entity}",
        topic=topic,
        entity=entity,
        origin=Origin.OWN,
        received_at=SystemClock().now(),
        body=body,
    )


def _opening(number: int, units: int) -> bytes:
    return msgspec.json.encode(
        {
            "ref": f"open-{number}",
            "movement": "opening",
            "sku": sku_name(number),
            "quantity": units,
            "site": "main",
            "occurred_at": "2026-03-01T00:00:00Z",
        }
    )


def _product(number: int) -> bytes:
    stamp = "2026-03-01T08:00:00-05:00"
    return msgspec.json.encode(
        {
            "id": number + 1,
            "title": f"Article {number}",
            "status": "active",
            "created_at": stamp,
            "updated_at": stamp,
            "variants": [
                {
                    "id": 1_000_000 + number,
                    "product_id": number + 1,
                    "title": "Default Title",
                    "price": "20.00",
                    "sku": sku_name(number),
                    "inventory_item_id": 2_000_000 + number,
                    "inventory_management": "shopify",
                    "inventory_policy": "deny",
                    "created_at": stamp,
                    "updated_at": stamp,
                }
            ],
        }
    )


async def _append(session: Session, events: Sequence[NewEvent]) -> None:
    async with session.connection() as conn:
        for start in range(0, len(events), _BATCH):
            await append_events(conn, session.hub.vault, events[start : start + _BATCH])
