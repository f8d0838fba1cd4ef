"""How the story of one purchase ended: in the hub, and at each vendor."""

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from tests.flow.command import Commands
from tests.support.purchase import MIA, SKU, Purchase
from trueup.cli.plain import open_row
from trueup.ledger.money_book import money_balances
from trueup.ledger.proof import Proof, prove_ledger
from trueup.ledger.reads import list_balances
from trueup.outbox.command import list_commands
from trueup.records.customers import find_customer
from trueup.records.reads import find_records, records_of_persons
from trueup.sandbox.quickbooks.vendor import REALM

ACTED_AT = frozenset(("amazon", "gorgias", "quickbooks", "stripe", "whatsapp"))
"""Where the hub does something, and its hour depends on when it learnt of it."""


DAYS = ("--from", "2020-01-01", "--until", "2035-01-01")
"""Of whole years: the vendors have clocks of their own."""


class End(msgspec.Struct, frozen=True, kw_only=True):
    """How a story ended, in the hub and at each vendor."""

    purchase: Purchase
    shown: dict[str, Any]
    customer: set[tuple[str, str]]
    joined: set[str]
    proof: Proof
    balance: dict[str, Any]
    reconciled: dict[str, Any]
    payouts: dict[str, Any]
    payments: dict[str, Any]
    checks: dict[str, dict[str, Any]]
    money: dict[tuple[str, str], Decimal]
    margins: dict[str, dict[str, Any]]
    commands: dict[str, tuple[str, str]]
    done: dict[str, Any]
    issues: set[str]
    records: dict[tuple[str, str, str], dict[str, Any]]
    links: Counter[tuple[Any, ...]]


async def look(purchase: Purchase, folder: Path) -> End:
    """Return how it ended."""
    await purchase.stop_reading()
    brand = purchase.brand
    trueup = Commands(folder, brand.url)
    shown = await trueup.in_thread("show", "order", purchase.order)
    found = await find_customer(brand.conn, brand.hub.vault, brand.hub.keys, MIA)
    assert found is not None
    (balance,) = await list_balances(brand.conn, sku=SKU)
    commands = await list_commands(brand.conn)
    return End(
        purchase=purchase,
        shown=shown["found"][0],
        customer={
            (purchase.name_of(row["connection_id"]), row["kind"])
            for row in await records_of_persons(brand.conn, found.persons)
        },
        joined={join.namespace for join in found.joins},
        proof=await prove_ledger(brand.conn),
        balance={name: balance[name] for name in ("available", "on_hand", "reserved", "customer")},
        reconciled=await trueup.in_thread("reconcile", "stock"),
        payouts=await trueup.in_thread("reconcile", "payouts"),
        payments=await trueup.in_thread("reconcile", "payments", status=1),
        checks={
            report["check"]: report
            for report in (await trueup.in_thread("reconcile", "all", status=1))["checks"]
        },
        money={
            (row["account"], purchase.name_of(row["connection_id"])): row["amount"]
            for row in await money_balances(brand.conn)
        },
        margins={
            row["connection"]: row
            for row in (await trueup.in_thread("margin", "orders", *DAYS))["rows"]
        },
        commands={row["ref"]: (row["state"], row["vendor_ref"]) for row in commands},
        done=done_at_vendors(purchase),
        issues=await brand.issues(),
        records=await read_records(purchase),
        links=Counter(
            await brand.rows(
                "SELECT r.connection_id, r.kind, r.ref, l.namespace, encode(l.digest, 'hex')"
                " FROM records.link l JOIN records.record r USING (record_id)"
            )
        ),
    )


def done_at_vendors(purchase: Purchase) -> dict[str, Any]:
    """Return what the vendors themselves say was done there by the hub."""
    entries = purchase.intuit.companies[REALM].entities["JournalEntry"].values()
    notes = [m for m in purchase.gorgias.tickets[purchase.ticket].messages if not m.public]
    packages = purchase.amazon.orders[purchase.amazon_order]["packages"]
    refunds = purchase.stripe.account.refunds.values()
    (level,) = purchase.shop.levels.values()
    return {
        "journals": [entry["DocNumber"] for entry in entries],
        "messages": [
            (message.to, message.body["template"]["name"]) for message in purchase.whatsapp.sent
        ],
        "notes": [(note.external_id, note.text) for note in notes],
        "packages": [package["trackingNumber"] for package in packages],
        "refunds": [(refund["charge"], refund["amount"]) for refund in refunds],
        "stock": (level.available, purchase.amazon.units_of(SKU)),
    }


async def read_records(purchase: Purchase) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Return what stands of every record, with what is personal."""
    brand, told = purchase.brand, {}
    pairs = await brand.rows("SELECT DISTINCT kind, ref FROM records.record")
    for kind, ref in pairs:
        for row in await find_records(brand.conn, kind, ref):
            plain = await open_row(brand.conn, purchase.session, row, masked=False)
            told[purchase.name_of(row["connection_id"]), row["kind"], row["ref"]] = plain
    return told


def bare(end: End) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Return the records without when the hub came to it, where the hub itself acts."""
    return {
        key: {
            name: value
            for name, value in record.items()
            if key[0] not in ACTED_AT or not name.endswith("_at")
        }
        for key, record in end.records.items()
    }
