"""Every recorded body of the carriers goes the whole way, and recorded calls are made again."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from tests.support.carrier_bodies import PAYLOADS, Exchange, exchanges, objects
from tests.support.carrier_hub import FOLDERS
from trueup.canon.command import BuyLabel, VoidLabel
from trueup.canon.customer import Address
from trueup.canon.parcel import Parcel, ParcelStatus
from trueup.canon.postage import Size
from trueup.connectors.easypost import api, hooks, pull
from trueup.contract.connector import Command, Fetch, Hook, Piece, Reply, Request, Source
from trueup.errors import Refused
from trueup.kernel.money import Money

pytestmark = pytest.mark.shared
NOW = datetime(2026, 11, 21, tzinfo=UTC)
# What differs rightly: we ask for whole pages, and name the first day.
OURS_ALONE = frozenset(("page_size", "start_datetime"))
SECRETS = {"api_key": "EZTK0000", "webhook_secret": "s\u00e9cret"}


@pytest.fixture(scope="module")
def recorded() -> list[Exchange]:
    return exchanges()


def easypost_bodies(recorded: list[Exchange]) -> Iterator[Piece]:
    for each in recorded:
        for tracker in objects(each.body, "Tracker"):
            yield Piece(topic="pull/parcel", body=json.dumps(tracker).encode())
            event = {
                "id": "evt_1",
                "object": "Event",
                "description": "tracker.updated",
                "created_at": tracker["updated_at"],
                "result": tracker,
            }
            yield Piece(topic="tracker.updated", body=json.dumps(event).encode())
        for shipment in objects(each.body, "Shipment"):
            yield Piece(topic="fetch/shipment", body=json.dumps(shipment).encode())
        for event in objects(each.body, "Event"):
            yield Piece(topic=event["description"], body=json.dumps(event).encode())


def delhivery_bodies() -> Iterator[Piece]:
    (path,) = (PAYLOADS / "delhivery").glob("*.json")
    reply = Reply(status=200, headers={}, body=path.read_bytes())
    yield from FOLDERS["delhivery"].pull.fetched(Fetch(resource="parcel", ref="x"), reply).pieces
    # A push has the same form with the newest scan alone.
    shipment = json.loads(path.read_bytes())["ShipmentData"][0]
    del shipment["Shipment"]["Scans"]
    yield Piece(topic="scan", body=json.dumps(shipment).encode())


def shiprocket_bodies() -> Iterator[Piece]:
    for path in (PAYLOADS / "shiprocket").glob("*.json"):
        yield Piece(topic="tracking", body=path.read_bytes())


def test_every_recorded_body_means_something(
    recorded: list[Exchange], capsys: pytest.CaptureFixture[str]
) -> None:
    """Print the table: vendor, bodies, parcels, ignored, issues by code, unhandled (0)."""
    table = {
        "easypost": list(easypost_bodies(recorded)),
        "delhivery": list(delhivery_bodies()),
        "shiprocket": list(shiprocket_bodies()),
    }
    lines = []
    codes: set[str] = set()
    for vendor, pieces in table.items():
        mapped, ignored, unhandled = 0, 0, []
        issues: Counter[str] = Counter()
        for piece in pieces:
            found = FOLDERS[vendor].webhook.identify_piece(piece)
            source = Source(topic=piece.topic, body=piece.body, received_at=NOW)
            means = FOLDERS[vendor].mapping.map_source(source)
            assert means == FOLDERS[vendor].mapping.map_source(source)
            assert all(record.entity() == found.entity for record in means.records)
            issues.update(issue.code for issue in means.issues)
            mapped += bool(means.records)
            ignored += means.ignored is not None
            if not (means.records or means.issues or means.ignored):
                unhandled.append(piece.topic)
        assert not unhandled
        codes |= set(issues)
        told = ", ".join(f"{code} {count}" for code, count in sorted(issues.items())) or "none"
        lines.append(
            f"{vendor}: bodies {len(pieces)}, mapped {mapped}, ignored {ignored}, "
            f"issues: {told}, unhandled {len(unhandled)}"
        )
    with capsys.disabled():
        print("\n" + "\n".join(lines))
    # Events of a list have no parcel in them; a webhook always has.
    assert codes == {"easypost.field_invalid"}


def test_recorded_trackers_tell_the_statuses_that_easypost_gave(recorded: list[Exchange]) -> None:
    statuses: Counter[ParcelStatus] = Counter()
    scans = 0
    for piece in easypost_bodies(recorded):
        if piece.topic != "pull/parcel":
            continue
        source = Source(topic=piece.topic, body=piece.body, received_at=NOW)
        means = FOLDERS["easypost"].mapping.map_source(source)
        (parcel,) = means.records
        assert isinstance(parcel, Parcel)
        assert means.issues == ()
        assert len(parcel.scans) == len(json.loads(piece.body)["tracking_details"])
        statuses[parcel.status] += 1
        scans += len(parcel.scans)
    assert sum(statuses.values()) == 77
    assert scans == 147
    assert set(statuses) == {ParcelStatus.CREATED, ParcelStatus.DELIVERED, ParcelStatus.UNKNOWN}


def test_the_recorded_delhivery_parcel_is_read_whole() -> None:
    piece = next(delhivery_bodies())
    source = Source(topic=piece.topic, body=piece.body, received_at=NOW)
    (parcel,) = FOLDERS["delhivery"].mapping.map_source(source).records
    assert isinstance(parcel, Parcel)
    assert len(parcel.scans) == 28
    assert (parcel.status, parcel.attempts, parcel.returning) == (ParcelStatus.DELIVERED, 1, False)
    assert parcel.delivered_at == datetime(2024, 9, 20, 10, 11, 19, 2000, tzinfo=UTC)
    assert parcel.shipped_at == datetime(2024, 9, 18, 12, 56, 1, tzinfo=UTC)
    assert [str(link.value) for link in parcel.links] == ["26800777868526", "ORD-3662"]
    assert all(scan.local_time for scan in parcel.scans)


def test_the_documented_shiprocket_push_is_in_transit_by_the_list_of_shipments() -> None:
    (piece,) = shiprocket_bodies()
    source = Source(topic=piece.topic, body=piece.body, received_at=NOW)
    means = FOLDERS["shiprocket"].mapping.map_source(source)
    (parcel,) = means.records
    assert isinstance(parcel, Parcel)
    # 20 in the list of shipments would be a failed pick-up; it is of the list of orders here.
    assert (parcel.status, means.issues) == (ParcelStatus.IN_TRANSIT, ())
    assert parcel.updated_at.replace(microsecond=0) == datetime(2023, 5, 23, 6, 13, 52, tzinfo=UTC)
    assert [scan.status for scan in parcel.scans] == ["picked_up", "in_transit"]


def our_request(each: Exchange) -> Request | None:  # noqa: PLR0911 - a table of calls
    """Return the request that we make where the recorded one was made; None: we make none."""
    last = each.path.rpartition("/")[2]
    match (each.method, each.path.strip("/").split("/")):
        case ("GET", ["trackers"]):
            return pull.page_request("parcel", None, each.query.get("before_id"))
        case ("GET", ["trackers", _]):
            return pull.fetch_request(Fetch(resource="parcel", ref=last))
        case ("POST", ["trackers", "batch"]):
            codes = json.loads(each.sent)["tracking_codes"]
            (fetch,) = pull.batches(codes)
            return pull.fetch_request(fetch)
        case ("GET", ["shipments", _]):
            return pull.fetch_request(Fetch(resource="shipment", ref=last))
        case ("GET", ["webhooks"]):
            return hooks.list_request(None)
        case ("POST", ["webhooks"]):
            url = json.loads(each.sent)["webhook"]["url"]
            return hooks.create_request(hooks.TOPIC, url)
        case ("DELETE", ["webhooks", _]):
            return hooks.delete_request(Hook(ref=last, topic=hooks.TOPIC, url=""))
    return None


def test_recorded_calls_are_made_again_alike(recorded: list[Exchange]) -> None:
    made: Counter[str] = Counter()
    for each in recorded:
        request = our_request(each)
        if request is None:
            continue
        parts = urlsplit(request.path)
        query = {k: v for k, v in parse_qsl(parts.query) if k not in OURS_ALONE}
        assert (request.method, parts.path) == (each.method, each.path), each.file
        assert query == {k: v for k, v in each.query.items() if k not in OURS_ALONE}, each.file
        if each.method == "POST":
            check_body(each, request)
        check_reply(each)
        made[f"{each.method} {'/'.join(each.path.split('/')[:2])}"] += 1
    assert made == {
        "GET /trackers": 4,
        "POST /trackers": 1,
        "GET /shipments": 2,
        "GET /webhooks": 1,
        "POST /webhooks": 6,
        "DELETE /webhooks": 6,
    }


def check_body(each: Exchange, request: Request) -> None:
    sent = json.loads(each.sent)
    if "webhook" not in sent:
        assert json.loads(request.body) == sent
        return
    ours = json.loads(api.authorise(request, SECRETS).body)["webhook"]
    theirs = sent["webhook"]
    assert ours["url"] == theirs["url"]
    assert theirs.get("webhook_secret") in {None, ours["webhook_secret"]}


def check_reply(each: Exchange) -> None:
    """Read the recorded reply as the hub would."""
    reply = Reply(status=each.status, headers={}, body=each.body)
    api.judge(reply)
    if each.path == "/trackers":
        page = pull.page("parcel", reply)
        told = json.loads(each.body)
        assert len(page.pieces) == len(told["trackers"])
        assert page.next_cursor == (told["trackers"][-1]["id"] if told["has_more"] else None)
        assert api.checked(reply)["mode"] == "test"
    elif each.method == "POST" and each.path == "/webhooks":
        assert hooks.created(reply).url == json.loads(each.sent)["webhook"]["url"]
    elif each.path == "/webhooks":
        assert hooks.listed(reply) == ((), None)


def test_recorded_refusals_are_refusals(recorded: list[Exchange]) -> None:
    codes = set()
    for each in recorded:
        if each.status in {400, 404, 422} and b'"error"' in each.body:
            reply = Reply(status=each.status, headers={}, body=each.body)
            if b'"NOT_FOUND"' in each.body:  # an answer, which whoever asked reads
                api.judge(reply)
                continue
            with pytest.raises(Refused) as caught:
                api.judge(reply)
            codes.add(caught.value.context["code"])
    assert "PARAMETER.REQUIRED" in codes


def test_recorded_pages_follow_each_other(recorded: list[Exchange]) -> None:
    """The cursor that we take from one page is the one that the vendor's own library took."""
    lists = [e for e in recorded if e.file == "test_tracker_get_next_page.yaml"]
    first, second = lists
    cursor = pull.page("parcel", Reply(status=200, headers={}, body=first.body)).next_cursor
    assert cursor == second.query["before_id"]
    ids = [msgspec.json.decode(e.body)["trackers"][-1]["id"] for e in lists]
    assert len(set(ids)) == 2


