"""Settlement reports: every row type, the totals that are held, and files that are refused."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.unit.connectors.paypal.report import (
    AT,
    COLUMNS,
    HEAD,
    Became,
    body,
    footer,
    refusal,
    report,
)
from trueup.canon.link import Link, LinkSpace
from trueup.canon.payout import EntryKind
from trueup.connectors.paypal.event import entry_kind
from trueup.connectors.paypal.files import read_file
from trueup.connectors.paypal.mapping import map_source
from trueup.contract.connector import Source
from trueup.errors import ConfigError


def test_a_whole_report_is_read() -> None:
    found = Became(report(body(), footer()))
    assert found.issues == []
    (entry,) = found.entries
    assert (entry.gross.amount, entry.fee.amount) == (Decimal("30.00"), Decimal("1.17"))
    assert entry.net.amount == Decimal("28.83")
    assert entry.entry is EntryKind.CHARGE
    assert entry.occurred_at == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert Link(LinkSpace.ORDER, "1001") in entry.links
    (told,) = found.statements
    assert told.opening is not None
    assert told.closing is not None
    assert told.opening.amount.amount + told.line_sum.amount == told.closing.amount.amount
    assert (told.line_count, told.account_shown) == (1, "MERCHANT77AAA")


def test_tabs_marks_of_order_and_line_ends_are_read() -> None:
    plain = Became(report(body().replace("Ada, gift", "Ada"), footer()))
    tabs = report(body().replace("Ada, gift", "Ada"), footer()).replace(",", "\t")
    for content in (tabs, "\ufeff" + tabs.replace("\n", "\r\n")):
        assert Became(content).entries == plain.entries


def test_a_withdrawal_is_a_payout_besides() -> None:
    gone = body("TX2", "T0401", '"DR",3383,"USD"', '"",,""', invoice="", bank="PP-7")
    totals = footer(totals="3000,3383,0,117", balances='"CR",500,"CR",0')
    found = Became(report(body(), gone, totals))
    (payout,) = found.payouts
    assert (payout.ref, payout.amount.amount) == ("TX2", Decimal("33.83"))
    assert (payout.bank_ref, payout.automatic) == ("PP-7", True)
    entry = next(each for each in found.entries if each.entry is EntryKind.PAYOUT)
    assert entry.payout_ref == payout.ref
    assert found.issues == []


def test_a_withdrawal_that_came_back_is_no_payout() -> None:
    back = body("TX2", "T0400", '"CR",100,"USD"', '"",,""')
    found = Became(report(back, footer(totals="100,0,0,0", balances="")))
    assert found.payouts == []
    assert found.entries[0].entry is EntryKind.PAYOUT_FAILED
    assert found.statements[0].opening is None


def test_currencies_have_footers_and_smallest_units_of_their_own() -> None:
    yen = body("TX2", "T0006", '"CR",1500,"JPY"', '"",,""')
    totals = footer(currency="JPY", totals="1500,0,0,0", balances='"CR",0,"CR",1500')
    found = Became(report(body(), yen, footer(), totals))
    assert [str(each.line_sum) for each in found.statements] == ["28.83 USD", "1500 JPY"]


def test_a_fee_in_another_currency_is_an_entry_of_its_own() -> None:
    row = body(fee='"DR",100,"EUR"')
    usd = footer(totals="3000,0,0,0", balances="")
    eur = footer(currency="EUR", totals="0,0,0,100", balances='"DR",0,"DR",100')
    found = Became(report(row, usd, eur))
    assert [str(each.net) for each in found.entries] == ["30.00 USD", "-1.00 EUR"]
    assert found.issues == []


def test_rows_of_one_transaction_have_names_of_their_own() -> None:
    rows = [body(event="T0006"), body(event="T0006"), body(event="T1107", fee='"",,""')]
    found = Became(report(*rows, footer(totals="9000,0,0,234", balances="")))
    refs = [each.ref for each in found.entries]
    assert len(set(refs)) == 3
    assert (
        Became(report(*rows, footer(totals="9000,0,0,234", balances=""))).entries == found.entries
    )
    third = Became(report(rows[0], rows[0], rows[0], footer(totals="9000,0,0,351", balances="")))
    assert len({each.ref for each in third.entries}) == 3


def test_a_refund_is_linked_with_its_payment() -> None:
    row = body("TX2", "T1107", '"DR",1000,"USD"', '"",,""', reference='"TX1","TXN"')
    (entry,) = Became(report(row, footer(totals="0,1000,0,0", balances=""))).entries
    assert entry.entry is EntryKind.REFUND
    assert Link(LinkSpace.PAYMENT, "TX1") in entry.links


def test_several_sections_and_files_are_held_together() -> None:
    section = HEAD.split("\n", 2)[2]
    content = (
        HEAD
        + f'{COLUMNS}\n{body()}\n{footer()}\n"SC",1'
        + "\n"
        + section
        + "\n".join((COLUMNS, body("TX2"), footer(), '"SC",1', footer("FF", totals="6000,0,0,234")))
        + "\n"
        + "\n".join(('"FC",2', footer("RF", totals="6000,0,0,234"), '"RC",2'))
    )
    found = Became(content)
    assert len(found.entries) == 2
    assert refusal(content.replace('"FC",2', '"FC",3'))["column"] == "Record Count"
    wrong = content.replace('"RF","USD",6000', '"RF","USD",6001')
    assert refusal(wrong)["column"] == "Total Gross Credits"


def test_an_empty_section_is_read() -> None:
    found = Became(report(footer(totals="0,0,0,0", balances='"CR",500,"CR",500')))
    assert found.entries == []
    assert len(found.statements) == 1


def test_balances_that_do_not_lead_on_are_told() -> None:
    found = Became(report(body(), footer(balances='"CR",500,"CR",3384')))
    (issue,) = found.issues
    assert (issue.code, issue.found) == ("paypal.balance_differs", "33.83, by its rows")


def test_an_unknown_event_is_kept_as_unknown() -> None:
    found = Became(report(body(event="T7777"), footer()))
    assert found.entries[0].entry is EntryKind.UNKNOWN
    assert [issue.code for issue in found.issues] == ["paypal.event_unknown"]


@pytest.mark.parametrize(
    ("event", "received", "kind"),
    [
        ("T0006", "yes", EntryKind.CHARGE),
        ("T0003", "", EntryKind.TRANSFER),
        ("T0107", "", EntryKind.FEE),
        ("T0200", "", EntryKind.TRANSFER),
        ("T0300", "yes", EntryKind.TOP_UP),
        ("T0400", "", EntryKind.PAYOUT),
        ("T1201", "", EntryKind.DISPUTE),
        ("T1202", "yes", EntryKind.DISPUTE_WON),
        ("T1503", "", EntryKind.RESERVE_HELD),
        ("T1503", "yes", EntryKind.RESERVE_RELEASED),
        ("T2104", "yes", EntryKind.RESERVE_RELEASED),
        ("T9900", "", EntryKind.UNKNOWN),
    ],
)
def test_events_say_why_the_account_changed(event: str, received: str, kind: EntryKind) -> None:
    assert entry_kind(event, received=bool(received)) is kind


GOOD = report(body(), footer())


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        ("", 1, ""),
        ('"XX",1\n', 1, ""),
        ('"FH",01\n', 1, ""),
        (HEAD + HEAD, 4, ""),
        ('"RH",2026/03/03 02:44:19 -0800,"A","M",009,\n"SF","USD",0,0,0,0\n', 2, ""),
        (GOOD.replace("2026/03/03 02:44:19 -0800", "yesterday"), 1, "Report Generation Date"),
        (GOOD.replace('"FH",01', '"FH",x'), 2, "File Number"),
        (GOOD.replace('"MERCHANT77AAA"', '""'), 3, "Account ID"),
        (GOOD.replace("Transaction Event Code", "Event"), 4, "Transaction Event Code"),
        (GOOD.replace(COLUMNS + "\n", ""), 4, ""),
        (GOOD.replace('"CR",3000', '"XR",3000'), 5, "Gross Transaction Amount"),
        (GOOD.replace('"CR",3000', '"CR",30.00'), 5, "Gross Transaction Amount"),
        (GOOD.replace('"CR",3000,"USD"', '"CR",3000,"usd"'), 5, "Currency"),
        (GOOD.replace('"DR",117', '"",117'), 5, "Fee Amount"),
        (GOOD.replace('"T0006"', '"X"'), 5, "Transaction Event Code"),
        (GOOD.replace('"TX1"', '""'), 5, "Transaction ID"),
        (GOOD.replace("2026/03/02 01:00:00 -0800", ""), 5, "Transaction Completion Date"),
        (GOOD.replace('"SF","USD",3000', '"SF","USD",3001'), 6, "Total Gross Credits"),
        (GOOD.replace("3000,0,0,117", "3000,0,0,118"), 6, "Fee Debits"),
        (GOOD.replace("3000,0,0,117", "3000,0,0,"), 6, "Fee Debits"),
        (GOOD.replace('"SF","USD"', '"SF",""'), 6, "Currency"),
        (GOOD.replace('"SC",1', '"SC",2'), 7, "Record Count"),
        (GOOD.replace('"SC",1', '"SC",x'), 7, "Record Count"),
        (GOOD.replace('"RC",1', '"RC",0'), 10, "Record Count"),
        (GOOD.replace('"RC",1\n', ""), 9, "RC"),
        (GOOD + '"RC",1\n', 11, ""),
        (report(body(), end=('"SC",1', '"RC",1')), 7, "SF"),
        (HEAD.split('"SH"')[0] + '"RC",0\n', 3, ""),
        (GOOD.replace('"Ada, gift"', '"Ada" gift"'), 5, ""),
        (GOOD.replace("Ada", "\x00"), 5, ""),
    ],
)
def test_a_report_at_fault_is_refused_whole_with_the_place(
    content: str, line: int, column: str
) -> None:
    context = refusal(content)
    assert (context["line"], context["column"]) == (line, column)
    assert context["expected"]


def test_a_report_that_is_no_text_or_too_large_is_refused() -> None:
    assert refusal(b'"RH",\xff')["found"] == "the byte 0xff"
    assert "bytes" in str(refusal(b" " * (100 * 1024 * 1024 + 1))["expected"])
    with pytest.raises(ConfigError):
        read_file("camt", b"")


def test_a_body_that_no_file_made_is_told() -> None:
    for topic, content, code in (
        ("paypal/entry", b"{", "paypal.piece_malformed"),
        ("paypal/entry", b"{}", "paypal.piece_invalid"),
        ("paypal/entry", b'{"ref":"\\u0000"}', "paypal.piece_invalid"),
    ):
        (issue,) = map_source(Source(topic=topic, body=content, received_at=AT)).issues
        assert issue.code == code
    assert map_source(Source(topic="x", body=b"{}", received_at=AT)).ignored
    huge = next(p for p in Became(GOOD).pieces if p.topic == "paypal/entry")
    body_ = huge.body.replace(b'"gross":"30.00"', b'"gross":"1e30"')
    (issue,) = map_source(Source(topic=huge.topic, body=body_, received_at=AT)).issues
    assert issue.code == "paypal.piece_invalid"
