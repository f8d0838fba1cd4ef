"""Tables of banks: what the columns mean is declared, and read strictly."""

from decimal import Decimal

import pytest

from tests.unit.connectors.bank.reading import AT, Became
from trueup.canon.bank import BankLine, BankLineState, BankStatement
from trueup.canon.issue import Issue
from trueup.connectors.bank.files import read_table
from trueup.connectors.bank.mapping import map_source
from trueup.contract.connector import Source
from trueup.errors import ConfigError

GERMAN = (
    'delimiter=";"\ndecimal=","\nday="%d.%m.%Y"\n[columns]\nbooked_on="Tag"\namount="Betrag"\n'
    '[constants]\naccount="DE1"\ncurrency="eur"\n'
)
PLAIN = '[columns]\nbooked_on="d"\namount="a"\naccount="k"\ncurrency="c"\n'


class Table:
    def __init__(self, columns: str, content: str | bytes) -> None:
        raw = content.encode() if isinstance(content, str) else content
        mapped = [
            map_source(Source(topic=piece.topic, body=piece.body, received_at=AT))
            for piece in read_table("bank-csv", raw, columns)
        ]
        records = [record for each in mapped for record in each.records]
        self.statements = [each for each in records if isinstance(each, BankStatement)]
        self.lines = [each for each in records if isinstance(each, BankLine)]
        self.issues: list[Issue] = [issue for each in mapped for issue in each.issues]


def refused(columns: str, content: str | bytes, format_name: str = "bank-csv") -> dict[str, object]:
    raw = content.encode() if isinstance(content, str) else content
    with pytest.raises(ConfigError) as caught:
        read_table(format_name, raw, columns)
    return dict(caught.value.context)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1.234,50", "1234.50"),
        ("-1.234.567,5", "-1234567.5"),
        ("12,50-", "-12.50"),
        ("(12,50)", "-12.50"),
        ("\u22127,00", "-7.00"),
        ("1 234,50", "1234.50"),
        ("1\u00a0234,50 EUR", "1234.50"),
        ("€ 3", "3"),
        ("+3,", "3"),
        (",5", "0.5"),
    ],
)
def test_amounts_are_read_by_the_declared_mark(text: str, amount: str) -> None:
    (line,) = Table(GERMAN, f'Tag;Betrag\n02.03.2026;"{text}"\n').lines
    assert line.amount.amount == Decimal(amount)
    assert line.amount.currency == "EUR"


@pytest.mark.parametrize("text", ["12.5", "1,2,3", "x", "1.23.4,0", "(3", "3)", "-", "1" * 16, ""])
def test_amounts_with_the_other_mark_are_refused(text: str) -> None:
    context = refused(GERMAN, f"Tag;Betrag\n02.03.2026;{text}\n")
    assert (context["line"], context["column"]) == (2, "Betrag")


def test_debit_and_credit_may_stand_apart() -> None:
    columns = PLAIN.replace('amount="a"', 'debit="soll"\ncredit="haben"')
    found = Table(columns, "d,soll,haben,k,c\n2026-03-02,5.00,,1,EUR\n2026-03-02,,7.00,1,EUR\n")
    assert [line.amount.amount for line in found.lines] == [Decimal("-5.00"), Decimal("7.00")]
    for cells in ("5.00,7.00", ","):
        context = refused(columns, f"d,soll,haben,k,c\n2026-03-02,{cells},1,EUR\n")
        assert context["column"] == "soll"


def test_a_mark_may_say_which_way_it_went() -> None:
    columns = PLAIN.replace('amount="a"', 'amount="a"\nmark="m"')
    found = Table(columns, "d,a,m,k,c\n2026-03-02,5.00,D,1,EUR\n2026-03-02,7.00,C,1,EUR\n")
    assert [line.amount.amount for line in found.lines] == [Decimal("-5.00"), Decimal("7.00")]


@pytest.mark.parametrize("rows", [("5,5", "2,7"), ("2,7", "5,5")])
def test_balances_are_held_whichever_end_is_oldest(rows: tuple[str, str]) -> None:
    columns = PLAIN.replace('amount="a"', 'amount="a"\nbalance="b"')
    lines = "".join(f"2026-03-02,{row},1,EUR\n" for row in rows)
    found = Table(columns, f"d,a,b,k,c\n{lines}")
    assert found.issues == []
    assert found.statements[0].closing is not None
    assert found.statements[0].closing.amount.amount == Decimal(7)


def test_balances_that_do_not_lead_on_are_told() -> None:
    columns = PLAIN.replace('amount="a"', 'amount="a"\nbalance="b"')
    found = Table(columns, "d,a,b,k,c\n2026-03-02,5,5,1,EUR\n2026-03-02,2,9,1,EUR\n")
    (issue,) = found.issues
    assert issue.code == "bank.statement_sum_differs"
    partly = Table(columns, "d,a,b,k,c\n2026-03-02,5,,1,EUR\n2026-03-02,2,9,1,EUR\n")
    assert partly.statements[0].closing is None


