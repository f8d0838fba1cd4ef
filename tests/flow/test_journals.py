"""Goal: QuickBooks holds exactly what the money ledger booked, each cent once.

Method: a shop, a payment provider and a bank tell of the same days; their journals are posted by
the command line to a simulated QuickBooks, over lines that break and by processes that die.
"""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.flow.command import Commands
from tests.support.brand import Brand, open_brand
from tests.unit.connectors.bank.reading import balance, camt, statement
from tests.unit.connectors.bank.reading import entry as bank_entry
from trueup.connectors.xero.shape import day_of
from trueup.ledger.money import MoneyAccount
from trueup.sandbox.faults import ApiFault
from trueup.sandbox.quickbooks.vendor import CLIENT_ID, CLIENT_SECRET, REALM, Intuit
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify.catalogue import SkuSeed
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.commands import Checkout
from trueup.sandbox.shopify.shop import ShopSettings
from trueup.sandbox.stripe.vendor import API_KEY, StripeVendor
from trueup.sandbox.xero.vendor import CLIENT_ID as XERO_ID
from trueup.sandbox.xero.vendor import CLIENT_SECRET as XERO_SECRET
from trueup.sandbox.xero.vendor import TENANT, Xero

pytestmark = pytest.mark.anyio

Book = dict[tuple[str, str], Decimal]
"""What each account of the books came to, by (day, account id)."""


class Firm:
    """A brand with a shop, a provider, a bank, and QuickBooks."""

    def __init__(self, brand: Brand, trueup: Commands, folder: Path) -> None:
        self.brand, self.trueup, self.folder = brand, trueup, folder
        brand.clock.advance(-timedelta(days=12).total_seconds())  # its days are over
        self.world = Sandbox(brand.clock)
        settings = ShopSettings(handle="north", currency="EUR", country_code="DE")
        self.shop = self.world.open_shop(settings)
        self.world.seed([SkuSeed(sku="LAMP", title="Lamp", price=Decimal("24.90"), available=50)])
        self.stripe = StripeVendor(brand.clock, seed=3)
        self.intuit = Intuit(brand.clock)
        self.accounts = {
            each.value: str(self.intuit.put("Account", {"Name": each.value})["Id"])
            for each in MoneyAccount
        }

    async def connect(self) -> None:
        """Connect everything, and map every account."""
        keys = {"access_token": self.shop.settings.access_token}
        keys |= {"client_secret": self.shop.settings.client_secret}
        shop = {"shop_domain": "north.myshopify.com"}
        brand = self.brand
        await brand.connect("shopify", self.world, settings=shop, secrets=keys, base="/north")
        await brand.connect("stripe", self.stripe, secrets={"api_key": API_KEY})
        _, refresh = self.intuit.let_in()
        books = {"client_secret": CLIENT_SECRET, "refresh_token": refresh}
        realm = {"client_id": CLIENT_ID, "realm_id": REALM}
        await brand.connect("quickbooks", self.intuit, settings=realm, secrets=books)
        self.configure()

    def configure(self, at: str = "quickbooks", **more: str) -> None:
        """Write the mapping; `more`: ids of accounts that are other ones."""
        config = self.trueup.config
        text = config.read_text().partition("[journals]")[0]
        text += f'[journals]\nconnection = "{at}"\n'
        for account, ref in (self.accounts | more).items():
            text += f'[[journals.account]]\naccount = "{account}"\naccount_ref = "{ref}"\n'
            text += f'name = "Assets:{account.title().replace("_", "")}"\n'
        config.write_text(text)

    async def trade(self) -> None:
        """Let people buy, the provider pay out, and the bank have the money."""
        for units in (1, 3):
            cart = Cart(lines=[CartLine(sku="LAMP", quantity=units)], gateway="stripe")
            order = self.world.do("north", Checkout(cart=cart)).order
            total = self.shop.by_ref[order].original_total.shop
            self.stripe.account.sell(int(total * 100), metadata={"order_number": order})
            self.brand.clock.advance(timedelta(days=1).total_seconds())
        await self.brand.poll("shopify", "orders")
        self.brand.clock.advance(timedelta(days=7).total_seconds())
        [payout] = self.stripe.account.end_day()
        self.stripe.account.arrive(payout)
        await self.brand.poll("stripe")
        await self.brand.apply()
        amount = Decimal(self.stripe.account.payouts[payout]["amount"]) / 100
        self.brand.clock.advance(timedelta(days=3).total_seconds())
        line = bank_entry(f"{amount}", days=f"<BookgDt><Dt>{self.yesterday()}</Dt></BookgDt>")
        inner = (balance("OPBD", "5.00"), line, balance("CLBD", f"{5 + amount}"))
        path = self.folder / "s.xml"
        path.write_text(camt(statement(*inner)), encoding="utf-8")
        await self.trueup.in_thread("import", "camt", path)

    def yesterday(self) -> str:
        return str(self.brand.clock.now().date() - timedelta(days=1))

    async def run(self, *words: object, status: int = 0) -> Any:
        return await self.trueup.in_thread("journals", *words, status=status)

    async def post(self, *, status: int = 0) -> Any:
        return await self.run("post", "--yes", "--by", "ada", status=status)

    def entries(self) -> list[dict[str, Any]]:
        """Return what stands in QuickBooks."""
        return [*self.intuit.companies[REALM].entities.get("JournalEntry", {}).values()]

    def books(self) -> Book:
        """Return what the entries in QuickBooks come to."""
        held: Book = defaultdict(Decimal)
        for entry in self.entries():
            for line in entry["Line"]:
                detail = line["JournalEntryLineDetail"]
                sign = {"Debit": 1, "Credit": -1}[detail["PostingType"]]
                key = (entry["TxnDate"], detail["AccountRef"]["value"])
                held[key] += sign * Decimal(str(line["Amount"]))
        return {key: amount for key, amount in held.items() if amount}

    async def ledger(self) -> Book:
        """Return what the ledger booked, by the ids of the books."""
        rows = await self.brand.rows(
            "SELECT booked_on::text, account, sum(amount) FROM ledger.money_posting "
            "GROUP BY 1, 2 HAVING sum(amount) <> 0"
        )
        return {(day, self.accounts[account]): amount for day, account, amount in rows}


