"""What is sent: templates whole, free text only into an open window."""

import json
from typing import Any

import pytest

from tests.unit.connectors.whatsapp.texts import OPEN, command, text
from trueup.canon.command import ReplyToTicket
from trueup.connectors.whatsapp import api, commands
from trueup.connectors.whatsapp.phone import of_whatsapp
from trueup.contract.connector import Command, ReceiptState, Reply
from trueup.contract.phone import e164
from trueup.errors import (
    AuthExpired,
    ContractBroken,
    HubError,
    RateLimited,
    Refused,
    Unavailable,
)


def body(sent: Command) -> dict[str, Any]:
    request = commands.command_request(sent, "key")
    assert request.writes
    found = json.loads(request.body)
    assert isinstance(found, dict)
    return found


def refused(sent: Command) -> str:
    with pytest.raises(Refused) as caught:
        commands.command_request(sent, "key")
    return str(caught.value.context["field"])


def reply(status: int, **found: Any) -> Reply:
    return Reply(status=status, headers={}, body=json.dumps(found).encode())


def test_a_template_has_its_language_and_variables_in_their_places() -> None:
    sent = body(command(variables=("header:Hello", "1001", "DHL", "button0:track/1", "a:b")))
    assert sent == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "+491701234567",
        "biz_opaque_callback_data": "late/1001",
        "type": "template",
        "template": {
            "name": "parcel_late",
            "language": {"code": "en_US"},
            "components": [
                {"type": "header", "parameters": [{"type": "text", "text": "Hello"}]},
                {
                    "type": "body",
                    "parameters": [
                        {"type": "text", "text": "1001"},
                        {"type": "text", "text": "DHL"},
                        {"type": "text", "text": "a:b"},
                    ],
                },
                {
                    "type": "button",
                    "sub_type": "url",
                    "index": "0",
                    "parameters": [{"type": "text", "text": "track/1"}],
                },
            ],
        },
    }
    assert "components" not in body(command())["template"]


def test_free_text_goes_only_into_an_open_window() -> None:
    sent = body(text("It is on its way.", OPEN, reply_to_ref="wamid.IN1"))
    assert sent["type"] == "text"
    assert sent["text"] == {"preview_url": False, "body": "It is on its way."}
    assert sent["context"] == {"message_id": "wamid.IN1"}
    for window in ("", "soon", "2026-11-02T07:59:59+00:00", "2026-11-02T20:00:00"):
        with pytest.raises(Refused, match="24 hours") as caught:
            commands.command_request(text("x", {"window_open_until": window}), "key")
        assert caught.value.context["reason"] == "window_shut"
    with pytest.raises(Refused, match="24 hours"):
        commands.command_request(text("x", None, reply_to_ref="wamid.IN1"), "key")


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        ("to", command(to="nobody")),
        ("to", command(to="0170 1234567")),
        ("to", command(to="+1")),
        ("template", command(template="Bad name")),
        ("language", command(language=None)),
        ("language", command(language="english (US)")),
        ("text", command(text="words")),
        ("text", text(" ", OPEN)),
        ("text", text("x" * 4_097, OPEN)),
        ("text", text("\ud800", OPEN)),
        ("text", text("a\x00", OPEN)),
        ("template", text("x", OPEN, variables=("1",))),
        ("variables", command(variables=("a\nb",))),
        ("variables", command(variables=("a     b",))),
        ("variables", command(variables=(" ",))),
        ("variables", command(variables=("x" * 1_025,))),
        ("variables", command(variables=("x",) * 61)),
        ("html", command(html="<p>")),
        ("subject", command(subject="x")),
        ("attachments", command(attachments=(("a", "text/plain", ""),))),
        ("reply_to_ref", command(reply_to_ref="1.2")),
        ("ref", command("x" * 513)),
    ],
)
def test_what_whatsapp_can_not_send_is_refused_with_its_place(field: str, sent: Command) -> None:
    assert refused(sent) == field


def test_another_command_is_no_message() -> None:
    other = Command(
        kind="x",
        key="k",
        ref="r",
        content=ReplyToTicket(ticket_ref="1", text="x"),
        wanted_at=command().wanted_at,
    )
    with pytest.raises(Refused, match="messages only"):
        commands.command_request(other, "key")


def test_numbers_are_written_in_e164() -> None:
    assert body(command(to="0170 123 45 67", target={"default_region": "DE"}))["to"] == (
        "+491701234567"
    )
    assert e164("+44 20 7946 0018") == "+442079460018"
    assert of_whatsapp("972987654321") == "+972987654321"
    for wrong in (None, "", "x" * 41, "+", "+999", "12"):
        assert e164(wrong) is None
    for wrong in (None, "", "US.1349", "+49170", "١٢٣"):
        assert of_whatsapp(wrong) is None


def test_taken_in_is_not_delivered() -> None:
    taken = reply(200, messages=[{"id": "wamid.OUT", "message_status": "accepted"}])
    receipt = commands.command_receipt(command(), taken)
    assert (receipt.state, receipt.vendor_ref) == (ReceiptState.SUBMITTED, "wamid.OUT")
    for nameless in (reply(200), reply(200, messages=[]), Reply(status=200, headers={}, body=b"")):
        with pytest.raises(ContractBroken):
            commands.command_receipt(command(), nameless)


@pytest.mark.parametrize("code", [100, 131026, 131047, 131049, 131050, 132000, 132001, 132015])
def test_a_refusal_of_one_message_is_told_in_words(code: int) -> None:
    said = reply(400, error={"code": code, "message": "(#1) +491701234567"})
    api.judge(said)
    receipt = commands.command_receipt(command(), said)
    assert (receipt.state, receipt.code) == (ReceiptState.REFUSED, str(code))
    assert receipt.message is not None
    assert "491701234567" not in receipt.message
    assert "see Meta" not in receipt.message


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (401, 190, AuthExpired),
        (400, 0, AuthExpired),
        (403, 10, AuthExpired),
        (400, 230, AuthExpired),
        (400, 4, RateLimited),
        (400, 130429, RateLimited),
        (400, 131048, RateLimited),
        (400, 131056, RateLimited),
        (400, 131031, Refused),
        (400, 131042, Refused),
        (400, 368, Refused),
        (500, 131000, Unavailable),
        (503, 131016, Unavailable),
        (500, 100, Unavailable),
        (400, 999_999, Refused),
        (401, None, AuthExpired),
        (404, None, Refused),
        (429, None, RateLimited),
        (502, None, Unavailable),
        (408, None, Unavailable),
    ],
)
def test_errors_of_the_whole(status: int, code: int | None, error: type[HubError]) -> None:
    said = reply(status, error={"code": code}) if code is not None else reply(status)
    with pytest.raises(error):
        api.judge(said)


def test_the_number_is_filled_in_and_the_check_learns_it() -> None:
    known = {"phone_number_id": "300200101", "access_token": "EAA"}
    request = api.authorise(commands.command_request(command(), "key"), known)
    assert request.path == "/300200101/messages"
    assert ("authorization", "Bearer EAA") in request.headers
    assert api.base_url({}) == "https://graph.facebook.com/v25.0"
    number = {"id": "1", "display_phone_number": "+49 30 555000", "verified_name": "Brand"}
    assert api.checked(reply(200, **number))["account"] == "Brand"
    with pytest.raises(ContractBroken):
        api.checked(reply(200))
    assert api.budget(reply(200)) is None
    waited = Reply(status=429, headers={"retry-after": "7"}, body=b"")
    with pytest.raises(RateLimited) as caught:
        api.judge(waited)
    assert caught.value.after_s == 7
