"""What EasyPost's words mean, in any order, with repeats, gaps and nonsense."""

import json
import random
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from trueup.canon.issue import Severity
from trueup.canon.link import LinkSpace
from trueup.canon.parcel import Parcel, ParcelStatus
from trueup.connectors.easypost.mapping import map_source
from trueup.connectors.easypost.status import status_of
from trueup.connectors.easypost.webhook import identify, identify_piece, split
from trueup.contract.connector import Fetch, Mapped, Piece, Source
from trueup.kernel.money import Money
from trueup.quality.hostile import HOSTILE_BODIES

NOW = datetime(2026, 4, 1, tzinfo=UTC)
S = ParcelStatus
TOPICS = ("tracker.updated", "tracker.created", "pull/parcel", "fetch/parcel", "fetch/shipment", "")


def detail(status: str | None, sub: str | None, at: str | None) -> dict[str, Any]:
    return {"status": status, "status_detail": sub, "datetime": at, "message": "m"}


def tracker(*details: dict[str, Any], **fields: Any) -> dict[str, Any]:
    last = details[-1] if details else {}
    return {
        "id": "trk_1",
        "object": "Tracker",
        "tracking_code": "94000",
        "status": last.get("status") or "unknown",
        "status_detail": last.get("status_detail"),
        "created_at": "2026-03-01T00:00:00Z",
        "updated_at": "2026-03-09T00:00:00Z",
        "tracking_details": list(details),
        **fields,
    }


def mean(body: object, topic: str = "pull/parcel") -> Mapped:
    source = Source(topic=topic, body=json.dumps(body).encode(), received_at=NOW)
    return map_source(source)


def parcel_of(body: object, topic: str = "pull/parcel") -> Parcel:
    (record,) = mean(body, topic).records
    assert isinstance(record, Parcel)
    return record


WAY = (
    detail("pre_transit", "status_update", "2026-03-02T08:00:00Z"),
    detail("in_transit", "received_at_origin_facility", "2026-03-02T18:00:00Z"),
    detail("out_for_delivery", "out_for_delivery", "2026-03-04T08:00:00Z"),
    detail("in_transit", "delivery_exception", "2026-03-04T15:00:00Z"),
    detail("in_transit", "delivery_exception", "2026-03-05T15:00:00Z"),
    detail("delivered", "arrived_at_destination", "2026-03-06T15:00:00-05:00"),
)


@pytest.mark.parametrize(
    ("status", "sub", "expected", "known"),
    [
        ("pre_transit", "status_update", S.CREATED, True),
        ("pre_transit", "received_at_origin_facility", S.PICKED_UP, True),
        ("in_transit", None, S.IN_TRANSIT, True),
        ("in_transit", "delayed", S.IN_TRANSIT, True),
        ("in_transit", "refused", S.ATTEMPT_FAILED, True),
        ("in_transit", "held", S.HELD, True),
        ("in_transit", "lost", S.LOST, True),
        ("available_for_pickup", "arrived_at_pickup_location", S.AWAITING_COLLECTION, True),
        ("return_to_sender", "return", S.RETURNING, True),
        ("failure", "damaged", S.DAMAGED, True),
        ("failure", "weather_delay", S.HELD, True),
        ("failure", "failure", S.ATTEMPT_FAILED, True),
        ("cancelled", "cancelled", S.CANCELLED, True),
        ("error", None, S.UNKNOWN, True),
        ("unknown", "unknown", S.UNKNOWN, True),
        ("teleported", "in_transit", S.UNKNOWN, False),
        ("in_transit", "teleported", S.UNKNOWN, False),
        ("", "", S.UNKNOWN, False),
    ],
)
def test_a_status_is_read_with_its_detail(
    status: str, sub: str | None, expected: ParcelStatus, *, known: bool
) -> None:
    assert status_of(status, sub) == (expected, known)


def test_scans_in_any_order_with_repeats_are_one_history() -> None:
    whole = parcel_of(tracker(*WAY, status="delivered"))
    assert (whole.status, whole.attempts, len(whole.scans)) == (S.DELIVERED, 2, 6)
    assert whole.shipped_at == datetime(2026, 3, 2, 18, tzinfo=UTC)
    assert whole.delivered_at == datetime(2026, 3, 6, 20, tzinfo=UTC)
    chance = random.Random(3)
    for _ in range(50):
        mixed = [*WAY, *chance.sample(WAY, 3)]
        chance.shuffle(mixed)
        body = tracker(*mixed, status="delivered", status_detail="arrived_at_destination")
        assert parcel_of(body) == whole


def test_a_failure_told_twice_within_hours_is_one_attempt() -> None:
    again = detail("failure", "delivery_exception", "2026-03-04T16:30:00Z")
    assert parcel_of(tracker(*WAY[:4], again)).attempts == 1
    assert parcel_of(tracker(*WAY[:4], WAY[2], again)).attempts == 1
    between = detail("out_for_delivery", None, "2026-03-04T15:30:00Z")
    assert parcel_of(tracker(*WAY[:4], between, again)).attempts == 2


