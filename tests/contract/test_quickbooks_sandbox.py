"""The whole QuickBooks connector against a simulated Intuit over the loopback."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.support.books import Hub, calling, patient
from trueup.canon.command import PostJournal, PostJournalLine
from trueup.canon.inventory import InventoryLevel
from trueup.canon.journal import Invoice, InvoiceState, Journal
from trueup.canon.link import Link, LinkSpace
from trueup.canon.record import BEGINNING
from trueup.connectors import quickbooks
from trueup.connectors.quickbooks import commands as quickbooks_commands
from trueup.connectors.quickbooks import pull
from trueup.contract.connector import Command, Receipt, ReceiptState, Reply, Request
from trueup.contract.delivery import Delivery, Secret
from trueup.contract.grant import Grant, Token
from trueup.contract.loader import load_connector
from trueup.contract.oauth import judge_token_reply
from trueup.contract.signature import verify
from trueup.errors import AuthExpired, OutcomeUnknown, RateLimited, Refused, Unavailable
from trueup.kernel.money import Money
from trueup.outbox.caller import Caller
from trueup.sandbox.faults import ApiFault, ApiFaultKind, WebhookFaults
from trueup.sandbox.quickbooks.vendor import CLIENT_ID, CLIENT_SECRET, REALM, Intuit

pytestmark = pytest.mark.anyio
FOLDER = load_connector(Path(quickbooks.__file__).parent)
SETTINGS = {"client_id": CLIENT_ID, "realm_id": REALM}
OTHER = "9341450000000002"
USD = {"value": "USD"}


def secrets(intuit: Intuit) -> dict[str, str]:
    return {"client_secret": CLIENT_SECRET, "access_token": intuit.let_in()[0]}


def invoice(total: str, balance: str | None = None, **more: Any) -> dict[str, Any]:
    line = {"Id": "1", "Amount": Decimal(total), "DetailType": "SalesItemLineDetail"}
    told = {"TotalAmt": Decimal(total), "Balance": Decimal(balance or total), "Line": [line]}
    return {"CurrencyRef": USD, "TxnDate": "2026-11-01", **told, **more}


async def test_the_check_learns_the_company_and_a_stale_token_is_seen() -> None:
    intuit = Intuit()
    async with calling(FOLDER, intuit, SETTINGS, secrets(intuit)) as caller:
        reply = await caller.send(FOLDER.api.check_request())
        assert FOLDER.api.checked(reply) == {"account": "Sandbox Yarns Inc", "country": "US"}
        intuit.clock.advance(3601)
        with pytest.raises(AuthExpired):
            await caller.send(FOLDER.api.check_request())


async def test_refresh_tokens_rotate_and_an_old_one_is_worth_nothing() -> None:
    intuit = Intuit()
    settings = SETTINGS | {"api_base": "http://twin"}
    auth, given = FOLDER.auth, {"client_secret": CLIENT_SECRET}
    back = intuit.consent()
    assert auth.callback_code(settings, given, back) == back["code"]
    grant = Grant(kind="code", code=back["code"], redirect_uri="https://hub.example/oauth")
    first = await exchange(intuit, auth.token_request(settings, given, grant))
    assert (first.expires_in_s, first.refresh_token is not None) == (3600, True)
    known = given | {"refresh_token": first.refresh_token or ""}
    request = auth.token_request(settings, known, Grant(kind="refresh"))
    second = await exchange(intuit, request)
    assert second.refresh_token not in {None, first.refresh_token}
    with pytest.raises(AuthExpired):
        await exchange(intuit, request)
    with pytest.raises(AuthExpired):  # a code works once
        await exchange(intuit, auth.token_request(settings, given, grant))


async def exchange(intuit: Intuit, request: Request) -> Token:
    async with httpx.AsyncClient(transport=intuit.transport()) as client:
        got = await client.request(
            request.method, request.path, headers=dict(request.headers), content=request.body
        )
    reply = Reply(status=got.status_code, headers=dict(got.headers), body=got.content)
    judge_token_reply(reply)
    return FOLDER.auth.token(reply)


async def test_pages_by_change_skip_nothing_that_changes_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pull, "PAGE_SIZE", 10)
    intuit = Intuit()
    for number in range(37):
        if number % 15 == 0:  # fifteen of each second: more than a page
            intuit.clock.advance(60)
        intuit.put("Invoice", invoice("10.00", DocNumber=str(number)))
    async with calling(FOLDER, intuit, SETTINGS, secrets(intuit)) as caller:
        hub = Hub(caller, intuit)
        cursor, pages = None, 0
        while True:
            request = FOLDER.pull.page_request("invoices", None, cursor)
            page = FOLDER.pull.page("invoices", await caller.send(request))
            for piece in page.pieces:
                await hub.take(piece)
            pages, cursor = pages + 1, page.next_cursor
            if cursor is None:
                break
            intuit.clock.advance(1)  # the first of what was read moves to the end
            intuit.put("Invoice", {"Id": str(pages), "DueDate": "2026-12-01"})
        assert len(hub.records) == 37
        counted = FOLDER.pull.count_request("invoices", None)
        assert counted is not None
        assert FOLDER.pull.count("invoices", await caller.send(counted)) == 37


async def test_polls_with_overlap_find_what_is_stamped_late_and_what_was_deleted() -> None:
    intuit = Intuit()
    begun_at = intuit.now()
    first = intuit.put("Invoice", invoice("10.00"))["Id"]
    async with calling(FOLDER, intuit, SETTINGS, secrets(intuit)) as caller:
        hub = Hub(caller, intuit)
        intuit.clock.advance(120)
        intuit.put("Invoice", invoice("20.00"))
        page = await hub.pull("invoices")
        assert page.latest_at == intuit.now()
        late = intuit.put("Invoice", invoice("30.00"), at=begun_at + timedelta(seconds=60))["Id"]
        intuit.clock.advance(60)
        intuit.delete("Invoice", first)
        assert page.latest_at is not None
        since = page.latest_at - timedelta(seconds=600)
        await hub.pull("invoices", since)
        assert f"invoice/{late}" in hub.records
        await hub.pull("deletions", since)
        assert hub[f"invoice/{first}"].deleted
        assert (await hub.pull("deletions")).pieces == ()
        with pytest.raises(Refused):
            await hub.pull("deletions", intuit.now() - timedelta(days=31))


async def test_inactive_items_are_read_and_stock_is_of_the_company() -> None:
    intuit = Intuit()
    fields = {"Name": "Yarn", "Sku": "YARN", "Type": "Inventory", "QtyOnHand": Decimal(37)}
    item = intuit.put("Item", fields | {"Active": False})["Id"]
    async with calling(FOLDER, intuit, SETTINGS, secrets(intuit)) as caller:
        hub = Hub(caller, intuit)
        await hub.pull("items")
    level = hub[f"inventory_level/{item}@"]
    assert isinstance(level, InventoryLevel)
    assert (level.on_hand, level.location_ref, level.sku) == (37, "", "YARN")
    assert hub[f"product/{item}"].entity() == f"product/{item}"


async def test_hooks_dropped_repeated_and_out_of_order_end_in_the_same_books() -> None:
    """Polls heal what was dropped; another company's events never reach its entities."""
    ends = []
    for faults in (WebhookFaults(), WebhookFaults(drop=0.3, repeat=0.3, reorder=0.5)):
        intuit = Intuit(seed=7)
        intuit.open_company(OTHER, "Another Inc")
        intuit.put("Invoice", invoice("666.00"), realm=OTHER)
        intuit.subscribe("cloudevents", "http://hub/hooks/books")
        intuit.desk.faults = faults
        token = {"client_secret": CLIENT_SECRET}
        async with calling(FOLDER, intuit, SETTINGS, token | secrets(intuit)) as caller:
            hub = Hub(caller, intuit)
            begun_at = intuit.now()
            await trade(intuit, hub)
            assert set(hub.ignored) == {"it is about another company that uses the same app"}
            await hub.pull("invoices", begun_at)
            await hub.pull("deletions", begun_at)
        # A deletion is dated by who tells it first: the list of changes, or the reading that fails.
        ends.append(
            {
                entity: msgspec.structs.replace(r, updated_at=BEGINNING) if r.deleted else r
                for entity, (_, r) in hub.records.items()
            }
        )
    assert ends[0] == ends[1]
    assert len(ends[0]) == 12
    assert sum(record.deleted for record in ends[0].values()) == 3
    assert all(each.total.amount != 666 for each in ends[0].values() if isinstance(each, Invoice))


