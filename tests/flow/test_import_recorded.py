"""Every statement beside the checkout through the real intake: taken whole, once, and explained."""

from pathlib import Path

import pytest

from tests.flow.command import Commands
from tests.support.leftout import SHARED

pytestmark = pytest.mark.shared

BANK = SHARED / "payloads/bank"
FILES = {
    "camt": [p for p in sorted(BANK.glob("camt/*.xml")) if "wrong" not in p.name],
    "mt940": [
        *(BANK / "mt940/betterplace/sepa_mt9401.sta", BANK / "mt940/jejik/rabobank.sta"),
        *(BANK / "mt940/self-provided/mt942.sta", BANK / "mt940/ASNB/mt940.txt"),
        *(BANK / "mt940/sberbank/171011_01234945.sta", BANK / "mt940/citi/mt940.txt"),
    ],
    "ofx": [BANK / f"ofx/{name}.ofx" for name in ("bank_medium", "suncorp", "fidelity-savings")],
}


@pytest.fixture
def trueup(tmp_path: Path, database_url: str) -> Commands:
    return Commands(tmp_path, database_url)


@pytest.mark.parametrize("format_name", FILES)
def test_all_are_taken_once_and_explained(trueup: Commands, format_name: str) -> None:
    files = FILES[format_name]
    first = trueup.json("import", format_name, *files)
    assert first["unhandled"] == 0
    assert first["accepted"] > len(files)
    assert {each["outcome"] for each in first["events"]} == {"record"}
    again = trueup.json("import", format_name, *files)
    assert (again["accepted"], again["unhandled"]) == (0, 0)
    assert again["duplicates"] == first["accepted"] + first["duplicates"]
    assert again["records"] == first["records"]
