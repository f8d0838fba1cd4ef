"""One line has one name, whichever file tells it; two lines that look alike have two."""

from tests.unit.connectors.bank.reading import Became, balance, camt, entry, statement

NO_REF = ""


def test_the_same_file_again_names_everything_the_same() -> None:
    content = camt(statement(balance("OPBD", "0"), entry(), entry("2.00", ref=NO_REF)))
    first, second = Became("camt", content), Became("camt", content)
    assert first.refs == second.refs
    assert first.statements == second.statements


def test_a_report_at_noon_and_the_statement_at_night_name_a_line_once() -> None:
    pending = entry(state="<Sts>PDNG</Sts>", days="")
    noon = Became(
        "camt",
        camt(statement(pending, created="2026-03-02T12:00:00Z"), message="052", version="02"),
    )
    night = Became("camt", camt(statement(entry())))
    assert noon.refs == night.refs
    assert noon.lines[0].updated_at < night.lines[0].updated_at
    assert noon.statements[0].ref != night.statements[0].ref


def test_without_an_id_the_content_names_a_line_wherever_it_stands() -> None:
    one, other = entry("1.00", ref=NO_REF), entry("2.00", ref=NO_REF)
    first = Became("camt", camt(statement(one, other, ident="A")))
    second = Became("camt", camt(statement(other, ident="B"), message="052"))
    assert second.refs == [first.refs[1]]


def test_alike_lines_of_one_day_are_numbered_alike_in_two_files_that_overlap() -> None:
    twin = entry("1.00", ref=NO_REF)
    early = Became("camt", camt(statement(twin, ident="A"), message="052"))
    late = Became("camt", camt(statement(twin, twin, ident="B")))
    assert late.refs == [early.refs[0], f"{early.refs[0]}-2"]


def test_an_id_that_comes_twice_in_a_statement_names_two_lines() -> None:
    found = Became("camt", camt(statement(entry(), entry())))
    assert len(set(found.refs)) == 2


def test_one_id_with_two_amounts_names_two_lines() -> None:
    found = Became("camt", camt(statement(entry("1.00"), entry("2.00"))))
    assert len(set(found.refs)) == 2


def test_statements_that_follow_one_another_go_on_numbering() -> None:
    twin = entry("1.00", ref=NO_REF)
    first = statement(balance("OPBD", "0"), twin, balance("CLBD", "1.00"), ident="A")
    second = statement(balance("OPBD", "1.00"), twin, balance("CLBD", "2.00"), ident="B")
    found = Became("camt", camt(first, second))
    assert len(set(found.refs)) == 2


def test_statements_in_one_file_that_overlap_name_a_line_once() -> None:
    twin = entry("1.00", ref=NO_REF)
    found = Became("camt", camt(statement(twin, ident="A"), statement(twin, ident="B")))
    assert len(set(found.refs)) == 1


def test_pages_of_one_statement_go_on_numbering() -> None:
    line = ":61:2603020302C1,00NTRFNONREF\n"
    pages = [
        f":20:X\n:25:1\n:28C:7/{page}\n:60{opens}:C260301EUR{before},00\n{line}"
        f":62{closes}:C260302EUR{before + 1},00\n-\n"
        for page, opens, closes, before in ((1, "F", "M", 0), (2, "M", "F", 1))
    ]
    found = Became("mt940", "".join(pages))
    assert len(set(found.refs)) == 2
    assert [each.last_page for each in found.statements] == [False, True]
    assert found.issues == []


def test_signs_and_blanks_do_not_change_an_account() -> None:
    one = Became("camt", camt(statement(entry())))
    blanks = camt(statement(entry())).replace(
        "DE02120300000000202051", "DE02 1203 0000 0000 2020 51"
    )
    other = Became("camt", blanks)
    assert one.refs == other.refs
    assert one.lines[0].account_shown == "…2051"
    assert "202051" not in one.lines[0].ref


def test_a_bank_reference_of_mt940_names_a_line_on_its_day_only() -> None:
    head, foot = ":20:X\n:25:1\n:28C:7\n:60F:C260301EUR0,00\n", ":62F:C260303EUR2,00\n-\n"
    first = Became("mt940", f"{head}:61:2603020302C1,00NTRFNONREF//POS1\n:86:one\n{foot}")
    again = Became("mt940", f"{head}:61:2603020302C1,00NTRFNONREF//POS1\n:86:other\n{foot}")
    later = Became("mt940", f"{head}:61:2603030303C1,00NTRFNONREF//POS1\n:86:one\n{foot}")
    assert first.refs == again.refs
    assert first.refs != later.refs
