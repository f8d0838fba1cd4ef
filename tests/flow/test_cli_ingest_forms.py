"""Every form of a body through the real intake: each piece is accounted for, nothing is lost."""

import json
from pathlib import Path

import pytest

from tests.contract.test_ingest_bodies import CASES
from tests.flow.command import Commands

OUTCOMES = {"record", "parked", "ignored", "fetch"}
PARKED = "."
"""What stands in an issue's code, and in no other fate."""


@pytest.fixture
def trueup(tmp_path: Path, database_url: str) -> Commands:
    return Commands(tmp_path, database_url)


@pytest.mark.parametrize("connector", sorted({str(case.values[0]) for case in CASES}))
def test_each_piece_is_a_record_an_issue_or_ignored_with_a_reason(
    trueup: Commands, tmp_path: Path, connector: str
) -> None:
    cases = [case.values[1:] for case in CASES if case.values[0] == connector]
    for topic in sorted({str(topic) for topic, _, _ in cases}):
        paths, expected = [], list[str]()
        for number, (_, body, told) in enumerate(case for case in cases if case[0] == topic):
            paths.append(tmp_path / f"{number}.json")
            paths[-1].write_bytes(body if isinstance(body, bytes) else json.dumps(body).encode())
            expected += told  # type: ignore[arg-type]
        status = int(any(PARKED in fate for fate in expected))
        told = trueup.json("ingest", connector, topic, *paths, status=status)
        assert (told["accepted"] + told["duplicates"], told["unhandled"]) == (len(expected), 0)
        assert len(told["events"]) == len(expected)
        for event, fate in zip(told["events"], expected, strict=True):
            assert event["outcome"] in OUTCOMES
            assert (event["outcome"] == "parked") == (PARKED in fate), event
            assert (event["outcome"] == "record") == (event["reason"] == ""), event
            assert event["outcome"] in {fate, "record", "parked", "ignored"}, (event, fate)
