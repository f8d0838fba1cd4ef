"""A world of money for the console: a shop, its provider, a bank, the books, and what differs."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import psycopg

from tests.console.site import MASTER_KEY
from tests.console.world import HOSTILE, World
from trueup.canon.bank import BankLine, BankLineState, BankReferences
from trueup.canon.payout import BalanceEntry, EntryKind, Payout, PayoutState
from trueup.canon.record import Record, encode
from trueup.config import JournalsConfig, MappedAccount
from trueup.contract.loader import find_connectors
from trueup.db.pool import connect
from trueup.govern.vault import Vault
from trueup.hub import Hub
from trueup.intake.connections import create_connection, load_accounts
from trueup.journals.post import post_journals
from trueup.kernel.money import Money
from trueup.ledger.money import MoneyAccount
from trueup.ledger.money_book import Told, post_money
from trueup.reconcile.exceptions import Change, State, change_exception, note_reports
from trueup.reconcile.report import Discrepancy, Report
from trueup.records.model import Stamp, Stored

Conn = psycopg.AsyncConnection[Any]

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
NAMES = {"north": "shopify", "stripe": "stripe", "bank": "bank", "books": "quickbooks"}
LONG = "Überweisung " + "STRIPE-PAYMENTS-EUROPE-LIMITED-" * 6 + HOSTILE


class MoneyWorld(World):
    """A hub whose money is written straight into its records and its ledger.

    Args:
        dsn: of a migrated database.
    """

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn, Vault(MASTER_KEY))
        self.hub = Hub(Vault(MASTER_KEY), find_connectors())
        self._numbers = count(1)
        self.journals: list[str] = []

    async def connect(self, conn: Conn) -> None:
        """Connect everything; nothing of it has a line to anybody."""
        for name, connector in (*NAMES.items(), ("manual", "manual")):
            self.numbers[name] = await create_connection(
                conn, self.hub.vault, name=name, connector=connector, settings={}, secrets={}
            )
        accounts = await load_accounts(conn, self.hub.vault)
        self.hub.use_connections(account.connection for account in accounts)

    async def keep(self, conn: Conn, name: str, bodies: Iterable[Record]) -> None:
        """Store records as the pipeline does, as far as pages read them, and post their money."""
        for body in bodies:
            number = next(self._numbers)
            row = (number, self.numbers[name], body.kind, body.ref, body.entity(), 10**6 + number)
            await conn.execute(
                "INSERT INTO records.record (record_id, connection_id, kind, ref, entity, event_id, "
                "updated_at, raised_at, digest, occurred_at) OVERRIDING SYSTEM VALUE "
                "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, '', %s)",
                (*row, body.updated_at, body.updated_at, body.updated_at),
            )
            await conn.execute(
                "INSERT INTO records.version (record_id, event_id, stale, body) "
                "VALUES (%s, %s, false, %s)",
                (number, 10**6 + number, encode(body).decode()),
            )
            stored = Stored(
                record_id=number,
                connection_id=self.numbers[name],
                kind=body.kind,
                ref=body.ref,
                stamp=Stamp(updated_at=body.updated_at, raised_at=body.updated_at, digest=b""),
                body=body,
                person=None,
                event_id=10**6 + number,
                fresh=True,
                touched=True,
            )
            told = [Told(stored.event_id, [stored])]
            async with conn.transaction():
                await post_money(conn, told, self.hub.teller_of, NOW)


def euro(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def payout(ref: str, amount: str, ago: int, **more: Any) -> Payout:
    at = NOW - (ago + 1) * DAY
    fields = {"state": PayoutState.PAID, "arrives_on": (NOW - ago * DAY).date()} | more
    return Payout(ref=ref, updated_at=at, created_at=at, amount=euro(amount), **fields)


def entry(ref: str, gross: str, fee: str, to: str, ago: int, **more: Any) -> BalanceEntry:
    at = NOW - (ago + 3) * DAY
    fields = {"entry": EntryKind.CHARGE} | more
    net = euro(gross) - euro(fee)
    return BalanceEntry(
        ref=ref,
        updated_at=at,
        occurred_at=at,
        gross=euro(gross),
        fee=euro(fee),
        net=net,
        payout_ref=to,
        **fields,
    )


def line(ref: str, amount: str, ago: int, **references: str) -> BankLine:
    at = NOW - ago * DAY
    return BankLine(
        ref=ref,
        updated_at=at,
        account_ref="acct",
        account_shown="…4711",
        statement_ref="s-1",
        amount=euro(amount),
        state=BankLineState.BOOKED,
        booked_on=at.date(),
        references=BankReferences(**references),
    )


def off(
    amount: Decimal | int, cause: str, left: str, right: str | None = None, *evidence: str,
    currency: str | None = "EUR",
) -> Discrepancy:  # fmt: skip
    return Discrepancy(
        cause=cause,
        amount=amount,
        currency=currency,
        left_ref=left,
        right_ref=right,
        evidence=evidence or ("nothing that was read says why",),
    )


def differences() -> list[tuple[int, str, Discrepancy]]:
    """Return what checks find: for how many days, by which check, what."""
    d = Decimal
    missing = ("no payment names the order", "told by event/5 at 2026-11-02T10:00Z")
    return [
        (41, "orders", off(d("-1249.00"), "unexplained", "north/order/1007", None, LONG)),
        (12, "payments", off(d("-88.40"), "unexplained", "north/payment/tr_8")),
        (33, "orders", off(d("-129.90"), "missing_payment", "north/order/1001", None, *missing)),
        (9, "orders", off(d("24.90"), "overpayment", "north/order/1002", "north/payment/tr_2")),
        (5, "bank", off(d("-640.10"), "not_arrived", "stripe/payout/po_late")),
        (4, "payouts", off(d("12.00"), "entries_missing", "stripe/payout/po_bare")),
        (2, "fees", off(d("-0.45"), "fee_change", "stripe/entry/txn_77", None, "usual: 2.9 %")),
        (1, "oversells", off(-3, "oversold", "sku/LAMP", None, "3 promised", currency=None)),
        (0, "journals", off(d("0.01"), "changed_there", "journal/TU261101-1", "books/journal/77")),
        (0, "orders", off(d("-19.00"), "missing_payment", f"north/order/{HOSTILE}", None, HOSTILE)),
        (0, "orders", off(d("-52.00"), "missing_payment", "north/order/2001", currency="USD")),
    ]


async def differ(conn: Conn) -> None:
    """Let the checks of 41 days find what differs, and people say something about it."""
    found = differences()
    checks = {check for _, check, _ in found}
    for days in sorted({ago for ago, _, _ in found}, reverse=True):
        reports = {
            check: _report(check, [each for ago, c, each in found if c == check and ago >= days])
            for check in checks
        }
        await note_reports(conn, reports, NOW - timedelta(days=days, hours=1))
    rows = await (
        await conn.execute("SELECT exception_id, left_ref FROM reconcile.exception")
    ).fetchall()
    numbers = {ref: number for number, ref in rows}
    says = (
        ("north/order/1001", Change(by="Ada", owner="Ada", comment="Asked the shop.\nNo answer.")),
        ("north/order/1001", Change(by="Ada", state=State.WAITING, comment=f"{HOSTILE}\n  in")),
        ("stripe/entry/txn_77", Change(by="Bo", state=State.ACCEPTED, comment="New contract.")),
        ("stripe/payout/po_late", Change(by="Ada", owner="Bo")),
    )
    for n, (ref, change) in enumerate(says):
        await change_exception(conn, numbers[ref], NOW - timedelta(minutes=60 - n), change)


def _report(check: str, found: list[Discrepancy]) -> Report:
    told = {"left": 900, "right": 900, "matched": 900 - len(found)}
    return Report(check=check, discrepancies=tuple(found), **told)


async def pay_out(world: MoneyWorld, conn: Conn) -> None:
    """Let the provider pay out, and the bank tell of some of it."""
    made = [
        entry("txn_1", "120.00", "3.78", "po_key", 6, payment_ref="ch_1", description=LONG),
        entry("txn_2", "49.90", "1.75", "po_key", 6, description="Order 1002\nby card"),
        entry("txn_3", "-24.90", "0.00", "po_key", 6, entry=EntryKind.REFUND),
        entry("txn_4", "-15.00", "0.00", "po_key", 6, entry=EntryKind.DISPUTE),
        entry("txn_5", "500.00", "14.80", "po_day", 8),
        entry("txn_6", "660.00", "19.90", "po_late", 20),
        entry("txn_7", "75.00", "2.50", "po_off", 4),
    ]
    paid = [
        payout("po_key", "124.47", 5, bank_ref="STRIPE A1B2C3D4"),
        *(payout("po_day", "485.20", 7), payout("po_late", "640.10", 19)),
        *(payout("po_off", "72.00", 3), payout("po_twin1", "33.00", 4)),
        *(payout("po_twin2", "33.00", 4), payout("po_way", "210.00", 0)),
        *(payout("po_sum1", "20.00", 9), payout("po_sum2", "11.50", 9)),
        payout("po_failed", "17.00", 9, state=PayoutState.FAILED, failure_code="account_closed"),
        payout(f"po_{HOSTILE}", "9.99", 12, bank_ref=LONG),
    ]
    lines = [
        line("l_key", "124.47", 4, end_to_end="STRIPE A1B2C3D4", remittance="RF18539007547034"),
        line("l_day", "485.20", 6),
        line("l_off", "71.25", 2),
        line("l_twin", "33.00", 3, customer="STRIPE EUROPE"),
        line("l_sum", "31.50", 8),
        line("l_rent", "-1800.00", 8, creditor="DE98ZZZ09999999999"),
    ]
    await world.keep(conn, "stripe", [*made, *paid])
    await world.keep(conn, "bank", lines)


def settings(**more: Any) -> JournalsConfig:
    """Return a mapping of every money account; `more`: fields that are other ones."""
    every = tuple(
        MappedAccount(account=each, account_ref=str(n), name=f"Assets:{each.title()}")
        for n, each in enumerate(MoneyAccount, 1)
    )
    return JournalsConfig(**({"connection": "books", "account": every} | more))


async def post_days(world: MoneyWorld, conn: Conn) -> list[str]:
    """Post the days but the last ones, and let the books take some of it; returns the numbers."""
    through = (NOW - 6 * DAY).date()
    posted = await post_journals(
        conn, world.hub, settings(), through=through, by="Ada", now=NOW - DAY
    )
    numbers = [each.journal.number for each in posted.said]
    ends = (("done", "77", None), ("refused", None, "2500"), ("unknown", None, "timeout"))
    for number, (state, ref, code) in zip(numbers, ends, strict=False):
        await conn.execute(
            "UPDATE outbox.command SET state = %s, vendor_ref = %s, code = %s WHERE ref = %s",
            (state, ref, code, f"journal/{number}"),
        )
    return numbers


async def play_money(dsn: str) -> MoneyWorld:
    """Connect everything, and let there be payouts, lines of a bank, and what differs."""
    world = await play_exceptions(dsn)
    async with await connect(dsn, application_name="world") as conn:
        await pay_out(world, conn)
        world.journals = await post_days(world, conn)
    return world


async def play_exceptions(dsn: str) -> MoneyWorld:
    """Connect everything, and let something differ."""
    world = MoneyWorld(dsn)
    async with await connect(dsn, application_name="world") as conn:
        await world.connect(conn)
        await differ(conn)
    return world
