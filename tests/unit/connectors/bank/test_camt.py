"""CAMT by the standard: versions, batches, reversals, currencies, and files that are refused."""

from datetime import date
from decimal import Decimal

import pytest

from tests.unit.connectors.bank.reading import Became, balance, camt, entry, refusal, statement
from trueup.canon.bank import BalanceKind, BankLineState, StatementKind
from trueup.kernel.money import Money


def tx(amount: str = "", mark: str = "", more: str = "", currency: str = "EUR") -> str:
    money = f'<Amt Ccy="{currency}">{amount}</Amt>' if amount else ""
    return f"<TxDtls>{money}{f'<CdtDbtInd>{mark}</CdtDbtInd>' if mark else ''}{more}</TxDtls>"


def details(*parts: str) -> str:
    return f"<NtryDtls>{''.join(parts)}</NtryDtls>"


@pytest.mark.parametrize("version", ["01", "02", "03", "04", "06", "08", "10", "13"])
@pytest.mark.parametrize("message", ["052", "053", "054"])
def test_every_version_is_read(message: str, version: str) -> None:
    state = "<Sts>BOOK</Sts>" if version < "08" else "<Sts><Cd>BOOK</Cd></Sts>"
    found = Became("camt", camt(statement(entry(state=state)), message=message, version=version))
    (line,) = found.lines
    assert line.amount == Money(Decimal("10.00"), "EUR")
    assert line.state is BankLineState.BOOKED
    kinds = {"052": StatementKind.REPORT, "053": StatementKind.STATEMENT}
    assert found.statements[0].statement is kinds.get(message, StatementKind.ADVICE)
    assert found.statements[0].statement_code == f"camt.{message}.001.{version}"


def test_several_statements_and_an_envelope_are_read() -> None:
    inner = camt(statement(entry(ref=""), ident="A"), statement(entry("2.00", ref=""), ident="B"))
    found = Became("camt", f"<Envelope><AppHdr><BizMsgIdr>1</BizMsgIdr></AppHdr>{inner}</Envelope>")
    assert len(found.statements) == 2
    assert [line.amount.amount for line in found.lines] == [Decimal("10.00"), Decimal("2.00")]


def test_balances_that_lead_from_one_to_the_other_raise_nothing() -> None:
    inner = (balance("OPBD", "5.00", "DBIT"), entry(), balance("CLBD", "5.00"))
    found = Became("camt", camt(statement(*inner)))
    assert found.issues == []
    (told,) = found.statements
    assert told.opening is not None
    assert told.opening.amount.amount == Decimal("-5.00")
    assert told.line_sum.amount == Decimal("10.00")


def test_balances_that_do_not_are_told_with_both_figures() -> None:
    inner = (balance("PRCD", "5.00"), entry(), balance("CLBD", "15.01"))
    (issue,) = Became("camt", camt(statement(*inner))).issues
    assert issue.code == "bank.statement_sum_differs"
    assert (issue.expected, issue.found) == (
        "15.01 EUR, as the statement says",
        "15.00, by its lines",
    )


def test_pages_end_and_begin_with_interim_balances() -> None:
    inner = (balance("ITBD", "5.00"), entry(), balance("ITBD", "15.00"))
    found = Became("camt", camt(statement("<StmtPgntn><PgNb>2</PgNb></StmtPgntn>", *inner)))
    (told,) = found.statements
    assert told.page == 2
    assert found.issues == []
    assert (told.opening and told.opening.balance) is BalanceKind.INTERIM


def test_the_files_own_totals_are_held() -> None:
    totals = (
        "<TxsSummry><TtlNtries><NbOfNtries>2</NbOfNtries><Sum>10.00</Sum></TtlNtries>"
        "<TtlDbtNtries><NbOfNtries>0</NbOfNtries><Sum>0</Sum></TtlDbtNtries>"
        "<TtlCdtNtries><Sum>9.99</Sum></TtlCdtNtries></TxsSummry>"
    )
    found = Became("camt", camt(statement(totals, entry())))
    assert [(issue.pointer, issue.found) for issue in found.issues] == [
        ("/number of lines (all)", "1 lines, by its lines"),
        ("/sum (credit)", "10.00, by its lines"),
    ]