async def trade(intuit: Intuit, hub: Hub) -> None:
    """Let things happen, and hooks be heard."""

    async def listen(request: httpx.Request) -> httpx.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        delivery = Delivery(
            method="POST", url=str(request.url), headers=headers, body=request.content
        )
        scheme = FOLDER.manifest.webhook.scheme if FOLDER.manifest.webhook else None
        assert scheme is not None
        verify(scheme, delivery, [Secret(value=b"sandbox-secret")], intuit.now())
        for piece in FOLDER.webhook.split("", request.content):
            identified = FOLDER.webhook.identify_piece(piece)
            assert identified.entity.partition("/")[0] == "invoice"
            assert identified.raised_at is not None
            await hub.take(piece)
        return httpx.Response(200)

    courier = intuit.courier(httpx.MockTransport(listen))
    for number in range(1, 13):
        intuit.put("Invoice", invoice("10.00", Id=str(number)))
        intuit.tell(
            ("Invoice", "created", str(number)), ("Invoice", "updated", "0"), realms={"0": OTHER}
        )
        intuit.clock.advance(20)
        if number % 4 == 0:
            intuit.delete("Invoice", str(number))
            intuit.tell(("Invoice", "deleted", str(number)))
        elif number % 3 == 0:
            intuit.put("Invoice", invoice("10.00", "0.00", Id=str(number)))
            intuit.tell(("Invoice", "updated", str(number)))
        await courier.deliver_due()
    intuit.clock.advance(60)
    await courier.deliver_due()
    await courier.close()


