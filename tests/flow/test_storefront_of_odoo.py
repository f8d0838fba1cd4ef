"""Orders of a shop beside Odoo's invoices of them, from the bytes on: `trueup reconcile storefront`."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.flow.command import Commands
from tests.flow.shop import Connected, open_shop
from trueup.intake.append import append_events
from trueup.intake.connections import create_connection, load_accounts
from trueup.intake.model import NewEvent, Origin
from trueup.pull.backfill import backfill
from trueup.sandbox.shopify.model import Order

pytestmark = pytest.mark.anyio

SAMPLE = Path("src/trueup/connectors/odoo/samples/invoice.json")
AT = datetime(2026, 3, 6, 18, tzinfo=UTC)


def invoiced(order: Order, ref: int, total: Decimal, *, origin: str) -> dict[str, Any]:
    """Give Odoo's invoice of an order over a total; a tenth of it is tax, as nobody asks here."""
    told: dict[str, Any] = msgspec.json.decode(SAMPLE.read_bytes())
    currency = {"id": 1, "name": order.exchange.shop}
    return told | {
        "id": ref,
        "name": f"INV/{ref}",
        "ref": order.name,
        "invoice_origin": origin,
        "payment_reference": f"INV/{ref}",
        "payment_state": "paid",
        "amount_total": float(total),
        "amount_residual": 0.0,
        "currency_id": currency,
        "company_currency_id": currency,
        "invoice_line_ids": [],
    }


async def tell_odoo(stage: Connected, moves: list[dict[str, Any]]) -> None:
    """Let what Odoo says be pulled, as far as the hub is concerned."""
    async with stage.conn() as conn:
        books = await create_connection(
            conn, stage.hub.vault, name="books", connector="odoo", settings={}, secrets={}
        )
        accounts = await load_accounts(conn, stage.hub.vault)
        stage.hub.use_connections(each.connection for each in accounts)
        events = [
            NewEvent(
                connection_id=books,
                external_id=f"move-{move['id']}",
                topic="pull/invoice",
                entity=f"invoice/{move['id']}",
                origin=Origin.POLL,
                received_at=AT,
                body=msgspec.json.encode(move),
            )
            for move in moves
        ]
        await append_events(conn, stage.hub.vault, events)
    await stage.apply()


async def test_an_order_that_odoo_lacks_and_one_that_it_has_otherwise_are_named(
    database_url: str, tmp_path: Path
) -> None:
    trueup = Commands(tmp_path, database_url)
    async with open_shop(database_url) as stage:
        await stage.connect_shop()
        month_s = timedelta(days=30).total_seconds()
        stage.sandbox.clock.advance(-month_s)
        stage.buy(5)
        stage.sandbox.clock.advance(month_s)
        first, second, third, dear, lost = stage.shop.orders.values()
        async with stage.access() as access:
            await backfill(access, "orders")
        await stage.apply()
        totals = [each.original_total.shop for each in (first, second, third, dear)]
        totals[3] += Decimal("1.50")
        orders = (first, second, third, dear)
        await tell_odoo(
            stage,
            [
                invoiced(order, 300 + n, total, origin=f"S{n:05}")
                for n, (order, total) in enumerate(zip(orders, totals, strict=True))
            ],
        )
        report = await trueup.in_thread("reconcile", "storefront", "--by", "day", status=1)
        assert (report["left"], report["right"], report["matched"]) == (5, 4, 3)
        found = {
            each["left_ref"]: (each["cause"], each["amount"]) for each in report["discrepancies"]
        }
        assert found == {
            f"north/order/{lost.id}": ("missing_there", f"-{lost.original_total.shop}"),
            f"north/order/{dear.id}": ("unexplained", "1.50"),
        }
        assert sum(day["differing"] for day in report["periods"]) == 2
        kept = await trueup.in_thread("exceptions", "update", status=1)
        assert kept["standing"] >= 2
        waiting = await trueup.in_thread("exceptions", "list", "--check", "storefront", status=1)
        assert {each["cause"] for each in waiting["exceptions"]} == {"missing_there", "unexplained"}
