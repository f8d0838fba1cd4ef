"""From a file to the money ledger, and what `trueup money` and `trueup reconcile payouts` say of it."""

import asyncio
from pathlib import Path

import pytest

from tests.db.test_bank import keep, payout
from tests.db.test_money import stored
from tests.flow.command import Commands
from tests.support.leftout import SHARED
from tests.unit.connectors.bank.reading import balance, camt, entry, statement
from trueup.db.pool import connect

REPORTS = SHARED / "payloads" / "amazon" / "settlement-reports"


@pytest.fixture
def trueup(tmp_path: Path, database_url: str) -> Commands:
    return Commands(tmp_path, database_url)


def test_a_line_of_the_bank_is_in_the_books_once_and_waits_for_its_match(
    trueup: Commands, tmp_path: Path
) -> None:
    assert trueup.json("money", "balances") == {"balances": []}
    assert trueup.json("money", "catch-up") == {
        "records": 0,
        "booked": 0,
        "known": 0,
        "waiting": False,
    }
    path = tmp_path / "s.xml"
    inner = (balance("OPBD", "5.00"), entry(), balance("CLBD", "15.00"))
    path.write_text(camt(statement(*inner)), encoding="utf-8")
    trueup.json("import", "camt", path)
    held = trueup.json("money", "balances")["balances"]
    assert [(row["account"], row["amount"], row["currency"]) for row in held] == [
        ("bank", "10.00", "EUR"),
        ("unmatched", "-10.00", "EUR"),
    ]
    trueup.json("import", "camt", path)
    assert trueup.json("money", "balances")["balances"] == held
    [waiting] = trueup.json("money", "items", "unmatched")["items"]
    assert (waiting["amount"], waiting["debits"], waiting["credits"]) == ("-10.00", "0", "10.00")
    assert trueup.json("money", "items", "clearing")["items"] == []
    assert trueup.json("reconcile", "ledger")["discrepancies"] == []
    status, shown = trueup.run("money", "balances")
    assert status == 0
    assert "unmatched" in shown
    assert "-10.00" in shown


def test_what_a_person_says_of_the_bank_is_booked_and_taken_back(
    trueup: Commands, tmp_path: Path, database_url: str
) -> None:
    """A dry run says so; a match names who and why, and is undone by its ref."""
    asyncio.run(pay_out(database_url))
    path = tmp_path / "s.xml"
    inner = (balance("OPBD", "5.00"), entry(), balance("CLBD", "15.00"))
    path.write_text(camt(statement(*inner)), encoding="utf-8")
    trueup.json("import", "camt", path)
    [line] = trueup.json("money", "items", "unmatched")["items"]
    bank_line = f"{line['connection']}/bank_line/{line['item']}"
    status, shown = trueup.run("reconcile", "bank", "--book")
    assert (status, "Dry run: nothing was booked. 1 matches would be" in shown) == (0, True)
    assert trueup.json("money", "matches")["matches"] == []
    planned = trueup.json("reconcile", "bank", "--book")
    done = trueup.json("reconcile", "bank", "--book", "--yes")
    assert (planned["dry_run"], done["dry_run"]) == (True, False)
    assert planned["booked"] == done["booked"]
    assert [(v["booked"], v["found"], v["share"]) for v in done["values"]] == [("10.00", "0", 1.0)]
    [held] = trueup.json("money", "matches")["matches"]
    assert (held["lines"], held["by"], held["reason"]) == ([bank_line], "hub", "amount_and_date")
    assert "hub" in trueup.run("money", "matches")[1]
    assert trueup.json("money", "items", "transit")["items"] == []
    undone = trueup.json("money", "unmatch", held["ref"], "--by", "ada")
    assert (undone["undone"], undone["repeated"]) == (True, False)
    [waits] = trueup.json("money", "items", "transit")["items"]
    assert waits["amount"] == "10.00"
    by_hand = ("--payout", held["payouts"][0], "--line", bank_line, "--by", "ada")
    assert trueup.json("money", "match", *by_hand, "--dry-run")["dry_run"]
    matched = trueup.json("money", "match", *by_hand, "--reason", "I saw it")
    assert (matched["by"], matched["reason"], matched["evidence"]) == ("ada", "person", "I saw it")
    assert trueup.json("money", "match", *by_hand)["repeated"]
    refused = trueup.json("money", "unmatch", "m-0", status=2)
    assert "There is no match" in refused["error"]["message"]


async def pay_out(database_url: str) -> None:
    async with await connect(database_url, application_name="test") as conn:
        await keep(conn, stored(700, payout("po-1", "10.00", 2), fresh=True))


def test_days_are_locked_and_unlocked(trueup: Commands) -> None:
    locked = trueup.json("money", "lock", "2026-03-31", "--by", "ada", "--reason", "Q1")
    assert locked["locked_through"] == "2026-03-31"
    assert [(row["locked_by"], row["reason"]) for row in locked["locks"]] == [("ada", "Q1")]
    assert trueup.json("money", "unlock")["locked_through"] is None
    refused = trueup.json("money", "lock", "2999-01-01", status=2)
    assert "is not over yet" in refused["error"]["message"]
    refused = trueup.json("money", "lock", "yesterday", status=2)
    assert "expected one such as 2026-10-31" in refused["error"]["message"]


def test_without_payouts_there_is_nothing_to_explain(trueup: Commands) -> None:
    for check in ("payouts", "bank"):
        told = trueup.json("reconcile", check)
        assert (told["check"], told["left"], told["matched"]) == (check, 0, 0)
        assert told["explained_share"] == 1.0
    assert told["matches"] == []
    assert "Everything agrees" in trueup.run("reconcile", "bank")[1]


@pytest.mark.shared
def test_real_settlements_are_explained_to_the_cent(trueup: Commands) -> None:
    files = sorted(REPORTS.glob("*.txt"))
    taken = trueup.json("import", "amazon-settlement", *files)
    assert taken["unhandled"] == 0
    told = trueup.json("reconcile", "payouts")
    assert (told["left"], told["right"], told["matched"]) == (len(files),) * 3
    assert told["discrepancies"] == []
    assert told["explained_share"] == 1.0
    again = trueup.json("import", "amazon-settlement", *files)
    assert again["accepted"] == 0
    assert trueup.json("reconcile", "payouts") == told