def test_recorded_purchases_and_refunds_of_labels_are_read(recorded: list[Exchange]) -> None:
    """What is sent has only names that were sent and taken; what came back says that it was done."""
    room, done = FOLDERS["easypost"].commands, Counter[str]()
    address = Address(
        name="A",
        company="B",
        lines=("1 Mill Road", "Back house"),
        city="Reno",
        province="NV",
        postcode="89501",
        country="US",
        phone="5",
    )
    size = Size(length_mm=1, width_mm=1, height_mm=1)
    price = Money(Decimal(100), "USD")
    buy = BuyLabel(
        number="1", sender=address, recipient=address, weight_g=9, size=size, price_max=price
    )
    ordered = Command(kind=buy.command, key="k", ref="r", content=buy, wanted_at=NOW)
    gone = Reply(status=404, headers={}, body=b'{"error": {"code": "NOT_FOUND"}}')
    make = room.next_request(ordered, "", [gone])
    assert make is not None
    taken = [json.loads(e.sent)["shipment"] for e in recorded if _makes(e)]
    known = set().union(*(_names(each) for each in taken))
    # That a parcel goes back, and what is printed on its label, stands in the documentation alone.
    alone = {"is_return", "options.print_custom_1", "from_address.company", "to_address.company"}
    assert _names(json.loads(make.body)["shipment"]) - known == alone
    for each in recorded:
        paid = re.fullmatch(r"/shipments/[^/]+/(buy|refund)", each.path)
        if paid is None or each.status != 200:
            continue
        content = buy if paid[1] == "buy" else VoidLabel(parcel_ref="trk_1")
        reply = Reply(status=each.status, headers={}, body=each.body)
        command = msgspec.structs.replace(ordered, content=content)
        receipt = room.command_receipt(command, reply)
        assert (receipt.state, len(receipt.tells)) == ("done", 1), each.file
        (piece,) = receipt.tells
        (parcel,) = (
            FOLDERS["easypost"]
            .mapping.map_source(Source(topic=piece.topic, body=piece.body, received_at=NOW))
            .records
        )
        assert isinstance(parcel, Parcel)
        assert parcel.postage is not None
        done[paid[1]] += 1
    assert done["buy"] >= 1
    assert done["refund"] >= 1


def _makes(each: Exchange) -> bool:
    return (each.method, each.path, each.status) == ("POST", "/shipments", 201)


def _names(body: dict[str, Any]) -> set[str]:
    inner = {f"{k}.{n}" for k, v in body.items() if isinstance(v, dict) for n in v}
    return inner | {name for name, value in body.items() if not isinstance(value, dict)}