@pytest.mark.parametrize(
    "net",
    [
        "<TtlNetNtryAmt>{}</TtlNetNtryAmt><CdtDbtInd>DBIT</CdtDbtInd>",
        "<TtlNetNtry><Amt>{}</Amt><CdtDbtInd>DBIT</CdtDbtInd></TtlNetNtry>",
    ],
)
def test_the_net_of_all_lines_is_held(net: str) -> None:
    for amount, found in (("2.00", []), ("3.00", ["-2.00, by its lines"])):
        told = f"<TxsSummry><TtlNtries>{net.format(amount)}</TtlNtries></TxsSummry>"
        lines = entry("1.00"), entry("3.00", "DBIT", ref="<AcctSvcrRef>R-2</AcctSvcrRef>")
        issues = Became("camt", camt(statement(told, *lines))).issues
        assert [issue.found for issue in issues] == found


def test_pending_lines_do_not_count_in_booked_balances() -> None:
    pending = entry("3.00", state="<Sts>PDNG</Sts>", ref="<AcctSvcrRef>R-2</AcctSvcrRef>")
    inner = (balance("OPBD", "1.00"), entry(), pending, balance("CLBD", "11.00"))
    found = Became("camt", camt(statement(*inner)))
    assert found.issues == []
    assert [line.state for line in found.lines] == [BankLineState.BOOKED, BankLineState.PENDING]


@pytest.mark.parametrize(
    ("state", "means"),
    [("INFO", BankLineState.INFO), ("FUTR", BankLineState.PENDING), ("XX", BankLineState.UNKNOWN)],
)
def test_states_are_words_of_the_standard(state: str, means: BankLineState) -> None:
    found = Became("camt", camt(statement(entry(state=f"<Sts><Cd>{state}</Cd></Sts>"))))
    assert found.lines[0].state is means
    assert found.lines[0].state_code == state
    codes = [issue.code for issue in found.issues]
    assert codes == (["bank.state_unknown"] if means is BankLineState.UNKNOWN else [])


def test_a_batch_is_one_line_with_its_parts() -> None:
    more = details(
        "<Btch><PmtInfId>P-1</PmtInfId></Btch>",
        tx("4.00", "", "<Refs><EndToEndId>E-1</EndToEndId></Refs>"),
        tx("6.00", "CRDT", "<Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>"),
    )
    found = Became("camt", camt(statement(entry(more=more))))
    (line,) = found.lines
    assert [part.references.end_to_end for part in line.parts] == ["E-1", None]
    assert line.references.payment == "P-1"
    assert found.issues == []


def test_a_batch_with_signs_of_both_kinds_keeps_them_where_they_come_to_the_entry() -> None:
    more = details(tx("14.00", "CRDT"), tx("4.00", "DBIT"))
    (line,) = Became("camt", camt(statement(entry(more=more)))).lines
    amounts = [part.amount.amount for part in line.parts if part.amount]
    assert amounts == [Decimal("14.00"), Decimal("-4.00")]


def test_a_batch_that_does_not_come_to_its_entry_is_told() -> None:
    more = details(tx("4.00"), tx("5.00"))
    (issue,) = Became("camt", camt(statement(entry(more=more)))).issues
    assert issue.code == "bank.parts_sum_differs"
    assert issue.found == "9.00, the sum of 2 payments"


