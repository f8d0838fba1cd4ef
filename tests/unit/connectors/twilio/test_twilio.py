"""What is sent to Twilio, and what its forms, messages and refusals mean."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
import pytest

from trueup.canon.command import CommandContent, HoldOrder, SendMessage
from trueup.canon.message import Message, MessageState
from trueup.connectors.twilio import api, bodies, commands, mapping, pull, webhook
from trueup.contract.connector import Command, Fetch, Mapped, Piece, Reply, Source
from trueup.contract.envelope import split_handed
from trueup.errors import (
    AuthExpired,
    ConnectorError,
    ContractBroken,
    RateLimited,
    Refused,
    Unavailable,
)
from trueup.quality.hostile import HOSTILE_BODIES

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
MIA = "+491701234567"
SID = "SM" + "0" * 31 + "1"
TARGET = {"sender": "+15005550006", "account_sid": "AC" + "0" * 32}


def command(content: CommandContent | None = None, **target: str) -> Command:
    said = content or SendMessage(to=MIA, text="Your order is late.")
    return Command(
        kind=said.command, key="k", ref="r", content=said, wanted_at=NOW, target=TARGET | target
    )


def reply(body: object, status: int = 200, **headers: str) -> Reply:
    told = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status=status, headers=headers, body=told)


def message(**fields: Any) -> dict[str, Any]:
    at = format_datetime(NOW)
    told = {"sid": SID, "direction": "outbound-api", "status": "queued", "date_created": at}
    told |= {"to": MIA, "from": "+15005550006", "body": "Your order is late."}
    return told | {"date_updated": at} | fields


def form(**fields: str) -> bytes:
    return urlencode({"MessageSid": SID, "From": MIA, "To": "+1500"} | fields).encode()


def mean(topic: str, body: object) -> Mapped:
    told = body if isinstance(body, bytes) else json.dumps(body).encode()
    return mapping.map_source(Source(topic=topic, body=told, received_at=NOW))


def the_message(**fields: Any) -> Message:
    (record,) = mean("fetch/message", message(**fields)).records
    assert isinstance(record, Message)
    return record


# -- sending ---------------------------------------------------------------------------------------


def test_a_message_is_a_form_with_its_sender_and_where_statuses_go() -> None:
    sent = commands.command_request(command(status_url="https://hub.example/hooks/sms"), "")
    assert (sent.method, sent.path, sent.writes) == ("POST", "/{account_sid}/Messages.json", True)
    assert dict(parse_qsl(sent.body.decode())) == {
        "To": MIA,
        "From": "+15005550006",
        "Body": "Your order is late.",
        "StatusCallback": "https://hub.example/hooks/sms",
    }
    service = "MG" + "0" * 32
    told = dict(parse_qsl(commands.command_request(command(sender=service), "").body.decode()))
    assert (told["MessagingServiceSid"], told.keys() & {"From", "StatusCallback"}) == (
        service,
        set(),
    )
    home = SendMessage(to="0170 1234567", text="x")
    assert (
        MIA
        in dict(
            parse_qsl(
                commands.command_request(command(home, default_region="DE"), "").body.decode()
            )
        ).values()
    )


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"subject": "Late"}, "subject"),
        ({"html": "<b>"}, "html"),
        ({"template": "late"}, "template"),
        ({"variables": ("a",)}, "variables"),
        ({"reply_to_ref": "SM1"}, "reply_to_ref"),
        ({"attachments": (("a", "b", "c"),)}, "attachments"),
        ({"text": " "}, "text"),
        ({"text": "x" * 1601}, "text"),
        ({"text": "a\x00"}, "text"),
        ({"to": "0170 1234567"}, "to"),
        ({"to": "mia@home.example"}, "to"),
    ],
)
def test_what_no_sms_is_is_refused(wrong: dict[str, Any], field: str) -> None:
    content = SendMessage(**({"to": MIA, "text": "x"} | wrong))
    with pytest.raises(Refused) as caught:
        commands.command_request(command(content), "")
    assert caught.value.context["field"] == field
    with pytest.raises(Refused):
        commands.command_request(command(HoldOrder(order_ref="1")), "")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("queued", "submitted"),
        ("sent", "submitted"),
        ("teleported", "submitted"),
        ("delivered", "done"),
        ("read", "done"),
        ("undelivered", "refused"),
        ("failed", "refused"),
        ("canceled", "refused"),
    ],
)
def test_taken_in_is_not_delivered(status: str, state: str) -> None:
    receipt = commands.command_receipt(command(), reply(message(status=status), 201))
    assert (receipt.state, receipt.vendor_ref) == (state, SID)
    if state == "refused":
        assert (receipt.code, receipt.message) == (status, "it did not arrive")


def test_a_carrier_that_tells_no_delivery_for_a_day_tells_none() -> None:
    sent = message(status="sent", date_sent=format_datetime(NOW))
    for passed, state in ((timedelta(hours=23), "submitted"), (timedelta(hours=25), "done")):
        date = format_datetime(NOW + passed)
        assert commands.confirmed(command(), reply(sent, date=date)).state == state
    assert commands.confirmed(command(), reply(sent)).state == "submitted"


def test_a_refusal_has_twilios_number_and_plain_words() -> None:
    stopped = commands.command_receipt(command(), reply({"code": 21610}, 400))
    assert (stopped.state, stopped.code) == ("refused", "21610")
    assert "no more" in (stopped.message or "")
    unheard = commands.command_receipt(command(), reply({"code": 7}, 400))
    assert "list of error codes" in (unheard.message or "")
    unreached = reply(message(status="undelivered", error_code=30003))
    assert commands.command_receipt(command(), unreached).code == "30003"
    with pytest.raises(ContractBroken):
        commands.command_receipt(command(), reply(b"[]"))


def page(*found: dict[str, Any], more: str | None = None) -> Reply:
    return reply({"messages": list(found), "next_page_uri": more})


def test_what_nobody_knows_is_looked_for_by_number_words_and_time() -> None:
    look = commands.find_request(command(), "")
    assert look.path.startswith("/{account_sid}/Messages.json?To=%2B491701234567")
    old = format_datetime(NOW - timedelta(hours=1))
    others = (
        message(date_created=old),
        message(body="Another"),
        message(direction="inbound"),
        message(date_created="never"),
    )
    for each in others:
        assert commands.found(command(), "", page(each)).state == "later", each
    ours = message(status="delivered", body="Your order is late. ")
    assert commands.found(command(), "", page(*others, ours)).state == "done"
    assert commands.found(command(), "", page()).state == "later"
    more = "/2010-04-01/Accounts/AC/Messages.json?PageToken=PA1"
    further = commands.found(command(), "", page(message(body="Another"), more=more))
    assert (further.state, further.further and further.further.path) == (
        "unknown",
        "/{account_sid}/Messages.json?PageToken=PA1",
    )
    assert commands.found(command(), "", page(message(date_created=old), more=more)).state == (
        "later"
    )


# -- forms -----------------------------------------------------------------------------------------


def test_a_form_is_told_as_json_under_its_topic_and_id() -> None:
    for body, topic, external_id in (
        (form(Body="hi", SmsStatus="received"), "received", f"received:{SID}"),
        (form(MessageStatus="delivered"), "status", f"status:{SID}:delivered"),
        (form(MessageStatus="received", Body="x"), "received", f"received:{SID}"),
    ):
        (piece,) = webhook.split("", body)
        whole, found = webhook.identify({}, body), webhook.identify_piece(piece)
        assert (piece.topic, json.loads(piece.body)["MessageSid"]) == (topic, SID)
        assert found == whole
        assert (found.external_id, found.entity) == (external_id, f"message/{SID}")
    (kept,) = webhook.split("pull/message", b"{}")
    assert kept == Piece(topic="pull/message", body=b"{}")


@pytest.mark.parametrize(
    "body", [*HOSTILE_BODIES.values(), b"a=1&" * 500, b"MessageSid=x", b"\xff=1"]
)
def test_hostile_forms_are_told_as_nothing(body: bytes) -> None:
    found = webhook.identify({}, body)
    assert found.entity == ""
    for piece in webhook.split(found.topic, body):
        assert webhook.identify_piece(piece).entity == ""
        for topic in ("received", "status", "pull/message", "fetch/message", ""):
            told = mapping.map_source(Source(topic=topic, body=piece.body, received_at=NOW))
            assert not told.records


def test_what_came_to_its_end_is_read_and_what_is_on_its_way_is_not() -> None:
    for status in ("queued", "sending", "sent"):
        told = mean("status", webhook.split("", form(MessageStatus=status))[0].body)
        assert (told.fetch, bool(told.ignored)) == ((), True)
    for status in ("delivered", "undelivered", "failed", "read", "teleported"):
        told = mean("status", webhook.split("", form(MessageStatus=status))[0].body)
        assert told.fetch == (Fetch(resource="message", ref=SID),)
    assert mean("", b'{"x": "1"}').ignored


@pytest.mark.parametrize(
    ("wish", "opt_out"), [("STOP", True), ("start", False), ("HELP", None), ("", None)]
)
def test_what_twilio_takes_for_a_wish_is_one(wish: str, opt_out: bool | None) -> None:  # noqa: FBT001 - a case
    (piece,) = webhook.split("", form(Body="nix", OptOutType=wish, SmsStatus="received"))
    told = mean("received", piece.body)
    assert told.fetch == (Fetch(resource="message", ref=SID),)
    found = [r.opt_out for r in told.records if isinstance(r, Message)]
    assert found == ([] if opt_out is None else [opt_out])
    if told.records:
        assert webhook.identify_piece(piece).entity == told.records[0].entity()


# -- messages --------------------------------------------------------------------------------------


def test_a_message_of_the_api_tells_all_of_it() -> None:
    record = the_message(status="delivered", price="-0.00750", price_unit="usd", error_code=None)
    assert (record.state, record.medium, record.delivered_at) == (
        MessageState.DELIVERED,
        "sms",
        NOW,
    )
    assert record.price is not None
    assert str(record.price.booked) == "0.00750 USD"
    assert record.person is not None
    assert (record.person.phone, record.person.text) == (MIA, "Your order is late.")
    chat = the_message(to=f"whatsapp:{MIA}", price="-1", price_unit="credits")
    assert (chat.medium, chat.price, chat.person and chat.person.phone) == ("whatsapp", None, MIA)


@pytest.mark.parametrize(
    ("text", "opt_out"),
    [("STOP", True), ("Cancel", True), ("abmelden!", True), ("Cancel my order", False)],
)
def test_words_that_ask_for_no_more_count_from_customers_alone(text: str, *, opt_out: bool) -> None:
    inbound = {"direction": "inbound", "status": "received", "from": MIA, "to": "+15005550006"}
    assert the_message(body=text, **inbound).opt_out is opt_out
    assert the_message(body=text).opt_out is False


@pytest.mark.parametrize(
    "wrong",
    [
        {"sid": "../x"},
        {"price": "1e9"},
        {"price": "a lot"},
        {"date_updated": None, "date_created": None},
        {"date_updated": "yesterday", "date_created": "Mon, 02 Mar 2026 11:00:00"},
        {"error_code": "x"},
    ],
)
def test_what_can_not_be_read_is_parked(wrong: dict[str, Any]) -> None:
    told = mean("fetch/message", message(**wrong))
    assert (told.records, [issue.severity for issue in told.issues]) == ((), ["error"])


def test_an_unheard_of_status_is_unknown_with_an_issue() -> None:
    for word in ("teleported", "<b>"):
        told = mean("fetch/message", message(status=word))
        assert [issue.code for issue in told.issues] == ["twilio.status_unknown"]
        assert "<" not in told.issues[0].found


# -- calls -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"code": 20003}, AuthExpired),
        (403, {"code": 1}, Refused),
        (404, {"code": 20404}, Refused),
        (400, b"<html>", Refused),
        (408, {}, Unavailable),
        (429, {"code": 20429}, RateLimited),
        (500, {"code": 20500}, Unavailable),
    ],
)
def test_a_status_has_its_fate(status: int, body: object, error: type[ConnectorError]) -> None:
    with pytest.raises(error):
        api.judge(reply(body, status))
    api.judge(reply({"code": 21610}, 400))


@pytest.mark.parametrize(("text", "after_s"), [("7", 7.0), ("", 5.0), ("x", 5.0), ("9e9", 3600.0)])
def test_the_vendor_says_when_to_come_back(text: str, after_s: float) -> None:
    with pytest.raises(RateLimited) as caught:
        api.judge(Reply(status=429, headers={"retry-after": text}, body=b""))
    assert caught.value.after_s == after_s


def test_account_and_token_are_the_user() -> None:
    secrets = {"account_sid": "AC1", "auth_token": "t"}
    signed = api.authorise(api.check_request(), secrets)
    assert dict(signed.headers)["authorization"] == "Basic QUMxOnQ="
    assert signed.path == "/AC1.json"
    assert api.base_url({"account_sid": "AC1"}) == ("https://api.twilio.com/2010-04-01/Accounts")
    assert api.checked(reply({"friendly_name": "Shop", "status": "active"}))["account"] == "Shop"
    assert api.budget(reply({})) is None
    with pytest.raises(ContractBroken):
        api.checked(reply(b"["))


def test_pages_follow_each_other_and_single_messages_are_read() -> None:
    first = pull.page_request("messages", NOW, None)
    assert first.path == "/{account_sid}/Messages.json?PageSize=100&DateSent%3E=2026-03-02"
    assert (
        pull.page_request("messages", None, None).path
        == "/{account_sid}/Messages.json?PageSize=100"
    )
    assert (
        pull.page_request("messages", NOW, "PageToken=x").path
        == "/{account_sid}/Messages.json?PageToken=x"
    )
    read = pull.page("messages", page(message(), message(sid="SM" + "1" * 32), more="/a?b=1"))
    assert [json.loads(piece.body)["sid"][-1] for piece in read.pieces] == ["1", "1"]
    assert (read.next_cursor, read.latest_at) == ("b=1", NOW)
    assert pull.page("messages", page(more="/a?b=1")).next_cursor is None
    fetch = Fetch(resource="message", ref="SM/1")
    assert pull.fetch_request(fetch).path == "/{account_sid}/Messages/SM%2F1.json"
    assert pull.fetched(fetch, reply(message())).pieces[0].topic == "fetch/message"
    assert (pull.batches(["1"]), pull.begin(["1"]), pull.count_request("messages", None)) == (
        (),
        (),
        None,
    )
    with pytest.raises(Refused):
        pull.count("messages", reply({}))
    with pytest.raises(Refused):
        pull.page_request("calls", None, None)
    with pytest.raises(Refused):
        pull.fetch_request(msgspec.structs.replace(fetch, resource="call"))


@pytest.mark.parametrize(
    ("body", "topics"),
    [
        (message(), ["fetch/message"]),
        ({"messages": [message(), message()]}, ["fetch/message"] * 2),
        ({"MessageSid": SID, "MessageStatus": "sent"}, ["status"]),
        ({"MessageSid": SID, "From": MIA, "Body": "x"}, ["received"]),
    ],
)
def test_what_a_person_hands_in_is_told_apart(body: object, topics: list[str]) -> None:
    pieces = split_handed(bodies.FORMS, "", json.dumps(body).encode())
    assert [piece.topic for piece in pieces] == topics


def test_what_is_no_message_is_not_taken_for_one() -> None:
    (piece,) = split_handed(bodies.FORMS, "", b'{"friendly_name": "x"}')
    assert piece.topic not in bodies.FORMS.topics