@asynccontextmanager
async def open_firm(url: str, folder: Path) -> AsyncIterator[Firm]:
    async with open_brand(url) as brand:
        firm = Firm(brand, Commands(folder, url), folder)
        await firm.connect()
        await firm.trade()
        yield firm


async def test_quickbooks_holds_exactly_what_the_ledger_booked_and_twice_is_once(
    database_url: str, tmp_path: Path
) -> None:
    async with open_firm(database_url, tmp_path) as firm:
        looked = await firm.run("preview")
        dry = await firm.run("post")
        assert (dry["ordered"], firm.entries()) == (False, [])
        assert [each["lines"] for each in dry["journals"]] == [
            each["lines"] for each in looked["journals"]
        ]
        assert all(each["call"]["method"] == "POST" for each in dry["journals"])
        assert await firm.run("list") == {"journals": []}
        done = await firm.post()
        assert (done["ordered"], done["locked"]) == (True, True)
        tellers = {each["told_by"] for each in done["journals"]}
        assert tellers == {"shopify", "stripe", "bank"}
        await firm.brand.work("quickbooks")
        assert firm.books() == await firm.ledger()
        for entry in firm.entries():
            sides = [line["JournalEntryLineDetail"]["PostingType"] for line in entry["Line"]]
            assert {"Debit", "Credit"} == set(sides)
        assert (await firm.post())["journals"] == []
        await firm.brand.work("quickbooks")
        assert len(firm.entries()) == len(done["journals"])
        listed = (await firm.run("list"))["journals"]
        assert {each["state"] for each in listed} == {"done"}
        numbers = {entry["DocNumber"]: entry["Id"] for entry in firm.entries()}
        assert {each["number"]: each["vendor_ref"] for each in listed} == numbers


@pytest.mark.parametrize("kind", ["reset", "reset_after_work", "timeout_after_work"])
async def test_a_line_that_breaks_posts_nothing_twice_even_where_the_key_is_forgotten(
    database_url: str, tmp_path: Path, kind: str
) -> None:
    async with open_firm(database_url, tmp_path) as firm:
        await firm.brand.connect_timeout("quickbooks", "0.3")
        done = await firm.post()
        fault = ApiFault(kind=kind, next_calls=2, operation="journal.post")  # type: ignore[arg-type] - a literal
        firm.intuit.strike(fault)
        for _ in range(40):
            await firm.brand.work("quickbooks")
            firm.intuit.companies[REALM].answered.clear()
            firm.brand.clock.advance(300)
        states = {each["state"] for each in (await firm.run("list"))["journals"]}
        assert states == {"done"}
        assert len(firm.entries()) == len(done["journals"])
        assert firm.books() == await firm.ledger()
        assert await firm.brand.issues() <= {"stock.oversold"}


