"""A lead counts by the command line."""

from pathlib import Path

import pytest

from tests.flow.command import Commands


@pytest.fixture
def trueup(tmp_path: Path, database_url: str) -> Commands:
    return Commands(tmp_path, database_url)


def test_a_count_from_the_sheet_to_the_books(trueup: Commands) -> None:
    trueup.json("stock", "receive", "LAMP", 10)
    trueup.json("stock", "receive", "TEE", 4)
    opened = trueup.json("count", "open", "--ref", "c-1", "--tolerance", 1)
    assert (opened["sheet"]["state"], opened["lines"]) == ("open", [])
    entered = trueup.json("count", "enter", "c-1", "LAMP", 7, "--by", "Ann", "--bin", "shelf")
    assert "book" not in entered["entry"]
    refused = trueup.json("count", "close", "c-1", status=2)
    assert "Not counted yet: TEE" in refused["error"]["message"]
    trueup.json("count", "enter", "c-1", "TEE", 3, "--by", "Ann")
    closed = trueup.json("count", "close", "c-1", status=1)
    states = {line["sku"]: (line["state"], line["variance"]) for line in closed["lines"]}
    assert states == {"LAMP": ("waiting", -3), "TEE": ("posted", -1)}
    assert trueup.run("count", "approve", "c-1", "LAMP", "--by", "Ann")[0] == 2
    assert trueup.json("count", "refuse", "c-1", "LAMP", "--by", "Ben")["line"]["by"] == "Ben"
    assert trueup.json("count", "show", "c-1")["missing"] == ["LAMP"]
    trueup.json("count", "enter", "c-1", "LAMP", 8, "--by", "Ann")
    code, text = trueup.run("count", "close", "c-1")
    assert (code, "8 counted, 10 in the books, -2" in text) == (1, True)
    trueup.json("count", "approve", "c-1", "LAMP", "--by", "Ben")
    balance = trueup.json("show", "sku", "LAMP")["found"][0]["balance"]
    assert (balance["on_hand"], balance["loss"]) == (8, 2)
    trueup.json("count", "open", "--ref", "c-2")
    assert trueup.json("count", "cancel", "c-2")["sheet"]["state"] == "cancelled"
    assert trueup.run("count", "show", "nobody")[0] == 2
