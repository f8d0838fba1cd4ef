"""What Shiprocket's numbers mean: two lists, two forms of time, returns, nonsense."""

import json
import random
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from trueup.canon.issue import Severity
from trueup.canon.parcel import Parcel, ParcelStatus
from trueup.canon.record import encode
from trueup.connectors.shiprocket import api, auth, pull
from trueup.connectors.shiprocket.clock import day_of, instant_of
from trueup.connectors.shiprocket.mapping import map_source
from trueup.connectors.shiprocket.status import number_of, status_of
from trueup.connectors.shiprocket.webhook import identify, identify_piece, split
from trueup.contract.connector import Fetch, Mapped, Piece, Reply, Source
from trueup.contract.grant import Grant
from trueup.contract.manifest import load_manifest
from trueup.errors import (
    AuthExpired,
    ConfigError,
    ContractBroken,
    RateLimited,
    Refused,
    Unavailable,
)
from trueup.quality.hostile import HOSTILE_BODIES

NOW = datetime(2026, 4, 1, tzinfo=UTC)
S = ParcelStatus
AWB = "19000000000017"
TOPICS = ("tracking", "fetch/parcel", "pull/parcel")


def scan(number: object, at: str | None, status: str = "X") -> dict[str, Any]:
    rider = "Rider Ravi, MobileNo:- 9900000000"
    words = {"date": at, "status": status, "activity": rider, "location": "Pune"}
    return {**words, "sr-status": number, "sr-status-label": f"L{number}"}


WAY = (
    scan("42", "2026-03-02 17:40:00"),
    scan("18", "2026-03-03 02:10:00"),
    scan("17", "2026-03-04 09:00:00"),
    scan("21", "2026-03-04 16:20:00"),
    scan(9, "2026-03-07 11:00:00"),
    scan(10, "2026-03-10 15:30:00"),
)


def push(*scans: dict[str, Any], **fields: Any) -> dict[str, Any]:
    last = scans[-1] if scans else {}
    return {
        "awb": AWB,
        "order_id": "#1001",
        "current_status_id": 20,
        "shipment_status_id": last.get("sr-status"),
        "shipment_status": "S",
        "current_timestamp": "10 03 2026 15:30:00",
        "is_return": 0,
        "scans": list(scans),
        **fields,
    }


def mean(body: object, topic: str = "tracking") -> Mapped:
    return map_source(Source(topic=topic, body=json.dumps(body).encode(), received_at=NOW))


def parcel_of(body: object, topic: str = "tracking") -> Parcel:
    (record,) = mean(body, topic).records
    assert isinstance(record, Parcel)
    return record


@pytest.mark.parametrize(
    ("number", "forth", "back"),
    [
        (6, S.PICKED_UP, S.RETURNING),
        (20, S.CREATED, S.CREATED),
        (18, S.IN_TRANSIT, S.RETURNING),
        (17, S.OUT_FOR_DELIVERY, S.RETURNING),
        (21, S.ATTEMPT_FAILED, S.RETURNING),
        (7, S.DELIVERED, S.RETURNED),
        (9, S.RETURNING, S.RETURNING),
        (10, S.RETURNED, S.RETURNED),
        (12, S.LOST, S.LOST),
        (8, S.CANCELLED, S.CANCELLED),
    ],
)
def test_a_number_means_the_other_way_for_a_return(
    number: int, forth: ParcelStatus, back: ParcelStatus
) -> None:
    assert status_of(number, is_return=False) == (forth, True)
    assert status_of(number, is_return=True) == (back, True)


@pytest.mark.parametrize("number", [None, -1, 0, 23, 26, 43, 44, 76, 199, 10**6])
def test_what_does_not_say_where_a_parcel_is_is_unknown(number: int | None) -> None:
    assert status_of(number, is_return=False) == (S.UNKNOWN, False)


def test_numbers_come_as_texts_and_as_numbers() -> None:
    told = [number_of(value) for value in ("42", 42, " 7 ", "NA", "", None, "\u0664", "9999999")]
    assert told == [42, 42, 7, None, None, None, None, None]