def test_one_payment_alone_is_told_in_the_line() -> None:
    more = details(
        tx(
            "10.00",
            "",
            "<Refs><EndToEndId>E-9</EndToEndId><MndtId>M-9</MndtId>"
            "<Prtry><Tp>BANK</Tp><Ref>77</Ref></Prtry></Refs>"
            '<AmtDtls><InstdAmt><Amt Ccy="USD">11.00</Amt><CcyXchg><XchgRate>1.1</XchgRate>'
            "</CcyXchg></InstdAmt></AmtDtls>"
            "<RltdPties><Dbtr><Pty><Nm>Ada</Nm></Pty></Dbtr><DbtrAcct><Id><IBAN>DE1</IBAN></Id>"
            "</DbtrAcct><UltmtDbtr><Nm>Bert</Nm></UltmtDbtr></RltdPties>"
            "<RltdAgts><DbtrAgt><FinInstnId><BICFI>BANKDEFF</BICFI></FinInstnId></DbtrAgt>"
            "</RltdAgts><RmtInf><Ustrd>one</Ustrd><Ustrd>two</Ustrd><Strd><CdtrRefInf>"
            "<Ref>RF18539007547034</Ref></CdtrRefInf></Strd></RmtInf>",
        )
    )
    (line,) = Became("camt", camt(statement(entry(more=more)))).lines
    assert line.parts == ()
    assert (line.references.end_to_end, line.references.mandate) == ("E-9", "M-9")
    assert line.references.remittance == "RF18539007547034"
    assert line.references.own == ("BANK 77",)
    assert line.original == Money(Decimal("11.00"), "USD")
    assert line.exchange_rate == "1.1"
    assert line.person is not None
    assert line.person.remittance == "one\ntwo"
    assert line.person.counterparty is not None
    assert line.person.counterparty.name == "Ada"
    assert line.person.counterparty.bank == "BANKDEFF"
    assert line.person.ultimate is not None
    assert line.person.ultimate.name == "Bert"


def test_a_reversal_has_the_sign_of_its_booking_and_the_roles_of_what_it_takes_back() -> None:
    parties = (
        "<RltdPties><Dbtr><Nm>We</Nm></Dbtr><DbtrAcct><Id><IBAN>DE02120300000000202051</IBAN></Id>"
        "</DbtrAcct><Cdtr><Nm>Ada</Nm></Cdtr></RltdPties>"
        "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>"
    )
    more = "<RvslInd>true</RvslInd>" + details(tx("10.00", "", parties))
    (line,) = Became("camt", camt(statement(entry(more=more)))).lines
    assert line.reversal
    assert line.amount.amount == Decimal("10.00")
    assert line.return_code == "AC04"
    assert line.person is not None
    assert line.person.counterparty is not None
    assert line.person.counterparty.name == "Ada"


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "1500"), ("KWD", "1.234")])
def test_currencies_without_and_with_three_decimals_are_exact(currency: str, amount: str) -> None:
    inner = (
        balance("OPBD", "0", currency=currency),
        entry(amount, currency=currency),
        balance("CLBD", amount, currency=currency),
    )
    found = Became("camt", camt(statement(*inner)))
    assert found.issues == []
    assert found.lines[0].amount == Money(Decimal(amount), currency)


def test_charges_cost_above_zero_and_give_back_below() -> None:
    more = (
        '<Chrgs><TtlChrgsAndTaxAmt Ccy="EUR">0.20</TtlChrgsAndTaxAmt><Rcrd><Amt Ccy="EUR">0.30</Amt>'
        "<CdtDbtInd>DBIT</CdtDbtInd><ChrgInclInd>true</ChrgInclInd><Tp><Prtry><Id>X</Id></Prtry></Tp>"
        '</Rcrd><Rcrd><Amt Ccy="EUR">0.10</Amt><CdtDbtInd>CRDT</CdtDbtInd></Rcrd></Chrgs>'
    )
    (line,) = Became("camt", camt(statement(entry(more=more)))).lines
    assert [charge.amount.amount for charge in line.charges] == [Decimal("0.30"), Decimal("-0.10")]
    assert [charge.included for charge in line.charges] == [True, None]
    total = '<Chrgs><TtlChrgsAndTaxAmt Ccy="EUR">0.20</TtlChrgsAndTaxAmt></Chrgs>'
    (line,) = Became("camt", camt(statement(entry(more=total)))).lines
    assert [charge.amount.amount for charge in line.charges] == [Decimal("0.20")]


def test_a_mark_of_order_crlf_and_latin_letters_are_read() -> None:
    text = camt(statement(entry(more="<AddtlNtryInf>Überweisung</AddtlNtryInf>")))
    marked = b"\xef\xbb\xbf" + text.replace("><", ">\r\n<").encode()
    latin = ('<?xml version="1.0" encoding="ISO-8859-1"?>' + text).encode("latin-1")
    western = ('<?xml version="1.0" encoding="windows-1252"?>' + text).encode("cp1252")
    for content in (marked, latin, western, text.encode("utf-16")):
        (line,) = Became("camt", content).lines
        assert line.person is not None
        assert line.person.note == "Überweisung"


