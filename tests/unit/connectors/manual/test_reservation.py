"""Events about reservations: our own form, read strictly."""

import json
from typing import Any

import pytest

from trueup.canon.reservation import Reservation, ReservationState
from trueup.connectors.manual.mapping import map_source
from trueup.connectors.manual.reservation import TOPIC
from trueup.contract.connector import Mapped, Source
from trueup.quality.subject import RECEIVED_AT

BODY: dict[str, Any] = {
    "ref": "r-1",
    "state": "held",
    "lines": [{"sku": "LAMP", "quantity": 2, "site": "shop"}],
    "created_at": "2026-03-04T09:00:00Z",
    "occurred_at": "2026-03-04T10:00:00+01:00",
    "expires_at": "2026-03-04T09:10:00Z",
    "request": "a" * 64,
}
SHORT = [{"sku": "LAMP", "wanted": 2, "left": 1}]


def mean(body: bytes) -> Mapped:
    return map_source(Source(topic=TOPIC, body=body, received_at=RECEIVED_AT))


def test_a_reservation_is_read_whole() -> None:
    [record] = mean(json.dumps(BODY).encode()).records
    assert isinstance(record, Reservation)
    assert record.state is ReservationState.HELD
    assert record.updated_at == record.created_at
    assert record.lines[0].site == "shop"
    refused = BODY | {"state": "refused", "shortages": SHORT}
    [record] = mean(json.dumps(refused).encode()).records
    assert isinstance(record, Reservation)
    assert record.shortages[0].left == 1


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"ref": ""}, "/ref"),
        ({"ref": "x" * 121}, "/ref"),
        ({"state": "sold"}, "/state"),
        ({"lines": []}, "/lines"),
        ({"lines": [{"sku": "A", "quantity": 1}] * 501}, "/lines"),
        ({"lines": [{"sku": "A", "quantity": 0}]}, "/lines"),
        ({"lines": [{"sku": "A", "quantity": 2_000_000_001}]}, "/lines"),
        ({"lines": [{"sku": "A", "quantity": 1_500_000_000}] * 2}, "/lines"),
        ({"lines": [{"sku": "A\0", "quantity": 1}]}, "/lines"),
        ({"lines": [{"sku": "", "quantity": 1}]}, "/lines"),
        ({"lines": [{"sku": "A", "quantity": 1, "site": ""}]}, "/lines"),
        ({"lines": [{"sku": "A", "quantity": 1.5}]}, "/lines[0]/quantity"),
        ({"created_at": "2026-03-04T09:00:00"}, "/occurred_at"),
        ({"request": "xyz"}, "/request"),
        ({"state": "refused"}, "/shortages"),
        ({"shortages": SHORT}, "/shortages"),
        ({"more": 1}, ""),
    ],
)
def test_what_is_wrong_is_pointed_at(change: dict[str, Any], pointer: str) -> None:
    [issue] = mean(json.dumps(BODY | change).encode()).issues
    assert (issue.code, issue.pointer) == ("manual.reservation_invalid", pointer)


@pytest.mark.parametrize("body", [b"", b"[", b"\xff", b"[" * 5000])
def test_other_bytes_are_an_issue(body: bytes) -> None:
    [issue] = mean(body).issues
    assert issue.code == "manual.reservation_invalid"
