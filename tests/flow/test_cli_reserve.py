"""A person reserves by the command line, as a till would by the API."""

from pathlib import Path

import pytest

from tests.flow.command import Commands


@pytest.fixture
def trueup(tmp_path: Path, database_url: str) -> Commands:
    return Commands(tmp_path, database_url)


def test_reserving_and_releasing(trueup: Commands) -> None:
    trueup.json("stock", "receive", "LAMP", "3")
    made = trueup.json("stock", "reserve", "LAMP", "2", "--key", "k-1")
    assert (made["reservation"]["state"], made["repeated"]) == ("held", False)
    again = trueup.json("stock", "reserve", "LAMP", "2", "--key", "k-1")
    assert again == made | {"repeated": True}
    refused = trueup.json("stock", "reserve", "LAMP", "2", status=1)
    assert refused["reservation"]["shortages"] == [{"sku": "LAMP", "wanted": 2, "left": 1}]
    code, text = trueup.run("stock", "reserve", "LAMP", "2", "--site", "shop")
    assert (code, "0 of LAMP are left" in text) == (1, True)
    for _ in range(2):
        ref = made["reservation"]["ref"]
        assert trueup.json("stock", "release", ref)["state"] == "released"
    balance = trueup.json("show", "sku", "LAMP")["found"][0]["balance"]
    assert (balance["available"], balance["reserved"]) == (3, 0)
    assert trueup.run("stock", "release", "nobody")[0] != 0
    assert trueup.run("stock", "reserve", "x" * 256, "1")[0] == 2
