"""What Delhivery's scans mean: legs, codes, India's clock, any order, nonsense."""

import json
import random
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from trueup.canon.issue import Severity
from trueup.canon.parcel import Parcel, ParcelStatus
from trueup.connectors.delhivery import api, pull
from trueup.connectors.delhivery.clock import day_of, instant_of
from trueup.connectors.delhivery.mapping import map_source
from trueup.connectors.delhivery.status import is_backwards, status_of
from trueup.connectors.delhivery.webhook import identify, identify_piece, split
from trueup.contract.connector import Fetch, Mapped, Piece, Reply, Source
from trueup.contract.manifest import load_manifest
from trueup.errors import AuthExpired, ContractBroken, RateLimited, Refused, Unavailable
from trueup.quality.hostile import HOSTILE_BODIES

NOW = datetime(2026, 4, 1, tzinfo=UTC)
S = ParcelStatus
AWB = "13000000000017"


def scan(kind: str, status: str, code: str, at: str | None) -> dict[str, Any]:
    words = {"ScanType": kind, "Scan": status, "StatusCode": code, "StatusDateTime": at}
    return {"ScanDetail": {**words, "ScannedLocation": "Pune", "Instructions": "i"}}


WAY = (
    scan("UD", "Manifested", "X-UCI", "2026-03-02T10:00:00.034"),
    scan("UD", "In Transit", "X-PPOM", "2026-03-02T17:40:00"),
    scan("UD", "Dispatched", "X-DDD3FD", "2026-03-04T09:00:00.5"),
    scan("UD", "Pending", "EOD-11", "2026-03-04T16:20:00.02"),
    scan("UD", "Dispatched", "X-DDD3FD", "2026-03-05T09:00:00"),
    scan("UD", "Pending", "EOD-74", "2026-03-05T16:20:00"),
    scan("RT", "In Transit", "RT-101", "2026-03-07T11:00:00"),
    scan("DL", "RTO", "RT-110", "2026-03-10T15:30:00"),
)


