"""Serials by the command line: received, sent, packed, back, found, and asked for."""

from pathlib import Path

import pytest

from tests.flow.command import Commands


@pytest.fixture
def trueup(tmp_path: Path, database_url: str) -> Commands:
    return Commands(tmp_path, database_url)


def test_serials_from_the_supplier_to_a_return(trueup: Commands) -> None:
    received = ("stock", "receive", "CAM", 2, "--damaged", 1, "--ref", "r-1")
    named = ("--serial", "S1", "--serial", "S2", "--damaged-serial", "S3")
    assert trueup.json(*received, *named)["issues"] == []
    too_many = trueup.run(*received[:5], "--serial", "S1", "--serial", "S2", "--serial", "S4")
    assert too_many[0] == 2
    assert trueup.json("serials", "list")["skus"] == [{"sku": "CAM", "required": False}]
    listed = trueup.json("serials", "list", "CAM", "--site", "main")["serials"]
    assert [(each["serial"], each["standing"]["place"]) for each in listed] == [
        ("S1", "on_hand"), ("S2", "on_hand"), ("S3", "quarantine"),
    ]  # fmt: skip
    trueup.json("transfer", "send", "CAM=1", "--serial", "CAM=S2", "--to", "shop", "--ref", "t-1")
    again = ("transfer", "send", "CAM=1", "--serial", "CAM=S2", "--to", "shop")
    refused = trueup.json(*again, status=1)["error"]
    assert refused["code"] == "ledger.serial_elsewhere"
    assert "trueup serials show CAM S2" in refused["message"]
    assert trueup.run("transfer", "send", "CAM=1", "--serial", "LENS=1", "--to", "shop")[0] == 2
    trueup.json("transfer", "receive", "t-1", "CAM=1", "--serial", "CAM=S2")
    refused = trueup.json("stock", "quarantine", "CAM", 1, "--serial", "S2", status=1)["error"]
    assert refused["code"] == "ledger.serial_elsewhere"
    trueup.json("stock", "quarantine", "CAM", -1, "--serial", "S3")
    trueup.json("stock", "adjust", "CAM", -1, "--serial", "S3", "--reason", "fell down")
    [shown] = trueup.json("serials", "show", "s3")["serials"]
    assert [line["kind"] for line in shown["lines"]] == ["arrival", *["stock_movement"] * 2]
    assert trueup.run("serials", "show", "NOBODY")[0] == 2
    code, text = trueup.run("serials", "show", "CAM", "S2")
    assert (code, "in transit at shop → on hand at shop" in text) == (0, False)
    assert "S2 of CAM: on hand at shop" in text
    packed = trueup.json("serials", "ship", "1001", "CAM", "S1", status=2)["error"]
    assert "order: there is no order '1001'" in packed["message"]
    trueup.json("serials", "ship", "1001", "CAM", "S1", "--channel", "manual", "--ref", "p-1")
    back = trueup.json(
        "returns", "inspect", "1001", "--channel", "manual", "--sku", "CAM=1:scrap",
        "--serial", "CAM=S1:scrap", status=1,
    )  # fmt: skip
    assert [issue["code"] for issue in back["issues"]] == ["stock.inspected_for_nothing"]
    assert trueup.run("returns", "inspect", "--sku", "CAM=1:scrap", "--serial", "CAM=S1:x")[0] == 2
    assert (
        trueup.run("returns", "inspect", "--sku", "CAM=1:scrap", "--serial", "CAM=S1:sellable")[0]
        == 2
    )
    undone = trueup.json("serials", "undo", "p-1", status=1)["issues"]
    assert "stock.serial_returned" in {issue["code"] for issue in undone}
    code, text = trueup.run("serials", "list", "CAM")
    assert "S1: lost or thrown away  clash: returned" in text


def test_a_sku_that_must_have_serials(trueup: Commands) -> None:
    assert trueup.json("serials", "require", "LENS")["issues"] == []
    told = trueup.json("stock", "receive", "LENS", 1, status=1)
    assert [issue["code"] for issue in told["issues"]] == ["stock.serial_missing"]
    _, text = trueup.run("serials", "list")
    assert "LENS: none yet; each must have one" in text
    assert trueup.json("reconcile", "ledger", status=1)["discrepancies"]
    trueup.json("serials", "require", "LENS", "--off")
