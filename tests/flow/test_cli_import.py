"""Statements and tables by command: whole or not at all, looked at first, the same again nothing."""

from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.flow.command import Commands
from tests.unit.connectors.bank.reading import balance, camt, entry, statement

COLUMNS = """
delimiter = ";"
decimal = ","
day = "%d.%m.%Y"

[columns]
booked_on = "Buchungstag"
amount = "Betrag"
balance = "Saldo"
name = "Name"
remittance = "Zweck"

[constants]
account = "DE02120300000000202051"
currency = "EUR"
"""
TABLE = (
    "Buchungstag;Betrag;Saldo;Name;Zweck\r\n"
    "03.03.2026;-1.234,50;765,50;Ada;Rent\r\n"
    "02.03.2026;2.000,00;2.000,00;Bert;Order 7\r\n"
)


@pytest.fixture
def trueup(tmp_path: Path, database_url: str) -> Commands:
    return Commands(tmp_path, database_url)


def file_of(tmp_path: Path, name: str, content: str) -> Path:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return path


def test_a_statement_is_looked_at_taken_once_and_known_the_second_time(
    trueup: Commands, tmp_path: Path
) -> None:
    inner = (balance("OPBD", "5.00"), entry(), balance("CLBD", "15.00"))
    path = file_of(tmp_path, "s.xml", camt(statement(*inner)))
    looked = trueup.json("import", "camt", path, "--dry-run")
    assert (looked["would_take"], looked["known"]) == (2, 0)
    assert looked["kinds"] == {"bank_statement": 1, "bank_line": 1}
    (total,) = looked["sums"]
    assert total["agrees"]
    assert total["found"] == {"amount": "10.00", "currency": "EUR"}
    taken = trueup.json("import", "camt", path)
    assert (taken["accepted"], taken["duplicates"], taken["unhandled"]) == (2, 0, 0)
    line = next(each for each in taken["records"] if each["kind"] == "bank_line")
    assert line["amount"] == {"amount": "10.00", "currency": "EUR"}
    again = trueup.json("import", "camt", path)
    assert (again["accepted"], again["duplicates"]) == (0, 2)
    assert trueup.json("import", "camt", path, "--dry-run")["known"] == 2


def test_a_report_and_the_statement_that_follows_are_one_line(
    trueup: Commands, tmp_path: Path
) -> None:
    pending = statement(entry(state="<Sts>PDNG</Sts>"), created="2026-03-02T12:00:00Z")
    noon = file_of(tmp_path, "noon.xml", camt(pending, message="052", version="02"))
    night = file_of(tmp_path, "night.xml", camt(statement(entry())))
    told = trueup.json("import", "camt", night, noon)
    lines = [each for each in told["records"] if each["kind"] == "bank_line"]
    assert len({line["ref"] for line in lines}) == 1
    assert told["unhandled"] == 0


def test_one_fault_in_one_file_and_nothing_is_taken(trueup: Commands, tmp_path: Path) -> None:
    good = file_of(tmp_path, "good.xml", camt(statement(entry())))
    bad = file_of(tmp_path, "bad.xml", camt(statement(entry("1,00"))))
    told = trueup.json("import", "camt", good, bad, status=2)
    assert "bad.xml" in told["error"]["message"]
    assert "line 1" in told["error"]["message"]
    assert trueup.json("import", "camt", good, "--dry-run")["known"] == 0


def test_totals_that_do_not_agree_are_shown_and_end_with_1(
    trueup: Commands, tmp_path: Path
) -> None:
    inner = (balance("OPBD", "5.00"), entry(), balance("CLBD", "15.01"))
    path = file_of(tmp_path, "s.xml", camt(statement(*inner)))
    looked = trueup.json("import", "camt", path, "--dry-run", status=1)
    assert looked["issues"][0]["code"] == "bank.statement_sum_differs"
    code, text = trueup.run("import", "camt", path, "--dry-run")
    assert (code, "15.01 EUR" in text) == (1, True)


