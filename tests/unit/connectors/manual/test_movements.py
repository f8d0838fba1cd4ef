"""Movements that people report: taken whole, or refused by line and column."""

import json
from typing import Any

import pytest

from trueup.connectors.manual.files import FORMAT, read_file
from trueup.connectors.manual.mapping import TOPIC, map_source
from trueup.contract.connector import Mapped, Source
from trueup.errors import ConfigError
from trueup.quality.subject import RECEIVED_AT

HEAD = "ref,movement,sku,quantity,occurred_at,site,to_site,reason,cost,currency"
ROW = "r-1,receipt,LAMP,24,2026-03-04T08:30:00+01:00,main,,note 118,41.20,EUR"
BODY: dict[str, Any] = {
    "ref": "r-1",
    "movement": "receipt",
    "sku": "LAMP",
    "quantity": 24,
    "occurred_at": "2026-03-04T08:30:00+01:00",
}


def mean(change: dict[str, Any], topic: str = TOPIC) -> Mapped:
    body = json.dumps(BODY | change).encode()
    return map_source(Source(topic=topic, body=body, received_at=RECEIVED_AT))


def table(*rows: str, head: str = HEAD) -> bytes:
    return "\n".join([head, *rows, ""]).encode()


def test_a_row_becomes_a_body_that_the_mapping_reads() -> None:
    blank = ",,,,,,,,,"
    transfer = "r-2,transfer,LAMP,-0,2026-03-04T08:30:00Z,main,shop,,,"
    first, second = read_file(FORMAT, table(ROW, blank, transfer))
    assert json.loads(first.body)["cost"] == {"amount": "41.20", "currency": "EUR"}
    assert json.loads(second.body)["to_site"] == "shop"
    mapped = map_source(Source(topic=first.topic, body=first.body, received_at=RECEIVED_AT))
    assert [record.ref for record in mapped.records] == ["r-1"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff", "line 1: expected text in UTF-8"),
        (table(ROW, head=HEAD.replace("sku", "part")), "line 1, column 'sku'"),
        (table(ROW, head=HEAD.replace("reason", "why")), "line 1, column 'why'"),
        (table(ROW, head=HEAD.replace("reason", "site")), "one column of this name"),
        (table(ROW + ",more"), "10 cells"),
        (table(ROW, ROW), "line 3, column 'ref'"),
        (table(ROW.replace("LAMP", "")), "a value"),
        (table(ROW.replace("receipt", "gift")), "column 'movement'"),
        (table(ROW.replace(",24,", ",2.5,")), "a whole number"),
        (table(ROW.replace("41.20", "4,1").replace("4,1", "x")), "an amount"),
        (table(ROW.replace("EUR", "")), "a currency"),
        (table(ROW.replace("+01:00", "")), "an instant"),
        (table(ROW.replace("2026-03-04T08:30:00+01:00", "today")), "an instant"),
        (table('"r-1'), "comma-separated"),
    ],
)
def test_a_fault_refuses_the_file_and_names_its_place(content: bytes, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_file(FORMAT, content)


def test_a_format_that_is_not_ours_is_refused() -> None:
    with pytest.raises(ConfigError, match=FORMAT):
        read_file("other", table(ROW))


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"ref": ""}, "/ref"),
        ({"sku": "A\x00"}, "/sku"),
        ({"site": ""}, "/site"),
        ({"occurred_at": "2026-03-04T08:30:00"}, "/occurred_at"),
        ({"quantity": -1}, "/quantity"),
        ({"quantity": 0}, "/quantity"),
        ({"quantity": 3_000_000_000}, "/quantity"),
        ({"movement": "transfer"}, "/to_site"),
        ({"movement": "transfer", "to_site": "main"}, "/to_site"),
        ({"to_site": "shop"}, "/to_site"),
        ({"movement": "gift"}, "/movement"),
    ],
)
def test_what_is_wrong_with_a_movement_is_told_by_its_place(
    change: dict[str, Any], pointer: str
) -> None:
    mapped = mean(change)
    assert mapped.records == ()
    assert [issue.pointer for issue in mapped.issues] == [pointer]


def test_another_topic_is_left_aside() -> None:
    assert mean({}, "stock/other").ignored is not None
