"""What EasyPost's replies to commands mean: each refusal, each doubt, and nonsense."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from trueup.canon.command import (
    BuyLabel,
    CommandContent,
    HoldOrder,
    VoidLabel,
    decode_content,
    encode_content,
)
from trueup.canon.customer import Address
from trueup.canon.postage import Size
from trueup.connectors.easypost import commands, label
from trueup.contract.connector import Command, Reply
from trueup.errors import ContractBroken, InvariantBroken, Refused
from trueup.kernel.money import Money

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
HERE = Address(name="A", lines=("1 Mill Road",), city="Reno", country="US")
RATE = {"id": "rate_1", "carrier": "USPS", "service": "Ground", "rate": "6.07", "currency": "USD"}
TRACKER = {
    "id": "trk_1",
    "tracking_code": "94000",
    "status": "unknown",
    "created_at": "2026-04-01T00:00:00Z",
    "updated_at": "2026-04-01T00:00:00Z",
}


def wish(**other: Any) -> BuyLabel:
    given: dict[str, Any] = {
        "number": "#1001",
        "sender": HERE,
        "recipient": HERE,
        "weight_g": 450,
        "price_max": Money(Decimal(12), "USD"),
    }
    return BuyLabel(**(given | other))


def command(content: CommandContent) -> Command:
    return Command(kind=content.command, key="k", ref="r", content=content, wanted_at=NOW)


def reply(body: object, status: int = 200) -> Reply:
    told = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status=status, headers={}, body=told)


def shipment(**fields: Any) -> dict[str, Any]:
    return {"id": "shp_1", "reference": label.name_of("r"), "rates": [RATE], **fields}


PAID = shipment(postage_label={"label_url": "https://l/1"}, tracker=TRACKER)
GONE = reply({"error": {"code": "NOT_FOUND"}}, 404)


def talk(content: CommandContent, *replies: Reply) -> list[str]:
    """Return method and path of each call of a carrying out; the last reply leads to none."""
    ordered = command(content)
    made = [commands.command_request(ordered, "")]
    for count in range(1, len(replies) + 1):
        following = commands.next_request(ordered, "", replies[:count])
        if following is not None:
            made.append(following)
        assert (following is None) == (count == len(replies)), f"after reply {count}"
    name = label.name_of("r")
    return [f"{each.method} {each.path.replace(name, 'NAME')}" for each in made]


def page(*found: dict[str, Any], has_more: bool = False) -> Reply:
    return reply({"shipments": found, "has_more": has_more})


LISTED = (
    "GET /shipments?page_size=100&purchased=true&start_datetime=2026-04-01T11%3A00%3A00Z{}".format
)
OTHER = {"id": "shp_7", "reference": "other"}


def test_what_is_not_there_is_made_and_what_the_name_leads_to_is_paid_for() -> None:
    steps = GONE, reply(shipment(), 201), reply(shipment()), reply(PAID)
    assert talk(wish(), *steps) == [
        "GET /shipments/NAME",
        "POST /shipments",
        "GET /shipments/NAME",
        "POST /shipments/shp_1/buy",
    ]
    receipt = commands.command_receipt(command(wish()), steps[-1])
    assert (receipt.state, receipt.vendor_ref) == ("done", "trk_1")
    assert talk(wish(), steps[-1]) == ["GET /shipments/NAME"]


def test_what_is_there_unpaid_is_paid_for_once_nothing_else_of_the_name_was() -> None:
    unpaid = reply(shipment())
    steps = unpaid, page(OTHER, has_more=True), page(OTHER), reply(PAID)
    assert talk(wish(), *steps)[1:] == [
        LISTED(""),
        LISTED("&before_id=shp_7"),
        "POST /shipments/shp_1/buy",
    ]
    found = page(OTHER, PAID, has_more=True)
    assert talk(wish(), unpaid, found)[1:] == [LISTED("")]
    assert commands.command_receipt(command(wish()), found).vendor_ref == "trk_1"


def test_among_too_many_pages_nobody_knows() -> None:
    full = page(OTHER, has_more=True)
    assert len(talk(wish(), reply(shipment()), *[full] * label.PAGES_MAX)) == label.PAGES_MAX + 1
    doubt = commands.command_receipt(command(wish()), full)
    assert (doubt.state, doubt.code) == ("unknown", "too_many_labels")


@pytest.mark.parametrize(
    ("rates", "other", "code"),
    [
        ([], {}, "no_rates"),
        ([RATE], {"service": "Express"}, "no_such_service"),
        ([RATE], {"price_max": Money(Decimal(12), "EUR")}, "wrong_currency"),
        ([RATE], {"price_max": Money(Decimal(6), "USD")}, "too_dear"),
    ],
)
def test_what_does_not_fit_is_not_paid_for(
    rates: list[object], other: dict[str, Any], code: str
) -> None:
    content, made = wish(**other), reply(shipment(rates=rates), 201)
    assert len(talk(content, GONE, made)) == 2
    receipt = commands.command_receipt(command(content), made)
    assert (receipt.state, receipt.code) == ("refused", code)
    assert receipt.message


@pytest.mark.parametrize(
    "wrong", [{"name": None}, {"lines": ()}, {"city": ""}, {"country": None}, {"lines": ("a",) * 3}]
)
def test_an_address_that_no_label_can_show_is_refused(wrong: dict[str, Any]) -> None:
    for whose in ("sender", "recipient"):
        content = wish(**{whose: msgspec.structs.replace(HERE, **wrong)})
        with pytest.raises(Refused, match=whose):
            commands.command_request(command(content), "")


def test_a_label_is_asked_back_where_nobody_scanned_it() -> None:
    void, told = VoidLabel(parcel_ref="trk_1"), reply({**TRACKER, "shipment_id": "shp_1"})
    asked, back = reply(PAID), reply({**PAID, "refund_status": "submitted"})
    looks = ["GET /trackers/trk_1", "GET /shipments/shp_1"]
    assert talk(void, told, asked, back) == [*looks, "POST /shipments/shp_1/refund"]
    assert talk(void, told, back) == looks
    assert commands.command_receipt(command(void), back).vendor_ref == "trk_1"
    scanned = reply({**PAID, "tracker": {**TRACKER, "status": "in_transit"}})
    no = reply({**PAID, "refund_status": "not_applicable"})
    for last, code in ((scanned, "scanned"), (no, "not_applicable"), (GONE, "NOT_FOUND")):
        assert commands.command_receipt(command(void), last).code == code
    assert talk(void, told, scanned) == looks
    assert talk(void, GONE) == looks[:1]
    strange = reply(TRACKER)
    assert talk(void, strange) == looks[:1]
    assert commands.command_receipt(command(void), strange).code == "no_label"


def test_our_name_of_a_command_is_one_word_for_an_address() -> None:
    assert label.name_of("decision/7") == label.name_of("decision/7")
    assert label.name_of("decision/7") != label.name_of("decision/8")
    assert label.name_of("x" * 500).replace("-", "").isalnum()


def test_weight_and_sides_are_rounded_up_and_written_exactly() -> None:
    content = wish(size=Size(length_mm=300, width_mm=201, height_mm=99))
    request = commands.next_request(command(content), "", [GONE])
    assert request is not None
    assert b'"weight":15.9' in request.body
    told = json.loads(request.body)["shipment"]["parcel"]
    assert told == {"weight": 15.9, "length": 11.9, "width": 8.0, "height": 3.9}


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("SHIPMENT.PURCHASE.IN_PROGRESS", "unknown"),
        ("SHIPMENT.POSTAGE.TIMED_OUT", "unknown"),
        ("SHIPMENT.POSTAGE.NO_RESPONSE", "unknown"),
        ("SHIPMENT.POSTAGE.EXISTS", "unknown"),
        ("NOT_FOUND", "unknown"),
        ("SHIPMENT.POSTAGE.FAILURE", "refused"),
        ("ADDRESS.VERIFY.FAILURE", "refused"),
        ("", "refused"),
    ],
)
def test_what_a_fault_says_of_a_label(code: str, state: str) -> None:
    fault = reply({"error": {"code": code}}, 422)
    receipt = commands.command_receipt(command(wish()), fault)
    assert receipt.state == state
    assert receipt.code == (code or "refused")


def test_what_was_paid_for_meanwhile_is_looked_at_once_more_and_not_paid_for_again() -> None:
    exists = reply({"error": {"code": "SHIPMENT.POSTAGE.EXISTS"}}, 422)
    found = [GONE, reply(shipment(), 201), reply(shipment()), exists]
    look = commands.next_request(command(wish()), "", found)
    assert look is not None
    assert (look.method, look.path) == ("GET", f"/shipments/{label.name_of('r')}")
    assert commands.next_request(command(wish()), "", [*found, reply(PAID)]) is None
    unpaid = [*found, reply(shipment())]
    assert commands.next_request(command(wish()), "", unpaid) is None
    doubt = commands.command_receipt(command(wish()), unpaid[-1])
    assert (doubt.state, doubt.code) == ("unknown", "not_bought")


def test_what_fits_no_more_is_told_of_the_shipment_itself() -> None:
    """A shipment of an earlier call, whose rates are too dear by now."""
    dear = shipment(rates=[{**RATE, "rate": "99"}])
    page = reply({"shipments": [], "has_more": False})
    look = commands.next_request(command(wish()), "", [reply(dear), page])
    assert look is not None
    assert look.method == "GET"
    assert commands.next_request(command(wish()), "", [reply(dear), page, reply(dear)]) is None
    assert commands.command_receipt(command(wish()), reply(dear)).code == "too_dear"


def test_a_label_without_its_parcel_is_not_told_as_done() -> None:
    receipt = commands.command_receipt(command(wish()), reply({**PAID, "tracker": None}))
    assert (receipt.state, receipt.code) == ("unknown", "no_tracker")


def test_a_label_of_which_nothing_is_said_may_have_been_taken_back() -> None:
    receipt = commands.command_receipt(command(VoidLabel(parcel_ref="trk_1")), reply(PAID))
    assert (receipt.state, receipt.code) == ("unknown", "not_told")


@pytest.mark.parametrize("body", [b"", b"[", b"{}", b'{"id":7}', b'{"shipments":7}', b"\xff"])
@pytest.mark.parametrize("content", [wish(), VoidLabel(parcel_ref="trk_1")])
def test_replies_that_can_not_be_read_are_no_receipts(content: CommandContent, body: bytes) -> None:
    with pytest.raises(ContractBroken):
        commands.command_receipt(command(content), reply(body))


def test_what_easypost_can_not_do_is_refused() -> None:
    other = command(HoldOrder(order_ref="1"))
    with pytest.raises(Refused):
        commands.command_request(other, "")
    with pytest.raises(Refused):
        commands.next_request(other, "", [])
    with pytest.raises(Refused):
        commands.command_receipt(other, reply(PAID))


def test_a_content_is_the_same_after_it_was_kept() -> None:
    content = wish(size=Size(length_mm=1, width_mm=2, height_mm=3), is_return=True)
    assert decode_content(content.command, encode_content(content)) == content


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": ""},
        {"number": "x" * 36},
        {"number": "one\nline"},
        {"weight_g": 0},
        {"weight_g": 1_000_001},
        {"price_max": Money(Decimal(0), "USD")},
    ],
)
def test_a_label_that_nobody_can_buy_is_a_bug(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvariantBroken):
        wish(**wrong)
    with pytest.raises(InvariantBroken):
        Size(length_mm=0, width_mm=1, height_mm=1)