def test_a_delivery_after_a_return_is_the_senders() -> None:
    back = detail("return_to_sender", "return", "2026-03-05T10:00:00Z")
    mapped = mean(tracker(*WAY[:3], back, WAY[5], status="return_to_sender"))
    (parcel,) = mapped.records
    assert isinstance(parcel, Parcel)
    assert (parcel.status, parcel.returning, parcel.delivered_at) == (S.RETURNED, True, None)
    assert [(i.code, i.severity) for i in mapped.issues] == [
        ("easypost.return_delivered", Severity.NOTE)
    ]


def test_the_newest_scan_wins_but_for_what_no_scan_tells() -> None:
    void = parcel_of(tracker(WAY[0], status="cancelled", status_detail="cancelled"))
    assert void.status is S.CANCELLED
    turned = parcel_of(tracker(*WAY[:3], status="return_to_sender", status_detail="return"))
    assert (turned.status, turned.returning) == (S.RETURNING, True)
    late = mean(tracker(*WAY, status="in_transit", status_detail="in_transit"))
    assert [issue.code for issue in late.issues] == ["easypost.status_differs"]
    assert parcel_of(tracker(*WAY, status="in_transit")).status is S.DELIVERED
    delivered = tracker(*WAY, status="cancelled", status_detail="cancelled")
    assert parcel_of(delivered).status is S.DELIVERED


def test_a_scan_without_a_time_is_left_out_and_told() -> None:
    bad = [detail("in_transit", None, at) for at in (None, "", "soon", "2026-03-03T10:00:00")]
    mapped = mean(tracker(*WAY[:2], *bad, status="in_transit"))
    assert [issue.code for issue in mapped.issues].count("easypost.scan_undated") == 4
    (parcel,) = mapped.records
    assert isinstance(parcel, Parcel)
    assert len(parcel.scans) == 2


def test_an_unknown_scan_is_unknown_also_without_a_status() -> None:
    mapped = mean(tracker(*WAY[:2], detail(None, None, "2026-03-08T10:00:00Z")))
    (parcel,) = mapped.records
    assert isinstance(parcel, Parcel)
    assert parcel.status is S.UNKNOWN
    assert "easypost.scan_unknown" in {issue.code for issue in mapped.issues}
    assert {issue.severity for issue in mapped.issues} == {Severity.WARNING}


@pytest.mark.parametrize(
    ("weight", "grams"),
    [("17.6", 499), ("0.035", 1), ("0", None), ("-3", None), ("1e999999", None), ("null", None)],
)
def test_ounces_become_grams_exactly(weight: str, grams: int | None) -> None:
    body = json.dumps(tracker(*WAY)).replace('"tracking_code"', f'"weight": {weight}, "x"')
    mapped = map_source(Source(topic="pull/parcel", body=body.encode(), received_at=NOW))
    (parcel,) = mapped.records
    assert isinstance(parcel, Parcel)
    assert parcel.weight_g == grams


def test_the_promised_day_is_the_destinations() -> None:
    local = {"est_delivery_date_local": "2026-03-07", "service": "Ground"}
    promised = "2026-03-08T01:00:00Z"
    far = tracker(*WAY, est_delivery_date=promised, carrier_detail=local)
    assert (parcel_of(far).expected_on, parcel_of(far).service) == (date(2026, 3, 7), "Ground")
    bad = {"est_delivery_date_local": "soon"}
    broken = tracker(*WAY, est_delivery_date=promised, carrier_detail=bad)
    assert parcel_of(broken).expected_on == date(2026, 3, 8)
    assert parcel_of(tracker(*WAY)).expected_on is None


def test_a_label_names_the_order_and_each_tracker_asks_for_it() -> None:
    body = tracker(*WAY, shipment_id="shp_1")
    assert mean(body).fetch == (Fetch(resource="shipment", ref="shp_1"),)
    options = {"print_custom_1": 1001, "invoice_number": "INV-1"}
    shipment = {"id": "shp_1", "reference": "#1001", "options": options, "tracker": body}
    mapped = mean(shipment, "fetch/shipment")
    assert mapped.fetch == ()
    links = [(link.namespace, link.value) for link in mapped.records[0].links]
    assert links == [
        (LinkSpace.TRACKING, "94000"),
        (LinkSpace.ORDER, "#1001"),
        (LinkSpace.ORDER, "1001"),
        (LinkSpace.INVOICE, "INV-1"),
    ]
    assert mean({"id": "shp_1", "tracker": None}, "fetch/shipment").ignored