def shipment(*scans: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Shipment": {"AWB": AWB, "ReferenceNo": "#1001", "Scans": list(scans), **fields}}


def mean(body: object, topic: str = "fetch/parcel") -> Mapped:
    return map_source(Source(topic=topic, body=json.dumps(body).encode(), received_at=NOW))


def parcel_of(body: object, topic: str = "fetch/parcel") -> Parcel:
    (record,) = mean(body, topic).records
    assert isinstance(record, Parcel)
    return record


@pytest.mark.parametrize(
    ("kind", "status", "code", "expected", "known"),
    [
        ("UD", "Manifested", "X-UCI", S.CREATED, True),
        ("UD", "Not Picked", "NEW-1", S.CREATED, True),
        ("UD", "In Transit", "X-PPOM", S.PICKED_UP, True),
        ("UD", "In Transit", "X-ILL2F", S.IN_TRANSIT, True),
        ("UD", "In Transit", "", S.IN_TRANSIT, True),
        ("ud", "in transit", "x-dws", S.IN_TRANSIT, True),
        ("UD", "Pending", "X-IBD3F", S.IN_TRANSIT, True),
        ("UD", "Pending", "EOD-6", S.ATTEMPT_FAILED, True),
        ("UD", "Dispatched", "ST-114", S.OUT_FOR_DELIVERY, True),
        ("UD", "In Transit", "X-NEW9", S.UNKNOWN, False),
        ("UD", "Pending", "EOD-999", S.UNKNOWN, False),
        ("UD", "Dispatched", "X-NEW9", S.UNKNOWN, False),
        ("UD", "Delivered", "EOD-38", S.UNKNOWN, False),
        ("DL", "Delivered", "EOD-36", S.DELIVERED, True),
        ("DL", "RTO", "", S.RETURNED, True),
        ("DL", "DTO", "X", S.RETURNED, True),
        ("RT", "In Transit", "X-ILL2F", S.RETURNING, True),
        ("RT", "Dispatched", "X-DDD3FD", S.RETURNING, True),
        ("RT", "Delivered", "", S.UNKNOWN, False),
        ("PP", "Dispatched", "", S.CREATED, True),
        ("PU", "In Transit", "", S.RETURNING, True),
        ("CN", "Canceled", "", S.CANCELLED, True),
        ("ZZ", "In Transit", "", S.UNKNOWN, False),
        ("", "", "", S.UNKNOWN, False),
    ],
)
def test_a_scan_is_read_by_type_status_and_code(
    kind: str, status: str, code: str, expected: ParcelStatus, *, known: bool
) -> None:
    assert status_of(kind, status, code) == (expected, known)


def test_times_without_a_zone_are_indias() -> None:
    manifest = load_manifest(Path(api.__file__).parent / "manifest.toml")
    zone = ZoneInfo(manifest.conventions.time_zone)
    assert manifest.conventions.time == "local"
    for text in ("2026-03-04T00:10:00", "2026-07-04 23:59:59.9", "2024-09-20T15:41:19.002"):
        expected = datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
        assert instant_of(text) == (expected, True)
    assert instant_of("2026-03-04T00:10:00+05:30") == (
        datetime(2026, 3, 3, 18, 40, tzinfo=UTC),
        False,
    )
    assert day_of("2026-03-06T23:59:59") == date(2026, 3, 6)
    bad = (
        "",
        None,
        "soon",
        "2026-13-04T00:10:00",
        "2026-03-04",
        "0001-01-01T00:00:00",
        "2026-W01-1",
    )
    assert [instant_of(text) for text in bad] == [None] * len(bad)
    assert day_of("soon") is None


def test_a_return_to_origin_in_any_order_is_one_history() -> None:
    whole = parcel_of(shipment(*WAY, RTOStartedDate="2026-03-07T11:00:00"))
    assert (whole.status, whole.attempts, whole.returning) == (S.RETURNED, 2, True)
    assert whole.delivered_at is None
    assert [s.local_time for s in whole.scans] == [True] * 8
    chance = random.Random(5)
    for _ in range(50):
        mixed = [*WAY, *chance.sample(WAY, 4)]
        chance.shuffle(mixed)
        assert parcel_of(shipment(*mixed, RTOStartedDate="2026-03-07T11:00:00")) == whole


def test_the_status_is_the_newest_scan_told_again() -> None:
    status = {
        "Status": "RTO",
        "StatusType": "DL",
        "StatusCode": "RT-110",
        "StatusDateTime": "2026-03-10T15:30:00",
        "StatusLocation": "Pune",
        "Instructions": "i",
        "RecievedBy": "Ines",
    }
    parcel = parcel_of(shipment(*WAY, Status=status))
    assert len(parcel.scans) == 8
    assert parcel.person is not None
    assert parcel.person.signed_by == "Ines"


def test_a_push_counts_at_once_and_asks_for_the_whole() -> None:
    status = {"Status": "Pending", "StatusType": "UD", "StatusDateTime": "2026-03-04T16:20:00.02"}
    body = {"Shipment": {"AWB": int(AWB), "NSLCode": "EOD-11", "Status": status, "ReferenceNo": 28}}
    mapped = mean(body, "scan")
    (parcel,) = mapped.records
    assert isinstance(parcel, Parcel)
    assert (parcel.ref, parcel.status, parcel.shipped_at) == (AWB, S.ATTEMPT_FAILED, None)
    assert mapped.fetch == (Fetch(resource="parcel", ref=AWB),)
    assert [link.value for link in parcel.links] == [AWB, "28"]
    found = identify({}, json.dumps(body).encode())
    assert (found.topic, found.entity) == ("scan", f"parcel/{AWB}")
    assert found.occurred_at == datetime(2026, 3, 4, 10, 50, 0, 20_000, tzinfo=UTC)


def test_an_unknown_code_is_unknown_and_told_once() -> None:
    new = scan("UD", "In Transit", "X-NEW9", "2026-03-06T10:00:00")
    mapped = mean(shipment(*WAY[:3], new, new))
    (parcel,) = mapped.records
    assert isinstance(parcel, Parcel)
    assert (parcel.status, parcel.status_code) == (S.UNKNOWN, "UD/In Transit/X-NEW9")
    assert [(i.code, i.severity) for i in mapped.issues] == [
        ("delhivery.scan_unknown", Severity.WARNING)
    ]
    back = parcel_of(shipment(scan("RT", "Misplaced", "", "2026-03-06T10:00:00")))
    assert (back.status, back.returning) == (S.UNKNOWN, True)
    assert is_backwards("rt")


def test_a_parcel_without_any_time_is_parked() -> None:
    mapped = mean(shipment(scan("UD", "In Transit", "", None)))
    assert [issue.code for issue in mapped.issues] == [
        "delhivery.scan_undated",
        "delhivery.field_invalid",
    ]
    assert mapped.records == ()
    assert mean(shipment()).issues[0].severity is Severity.ERROR


def test_an_address_may_be_lists_texts_or_nothing() -> None:
    consignee = {
        "Name": "Ines",
        "Address1": [],
        "Address2": ["7"],
        "Address3": "L",
        "PinCode": 411001,
    }
    person = parcel_of(shipment(*WAY, Consignee=consignee | {"Country": "India"})).person
    assert person is not None
    assert person.destination is not None
    assert (person.destination.lines, person.destination.postcode) == (("7", "L"), "411001")
    assert person.destination.country == "IN"
    assert parcel_of(shipment(*WAY, Consignee={})).person is None


def test_nonsense_ends_in_a_reason() -> None:
    for body in HOSTILE_BODIES.values():
        for topic in ("scan", "fetch/parcel"):
            mapped = map_source(Source(topic=topic, body=body, received_at=NOW))
            assert [issue.severity for issue in mapped.issues] == [Severity.ERROR]
            identify_piece(Piece(topic=topic, body=body))
        identify({}, body)
        assert split("scan", body)[0].body == body


@pytest.mark.parametrize("awb", [None, "", "x/y", 7, True, [], "9" * 60])
def test_a_waybill_of_another_form_parks_the_event(awb: object) -> None:
    mapped = mean({"Shipment": {"AWB": awb, "Scans": list(WAY)}})
    assert [issue.code for issue in mapped.issues] == ["delhivery.field_invalid"]


def test_calls_and_replies() -> None:
    signed = api.authorise(api.check_request(), {"api_token": "t"})
    assert dict(signed.headers)["authorization"] == "Token t"
    request = pull.fetch_request(Fetch(resource="parcel", ref="1,2/3"))
    assert request.path == "/api/v1/packages/json/?waybill=1,2%2F3"
    served = Reply(status=200, headers={}, body=b'{"delivery_codes": []}')
    assert pull.page("parcel", served).pieces == ()
    assert api.checked(served)["time_zone"] == "Asia/Kolkata"
    none = Reply(status=200, headers={}, body=b'{"Error": "No such waybill"}')
    assert pull.fetched(Fetch(resource="parcel", ref="1"), none).pieces == ()
    for body in (b"{}", b"oops", b'{"ShipmentData": 1}'):
        broken = Reply(status=200, headers={}, body=body)
        with pytest.raises(ContractBroken):
            pull.fetched(Fetch(resource="parcel", ref="1"), broken)
        with pytest.raises(ContractBroken):
            api.checked(broken)
    for call in (
        lambda: pull.page_request("order", None, None),
        lambda: pull.count("parcel", served),
        lambda: pull.fetch_request(Fetch(resource="order", ref="1")),
    ):
        with pytest.raises(Refused):
            call()
    assert pull.count_request("parcel", None) is None
    assert pull.page_request("parcel", None, None) == api.check_request()
    fates = {401: AuthExpired, 403: AuthExpired, 404: Refused, 408: Unavailable, 502: Unavailable}
    for status, error in fates.items():
        with pytest.raises(error):
            api.judge(Reply(status=status, headers={}, body=b""))
    for text, after_s in (("9", 9.0), ("", 60.0), ("inf", 60.0)):
        with pytest.raises(RateLimited) as caught:
            api.judge(Reply(status=429, headers={"retry-after": text}, body=b""))
        assert caught.value.after_s == after_s
    assert api.budget(served) is None
    assert api.base_url({}) == "https://track.delhivery.com"