async def test_a_process_that_dies_between_call_and_receipt_posts_nothing_twice(
    database_url: str, tmp_path: Path
) -> None:
    async with open_firm(database_url, tmp_path) as firm:
        done = await firm.post()
        async with firm.brand.commander("quickbooks") as first:
            claimed = await first._claim()
            assert claimed is not None
            assert claimed.command is not None
            commands = firm.brand.hub.connectors["quickbooks"].commands
            request = commands.command_request(claimed.command, claimed.idempotency_key)
            await first._caller.send(request)
        assert len(firm.entries()) == 1
        [left] = [e for e in (await firm.run("list"))["journals"] if e["state"] == "sending"]
        firm.intuit.companies[REALM].answered.clear()  # it stayed open for longer than keys last
        before = len([call for call in firm.intuit.calls if call.method == "POST"])
        await firm.brand.work("quickbooks")
        after = len([call for call in firm.intuit.calls if call.method == "POST"])
        assert len(firm.entries()) == len(done["journals"]) == after - before + 1
        assert firm.books() == await firm.ledger()
        told = await firm.run("show", left["number"])
        assert (told["state"], len(told["lines"]) > 1) == ("done", True)


async def test_what_is_withdrawn_while_it_is_asked_about_is_not_sent_again(
    database_url: str, tmp_path: Path
) -> None:
    """Somebody says that it does not stand there between the look and the next sending."""
    async with open_firm(database_url, tmp_path) as firm:
        done = await firm.post()
        async with firm.brand.commander("quickbooks") as commander:
            claimed = await commander._claim()
            assert claimed is not None
            await firm.brand.rows(
                "UPDATE outbox.command SET state = 'unknown' WHERE command_id = %s RETURNING 1",
                claimed.command_id,
            )
            await firm.run("withdraw", claimed.ref.removeprefix("journal/"))
            await commander._find_out(claimed)
        assert firm.entries() == []
        assert await firm.brand.state(claimed.ref) == "discarded"
        await firm.post()
        await firm.brand.work("quickbooks")
        assert len(firm.entries()) == len(done["journals"])
        assert firm.books() == await firm.ledger()


async def test_what_is_refused_is_withdrawn_and_what_stands_there_is_taken_back(
    database_url: str, tmp_path: Path
) -> None:
    async with open_firm(database_url, tmp_path) as firm:
        firm.configure(transit="99999")
        await firm.post()
        await firm.brand.work("quickbooks")
        listed = (await firm.run("list"))["journals"]
        refused = [each for each in listed if each["state"] == "refused"]
        assert {each["code"] for each in refused} == {"2500"}
        assert "outbox.command_refused" in await firm.brand.issues()
        standing = next(each for each in listed if each["state"] == "done")
        error = (await firm.run("withdraw", standing["number"], status=2))["error"]
        assert "only what surely does not stand" in error["message"]
        for each in refused:
            told = await firm.run("withdraw", each["number"], "--reason", "wrong account")
            assert told["state"] == "withdrawn"
        firm.configure()
        await firm.post()
        await firm.brand.work("quickbooks")
        assert firm.books() == await firm.ledger()
        assert "outbox.command_refused" not in await firm.brand.issues()
        number = standing["number"]
        assert not (await firm.run("reverse", number))["ordered"]
        back = await firm.run("reverse", number, "--yes")
        await firm.brand.work("quickbooks")
        pair = [entry for entry in firm.entries() if entry["DocNumber"] in {number, back["number"]}]
        assert len(pair) == 2
        assert firm.books() != await firm.ledger()
        assert (await firm.run("reverse", number, "--yes", status=2))["error"]
        await firm.post()
        await firm.brand.work("quickbooks")
        assert firm.books() == await firm.ledger()