def test_every_word_has_its_place() -> None:
    columns = (
        PLAIN
        + 'id="id"\nstate="s"\nname="n"\nremittance="r"\nend_to_end="e"\nvalue_on="v"\nfee="f"\n'
        + 'original_amount="oa"\noriginal_currency="oc"\nexchange_rate="x"\n'
        + 'counterparty_account="ca"\n'
    )
    head = "d,a,k,c,id,s,n,r,e,v,f,oa,oc,x,ca\n"
    row = "2026-03-02,10,1,EUR,T-1,Pending,Ada,Rent,E-1,2026-03-03,0.5,11,usd,1.1,DE2\n"
    (line,) = Table(columns, head + row).lines
    assert line.state is BankLineState.PENDING
    assert line.amount.amount == Decimal("9.5")
    assert [charge.amount.amount for charge in line.charges] == [Decimal("0.5")]
    assert (line.references.bank, line.references.end_to_end) == ("T-1", "E-1")
    assert line.original is not None
    assert line.original.currency == "USD"
    assert line.person is not None
    assert line.person.counterparty is not None
    assert line.person.counterparty.account == "DE2"
    unknown = Table(columns, head + row.replace("Pending", "Moon"))
    assert [issue.code for issue in unknown.issues] == ["bank.state_unknown"]


def test_accounts_and_currencies_are_statements_of_their_own() -> None:
    rows = "2026-03-02,1,A,EUR\n2026-03-02,1,A,USD\n2026-03-02,1,B,EUR\n"
    assert len(Table(PLAIN, f"d,a,k,c\n{rows}").statements) == 3


def test_lines_before_the_head_and_after_the_foot_are_left_out() -> None:
    columns = 'skip_lines=2\nskip_foot=["Total"]\ndelimiter="tab"\n' + PLAIN
    text = "Bank\n\nd\ta\tk\tc\n\n2026-03-02\t1\tA\tEUR\t\t\nTotal\t1\n2026-03-02\tx\tA\tEUR\n"
    assert len(Table(columns, text).lines) == 1
    context = refused(columns, "Bank\n\nd\ta\tk\tc\n2026-03-02\tx\tA\tEUR\n")
    assert (context["line"], context["column"]) == (4, "a")


def test_encodings_are_those_declared_or_the_usual() -> None:
    text = "d,a,k,c,n\n2026-03-02,1,A,EUR,Grün\n"
    columns = PLAIN + 'name="n"\n'
    declared = 'encoding="latin-1"\n' + columns
    for given, content in (
        (columns, text.encode()),
        (columns, b"\xef\xbb\xbf" + text.encode()),
        (columns, text.encode("cp1252")),
        (declared, text.encode("latin-1")),
    ):
        person = Table(given, content).lines[0].person
        assert person is not None
        assert person.counterparty is not None
        assert person.counterparty.name == "Grün"
    context = refused('encoding="ascii"\n' + columns, text)
    assert context["line"] == 2


@pytest.mark.parametrize(
    ("columns", "content", "line", "column"),
    [
        (PLAIN, "d,a,k\n", 1, "c"),
        (PLAIN, "d,d,a,k,c\n", 1, "d"),
        (PLAIN, "d,a,k,c\n2026-03-02,1,A,EUR,more\n", 2, ""),
        (PLAIN, "d,a,k,c\n,1,A,EUR\n", 2, "d"),
        (PLAIN, "d,a,k,c\n2026-13-02,1,A,EUR\n", 2, "d"),
        (PLAIN, "d,a,k,c\n2026-03-02,1,,EUR\n", 2, "k"),
        (PLAIN, "d,a,k,c\n2026-03-02,1,A,euros\n", 2, "c"),
        (PLAIN, "d,a,k,c\n", 2, ""),
        (PLAIN, 'd,a,k,c\n"2026-03-02,1,A,EUR\n', 2, ""),
        (PLAIN, "d,a,k,c\n\x00", 2, ""),
        (PLAIN, f"d,a,k,c\n2026-03-02,1,A,{'x' * 20_001}\n", 2, ""),
        (PLAIN.replace('booked_on="d"\n', ""), "a,k,c\n", 0, "booked_on"),
        (PLAIN.replace('amount="a"\n', ""), "d,k,c\n", 0, "amount"),
        ("", "d\n", 0, "columns"),
    ],
)
def test_a_table_at_fault_is_refused_whole_with_the_place(
    columns: str, content: str, line: int, column: str
) -> None:
    context = refused(columns, content)
    assert (context["line"], context["column"]) == (line, column)


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ("[columns", ""),
        ("x = 1", ""),
        ("[columns]\nmoon='d'", "columns.moon"),
        ("[columns]\n[constants]\nmoon='d'", "constants.moon"),
        ("decimal = ';'\n[columns]", "decimal"),
        ("delimiter = ';;'\n[columns]", "delimiter"),
        ("day = '%Q'\n[columns]", "day"),
        ("encoding = 'klingon'\n[columns]", "encoding"),
        ("skip_lines = -1\n[columns]", "skip_lines"),
        ("#" + "x" * 20_001, ""),
    ],
)
def test_a_declaration_at_fault_names_its_field(columns: str, field: str) -> None:
    context = refused(columns, "d\n")
    assert context["field"] == field
    assert context["expected"]


def test_formats_do_not_stand_in_for_each_other() -> None:
    assert refused(PLAIN, "d\n", "camt")["found"] == "camt"
    with pytest.raises(ConfigError):
        Became("bank-csv", "d\n")