def journal(number: str = "TU-1", amount: str = "19.99") -> Command:
    content = PostJournal(
        number=number,
        posted_on=date(2026, 11, 1),
        lines=(
            PostJournalLine(account_ref="1", amount=Money(Decimal(amount), "USD"), memo="payout"),
            PostJournalLine(account_ref="2", amount=Money(-Decimal(amount), "USD")),
        ),
        memo="order:#1001",
    )
    return Command(
        kind=content.command,
        key="journal/1",
        ref="trueup-journal-1",
        content=content,
        wanted_at=datetime(2026, 11, 2, tzinfo=UTC),
        target=SETTINGS,
    )


def books() -> Intuit:
    intuit = Intuit()
    intuit.put("Account", {"Name": "Checking"})
    intuit.put("Account", {"Name": "Sales"})
    return intuit


async def carry_out(caller: Caller, wish: Command, key: str = "0b7c6f1e-key") -> Receipt:
    """Do as the commander does: what nobody knows is sent again under the same key."""
    for _ in range(6):
        try:
            reply = await caller.send(FOLDER.commands.command_request(wish, key))
        except (OutcomeUnknown, Unavailable, RateLimited):
            continue
        return FOLDER.commands.command_receipt(wish, reply)
    raise AssertionError("it never comes to an end")


CUTS: list[ApiFaultKind] = ["reset", "reset_after_work", "timeout_after_work"]


@pytest.mark.parametrize("kind", CUTS)
async def test_a_journal_is_posted_once_wherever_the_line_breaks(kind: ApiFaultKind) -> None:
    intuit = books()
    intuit.strike(ApiFault(kind=kind, next_calls=2, operation="journal.post"))
    settings = SETTINGS | {"call_timeout_s": "0.5"}
    async with calling(FOLDER, intuit, settings, secrets(intuit)) as caller:
        receipt = await carry_out(caller, journal())
        hub = Hub(caller, intuit)
        await hub.pull("journal_entries")
    assert receipt.state is ReceiptState.DONE
    (record,) = (each for _, each in hub.records.values())
    assert isinstance(record, Journal)
    assert (record.ref, record.number) == (receipt.vendor_ref, "TU-1")
    assert [line.amount for line in record.lines] == [
        Money(Decimal("19.99"), "USD"),
        Money(Decimal("-19.99"), "USD"),
    ]
    assert record.links == (Link(LinkSpace.ORDER, "#1001"),)


async def test_what_quickbooks_refuses_is_refused_with_its_code() -> None:
    intuit = books()
    async with calling(FOLDER, intuit, SETTINGS, secrets(intuit)) as caller:
        assert (await carry_out(caller, journal())).state is ReceiptState.DONE
        again = await carry_out(caller, journal(), key="another-key")
        assert (again.state, again.code) == (ReceiptState.REFUSED, "6140")
        assert "Duplicate Document Number" in (again.message or "")
        long = journal("a number that is longer than twenty-one")
        assert (await carry_out(caller, long, key="third-key")).state is ReceiptState.DONE
        intuit.locked_until = "2026-11-30"
        closed = await carry_out(caller, journal("TU-2"), key="fourth-key")
        assert (closed.state, closed.code) == (ReceiptState.REFUSED, "6200")
    entries = list(intuit.companies[REALM].entities["JournalEntry"].values())
    assert len(entries) == 2
    assert "DocNumber" not in entries[1]
    assert entries[1]["PrivateNote"].endswith("longer than twenty-one [trueup-journal-1]")
    with pytest.raises(Refused, match="two decimals"):
        FOLDER.commands.command_request(journal(amount="0.005"), "key")