def test_days_may_be_instants_or_lack() -> None:
    days = "<BookgDt><DtTm>2026-03-02T23:30:00-05:00</DtTm></BookgDt>"
    (line,) = Became("camt", camt(statement(entry(days=days)))).lines
    assert (line.booked_on, line.value_on) == (date(2026, 3, 2), None)


@pytest.mark.parametrize(
    ("content", "line", "column", "expected", "found"),
    [
        ("<a><b></a>", 1, "character 9", "well-formed XML", "mismatched tag"),
        ("<Document/>", 1, "Document", "a Document with one of", "another root"),
        (camt(), 1, "Document/BkToCstmrStmt", "at least one element Stmt", "none"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", 1, "DOCTYPE", "XML without a", "one"),
        ("<?xml version='1.0' encoding='klingon'?><a/>", 1, "", "", ""),
        ("<a>\x00</a>", 1, "character 4", "well-formed XML", ""),
        (camt(statement(entry("1,00"))), 1, "Ntry/Amt", "an amount such as 12.50", "other text"),
        (camt(statement(entry("-1.00"))), 1, "Ntry/Amt", "an amount such as 12.50", "other text"),
        (camt(statement(entry(mark="C"))), 1, "Ntry/CdtDbtInd", "CRDT or DBIT", "another word"),
        (camt(statement(entry(currency="eur"))), 1, "Ntry/Amt", "a currency", "other text"),
        (camt(statement(entry(state=""))), 1, "Ntry/Sts", "this element", "none"),
        (camt(statement(entry(state="<Sts/>"))), 1, "Ntry/Sts", "a state such", "nothing"),
        (
            camt(statement(entry(days="<ValDt><Dt>2026-02-30</Dt></ValDt>"))),
            *(1, "ValDt/Dt", "a day such as 2026-01-31", "other text"),
        ),
        (
            camt(statement(entry(), created="yesterday")),
            *(1, "Stmt/CreDtTm", "an instant such as", "other text"),
        ),
        (
            camt("<Id>1</Id><Acct><Id/></Acct>"),
            *(1, "Stmt/Acct", "an account's number in Id", "none"),
        ),
        (camt("<Id>1</Id>"), 1, "Stmt/Acct", "this element", "none"),
        (
            camt(
                statement(
                    "<TxsSummry><TtlNtries><NbOfNtries>x</NbOfNtries></TtlNtries></TxsSummry>"
                )
            ),
            *(1, "NbOfNtries", "a whole number", "other text"),
        ),
        (
            camt(statement('<Bal><Tp/><Amt Ccy="EUR">1</Amt></Bal>')),
            *(1, "Stmt/Bal", "a balance's kind in Tp", "none"),
        ),
        ("<a>" * 41 + "</a>" * 41, 1, "a/a", "elements nested at most 40 deep", "deeper nesting"),
        (f"<a>{'x' * 20_001}</a>", 1, "a", "at most 20000 characters", "more"),
        (f"<a b='{'x' * 5_000}'/>", 1, "a", "short attributes", "more than 4000"),
        ("", 1, "", "a statement", "an empty file"),
    ],
)
def test_a_file_at_fault_is_refused_whole_with_the_place(
    content: str, line: int, column: str, expected: str, found: str
) -> None:
    context = refusal("camt", content)
    assert context["line"] == line
    assert column in str(context["column"])
    assert expected in str(context["expected"])
    assert found in str(context["found"])


def test_the_line_of_a_fault_is_that_of_the_element() -> None:
    content = camt(statement(entry(), entry("x"))).replace("<Ntry>", "\n<Ntry>")
    assert refusal("camt", content)["line"] == 3


def test_an_unknown_format_and_a_file_beyond_all_bounds_are_refused() -> None:
    assert refusal("camt9", "x")["expected"] == "one of camt, mt940, ofx, bank-csv"
    assert "bytes" in str(refusal("camt", b" " * (50 * 1024 * 1024 + 1))["expected"])
