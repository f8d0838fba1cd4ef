"""A lead orders, receives, sends and takes in by the command line."""

from pathlib import Path

import pytest

from tests.flow.command import Commands


@pytest.fixture
def trueup(tmp_path: Path, database_url: str) -> Commands:
    return Commands(tmp_path, database_url)


def test_a_purchase_order_from_its_number_to_the_shelf(trueup: Commands) -> None:
    dry = trueup.json("purchase", "new", "PO-7", "LAMP=10", "TEE=4", "--dry-run")
    assert (dry["dry_run"], dry["moves"]) == (True, [])
    trueup.json("purchase", "new", "PO-7", "LAMP=10", "TEE=4", "--expected", "2026-12-24")
    [lamp, tee] = trueup.json("purchase", "incoming")["incoming"]
    assert (lamp["units"], tee["units"], tee["expected_on"]) == (10, 4, "2026-12-24")
    assert trueup.json("purchase", "incoming", "LAMP", "--until", "2026-12-23")["incoming"] == []

    words = ("stock", "receive", "LAMP", 8, "--damaged", 1, "--purchase", "PO-7", "--ref", "d-1")
    dry = trueup.json(*words, "--dry-run")
    assert {(move["place"], move["units"]) for move in dry["moves"]} == {
        ("supplier", -9), ("on_hand", 8), ("quarantine", 1),
    }  # fmt: skip
    assert (dry["balance"], dry["dry_run"]) == (None, True)
    told = trueup.json(*words)
    assert (told["repeated"], told["balance"]["on_hand"]) == (False, 8)
    assert trueup.json(*words)["repeated"]
    over = trueup.json("stock", "receive", "LAMP", 3, "--purchase", "PO-7", status=1)
    assert [issue["code"] for issue in over["issues"]] == ["stock.arrived_over"]
    [found] = trueup.json("purchase", "show", "PO-7")["found"]
    assert [line["over"] for line in found["match"]["lines"]] == [2, 0]
    code, text = trueup.run("purchase", "show", "PO-7")
    assert (code, "10 ordered, 12 arrived, 0 to come, 2 too many" in text) == (0, True)
    # It was miscounted: told anew under its ref.
    fixed = (*words[:3], 6, *words[4:])
    assert trueup.json(*fixed, status=1)["error"]["code"] == "ledger.key_reused"
    assert trueup.json(*fixed, "--correct")["issues"] == []
    trueup.json("purchase", "done", "PO-7")
    assert trueup.json("purchase", "incoming")["incoming"] == []
    assert trueup.json("stock", "receive", "LAMP", 1, "--purchase", "PO-8", status=2)["error"]


def test_a_transfer_from_site_to_site(trueup: Commands) -> None:
    trueup.json("stock", "receive", "LAMP", 10)
    short = trueup.json("transfer", "send", "LAMP=11", "--to", "shop", status=1)
    assert "11 wanted, 10 left" in short["error"]["message"]
    trueup.json("transfer", "send", "LAMP=6", "--to", "shop", "--ref", "t-1", "--by", "Ann")
    part = trueup.json("transfer", "receive", "t-1", "LAMP=2", "--damaged", "LAMP=1")
    assert sorted((move["place"], move["units"]) for move in part["moves"]) == [
        ("in_transit", -3), ("on_hand", 2), ("quarantine", 1),
    ]  # fmt: skip
    [coming] = trueup.json("purchase", "incoming", "LAMP")["incoming"]
    assert (coming["units"], coming["site"], coming["source"]) == (3, "shop", "transfer")
    trueup.json("transfer", "receive", "t-1")
    [shown] = trueup.json("transfer", "show", "t-1")["found"]
    assert shown["match"]["lines"][0]["left"] == 0
    assert trueup.run("transfer", "close", "t-1")[0] == 0
    assert trueup.run("transfer", "undo", "t-1")[0] == 2
    assert trueup.run("transfer", "show", "nobody")[0] == 2
    for wrong in ("LAMP", "LAMP=x", "=3", "LAMP=-1"):
        assert trueup.run("transfer", "send", wrong, "--to", "shop")[0] == 2


def test_taking_back_what_was_received_by_mistake(trueup: Commands) -> None:
    trueup.json("stock", "receive", "LAMP", 3, "--ref", "d-1")
    assert trueup.json("stock", "undo", "d-1")["moves"]
    trueup.json("stock", "receive", "TEE", 3, "--ref", "d-2")
    trueup.json("stock", "adjust", "TEE", -1)
    assert trueup.json("stock", "undo", "d-2", status=1)["error"]["code"] == (
        "ledger.insufficient_stock"
    )
    assert trueup.run("stock", "undo", "nobody")[0] == 2
    assert trueup.run("stock", "receive", "LAMP", 0)[0] == 2


def test_grading_what_came_back(trueup: Commands) -> None:
    trueup.json("stock", "receive", "LAMP", 10)
    words = ("returns", "inspect", "--sku", "LAMP=2:sellable", "--sku", "LAMP=1:scrap")
    dry = trueup.json(*words, "--ref", "b-1", "--dry-run")
    moves = [("customer", -3), ("loss", 1), ("on_hand", 2)]
    assert sorted((move["place"], move["units"]) for move in dry["moves"]) == moves
    assert (dry["dry_run"], dry["issues"]) == (True, [])
    told = trueup.json(*words, "--ref", "b-1", "--by", "Ann", "--note", "no box")
    assert sorted((move["place"], move["units"]) for move in told["moves"]) == moves
    assert trueup.json(*words, "--ref", "b-1", "--by", "Ann", "--note", "no box")["repeated"]
    less = ("returns", "inspect", "--sku", "LAMP=1:quarantine", "--ref", "b-1")
    assert trueup.json(*less, status=1)["error"]["code"] == "ledger.key_reused"
    fixed = trueup.json(*less, "--correct")
    assert sorted((move["place"], move["units"]) for move in fixed["moves"]) == [
        ("customer", 2), ("loss", -1), ("on_hand", -2), ("quarantine", 1),
    ]  # fmt: skip
    unknown = trueup.json("returns", "inspect", "#77", "--sku", "LAMP=1:sellable", status=1)
    assert [issue["code"] for issue in unknown["issues"]] == ["stock.inspected_for_nothing"]
    assert trueup.run("returns", "undo", "b-1")[0] == 0
    assert trueup.run("returns", "undo", "nobody")[0] == 2
    assert trueup.run("returns", "inspect", "#7", "--channel", "west", *words[2:])[0] == 2
    for wrong in ("LAMP=1", "LAMP=1:fine", "LAMP:scrap", "LAMP=0:scrap", ":scrap", "=1:scrap"):
        assert trueup.run("returns", "inspect", "--sku", wrong)[0] == 2
    assert trueup.run("returns", "inspect", "#7")[0] == 2