@pytest.mark.parametrize("noun", ["batch", "refund", "insurance", "scan_form", "pickup", "claim"])
def test_what_moves_no_parcel_is_ignored_with_a_reason(noun: str) -> None:
    mapped = mean({"id": "evt_1", "result": {}}, f"{noun}.updated")
    assert mapped.ignored
    assert mapped.issues == ()


def test_an_unheard_of_event_is_told() -> None:
    mapped = mean({"id": "evt_1", "result": {}}, "zeppelin.moored")
    assert mapped.ignored
    assert [issue.code for issue in mapped.issues] == ["easypost.event_unknown"]


def test_nonsense_ends_in_a_reason_under_every_topic() -> None:
    for topic in TOPICS:
        for body in HOSTILE_BODIES.values():
            mapped = map_source(Source(topic=topic, body=body, received_at=NOW))
            assert mapped.issues or mapped.ignored
            assert split(topic, body)[0].body == body
            identify_piece(Piece(topic=topic, body=body))
            identify({}, body)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "trk/../1"),
        ("id", None),
        ("updated_at", "2026-03-09T00:00:00"),
        ("updated_at", "0001-01-01T00:00:00+14:00"),
        ("status", 7),
        ("tracking_details", [None]),
        ("weight", []),
        ("tracking_code", "a\u0000b"),
    ],
)
def test_a_field_of_another_form_parks_the_event(field: str, value: object) -> None:
    mapped = mean(tracker(*WAY) | {field: value})
    assert [issue.severity for issue in mapped.issues] == [Severity.ERROR]
    assert mapped.records == ()


def test_a_delivery_is_known_by_the_events_own_id() -> None:
    event = {
        "id": "evt_9",
        "description": "tracker.updated",
        "created_at": "2026-03-09T00:00:00.456Z",
        "result": tracker(*WAY),
    }
    body = json.dumps(event).encode()
    found = identify({}, body)
    assert (found.external_id, found.topic) == ("evt_9", "tracker.updated")
    assert found.entity == "parcel/trk_1"
    assert found.raised_at == datetime(2026, 3, 9, 0, 0, 0, 456_000, tzinfo=UTC)
    labelled = event | {"result": tracker(*WAY, shipment_id="shp_1")}
    made_at = datetime(2026, 3, 1, tzinfo=UTC)
    assert identify({}, json.dumps(labelled).encode()).raised_at == made_at
    listed = json.dumps(labelled["result"]).encode()
    assert identify_piece(Piece(topic="pull/parcel", body=listed)).raised_at == made_at
    label = json.dumps({"id": "shp_1", "tracker": labelled["result"]}).encode()
    told = identify_piece(Piece(topic="fetch/shipment", body=label))
    assert (told.raised_at, told.entity) == (None, "parcel/trk_1")
    batch = {
        "id": "evt_8",
        "description": "batch.updated",
        "result": {"id": "b", "object": "Batch"},
    }
    assert identify({}, json.dumps(batch).encode()).entity == "batch/b"
    strange = event | {"id": "x" * 400}
    assert identify({}, json.dumps(strange).encode()).external_id.startswith("sha256:")


def label_of(**fields: Any) -> dict[str, Any]:
    return {"id": "shp_1", "reference": "#1001", "tracker": tracker(*WAY[:1]), **fields}


def test_a_label_tells_what_it_cost_and_where_it_lies() -> None:
    rate = {"id": "r", "carrier": "USPS", "service": "Ground", "rate": "6.07", "currency": "USD"}
    files = {"label_url": "https://l/1.png", "label_pdf_url": None}
    bought = parcel_of(label_of(selected_rate=rate, postage_label=files), "fetch/shipment")
    assert bought.postage == Money(Decimal("6.07"), "USD")
    assert bought.person is not None
    assert bought.person.label_url == "https://l/1.png"
    later = bought.united(parcel_of(tracker(*WAY)))
    assert (later.postage, later.person and later.person.label_url) == (
        bought.postage,
        "https://l/1.png",
    )
    for wrong in ("-1", "1e3", "a lot", ""):
        told = mean(label_of(selected_rate={**rate, "rate": wrong}), "fetch/shipment")
        assert [issue.severity for issue in told.issues] == [Severity.ERROR], wrong


def test_a_parcel_that_goes_back_is_linked_with_its_return_and_not_with_an_order() -> None:
    options = {"print_custom_1": "#1001-R1"}
    body = label_of(reference="trueup-1f", is_return=True, options=options)
    spaces = {(link.namespace, link.value) for link in parcel_of(body, "fetch/shipment").links}
    assert spaces == {(LinkSpace.TRACKING, "94000"), (LinkSpace.RETURN, "#1001-R1")}


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ("submitted", S.CANCELLED),
        ("refunded", S.CANCELLED),
        ("rejected", S.CREATED),
        (None, S.CREATED),
    ],
)
def test_a_label_that_was_taken_back_ends_its_parcel(told: str | None, status: S) -> None:
    assert parcel_of(label_of(refund_status=told), "fetch/shipment").status is status