def test_a_record_that_the_door_would_refuse_refuses_its_file(
    trueup: Commands, tmp_path: Path
) -> None:
    part = f"<TxDtls><RmtInf><Ustrd>{'x' * 15_000}</Ustrd></RmtInf></TxDtls>"
    huge = entry(more=f"<NtryDtls>{part * 400}</NtryDtls>")
    path = file_of(tmp_path, "s.xml", camt(statement(huge)))
    told = trueup.json("import", "camt", path, status=2)
    assert "bytes in one record" in told["error"]["message"]


def test_columns_are_declared_once(trueup: Commands, tmp_path: Path) -> None:
    table = file_of(tmp_path, "t.csv", TABLE)
    declared = file_of(tmp_path, "columns.toml", COLUMNS)
    told = trueup.json("import", "bank-csv", table, status=2)
    assert "--columns" in told["error"]["message"]
    looked = trueup.json("import", "bank-csv", table, "--columns", declared, "--dry-run")
    assert looked["sums"][0]["agrees"]
    first = trueup.json("import", "bank-csv", table, "--columns", declared)
    assert (first["accepted"], first["issues"]) == (3, [])
    lines = [each for each in first["records"] if each["kind"] == "bank_line"]
    assert sorted(line["amount"]["amount"] for line in lines) == ["-1234.50", "2000.00"]
    again = trueup.json("import", "bank-csv", table)
    assert (again["accepted"], again["duplicates"]) == (0, 3)


def test_columns_of_a_format_that_has_its_own_are_refused(trueup: Commands, tmp_path: Path) -> None:
    path = file_of(tmp_path, "s.xml", camt(statement(entry())))
    declared = file_of(tmp_path, "columns.toml", COLUMNS)
    told = trueup.json("import", "camt", path, "--columns", declared, status=2)
    assert "leave --columns out" in told["error"]["message"]
    code, _ = trueup.run("import", "camt", path, "--columns", tmp_path / "none.toml")
    assert code == 2


def test_a_long_file_says_how_far_it_is(trueup: Commands, tmp_path: Path) -> None:
    lines = (entry("1.00", ref=f"<AcctSvcrRef>R-{n}</AcctSvcrRef>") for n in range(2_100))
    path = file_of(tmp_path, "long.xml", camt(statement(*lines)))
    code, text = trueup.run("import", "camt", path)
    assert code == 0
    assert "2101 accepted, 0 duplicates" in text


def test_who_paid_and_for_what_stands_nowhere_in_the_open(
    trueup: Commands, tmp_path: Path, database_url: str
) -> None:
    parties = (
        "<NtryDtls><TxDtls><RltdPties><Dbtr><Nm>Zyxcanary Fern</Nm></Dbtr><DbtrAcct><Id>"
        "<IBAN>DE44500105175407324931</IBAN></Id></DbtrAcct></RltdPties>"
        "<RmtInf><Ustrd>canarywords for Ada</Ustrd></RmtInf></TxDtls></NtryDtls>"
    )
    path = file_of(tmp_path, "s.xml", camt(statement(entry(more=parties))))
    told = trueup.json("import", "camt", path)
    line = next(each for each in told["records"] if each["kind"] == "bank_line")
    assert line["person"]["counterparty"]["name"] == "Zyxcanary Fern"
    assert line["person"]["remittance"] == "canarywords for Ada"
    words = ("zyxcanary", "500105175407324931", "canarywords", "120300000000202051")
    with psycopg.connect(database_url) as conn:
        tables = conn.execute(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table in tables:
            name = sql.Identifier(schema, table)
            rows = conn.execute(sql.SQL("SELECT t::text FROM {} t").format(name)).fetchall()
            text = "".join(row[0] for row in rows).lower()
            hexed = [word.encode().hex() for word in words]
            assert not [word for word in (*words, *hexed) if word in text], (schema, table)
