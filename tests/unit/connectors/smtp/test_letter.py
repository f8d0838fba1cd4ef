"""The message: whole, the same each time, and nothing in it can break out of its place."""

import base64
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.connectors.smtp.mails import command
from trueup.canon.command import ReplyToTicket, SendMessage
from trueup.connectors.smtp.commands import command_request
from trueup.connectors.smtp.letter import build, envelope_address, message_id_of
from trueup.contract.connector import Command
from trueup.errors import Refused

PDF = ("Rechnung ü 1.pdf", "application/pdf", base64.b64encode(b"%PDF-1").decode())


def read(sent: bytes) -> EmailMessage:
    found = message_from_bytes(sent, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def written(**more: Any) -> EmailMessage:
    return read(command_request(command(**more), "key").body)


def refused(**more: Any) -> str:
    with pytest.raises(Refused) as caught:
        command_request(command(**more), "key")
    return str(caught.value.context["field"])


def test_a_mail_says_what_was_ordered() -> None:
    settings = {
        "from_name": "Größe & Maß",
        "reply_to": "help@brand.example",
        "list_unsubscribe": "https://brand.example/u",
    }
    mail = written(
        settings=settings,
        subject="Größe ☂",
        text="Hällo\n",
        html="<p>Hällo</p>",
        attachments=(PDF,),
    )
    assert mail["from"].addresses[0].display_name == "Größe & Maß"
    assert mail["from"].addresses[0].addr_spec == "hello@brand.example"
    assert mail["subject"] == "Größe ☂"
    assert mail["reply-to"].addresses[0].addr_spec == "help@brand.example"
    assert mail["auto-submitted"] == "auto-generated"
    assert mail["list-unsubscribe"] == "<https://brand.example/u>"
    assert mail["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert str(mail["date"]) == "Tue, 03 Mar 2026 09:00:00 +0000"
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert (plain.get_content(), html.get_content()) == ("Hällo\r\n", "<p>Hällo</p>\r\n")
    (attached,) = mail.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("Rechnung ü 1.pdf", b"%PDF-1")


def test_the_same_command_is_the_same_mail_byte_for_byte() -> None:
    full = {"html": "<p>a</p>", "attachments": (PDF, PDF)}
    first = command_request(command(**full), "key-1")
    assert first == command_request(command(**full), "key-2")
    assert first.writes
    other = command_request(command("late/1002", **full), "key-1")
    assert read(first.body)["message-id"] != read(other.body)["message-id"]
    assert first.body.isascii()
    assert max(map(len, first.body.split(b"\r\n"))) <= 998
    assert b"\n" not in first.body.replace(b"\r\n", b"")


def test_an_answer_stands_in_its_thread() -> None:
    mail = written(reply_to_ref="<abc@home.example>")
    assert (mail["in-reply-to"], mail["references"]) == ("<abc@home.example>",) * 2
    assert refused(reply_to_ref="no id") == "reply_to_ref"
    assert refused(reply_to_ref="<a@b>\r\nBcc: x@y.example") == "reply_to_ref"


def test_html_alone_and_text_alone_are_mails() -> None:
    assert written(html="<p>x</p>", text="").get_content_type() == "text/html"
    assert written(text="x").get_content_type() == "text/plain"


EVIL = [
    "a\r\nBcc: x@evil.example",
    "a\nBcc: x@evil.example",
    "a\rb",
    "a\x00b",
    "a\u2028b",
    "x" * 501,
]


@pytest.mark.parametrize("evil", EVIL)
def test_no_header_can_be_broken_out_of(evil: str) -> None:
    assert refused(subject=evil) == "subject"
    assert refused(settings={"from_name": evil}) == "from_name"
    assert refused(settings={"list_unsubscribe": evil}) == "list_unsubscribe"
    assert refused(attachments=((evil, "text/plain", ""),)) == "attachments"
    assert refused(to=f"{evil}@home.example") == "to"
    assert refused(to=f"mia@home.example{evil[:400]}") == "to"


@given(st.text(max_size=80), st.text(max_size=80))
def test_whatever_a_name_or_subject_holds_the_mail_has_one_sender_and_one_receiver(
    name: str, subject: str
) -> None:
    sent = command(settings={"from_name": name}, subject=subject)
    try:
        mail = read(command_request(sent, "key").body)
    except Refused:
        return
    assert [a.addr_spec for a in mail["from"].addresses] == ["hello@brand.example"]
    assert [a.addr_spec for a in mail["to"].addresses] == ["mia@home.example"]
    assert mail["bcc"] is None
    assert mail.get_content() == "Your parcel is late.\r\n"


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("template", {"template": "late"}),
        ("template", {"variables": ("1",)}),
        ("text", {"text": " "}),
        ("text", {"text": "a\x00"}),
        ("text", {"text": "\ud800"}),
        ("subject", {"subject": None}),
        ("subject", {"subject": "\ud800"}),
        ("attachments", {"attachments": (("a", "no type", ""),)}),
        ("attachments", {"attachments": (("a", "message/rfc822", ""),)}),
        ("attachments", {"attachments": (("a", "text/plain", "!"),)}),
        ("attachments", {"attachments": (("a", "text/plain", "A" * 20_000_004),)}),
        ("to", {"to": "Mia <mia@home.example>"}),
        ("to", {"to": "mia@home.example, ben@home.example"}),
        ("to", {"to": "mïa@home.example"}),
        ("to", {"to": "mia@localhost"}),
        ("to", {"to": f"{'a' * 65}@home.example"}),
        ("to", {"to": "mia@[127.0.0.1]"}),
    ],
)
def test_what_can_not_be_a_mail_is_refused_with_its_place(field: str, more: dict[str, Any]) -> None:
    assert refused(**more) == field


def test_another_command_is_no_mail() -> None:
    sent = command()
    content = ReplyToTicket(ticket_ref="7", text="x")
    other = Command(kind="x", key="k", ref="r", content=content, wanted_at=sent.wanted_at)
    with pytest.raises(Refused, match="messages only"):
        command_request(other, "key")


def test_addresses_and_message_ids_are_written_as_servers_write_them() -> None:
    assert envelope_address(" Mia@Bränd.example ") == "Mia@xn--brnd-moa.example"
    known = {"from_address": "a@b.example", "message_domain": "mail.brand.example"}
    first = message_id_of("late/1", known)
    assert first == message_id_of("late/1", known)
    assert first.endswith("@mail.brand.example")
    content = command().content
    assert isinstance(content, SendMessage)
    assert b"Message-ID: <trueup." in build(command(), content)
