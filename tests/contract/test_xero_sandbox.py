"""The whole Xero connector against a simulated Xero over the loopback."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.support.books import Hub, calling, patient
from trueup.canon.command import NoteActivity, PostJournal, PostJournalLine
from trueup.canon.journal import Journal
from trueup.canon.link import Link, LinkSpace
from trueup.connectors import xero
from trueup.connectors.xero import commands, mapping, pull
from trueup.connectors.xero.shape import day_of, instant_of
from trueup.contract.connector import Command, Fetch, Receipt, ReceiptState, Reply, Source
from trueup.contract.grant import Grant, Token
from trueup.contract.loader import load_connector
from trueup.contract.oauth import judge_token_reply
from trueup.errors import (
    AuthExpired,
    ConfigError,
    ContractBroken,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Unavailable,
)
from trueup.kernel.money import Money
from trueup.outbox.caller import Caller
from trueup.sandbox.faults import ApiFault, ApiFaultKind
from trueup.sandbox.xero.vendor import CLIENT_ID, CLIENT_SECRET, TENANT, Xero

pytestmark = pytest.mark.anyio
FOLDER = load_connector(Path(xero.__file__).parent)
SETTINGS = {"client_id": CLIENT_ID, "tenant_id": TENANT, "currency": "GBP"}
DAY = date(2026, 11, 1)
LONG = "a-number-that-no-journal-of-ours-has"


def books() -> Xero:
    vendor = Xero()
    vendor.open_account("610")
    vendor.open_account("404")
    return vendor


def secrets(vendor: Xero) -> dict[str, str]:
    return {"client_secret": CLIENT_SECRET, "access_token": vendor.let_in()[0]}


def journal(number: str = "TU261101-1", amount: str = "19.99", **fields: Any) -> Command:
    told = {"currency": "GBP", "account": "404", "tax_code": None} | fields
    money = Money(Decimal(amount), told["currency"])
    content = PostJournal(
        number=number,
        posted_on=DAY,
        lines=(
            PostJournalLine(account_ref="610", amount=money, memo="clearing, stripe"),
            PostJournalLine(account_ref=told["account"], amount=-money, tax_code=told["tax_code"]),
        ),
        memo="Trueup, stripe payout:po_7",
    )
    return Command(
        kind=content.command,
        key=f"journal/{number}",
        ref=f"journal/{number}",
        content=content,
        wanted_at=datetime(2026, 11, 2, tzinfo=UTC),
        target=SETTINGS,
    )


def lines(amount: str = "10") -> list[dict[str, Any]]:
    return [
        {"LineAmount": Decimal(amount), "AccountCode": "610"},
        {"LineAmount": -Decimal(amount), "AccountCode": "404"},
    ]


async def carry_out(caller: Caller, wish: Command, key: str = "key-1") -> Receipt:
    """Do as the commander does: what nobody knows is looked for, then sent again under its key."""
    for _ in range(6):
        try:
            reply = await caller.send(FOLDER.commands.command_request(wish, key))
        except (OutcomeUnknown, Unavailable, RateLimited):
            reply = await caller.send(FOLDER.commands.find_request(wish, key))
            found = FOLDER.commands.found(wish, key, reply)
            if found.state is ReceiptState.DONE:
                return found
            continue
        return FOLDER.commands.command_receipt(wish, reply)
    raise AssertionError("it never comes to an end")


CUTS: list[ApiFaultKind] = ["reset", "reset_after_work", "timeout_after_work"]


@pytest.mark.parametrize("kind", CUTS)
async def test_a_journal_is_posted_once_wherever_the_line_breaks(kind: ApiFaultKind) -> None:
    vendor = books()
    vendor.strike(ApiFault(kind=kind, next_calls=1, operation="journal.post"))
    settings = SETTINGS | {"call_timeout_s": "0.5"}
    async with calling(FOLDER, vendor, settings, secrets(vendor)) as caller:
        vendor._answers.clear()
        receipt = await carry_out(caller, journal())
        hub = Hub(caller, vendor)
        page = await hub.pull("manual_journals")
    assert receipt.state is ReceiptState.DONE
    assert len(vendor.journals) == len(page.pieces) == 1
    source = Source(topic=pull.TOPIC, body=page.pieces[0].body, received_at=vendor.now())
    mapped = mapping.map_source(msgspec.structs.replace(source, settings=SETTINGS))
    [record] = mapped.records
    assert isinstance(record, Journal)
    assert mapped.issues == ()
    assert (record.ref, record.number) == (receipt.vendor_ref, "TU261101-1")
    assert (record.posted_on, record.posted, record.currency) == (DAY, True, "GBP")
    assert [line.amount.amount for line in record.lines] == [Decimal("19.99"), Decimal("-19.99")]
    assert record.links == (Link(LinkSpace.PAYOUT, "po_7"),)


async def test_what_xero_refuses_is_refused_in_its_words() -> None:
    vendor = books()
    async with calling(FOLDER, vendor, SETTINGS, secrets(vendor)) as caller:
        wrong = await carry_out(caller, journal(account="999"))
        assert (wrong.state, wrong.code) == (ReceiptState.REFUSED, "ValidationException")
        assert "'999' is not valid" in (wrong.message or "")
        by_id = journal(account=vendor.accounts["404"])
        assert (await carry_out(caller, by_id, key="key-2")).state is ReceiptState.DONE
        vendor.locked_until = DAY
        closed = await carry_out(caller, journal("TU261101-2"), key="key-3")
        assert "locked period" in (closed.message or "")
    assert len(vendor.journals) == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"amount": "0.005"}, "two decimals"),
        ({"currency": "EUR"}, "base currency"),
        ({"tax_code": "OUTPUT2"}, "take tax_code out"),
        ({"account": "Sales of goods"}, "named by its code"),
        ({"account": ""}, "named by its code"),
    ],
)
def test_what_can_not_be_said_to_xero_is_told(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused, match=said):
        FOLDER.commands.command_request(journal(**fields), "key")


def test_no_tax_may_be_said_and_no_other_command() -> None:
    body = FOLDER.commands.command_request(journal(tax_code="NONE"), "key").body
    [told] = msgspec.json.decode(body)["ManualJournals"]
    assert {line["TaxType"] for line in told["JournalLines"]} == {"NONE"}
    assert told["Narration"] == "TU261101-1 Trueup, stripe payout:po_7 [journal/TU261101-1]"
    other = NoteActivity(name="x", occurred_at=datetime(2026, 11, 2, tzinfo=UTC))
    wish = msgspec.structs.replace(journal(), content=other)
    for make in (FOLDER.commands.command_request, FOLDER.commands.find_request):
        with pytest.raises(Refused, match="not asked to do this"):
            make(wish, "key")
    odd = Reply(status=200, headers={}, body=b"<html>")
    assert FOLDER.commands.command_receipt(wish, odd).state is ReceiptState.UNKNOWN
    assert FOLDER.commands.found(journal(), "key", odd).state is ReceiptState.UNKNOWN


async def test_a_journal_is_looked_for_on_its_day_page_by_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commands, "_PAGE_SIZE", 2)
    vendor, wish = books(), journal()
    for number in range(4):
        vendor.book(f"By hand {number}", lines(), on=DAY)
        vendor.book(f"Another day {number}", lines(), on=DAY - timedelta(days=1))
    gone = vendor.book(f"Old [{wish.ref}]", lines(), on=DAY)
    vendor.change(gone["ManualJournalID"], Status="VOIDED")
    async with calling(FOLDER, vendor, SETTINGS, secrets(vendor)) as caller:

        async def look() -> tuple[Receipt, int]:
            request, pages = FOLDER.commands.find_request(wish, "key"), 0
            while True:
                receipt = FOLDER.commands.found(wish, "key", await caller.send(request))
                pages += 1
                if receipt.further is None:
                    return receipt, pages
                request = receipt.further

        assert (await look())[0].state is ReceiptState.LATER
        made = await carry_out(caller, wish)
        receipt, pages = await look()
    assert (receipt.state, receipt.vendor_ref) == (ReceiptState.DONE, made.vendor_ref)
    assert 1 <= pages <= 3


async def test_pages_skip_nothing_that_changes_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull, "PAGE_SIZE", 5)
    vendor = books()
    begun_at = vendor.now()
    numbers = [vendor.book(f"Accrual {n}", lines(), on=DAY)["ManualJournalID"] for n in range(23)]
    async with calling(FOLDER, vendor, SETTINGS, secrets(vendor)) as caller:
        seen, cursor = set(), None
        while True:
            request = FOLDER.pull.page_request("manual_journals", None, cursor)
            page = FOLDER.pull.page("manual_journals", await caller.send(request))
            seen |= {msgspec.json.decode(piece.body)["ManualJournalID"] for piece in page.pieces}
            cursor = page.next_cursor
            if cursor is None:
                break
            vendor.clock.advance(1)
            vendor.change(min(seen), Narration="Changed meanwhile")
            vendor.book("Made meanwhile", lines(), on=DAY)
        assert seen >= set(numbers)
        vendor.clock.advance(60)
        changed = vendor.change(numbers[0], Status="VOIDED")["ManualJournalID"]
        since = vendor.now() - timedelta(seconds=30)
        hub = Hub(caller, vendor)
        page = await hub.pull("manual_journals", since)
        assert [msgspec.json.decode(p.body)["ManualJournalID"] for p in page.pieces] == [changed]
        assert page.latest_at == vendor.now().replace(microsecond=page.latest_at.microsecond)
        assert hub[f"journal/{changed}"].deleted
        for at, wanted in ((None, len(vendor.journals)), (since, 1), (begun_at, 99)):
            asked = FOLDER.pull.count_request("manual_journals", at)
            assert asked is not None
            told = FOLDER.pull.count("manual_journals", await caller.send(asked))
            assert told == min(wanted, len(vendor.journals))
        fetch = Fetch(resource="journal", ref=changed)
        one = FOLDER.pull.fetched(fetch, await caller.send(FOLDER.pull.fetch_request(fetch)))
        assert len(one.pieces) == 1


def test_what_is_no_page_of_xero_is_told() -> None:
    reply = Reply(status=200, headers={}, body=b'{"ManualJournals": [1]}')
    with pytest.raises(ContractBroken, match="what is no journal"):
        FOLDER.pull.page("manual_journals", reply)
    empty = Reply(status=200, headers={}, body=b'{"ManualJournals": []}')
    assert FOLDER.pull.page("manual_journals", empty).next_cursor is None
    with pytest.raises(ContractBroken, match="which page it is"):
        FOLDER.pull.count("manual_journals", empty)
    with pytest.raises(ContractBroken, match="no list of journals"):
        FOLDER.pull.page("manual_journals", Reply(status=200, headers={}, body=b"<html>"))
    with pytest.raises(Refused, match="no place"):
        FOLDER.pull.page_request("manual_journals", None, "two")
    with pytest.raises(Refused, match="no such resource"):
        FOLDER.pull.page_request("invoices", None, None)
    for fetch in (Fetch(resource="invoice", ref="1"), Fetch(resource="journal", ref="../x")):
        with pytest.raises(Refused, match="no such record"):
            FOLDER.pull.fetch_request(fetch)


def mapped(**fields: Any) -> Any:
    told = {
        "ManualJournalID": "j-1",
        "Date": "2026-11-01T00:00:00",
        "UpdatedDateUTC": "/Date(1793491200000+0000)/",
        "Status": "POSTED",
        "Narration": "Accrual",
        "JournalLines": lines(),
    }
    body = msgspec.json.encode(told | fields)
    source = Source(topic=pull.TOPIC, body=body, received_at=datetime(2026, 11, 2, tzinfo=UTC))
    return mapping.map_source(msgspec.structs.replace(source, settings={"currency": "GBP"}))


def test_what_can_not_be_kept_is_told_where_it_stands() -> None:
    amount = {"LineAmount": 1, "AccountCode": "610"}
    for fields, code, pointer in (
        ({"Date": "soon"}, "xero.field_invalid", "/Date"),
        ({"Date": "2026-13-01"}, "xero.field_invalid", "/Date"),
        ({"UpdatedDateUTC": "/Date(99999999999999999)/"}, "xero.field_invalid", "/Date"),
        ({"JournalLines": [{"LineAmount": 1}]}, "xero.field_invalid", "/JournalLines/0"),
        ({"JournalLines": [{"AccountCode": "1"}]}, "xero.field_invalid", "/JournalLines/0"),
        ({"JournalLines": [amount]}, "xero.journal_unbalanced", "/JournalLines"),
        ({"Status": "ARCHIVED"}, "xero.status_unknown", "/Status"),
        ({"ManualJournalID": ""}, "xero.field_invalid", "/ManualJournalID"),
        ({"Narration": "a\x00b"}, "xero.body_malformed", ""),
    ):
        [issue] = mapped(**fields).issues
        assert (issue.code, issue.pointer) == (code, pointer), fields
    huge = mapping.map_source(
        Source(
            topic=pull.TOPIC,
            body=b'{"ManualJournalID": "1", "Date": "2026-11-01", "UpdatedDateUTC": "/Date(0)/", '
            b'"JournalLines": [{"LineAmount": 1e99999, "AccountCode": "1"}]}',
            received_at=datetime(2026, 11, 2, tzinfo=UTC),
        )
    )
    assert {issue.code for issue in huge.issues} == {"xero.field_invalid"}
    broken = Source(topic=pull.TOPIC, body=b"{", received_at=datetime(2026, 11, 2, tzinfo=UTC))
    assert mapping.map_source(broken).issues[0].code == "xero.body_malformed"


def test_drafts_are_not_posted_and_only_our_own_numbers_are_numbers() -> None:
    [draft] = mapped(Status="DRAFT").records
    assert (draft.posted, draft.deleted, draft.number) == (False, False, None)
    [ours] = mapped(Narration="SHOP1261101-12 Trueup").records
    assert ours.number == "SHOP1261101-12"
    assert instant_of(None) is None
    assert day_of("/Date(1761868800000+0000)/") == date(2025, 10, 31)


async def test_tokens_rotate_and_the_check_names_the_organisations() -> None:
    vendor = books()
    auth, given = FOLDER.auth, {"client_secret": CLIENT_SECRET}
    settings = SETTINGS | {"api_base": "http://twin"}
    url = auth.authorise_url(SETTINGS, given, "state-1", "https://hub.example/oauth")
    assert url.startswith("https://login.xero.com/identity/connect/authorize?response_type=code")
    assert "scope=accounting.manualjournals+offline_access" in url
    old = auth.authorise_url(SETTINGS | {"scopes": "accounting.transactions"}, given, "s", "u")
    assert "scope=accounting.transactions+offline_access" in old
    with pytest.raises(ConfigError, match="client_id is missing"):
        auth.authorise_url({}, given, "s", "u")
    with pytest.raises(Refused, match="without a code"):
        auth.callback_code(SETTINGS, given, {"error": "access_denied"})
    code = auth.callback_code(SETTINGS, given, vendor.consent())
    grant = Grant(kind="code", code=code, redirect_uri="https://hub.example/oauth")
    first = await exchange(vendor, auth.token_request(settings, given, grant))
    assert (first.expires_in_s, first.refresh_token is not None) == (1800, True)
    known = given | {"refresh_token": first.refresh_token or ""}
    request = auth.token_request(settings, known, Grant(kind="refresh"))
    assert (await exchange(vendor, request)).refresh_token != first.refresh_token
    with pytest.raises(AuthExpired):
        await exchange(vendor, request)
    with pytest.raises(ConfigError, match="a person who agreed"):
        auth.token_request(settings, given, Grant(kind="client"))
    async with calling(FOLDER, vendor, SETTINGS, secrets(vendor)) as caller:
        told = FOLDER.api.checked(await caller.send(FOLDER.api.check_request()))
        assert told == {"account": f"Sandbox Yarns ({TENANT})"}
        vendor.clock.advance(1801)
        with pytest.raises(AuthExpired):
            await caller.send(FOLDER.api.check_request())
    none = Reply(status=200, headers={}, body=b"[]")
    assert FOLDER.api.checked(none) == {"account": "no organisation"}
    with pytest.raises(ContractBroken):
        FOLDER.api.checked(Reply(status=200, headers={}, body=b"{}"))


async def exchange(vendor: Xero, request: Any) -> Token:
    async with httpx.AsyncClient(transport=vendor.transport()) as client:
        got = await client.request(
            request.method, request.path, headers=dict(request.headers), content=request.body
        )
    reply = Reply(status=got.status_code, headers=dict(got.headers), body=got.content)
    judge_token_reply(reply)
    return FOLDER.auth.token(reply)


async def test_limits_faults_and_organisations_are_told_apart() -> None:
    vendor = books()
    request = FOLDER.pull.page_request("manual_journals", None, None)
    async with calling(FOLDER, vendor, SETTINGS, secrets(vendor)) as caller:
        vendor.strike(ApiFault(kind="throttled", next_calls=1))
        await patient(caller, vendor, request)
        vendor.strike(ApiFault(kind="status", status=503, next_calls=1))
        with pytest.raises(Unavailable):
            await caller.send(request)
        vendor.strike(ApiFault(kind="status", status=404, next_calls=1))
        with pytest.raises(Refused):
            await caller.send(request)
    async with calling(FOLDER, vendor, SETTINGS | {"tenant_id": LONG}, secrets(vendor)) as caller:
        with pytest.raises(AuthExpired):
            await caller.send(request)
    with pytest.raises(ConfigError, match="names those that let us in"):
        FOLDER.api.authorise(request, {"access_token": "x"})
    api = FOLDER.api
    left = api.budget(Reply(status=200, headers={"x-minlimit-remaining": "7"}, body=b""))
    assert left is not None
    assert (left.available, left.at_most) == (7.0, True)
    assert api.budget(Reply(status=200, headers={}, body=b"")) is None
    for told, wait_s in (("12", 12), ("soon", 60), ("-1", 60), ("1e9", 86_400)):
        headers = {"retry-after": told, "x-rate-limit-problem": "day"}
        with pytest.raises(RateLimited) as caught:
            api.judge(Reply(status=429, headers=headers, body=b""))
        assert caught.value.after_s == wait_s
    bare = Reply(status=400, headers={}, body=b'{"Type": "X", "Message": "why"}')
    assert commands.command_receipt(journal(), bare).message == "Xero refused: why"
    with pytest.raises(Refused):
        api.judge(Reply(status=400, headers={}, body=b"<html>"))
    assert api.base_url({}) == "https://api.xero.com"