async def test_limits_faults_and_other_companies_are_told_apart() -> None:
    intuit = Intuit()
    intuit.open_company(OTHER, "Another Inc")
    request = FOLDER.api.check_request()
    async with calling(FOLDER, intuit, SETTINGS, secrets(intuit)) as caller:
        intuit.strike(ApiFault(kind="throttled", next_calls=1))
        await patient(caller, intuit, request)
        for status in (500, 503):
            intuit.strike(ApiFault(kind="status", status=status, next_calls=1))
            with pytest.raises(Unavailable):
                await caller.send(request)
        for _ in range(500):
            intuit.buckets["all"].take(intuit.now())
        with pytest.raises(RateLimited) as caught:
            await caller.send(request)
        assert caught.value.after_s == 60
    settings = SETTINGS | {"realm_id": OTHER}
    intuit.clock.advance(120)
    async with calling(FOLDER, intuit, settings, secrets(intuit)) as caller:
        with pytest.raises(AuthExpired):
            await caller.send(request)


async def test_an_invoice_that_is_paid_says_so() -> None:
    intuit = Intuit()
    number = intuit.put("Invoice", invoice("119.99"))["Id"]
    async with calling(FOLDER, intuit, SETTINGS, secrets(intuit)) as caller:
        hub = Hub(caller, intuit)
        states = []
        for balance in ("119.99", "19.99", "0"):
            since = intuit.now()
            intuit.clock.advance(60)
            intuit.put("Invoice", {"Id": number, "Balance": Decimal(balance)})
            await hub.pull("invoices", since)
            told = hub[f"invoice/{number}"]
            assert isinstance(told, Invoice)
            states.append((told.state, told.total, told.outstanding))
    total = Money(Decimal("119.99"), "USD")
    assert states == [
        (InvoiceState.OPEN, total, total),
        (InvoiceState.PARTLY_PAID, total, Money(Decimal("19.99"), "USD")),
        (InvoiceState.PAID, total, Money(Decimal(0), "USD")),
    ]


async def test_an_entry_is_looked_for_by_its_number_or_its_day_and_known_by_our_own_name() -> None:
    intuit = books()
    commands = FOLDER.commands
    async with calling(FOLDER, intuit, SETTINGS, secrets(intuit)) as caller:
        for wish in (journal("it's \\ 1"), journal("a number that is longer than twenty-one")):
            request = commands.find_request(wish, "key")
            assert not request.writes
            before = commands.found(wish, "key", await caller.send(request))
            assert (before.state, before.further) == (ReceiptState.LATER, None)
            made = await carry_out(caller, wish, key=f"key-{len(wish.ref)}")
            after = commands.found(wish, "key", await caller.send(request))
            assert (after.state, after.vendor_ref) == (ReceiptState.DONE, made.vendor_ref)
            # The company's own entry of that number, or day, is not ours.
            other = msgspec.structs.replace(wish, ref="somebody-else")
            assert commands.found(other, "key", await caller.send(request)).vendor_ref is None
            intuit.companies[REALM].entities["JournalEntry"].clear()
            intuit.companies[REALM].answered.clear()


async def test_a_day_of_many_entries_is_looked_through_page_by_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quickbooks_commands, "_PAGE_SIZE", 2)
    intuit, wish = books(), journal("a number that is longer than twenty-one")
    for _ in range(4):
        intuit.put("JournalEntry", {"TxnDate": "2026-11-01", "PrivateNote": "by hand"})
    async with calling(FOLDER, intuit, SETTINGS, secrets(intuit)) as caller:
        made = await carry_out(caller, wish)
        request, pages = FOLDER.commands.find_request(wish, "key"), 0
        while True:
            receipt = FOLDER.commands.found(wish, "key", await caller.send(request))
            pages += 1
            if receipt.further is None:
                break
            request = receipt.further
    assert (pages, receipt.vendor_ref) == (3, made.vendor_ref)


async def test_tax_codes_are_said_and_a_reply_that_is_no_answer_says_nothing() -> None:
    wish = journal()
    assert isinstance(wish.content, PostJournal)
    first, second = wish.content.lines
    taxed = msgspec.structs.replace(second, tax_code="4", tax_on="purchases")
    content = msgspec.structs.replace(wish.content, lines=(first, taxed))
    body = FOLDER.commands.command_request(msgspec.structs.replace(wish, content=content), "k").body
    plain, told = (line["JournalEntryLineDetail"] for line in msgspec.json.decode(body)["Line"])
    assert "TaxCodeRef" not in plain
    assert (told["TaxCodeRef"], told["TaxApplicableOn"]) == ({"value": "4"}, "Purchase")
    odd = FOLDER.commands.found(wish, "key", Reply(status=200, headers={}, body=b"<html>"))
    assert odd.state is ReceiptState.UNKNOWN
