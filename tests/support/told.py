"""A hub with one connection of each sort, and records told by them, for checks of its books."""

from typing import Any

import msgspec

from tests.db.test_bank import keep
from tests.db.test_money import stored
from trueup.canon.record import Record
from trueup.contract.loader import find_connectors
from trueup.govern.vault import Vault
from trueup.hub import Hub
from trueup.intake.model import Connection
from trueup.reconcile.report import Report
from trueup.records.model import Stored

CONNECTORS = {1: ("shop", "shopify"), 2: ("stripe", "stripe"), 3: ("woo", "woocommerce")}
CONNECTORS |= {4: ("market", "amazon"), 5: ("books", "odoo")}


def hub_of_all() -> Hub:
    """Give a hub with a shop, a provider, a shop that tells no payments, a market, an ERP."""
    connections = [
        Connection(connection_id=n, name=name, connector=connector, settings={}, state="active")
        for n, (name, connector) in CONNECTORS.items()
    ]
    return Hub(Vault(bytes(range(32))), find_connectors(), connections)


async def told_to(conn: Any, told: list[Stored], *names: tuple[Any, ...]) -> Hub:
    """Store what was told, with names: (kind of name, value, numbers of records)."""
    await keep(conn, *told)
    for each in names:
        await name(conn, *each)
    return hub_of_all()


async def name(conn: Any, namespace: str, value: str, *record_ids: int) -> None:
    """Give records a name, as their links do."""
    for record_id in record_ids:
        await conn.execute(
            "INSERT INTO records.link (namespace, digest, record_id) VALUES (%s, %s, %s)",
            (namespace, value.encode().ljust(16, b"\0"), record_id),
        )


def at(number: int, body: Record, connection_id: int) -> Stored:
    """Give a record as a connection tells it."""
    return msgspec.structs.replace(stored(number, body, fresh=True), connection_id=connection_id)


def causes(report: Report) -> list[tuple[str, str, str | None]]:
    """Give cause, amount and currency of each difference, sorted."""
    return sorted((each.cause, str(each.amount), each.currency) for each in report.discrepancies)
