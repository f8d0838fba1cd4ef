"""OFX and QFX, with and without closing tags, in the zones and encodings that banks use."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from tests.unit.connectors.bank.reading import Became, refusal
from trueup.canon.bank import BankLineState
from trueup.kernel.money import Money

HEADER = "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nENCODING:USASCII\nCHARSET:1252\n\n"


def ofx(lines: str, *, header: str = HEADER, more: str = "", currency: str = "USD") -> str:
    return (
        f"{header}<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS>"
        "<DTSERVER>20260302180000.000[-5:EST]</SONRS></SIGNONMSGSRSV1>"
        f"<BANKMSGSRSV1><STMTTRNRS><TRNUID>1<STMTRS><CURDEF>{currency}"
        "<BANKACCTFROM><BANKID>123<ACCTID>0099<ACCTTYPE>CHECKING</BANKACCTFROM>"
        f"<BANKTRANLIST><DTSTART>20260301<DTEND>20260302{lines}</BANKTRANLIST>"
        f"{more}</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"
    )


def line(more: str = "", *, amount: str = "-5.50", posted: str = "20260302") -> str:
    return (
        f"<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>{posted}<TRNAMT>{amount}<FITID>F-1"
        f"<NAME>Ada &amp; Co{more}</STMTTRN>"
    )


def test_lines_without_closing_tags_are_read() -> None:
    more = "<LEDGERBAL><BALAMT>94.50<DTASOF>20260302</LEDGERBAL>"
    found = Became("ofx", ofx(line("<CHECKNUM>0042<MEMO>Rent"), more=more))
    (told,) = found.statements
    assert told.updated_at == datetime(2026, 3, 2, 23, tzinfo=UTC)
    assert told.closing is not None
    assert told.closing.amount == Money(Decimal("94.50"), "USD")
    (read,) = found.lines
    assert read.amount == Money(Decimal("-5.50"), "USD")
    assert (read.references.bank, read.references.cheque) == ("F-1", "0042")
    assert read.bank_code == "DEBIT"
    assert read.person is not None
    assert read.person.remittance == "Rent"
    assert read.person.counterparty is not None
    assert read.person.counterparty.name == "Ada & Co"


def test_xml_with_closing_tags_sections_and_comments_is_read_alike() -> None:
    content = ofx(line("<MEMO>Rent"))
    for name in (
        "CODE",
        "SEVERITY",
        "DTSERVER",
        "TRNUID",
        "CURDEF",
        "BANKID",
        "ACCTID",
        "ACCTTYPE",
    ):
        content = _closed(content, name)
    for name in ("DTSTART", "DTEND", "TRNTYPE", "DTPOSTED", "TRNAMT", "FITID", "NAME", "MEMO"):
        content = _closed(content, name)
    content = content.replace("Rent", "<![CDATA[Rent]]>").replace("<OFX>", "<OFX><!-- x -->")
    header = '<?xml version="1.0" encoding="UTF-8"?>\n<?OFX OFXHEADER="200" VERSION="220"?>\n'
    xml = Became("ofx", content.replace(HEADER, header))
    assert xml.lines == Became("ofx", ofx(line("<MEMO>Rent"))).lines


def _closed(content: str, name: str) -> str:
    start, _, rest = content.partition(f"<{name}>")
    text, less, after = rest.partition("<")
    return f"{start}<{name}>{text}</{name}>{less}{after}"


def test_empty_elements_may_stay_open() -> None:
    (read,) = Became("ofx", ofx(line("<CHECKNUM><MEMO>Rent<REFNUM/>"))).lines
    assert read.references.cheque is None
    assert read.person is not None
    assert read.person.remittance == "Rent"


@pytest.mark.parametrize(
    ("posted", "on"),
    [
        ("20260302", date(2026, 3, 2)),
        ("20260302235959", date(2026, 3, 2)),
        ("20260302235959.123[-5:EST]", date(2026, 3, 2)),
        ("20260302120000[+5.30:IST]", date(2026, 3, 2)),
        ("202603021200", date(2026, 3, 2)),
    ],
)
def test_days_are_the_banks_own(posted: str, on: date) -> None:
    (read,) = Became("ofx", ofx(line(posted=posted))).lines
    assert read.booked_on == on


@pytest.mark.parametrize(
    ("amount", "value"),
    [("-5.50", "-5.50"), ("+5,50", "5.50"), (".5", "0.5"), ("1500.", "1500")],
)
def test_amounts_have_a_point_or_a_comma(amount: str, value: str) -> None:
    (read,) = Became("ofx", ofx(line(amount=amount))).lines
    assert read.amount.amount == Decimal(value)


def test_another_currency_is_that_of_the_line() -> None:
    (read,) = Became("ofx", ofx(line("<CURRENCY><CURRATE>1.1<CURSYM>EUR</CURRENCY>"))).lines
    assert (read.amount.currency, read.exchange_rate) == ("EUR", "1.1")
    (read,) = Became("ofx", ofx(line("<ORIGCURRENCY><CURRATE>1.1<CURSYM>EUR</ORIGCURRENCY>"))).lines
    assert (read.amount.currency, read.exchange_rate) == ("USD", "1.1")


def test_pending_lines_payees_and_accounts_are_read() -> None:
    pending = "<STMTTRNP><TRNTYPE>DEBIT<DTTRAN>20260303<TRNAMT>-1<NAME>x</STMTTRNP>"
    to = "<BANKACCTTO><BANKID>9<ACCTID>77</BANKACCTTO><CORRECTFITID>F-0<CORRECTACTION>DELETE"
    found = Became("ofx", ofx(line(to) + pending))
    assert [each.state for each in found.lines] == [BankLineState.BOOKED, BankLineState.PENDING]
    person = found.lines[0].person
    assert person is not None
    assert person.counterparty is not None
    assert (person.counterparty.account, person.note) == ("77", "DELETE F-0")
    payee = ofx(line("<PAYEE><NAME>Bert</PAYEE>").replace("<NAME>Ada &amp; Co", "<EXTDNAME>Long"))
    person = Became("ofx", payee).lines[0].person
    assert person is not None
    assert person.counterparty is not None
    assert (person.counterparty.name, person.remittance) == ("Bert", "Long")


def test_what_a_bank_refuses_is_told() -> None:
    status = "<STATUS><CODE>15500<SEVERITY>ERROR</STATUS>"
    context = refusal("ofx", f"<OFX><SIGNONMSGSRSV1>{status}</SIGNONMSGSRSV1></OFX>")
    assert context["found"] == "the bank's refusal 15500"


def test_without_a_stamp_the_days_say_when_it_was_told() -> None:
    bare = ofx(line("<MEMO>a < b")).replace("<DTSERVER>20260302180000.000[-5:EST]", "")
    found = Became("ofx", bare)
    assert found.statements[0].updated_at == datetime(2026, 3, 2, tzinfo=UTC)
    assert found.lines[0].person is not None
    assert found.lines[0].person.remittance == "a < b"
    (told,) = Became("ofx", bare.replace("<DTEND>20260302", "")).statements
    assert told.updated_at == datetime(2026, 3, 2, 23, 59, 59, tzinfo=UTC)


def test_encodings_are_as_the_header_says() -> None:
    text = ofx(line("<MEMO>Grüße"))
    for content in (text.encode("cp1252"), text.encode(), text.encode("utf-16")):
        person = Became("ofx", content).lines[0].person
        assert person is not None
        assert person.remittance == "Grüße"
    stated = text.replace("ENCODING:USASCII\nCHARSET:1252", "ENCODING:UTF-8\nCHARSET:NONE")
    assert "utf-8" in str(refusal("ofx", stated.encode("cp1252"))["expected"])
    odd = text.replace("CHARSET:1252", "CHARSET:klingon")
    assert refusal("ofx", odd.encode("cp1252"))["expected"] == "an encoding that is known"
    assert "cp1252" in str(
        refusal("ofx", text.encode("cp1252").replace(b"\xfc", b"\x81"))["expected"]
    )


@pytest.mark.parametrize(
    ("content", "column", "expected"),
    [
        ("hello", "OFX", "the element OFX"),
        ("<OFX></OFX>", "OFX", "at least one statement"),
        ("<OFX><A>", "OFX/A", "</OFX>"),
        ("<OFX></A></OFX>", "OFX", "the end of an element that is open"),
        ("<OFX><A>1</A>text</OFX>", "OFX", "elements only"),
        ("<OFX><A>1 <b 2</OFX>", "OFX/A", "a tag such as <NAME>"),
        ("<OFX></OFX><OFX></OFX>", "", "nothing after </OFX>"),
        ("<!DOCTYPE x><OFX></OFX>", "DOCTYPE", "no document type"),
        ("<OFX>" + "<A>" * 50 + "</OFX>", "A/A", "at most 40 levels"),
        (f"<OFX><A>{'x' * 20_001}</OFX>", "OFX/A", "at most 20000 characters"),
        (ofx(line(amount="$5")), "TRNAMT", "an amount such as -12.50"),
        (ofx(line(posted="20260231")), "DTPOSTED", "a day such as 20260131"),
        (ofx(line(posted="x")), "DTPOSTED", "a day such as 20260131 or"),
        (ofx(line().replace("<TRNAMT>-5.50", "")), "STMTTRN/TRNAMT", "this element"),
        (ofx(line().replace("<DTPOSTED>20260302", "")), "STMTTRN", "a day in DTPOSTED"),
        (ofx(line(), currency=""), "STMTTRN", "a currency in CURRENCY or in CURDEF"),
        (ofx(line(), currency="usd"), "CURDEF", "a currency such as EUR"),
        (ofx(line()).replace("<ACCTID>0099", ""), "BANKACCTFROM", "the number of the account"),
        (ofx(line()).replace("BANKACCTFROM", "X"), "STMTRS", "an account"),
        (ofx(line()).replace("180000.000", "250000"), "DTSERVER", "a time of day"),
        (ofx(line()).replace("[-5:EST]", "[-30:EST]"), "DTSERVER", "a zone of less than 24 hours"),
        (ofx(line()).replace("20260302180000", "99991231230000"), "DTSERVER", "a day of our time"),
        (
            ofx("")
            .replace("<DTSERVER>20260302180000.000[-5:EST]", "")
            .replace("<DTEND>20260302", ""),
            *("STMTRS", "an instant in"),
        ),
    ],
)
def test_a_file_at_fault_is_refused_whole_with_the_place(
    content: str, column: str, expected: str
) -> None:
    context = refusal("ofx", content)
    assert column in str(context["column"])
    assert expected in str(context["expected"])


def test_a_list_that_nobody_closed_ends_with_what_is_around_it() -> None:
    more = "<LEDGERBAL><BALAMT>94.50<DTASOF>20260302</LEDGERBAL>"
    whole = ofx(line(), more=more)
    assert Became("ofx", whole.replace("</BANKTRANLIST>", "")).lines == Became("ofx", whole).lines
