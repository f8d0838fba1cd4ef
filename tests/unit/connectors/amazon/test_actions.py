"""Stock and shipments: what is sent, and what each answer means."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from trueup.canon.command import ConfirmShipment, SendMessage
from trueup.connectors.amazon import actions, commands
from trueup.contract.connector import Command, Intent, ReceiptState, Reply
from trueup.errors import ContractBroken, InvariantBroken, Refused

AT = datetime(2026, 11, 21, tzinfo=UTC)


def wish(sku: str, value: int) -> Intent:
    return Intent(kind="stock.set", key=sku, value=value, expected=None, target={"sku": sku})


def reply(body: Any, status: int = 200) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status=status, headers={}, body=raw)


def test_one_is_a_patch_that_merges() -> None:
    request = actions.request([wish("A/B ü", 0)], "k")
    assert request.method == "PATCH"
    assert request.path.startswith("/listings/2021-08-01/items/{seller_id}/A%2FB%20%C3%BC?")
    (patch,) = json.loads(request.body)["patches"]
    assert (patch["op"], patch["value"]) == (
        "merge",
        [{"fulfillment_channel_code": "DEFAULT", "quantity": 0}],
    )
    assert request.writes
    assert actions.next_request([wish("A", 0)], "k", [reply({})]) is None


def test_many_are_a_feed_in_three_calls() -> None:
    wishes = [wish("A", 1), wish("B", 2)]
    place = reply({"feedDocumentId": "doc", "url": "https://bucket.example/x?sig=1"}, 201)
    upload = actions.next_request(wishes, "k", [place])
    assert upload is not None
    assert (upload.method, upload.path) == ("PUT", "https://bucket.example/x?sig=1")
    told = json.loads(upload.body)["messages"]
    assert [(m["messageId"], m["sku"]) for m in told] == [(1, "A"), (2, "B")]
    feed = actions.next_request(wishes, "k", [place, reply(b"")])
    assert feed is not None
    assert json.loads(feed.body)["inputFeedDocumentId"] == "doc"
    assert actions.next_request(wishes, "k", [place, reply(b""), reply({"feedId": "1"})]) is None
    receipts = actions.receipts(wishes, reply({"feedId": "1"}, 202))
    assert [(r.state, r.vendor_ref) for r in receipts] == [(ReceiptState.SUBMITTED, "1")] * 2


@pytest.mark.parametrize(
    ("body", "state", "code"),
    [
        ({"status": "ACCEPTED", "submissionId": "s"}, ReceiptState.SUBMITTED, None),
        ({"status": "VALID", "submissionId": "s"}, ReceiptState.SUBMITTED, None),
        ({"status": "INVALID", "submissionId": "s"}, ReceiptState.REFUSED, "refused"),
        (
            {
                "status": "INVALID",
                "submissionId": "s",
                "issues": [
                    {"code": "1", "severity": "WARNING"},
                    {"code": "90225", "message": "gone", "severity": "ERROR"},
                ],
            },
            ReceiptState.REFUSED,
            "90225",
        ),
        ({"status": "MOON", "submissionId": "s"}, ReceiptState.UNKNOWN, "status MOON"),
    ],
)
def test_accepted_is_only_submitted(body: Any, state: ReceiptState, code: str | None) -> None:
    (receipt,) = actions.receipts([wish("A", 1)], reply(body))
    assert (receipt.state, receipt.code) == (state, code)


def test_an_answer_of_another_shape_is_broken() -> None:
    for body in ({}, [], b"no json", {"status": 1, "submissionId": "s"}):
        with pytest.raises(ContractBroken):
            actions.receipts([wish("A", 1)], reply(body))


def test_what_stands_there_is_read_and_what_is_gone_is_none() -> None:
    wishes = [wish(sku, 1) for sku in ("A", "B", "C", "D")]
    offered = {"fulfillmentChannelCode": "DEFAULT", "quantity": 4}
    body = {
        "items": [
            {"sku": "D", "fulfillmentAvailability": [{"fulfillmentChannelCode": "AMAZON_EU"}]},
            {"sku": "B", "fulfillmentAvailability": [{"fulfillmentChannelCode": "DEFAULT"}]},
            {"sku": "A", "fulfillmentAvailability": [offered]},
        ]
    }
    assert actions.read(wishes, reply(body)) == [4, 0, None, None]
    assert "identifiers=A,B,C,D&" in actions.read_request(wishes).path
    with pytest.raises(InvariantBroken):
        actions.read_request([wish(str(n), 1) for n in range(actions.READ_MAX + 1)])


def test_less_than_nothing_is_never_offered() -> None:
    with pytest.raises(InvariantBroken):
        actions.request([wish("A", -1)], "k")


CONTENT = ConfirmShipment(
    order_ref="302-0000001-0000001",
    carrier="dhl",
    tracking_number="0034",
    shipped_at=AT,
    lines=(("item", 1),),
)


def command(ref: str = "ship-1", **changes: Any) -> Command:
    content = msgspec.structs.replace(CONTENT, **changes)
    return Command(kind="shipment.confirm", key="order/1", ref=ref, content=content, wanted_at=AT)


def test_a_repeat_tells_of_the_same_package_and_another_command_of_another() -> None:
    one, same = (commands.command_request(command(), key) for key in ("k1", "k2"))
    assert one == same
    told = json.loads(one.body)["packageDetail"]
    assert told["packageReferenceId"].isdecimal()
    assert int(told["packageReferenceId"]) > 0
    assert told["carrierCode"] == "DHL"
    assert commands.package_number(command("ship-2")) != told["packageReferenceId"]
    other = json.loads(commands.command_request(command(carrier="Rad"), "k").body)
    assert other["packageDetail"]["carrierCode"] == "Other"
    assert other["packageDetail"]["carrierName"] == "Rad"


def test_done_names_the_package() -> None:
    receipt = commands.command_receipt(command(), reply(b"", 204))
    number = commands.package_number(command())
    assert (receipt.state, receipt.vendor_ref) == (
        ReceiptState.DONE,
        f"302-0000001-0000001/{number}",
    )
    assert commands.command_receipt(command(), reply(b"", 206)).state is ReceiptState.UNKNOWN


@pytest.mark.parametrize(
    "changes",
    [{"order_ref": "1001"}, {"lines": ()}, {"tracking_number": " "}, {"carrier": ""}],
)
def test_what_amazon_would_not_take_is_not_sent(changes: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        commands.command_request(command(**changes), "k")


def test_only_shipments_are_known() -> None:
    other = msgspec.structs.replace(command(), content=SendMessage(to="x"))
    with pytest.raises(Refused):
        commands.command_request(other, "k")