def test_both_forms_of_time_are_indias() -> None:
    manifest = load_manifest(Path(api.__file__).parent / "manifest.toml")
    zone = ZoneInfo(manifest.conventions.time_zone)
    expected = datetime(2026, 3, 4, 8, 30, 1, tzinfo=zone).astimezone(UTC)
    for text in ("04 03 2026 08:30:01", "04-03-2026 08:30:01", "2026-03-04 08:30:01"):
        assert instant_of(text) == (expected, True)
    assert instant_of("2026-03-04T08:30:01+05:30") == (expected, False)
    bad = ("", None, "NA", "2026-03-04", "32 03 2026 08:30:01", "03/2026", "0001-01-01 00:00:00")
    assert [instant_of(text) for text in bad] == [None] * len(bad)
    assert (day_of("2026-03-06"), day_of("2026-03-06 23:59:00")) == (date(2026, 3, 6),) * 2
    assert day_of("2nd Mar 2026") is None


def test_scans_in_any_order_with_repeats_are_one_history() -> None:
    whole = parcel_of(push(*WAY, shipment_status_id=10))
    assert (whole.status, whole.attempts, whole.returning) == (S.RETURNED, 1, True)
    assert whole.updated_at.replace(microsecond=0) == datetime(2026, 3, 10, 10, tzinfo=UTC)
    chance = random.Random(5)
    for _ in range(50):
        mixed = [*WAY, *chance.sample(WAY, 3)]
        chance.shuffle(mixed)
        found = parcel_of(push(*mixed, shipment_status_id=10))
        assert msgspec.structs.replace(found, updated_at=whole.updated_at) == whole


def test_a_late_scan_makes_a_newer_version_though_the_vendors_time_stands_still() -> None:
    before = parcel_of(push(*WAY[:1], *WAY[2:], shipment_status_id=10))
    after = parcel_of(push(*WAY, shipment_status_id=10))
    assert after.updated_at > before.updated_at
    reading = {"shipment_track": [{"awb_code": AWB}], "shipment_track_activities": list(WAY)}
    body = {"tracking_data": reading}
    assert parcel_of(body, "fetch/parcel").updated_at == after.updated_at
    # A push names the order and a reading does not, so of equal ones the push wins.
    read = identify_piece(Piece(topic="fetch/parcel", body=json.dumps(body).encode()))
    pushed = identify({}, json.dumps(push(*WAY)).encode())
    assert read.raised_at is not None
    assert pushed.raised_at is not None
    assert read.raised_at < pushed.raised_at


def test_the_status_of_the_list_of_orders_is_not_read() -> None:
    parcel = parcel_of(push(WAY[0], shipment_status_id=18, current_status_id=7))
    assert parcel.status is S.IN_TRANSIT
    assert parcel.delivered_at is None


def test_no_name_or_number_of_a_rider_is_kept() -> None:
    for parcel in (
        parcel_of(push(*WAY)),
        parcel_of(
            {
                "tracking_data": {
                    "shipment_track": [{"awb_code": AWB}],
                    "shipment_track_activities": list(WAY),
                }
            },
            "fetch/parcel",
        ),
    ):
        assert b"Ravi" not in encode(parcel)
        assert b"9900000000" not in encode(parcel)


def test_unknown_scans_are_told_once_each() -> None:
    mapped = mean(
        push(WAY[0], scan("NA", "2026-03-10 15:30:00"), scan("NA", "2026-03-10 15:30:01"))
    )
    (parcel,) = mapped.records
    assert isinstance(parcel, Parcel)
    assert parcel.status is S.UNKNOWN
    assert [(i.code, i.severity, i.pointer) for i in mapped.issues] == [
        ("shiprocket.scan_unknown", Severity.WARNING, "/scans/1/sr-status"),
        ("shiprocket.scan_unknown", Severity.WARNING, "/shipment_status_id"),
    ]


def test_what_has_no_time_is_parked_or_left_out() -> None:
    bare = mean(push(scan("18", None), current_timestamp=None))
    assert [issue.code for issue in bare.issues] == [
        "shiprocket.scan_undated",
        "shiprocket.field_invalid",
    ]
    own = parcel_of(push(shipment_status_id="18", scans=None))
    assert (own.status, len(own.scans)) == (S.IN_TRANSIT, 1)
    older = parcel_of(push(*WAY, shipment_status_id=18, current_timestamp="04 03 2026 16:21:00"))
    assert older.status is S.RETURNED


