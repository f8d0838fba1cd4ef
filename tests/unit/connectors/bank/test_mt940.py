"""MT940 and MT942 by SWIFT's handbook, and with the banks' own liberties."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from tests.unit.connectors.bank.reading import Became, refusal
from trueup.canon.bank import BankLine, BankLineState, StatementKind
from trueup.kernel.money import Money

HEAD = ":20:REF\n:25:50880050/0194774600\n:28C:4/1\n:60F:C260301EUR100,00\n"


def message(lines: str, closing: str = "C260302EUR100,00") -> str:
    return f"{HEAD}{lines}\n:62F:{closing}\n-\n"


def line_of(lines: str) -> BankLine:
    (line,) = Became("mt940", message(lines)).lines
    return line


def test_a_whole_message_is_read() -> None:
    found = Became(
        "mt940",
        "{1:F01BANKDEFF}{2:O940}{4:\r\n"
        + message(
            ":61:2603020302C12,50NTRFK-1//B-1\nmore words\n:86:166?00TRANSFER?109310?20EREF+E-1?21SVWZ+Inv"
            "?22oice 7?30BANKDEFFXXX?31DE89370400440532013000?32Ada?33 Fern",
            "C260302EUR112,50\n:64:C260302EUR112,50\n:65:C260303EUR112,50\n:86:a note",
        ).replace("\n", "\r\n")
        + "-}",
    )
    assert found.issues == []
    (told,) = found.statements
    assert (told.number, told.page, told.statement) == ("4", 1, StatementKind.STATEMENT)
    assert told.updated_at == datetime(2026, 3, 2, 23, 59, 59, tzinfo=UTC)
    assert [each.code for each in told.balances] == ["OPBD", "CLBD", "CLAV", "FWAV"]
    (line,) = found.lines
    assert (line.amount.amount, line.bank_code) == (Decimal("12.50"), "NTRF+166+9310")
    assert (line.references.customer, line.references.bank) == ("K-1", "B-1")
    assert line.references.end_to_end == "E-1"
    assert line.person is not None
    assert line.person.remittance == "Invoice 7"
    assert line.person.counterparty is not None
    assert line.person.counterparty.name == "Ada Fern"
    assert line.person.note == "more words\nTRANSFER"


@pytest.mark.parametrize(
    ("mark", "amount", "reversal"),
    [("C", "1.00", ""), ("D", "-1.00", ""), ("RC", "-1.00", "yes"), ("RD", "1.00", "yes")],
)
def test_reversals_turn_the_sign(mark: str, amount: str, reversal: str) -> None:
    line = line_of(f":61:2603020302{mark}R1,00NTRFNONREF")
    assert (line.amount.amount, line.reversal) == (Decimal(amount), bool(reversal))


@pytest.mark.parametrize(
    ("field", "value_on", "booked_on"),
    [
        ("2512310102", date(2025, 12, 31), date(2026, 1, 2)),
        ("2601011231", date(2026, 1, 1), date(2025, 12, 31)),
        ("260302", date(2026, 3, 2), None),
        ("260302    ", date(2026, 3, 2), None),
        ("2602300302", date(2026, 2, 28), date(2026, 3, 2)),
        ("2402290229", date(2024, 2, 29), date(2024, 2, 29)),
        ("9912311231", date(1999, 12, 31), date(1999, 12, 31)),
    ],
)
def test_the_year_of_booking_lies_nearest(
    field: str, value_on: date, booked_on: date | None
) -> None:
    line = line_of(f":61:{field}C1,00NTRFNONREF")
    assert (line.value_on, line.booked_on) == (value_on, booked_on)


@pytest.mark.parametrize(
    ("text", "amount"),
    [("1,", "1"), ("0,5", "0.5"), (",5", ""), ("000000000001,62", "1.62"), ("7", "7")],
)
def test_amounts_may_end_with_their_comma(text: str, amount: str) -> None:
    if not amount:
        assert refusal("mt940", message(f":61:2603020302C{text}NTRFNONREF"))["column"] == ":61:"
        return
    assert line_of(f":61:2603020302C{text}NTRFNONREF").amount.amount == Decimal(amount)


def test_dutch_details_are_named() -> None:
    line = line_of(
        ":61:2603020302C1,00NTRFEREF//B\n:86:/TRTP/SEPA OVERBOEKING/IBAN/NL91ABNA0417164300/BIC/ABNA\n"
        "NL2A/NAME/Cara Brook/REMI/USTD//Order 10\n01/EREF/E-7/MARF/M-7/CSID/NL1/RTRN/MS03/"
    )
    assert line.person is not None
    assert line.person.counterparty is not None
    assert line.person.counterparty.account == "NL91ABNA0417164300"
    assert line.person.counterparty.bank == "ABNANL2A"
    assert line.person.remittance == "Order 1001"
    assert (line.references.end_to_end, line.references.mandate) == ("E-7", "M-7")
    assert (line.references.creditor, line.return_code) == ("NL1", "MS03")
    assert line.references.customer is None


def test_a_counterparty_of_ing_is_named() -> None:
    line = line_of(
        ":61:2603020302C1,00NTRFEREF\n:86:/EREF/E-8//CNTP/NL91ABNA0417164300/ABNANL2A/Cara Brook///"
        "REMI/STRD/CUR/9001/"
    )
    assert line.person is not None
    assert line.person.counterparty is not None
    assert line.person.counterparty.name == "Cara Brook"
    assert line.person.remittance == "9001"


def test_free_details_are_kept_as_lines_and_repeated_fields_too() -> None:
    line = line_of(":61:2603020302C1,00NTRFNONREF\n:86:one\n:86:two\nthree")
    assert line.person is not None
    assert line.person.remittance == "one\ntwo\nthree"


def test_a_time_of_day_in_details_is_no_field() -> None:
    line = line_of(":61:2603020302C1,00NTRFNONREF\n:86:at 12:04\n:26:37 o'clock")
    assert line.person is not None
    assert line.person.remittance == "at 12:04\n:26:37 o'clock"


def test_who_paid_for_whom_is_kept_apart() -> None:
    line = line_of(":61:2603020302C1,00NTRFNONREF\n:86:166?20SVWZ+x?21ABWA+Bert?32Ada?60more")
    assert line.person is not None
    assert line.person.ultimate is not None
    assert line.person.ultimate.name == "Bert"
    assert line.person.remittance == "x\nmore"


def test_a_report_tells_limits_sums_and_expected_lines() -> None:
    found = Became(
        "mt940",
        ":20:R\n:25:1234567\n:28C:9/1\n:34F:EURD0,\n:34F:EURC0,\n:13D:2603021730+0100\n"
        ":61:2603020302C5,00NTRFNONREF\n:61:260303EC7,00NTRFNONREF\n:90D:0EUR0,00\n:90C:2EUR12,00\n-\n",
    )
    assert found.issues == []
    (told,) = found.statements
    assert told.statement is StatementKind.REPORT
    assert told.updated_at == datetime(2026, 3, 2, 16, 30, tzinfo=UTC)
    assert [line.state for line in found.lines] == [BankLineState.BOOKED, BankLineState.PENDING]
    assert found.lines[1].state_code == "PDNG"


def test_the_zone_of_a_report_may_lie_west_or_lack() -> None:
    for stamp, hour in (("2603021730-0500", 22), ("2603021730", 17)):
        text = f":20:R\n:25:1\n:34F:EUR0,\n:13D:{stamp}\n:61:2603020302C5,00NTRFNONREF\n-\n"
        assert Became("mt940", text).statements[0].updated_at.hour == hour


def test_the_currency_behind_the_number_is_no_part_of_it() -> None:
    for number in ("0194774600EUR", "0194774600 EUR", "0194774600"):
        text = message("").replace("50880050/0194774600", number)
        (told,) = Became("mt940", text).statements
        assert told.person is not None
        assert told.person.account == "0194774600"


def test_a_second_line_of_the_account_is_the_bank() -> None:
    text = message("").replace(":25:50880050/0194774600", ":25P:0194774600\nBANKDEFF")
    assert Became("mt940", text).statements[0].bank == "BANKDEFF"


def test_latin_letters_are_read() -> None:
    line = Became("mt940", message(":61:2603020302C1,00NTRF\n:86:Grüße").encode("latin-1")).lines[0]
    assert line.person is not None
    assert line.person.remittance == "Grüße"


def test_unknown_fields_are_told() -> None:
    (issue,) = Became("mt940", message(":37H:C1,5")).issues
    assert (issue.code, issue.found) == ("bank.line_skipped", "fields :37H:")


def test_a_message_without_a_closing_balance_counts_where_its_last_line_is_whole() -> None:
    whole = f"{HEAD}:61:2603020302C1,00NTRFNONREF\n"
    (told,) = Became("mt940", whole).statements
    assert told.closing is None
    assert told.updated_at.date() == date(2026, 3, 2)
    context = refusal("mt940", whole.rstrip("\n"))
    assert (context["line"], context["column"]) == (5, ":61:")


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        ("hello\nworld\n", 1, ":20:"),
        (":61:2603020302C1,00NTRF\n", 1, ":61:"),
        (":20:X\n:60F:C260301EUR1,00\n:62F:C260301EUR1,00\n", 1, ":20:"),
        (":20:X\n:25:1\n:61:2603020302C1,00NTRF\n", 1, ":20:"),
        (":20:X\n:25:\n:60F:C260301EUR1,00\n:62F:C260301EUR1,00\n", 2, ":25:"),
        (":20:X\n:25:1\n:60F:X260301EUR1,00\n", 3, ":60F:"),
        (":20:X\n:25:1\n:60F:C261301EUR1,00\n", 3, ":60F:"),
        (":20:X\n:25:1\n:60F:C260431EUR1,00\n", 3, ":60F:"),
        (":20:X\n:25:1\n:60F:C260301EUR1,,0\n", 3, ":60F:"),
        (":20:X\n:25:1\n:60F:C260301EUR1,00\n:62F:C260301USD1,00\n", 3, ":60F:"),
        (":20:X\n:25:1\n:25:2\n:60F:C260301EUR1,00\n", 3, ":25:"),
        (":20:X\n:25:1\n:28C:x\n:60F:C260301EUR1,00\n", 3, ":28C:"),
        (message(":61:2603020302X1,00NTRFNONREF"), 5, ":61:"),
        (message(":61:2603320302C1,00NTRFNONREF"), 5, ":61:"),
        (":20:X\n:25:1\n:34F:EUR0,\n:13D:2603022560\n", 4, ":13D:"),
        (":20:X\n:25:1\n:34F:EUR0,\n:13D:x\n", 4, ":13D:"),
        (":20:X\n:25:1\n:34F:EUR0,\n:90D:x\n:13D:2603021200\n", 4, ":90D:"),
        (":20:X\n:25:1\n:34F:EUR0,\n:13D:2603021200\n\x00", 5, ""),
        (":20:X\n:25:1\n:60F:" + "9" * 100_001, 3, ""),
    ],
)
def test_a_file_at_fault_is_refused_whole_with_the_place(
    content: str, line: int, column: str
) -> None:
    context = refusal("mt940", content)
    assert (context["line"], context["column"]) == (line, column)
    assert context["expected"]
    assert context["found"]


def test_free_details_may_have_words_and_numbered_ones_no_code() -> None:
    worded = line_of(
        ":61:2603020302C1,00NTRFNONREF\n:86:SEPA /EREF+/E-5 MREF+M-5 IBAN+DE7 BIC+BANK SVWZ+Order\n 10"
    )
    assert (worded.references.end_to_end, worded.references.mandate) == ("E-5", "M-5")
    assert worded.person is not None
    assert worded.person.remittance == "SEPA\nOrder 10"
    assert worded.person.counterparty is not None
    assert worded.person.counterparty.account == "DE7"
    bare = line_of(":61:2603020302C1,00NTRFNONREF\n:86:~00TRANSFER~20Order 10~32Ada")
    assert bare.person is not None
    assert bare.person.remittance == "Order 10"
    plain = line_of(":61:2603020302C1,00NTRFNONREF\n:86:/20 pieces")
    assert plain.person is not None
    assert plain.person.remittance == "/20 pieces"


def test_frames_around_messages_are_no_content() -> None:
    found = Became("mt940", "\x01" + message(":61:2603020302C1,00NTRFNONREF")[:-3] + "\n-\x03\x1a")
    assert len(found.lines) == 1


def test_a_dash_in_details_ends_no_message() -> None:
    found = Became(
        "mt940", message(":61:2603020302C1,00NTRFNONREF\n:86:Period -\n-", "C260302EUR101,00")
    )
    assert found.issues == []
    assert found.lines[0].person is not None
    assert found.lines[0].person.remittance == "Period -\n-"


def test_an_account_may_be_told_with_strokes_and_with_its_bank() -> None:
    for written, account, bank in (
        ("//AT39364/12345678912/EUR", "AT39364/12345678912", None),
        ("BILLLULLXXX/LU540026121160200600", "LU540026121160200600", "BILLLULLXXX"),
    ):
        text = message("").replace("50880050/0194774600", written)
        (told,) = Became("mt940", text).statements
        assert told.person is not None
        assert (told.person.account, told.bank) == (account, bank)


def test_one_named_word_alone_is_named() -> None:
    line = line_of(
        ":61:2603020302D1,00NTRF1//2\n/TRCD/00100/\n:86:/CNTP/NL86INGB0002445588/INGBNL2A/TAX//"
    )
    assert line.person is not None
    assert line.person.counterparty is not None
    assert line.person.counterparty.name == "TAX"
    assert line.person.counterparty.account == "NL86INGB0002445588"


def test_what_was_ordered_and_what_it_cost_is_told_behind_the_line() -> None:
    line = line_of(
        ":61:2603020302D12,35 NRTIKREF+//20160217\n/OCMT/USD11,85//CHGS/EUR0,5/\n"
        ":86:109?00RETURN?20EREF+E-1?21OAMT+11,85 SVWZ+REASON/EXCH/1,10?34901"
    )
    assert line.bank_code == "NRTI+109+901"
    assert line.original == Money(Decimal("-11.85"), "USD")
    assert line.exchange_rate == "1.10"
    assert [charge.amount for charge in line.charges] == [Money(Decimal("0.5"), "EUR")]
    assert line.return_code == "901"
    bare = line_of(":61:2603020302D12,35NTRFNONREF\n/OCMT/USD11,/")
    assert bare.original == Money(Decimal("-11.00"), "USD")