async def test_xero_holds_exactly_what_the_ledger_booked_over_a_line_that_breaks(
    database_url: str, tmp_path: Path
) -> None:
    async with open_firm(database_url, tmp_path) as firm:
        xero = Xero(firm.brand.clock)
        for code in firm.accounts.values():
            xero.open_account(code)
        _, refresh = xero.let_in()
        settings = {"client_id": XERO_ID, "tenant_id": TENANT, "currency": "EUR"}
        keys = {"client_secret": XERO_SECRET, "refresh_token": refresh}
        await firm.brand.connect("xero", xero, settings=settings, secrets=keys)
        firm.configure(at="xero")
        done = await firm.post()
        xero.strike(ApiFault(kind="reset_after_work", next_calls=2, operation="journal.post"))
        for _ in range(20):
            await firm.brand.work("xero")
            xero._answers.clear()  # keys are kept for minutes
            firm.brand.clock.advance(300)
        assert {each["state"] for each in (await firm.run("list"))["journals"]} == {"done"}
        assert len(xero.journals) == len(done["journals"])
        held: Book = defaultdict(Decimal)
        for row in xero.journals.values():
            day = str(day_of(row["Date"]))
            for line in row["JournalLines"]:
                held[day, line["AccountCode"]] += Decimal(str(line["LineAmount"]))
        assert {key: amount for key, amount in held.items() if amount} == await firm.ledger()
        assert (await firm.post())["journals"] == []


async def test_what_somebody_changed_in_the_books_is_told_account_by_account(
    database_url: str, tmp_path: Path
) -> None:
    async with open_firm(database_url, tmp_path) as firm:
        await firm.post()
        await firm.brand.work("quickbooks")

        async def check(*, status: int) -> Any:
            return await firm.trueup.in_thread("reconcile", "journals", status=status)

        told = await check(status=1)
        assert {each["cause"] for each in told["discrepancies"]} == {"not_read"}
        await firm.brand.poll("quickbooks")
        await firm.brand.apply()
        told = await check(status=0)
        assert told["left"] == told["right"] == told["matched"] == len(firm.entries())
        first, second, third = firm.entries()[:3]
        lines = [dict(line) for line in first["Line"]]
        lines[0]["Amount"] = Decimal(str(lines[0]["Amount"])) + Decimal("0.01")
        firm.brand.clock.advance(60)
        firm.intuit.put("JournalEntry", {"Id": first["Id"], "Line": lines})
        firm.intuit.put("JournalEntry", {"Id": second["Id"], "TxnDate": "2020-01-01"})
        firm.intuit.delete("JournalEntry", third["Id"])
        await firm.brand.poll("quickbooks")
        await firm.brand.apply()
        told = await check(status=1)
        found = {
            (each["cause"], each["left_ref"], each["amount"].lstrip("-").rstrip("0"))
            for each in told["discrepancies"]
        }
        total = next(
            each["total"]
            for each in (await firm.run("list"))["journals"]
            if each["number"] == third["DocNumber"]
        )
        assert found == {
            ("changed_there", f"journal/{first['DocNumber']}", "0.01"),
            ("changed_there", f"journal/{second['DocNumber']}", ""),
            ("deleted_there", f"journal/{third['DocNumber']}", total.rstrip("0")),
        }
        assert told["matched"] == len(firm.entries()) - 2
        assert (await firm.post())["journals"] == [], "what was posted is never posted again"


async def test_exports_hold_what_the_ledger_booked_and_mistakes_are_told(
    database_url: str, tmp_path: Path
) -> None:
    async with open_firm(database_url, tmp_path) as firm:
        day = firm.yesterday()
        table = await firm.run("export", "csv", "--through", day)
        rows = [line.split(",") for line in table["text"].splitlines()[1:]]
        held: Book = defaultdict(Decimal)
        for row in rows:
            held[row[0], row[6]] += Decimal(row[8] or 0) - Decimal(row[9] or 0)
        assert {key: amount for key, amount in held.items() if amount} == await firm.ledger()
        path = tmp_path / "books.beancount"
        told = await firm.run("export", "beancount", "--through", day, "--out", path)
        assert (told["journals"], told["path"]) == (table["journals"], str(path))
        assert f'{day} * "Trueup" "bank"' in path.read_text(encoding="utf-8")
        again = await firm.run("export", "beancount", "--out", path, status=2)
        assert "can not be written" in again["error"]["message"]
        text = firm.trueup.config.read_text()
        firm.trueup.config.write_text(text.partition("[[journals")[0])
        for words in (["preview"], ["export", "csv"], ["post"], ["post", "--yes"]):
            error = (await firm.run(*words, status=2))["error"]
            assert "bank at bank in EUR" in error["message"]
        assert await firm.brand.rows("SELECT FROM ledger.money_lock") == []
        soon = await firm.run("post", "--through", "tomorrow", status=2)
        assert "is no day" in soon["error"]["message"]