def test_a_reading_has_person_and_weight() -> None:
    track = {
        "awb_code": int(AWB),
        "weight": "0.455",
        "consignee_name": "Ines",
        "destination": "Pune",
    }
    data = {
        "shipment_track": [track],
        "shipment_track_activities": list(WAY),
        "track_url": "https://t",
    }
    parcel = parcel_of({"tracking_data": data}, "fetch/parcel")
    assert parcel.weight_g == 455
    assert parcel.person is not None
    assert parcel.person.destination is not None
    assert parcel.person.destination.city == "Pune"
    for weight in ("", "heavy", "-1", "NaN", "1e999"):
        data["shipment_track"] = [track | {"weight": weight}]
        assert parcel_of({"tracking_data": data}, "fetch/parcel").weight_g is None
    nothing = {"tracking_data": {"track_status": 0, "shipment_track_activities": None}}
    assert mean(nothing, "fetch/parcel").ignored
    nameless = {"tracking_data": {"shipment_track_activities": list(WAY)}}
    assert mean(nameless, "fetch/parcel").issues[-1].severity is Severity.ERROR


def test_a_row_leads_to_a_reading() -> None:
    assert mean({"id": 1, "awb": AWB}, "pull/parcel").fetch == (Fetch(resource="parcel", ref=AWB),)
    assert mean({"id": 1, "awb": None}, "pull/parcel").ignored
    row = json.dumps({"id": 1, "awb": ""}).encode()
    assert identify_piece(Piece(topic="pull/parcel", body=row)).entity == "shipment/1"


def test_nonsense_ends_in_a_reason() -> None:
    for body in HOSTILE_BODIES.values():
        for topic in TOPICS:
            mapped = map_source(Source(topic=topic, body=body, received_at=NOW))
            assert mapped.issues or mapped.ignored
            identify_piece(Piece(topic=topic, body=body))
        identify({}, body)
        assert split("tracking", body)[0].body == body


def test_the_sign_in() -> None:
    settings, secrets = {"email": "a@b.example"}, {"password": "p"}
    request = auth.token_request(settings, secrets, Grant(kind="client"))
    assert request.path == "https://apiv2.shiprocket.in/v1/external/auth/login"
    assert json.loads(request.body) == {"email": "a@b.example", "password": "p"}
    sandbox = auth.token_request(
        {**settings, "api_base": "http://t/"}, secrets, Grant(kind="client")
    )
    assert sandbox.path == "http://t/v1/external/auth/login"
    for lacking in ({}, settings):
        with pytest.raises(ConfigError):
            auth.token_request(lacking, {}, Grant(kind="client"))
    token = auth.token(Reply(status=200, headers={}, body=b'{"token": "t", "id": 1}'))
    assert (token.access_token, token.expires_in_s) == ("t", 864_000)
    for body in (b"{}", b"oops", b'{"token": ""}', b'{"token": 7}'):
        with pytest.raises(ContractBroken):
            auth.token(Reply(status=200, headers={}, body=body))


def test_calls_and_replies() -> None:
    signed = api.authorise(api.check_request(), {"access_token": "t"})
    assert dict(signed.headers)["authorization"] == "Bearer t"
    assert api.base_url({}) == "https://apiv2.shiprocket.in/v1/external"
    fetch = Fetch(resource="parcel", ref="1/2,3,4")
    assert pull.fetch_request(fetch).path == "/courier/track/awb/1%2F2"
    page = pull.fetched(fetch, Reply(status=200, headers={}, body=b"{}"))
    assert page.then == Fetch(resource="parcel", ref="3,4")
    assert pull.batches(["1", "", "1", "a,b", "2"]) == (
        Fetch(resource="parcel", ref="1"),
        Fetch(resource="parcel", ref="2"),
    )
    assert pull.page_request("parcel", None, "x").path == "/shipments?page=1&per_page=100"
    for body in (b"{}", b"oops", b'{"data": 1}'):
        broken = Reply(status=200, headers={}, body=body)
        for read in (
            api.checked,
            lambda r: pull.page("parcel", r),
            lambda r: pull.count("parcel", r),
        ):
            with pytest.raises(ContractBroken):
                read(broken)
    bare = Reply(status=200, headers={}, body=b'{"data": []}')
    assert pull.page("parcel", bare).next_cursor is None
    assert api.checked(bare)["account"] == "Shiprocket"
    assert api.budget(bare) is None
    with pytest.raises(ContractBroken):
        pull.count("parcel", bare)
    with pytest.raises(Refused):
        pull.page_request("order", None, None)
    fates = {401: AuthExpired, 403: AuthExpired, 404: Refused, 408: Unavailable, 502: Unavailable}
    for status, error in fates.items():
        with pytest.raises(error):
            api.judge(Reply(status=status, headers={}, body=b""))
    with pytest.raises(RateLimited):
        api.judge(Reply(status=429, headers={}, body=b""))
