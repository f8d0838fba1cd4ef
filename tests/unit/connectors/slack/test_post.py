"""What is posted: everything that was ordered, and nothing that Slack would act on."""

import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.connectors.slack.posts import command
from trueup.canon.command import ReplyToTicket
from trueup.connectors.slack import commands
from trueup.contract.connector import Command, ReceiptState, Reply
from trueup.errors import ContractBroken, Refused


def form(**more: Any) -> dict[str, str]:
    body = commands.command_request(command(**more), "key").body
    return {name: values[0] for name, values in parse_qs(body.decode()).items()}


def refused(**more: Any) -> str:
    with pytest.raises(Refused) as caught:
        commands.command_request(command(**more), "key")
    return str(caught.value.context["field"])


def reply(**body: Any) -> Reply:
    return Reply(status=200, headers={}, body=json.dumps(body).encode())


def test_a_message_has_its_title_its_paragraphs_and_our_ref() -> None:
    sent = form(subject="Low stock", text="LAMP-OAK: 3 left & <none> ordered")
    assert sent["channel"] == "C07ORDERS"
    assert sent["text"] == "Low stock\nLAMP-OAK: 3 left &amp; &lt;none&gt; ordered"
    header, section = json.loads(sent["blocks"])
    assert header["text"] == {"type": "plain_text", "text": "Low stock"}
    assert section["text"]["text"] == "LAMP-OAK: 3 left &amp; &lt;none&gt; ordered"
    assert json.loads(sent["metadata"]) == {
        "event_type": "trueup_message",
        "event_payload": {"ref": "decision/77"},
    }
    assert (sent["parse"], sent["unfurl_links"], sent["unfurl_media"]) == ("none", "false", "false")


def test_a_decision_has_the_link_where_it_is_made() -> None:
    url = "https://hub.example/decisions/77?a=1&b=2"
    blocks = json.loads(form(template="decision", variables=(url,))["blocks"])
    assert blocks[-1]["text"]["text"] == f"<{url.replace('&', '&amp;')}|Look and decide>"
    named = json.loads(form(template="decision", variables=(url, "Yes | no <!here>"))["blocks"])
    assert named[-1]["text"]["text"].endswith("|Yes / no &lt;!here&gt;>")


def test_the_settings_name_the_channel_where_nobody_does() -> None:
    assert form(to="")["channel"] == "C0DEFAULT"


def test_an_answer_goes_into_its_thread() -> None:
    assert form(reply_to_ref="C07ORDERS:1772532000.000100")["thread_ts"] == "1772532000.000100"
    look = commands.find_request(command(reply_to_ref="1772532000.000100"), "key")
    assert look.path.startswith("/conversations.replies?")
    assert refused(reply_to_ref="yesterday") == "reply_to_ref"


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("to", {"to": "#orders"}),
        ("to", {"to": "U07MIA000"}),
        ("text", {"text": " "}),
        ("text", {"text": "", "html": "<p>x</p>"}),
        ("text", {"text": "x" * 12_001}),
        ("text", {"text": "\ud800"}),
        ("subject", {"subject": "x" * 151}),
        ("attachments", {"attachments": (("a", "text/plain", ""),)}),
        ("template", {"template": "other"}),
        ("variables", {"variables": ("a",)}),
        ("variables", {"template": "decision"}),
        ("variables", {"template": "decision", "variables": ("http://hub.example",)}),
        ("variables", {"template": "decision", "variables": ("https://a.example/|x>",)}),
        ("variables", {"template": "decision", "variables": ("https://a.example/", "\n")}),
        ("variables", {"template": "decision", "variables": ("a", "b", "c")}),
    ],
)
def test_what_slack_can_not_show_is_refused_with_its_place(
    field: str, more: dict[str, Any]
) -> None:
    assert refused(**more) == field


def test_other_commands_and_endless_refs_are_refused() -> None:
    sent = command()
    other = Command(
        kind="x",
        key="k",
        ref="r",
        content=ReplyToTicket(ticket_ref="1", text="x"),
        wanted_at=sent.wanted_at,
    )
    with pytest.raises(Refused, match="messages only"):
        commands.command_request(other, "key")
    with pytest.raises(Refused, match="too long"):
        commands.command_request(command("x" * 501), "key")


@given(st.text(max_size=12_000, alphabet=st.sampled_from("ab&<>;\n !@#")))
def test_no_text_mentions_anybody_and_none_of_it_is_lost(text: str) -> None:
    if not text.strip():
        return
    sections = [block["text"]["text"] for block in json.loads(form(text=text)["blocks"])]
    assert all(len(section) <= 3_000 for section in sections)
    joined = "".join(sections)
    assert not set(joined) & set("<>")
    plain = joined.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert plain.replace("\n", "") == text.replace("\n", "")


# --- what came of it --------------------------------------------------------------------------


def test_done_has_the_name_of_the_message() -> None:
    receipt = commands.command_receipt(command(), reply(ok=True, channel="C1", ts="1.000001"))
    assert (receipt.state, receipt.vendor_ref) == (ReceiptState.DONE, "C1:1.000001")
    with pytest.raises(ContractBroken):
        commands.command_receipt(command(), reply(ok=True))


@pytest.mark.parametrize(
    ("error", "state"),
    [
        ("channel_not_found", ReceiptState.REFUSED),
        ("not_in_channel", ReceiptState.REFUSED),
        ("is_archived", ReceiptState.REFUSED),
        ("msg_too_long", ReceiptState.REFUSED),
        ("fatal_error", ReceiptState.UNKNOWN),
        ("internal_error", ReceiptState.UNKNOWN),
        ("request_timeout", ReceiptState.UNKNOWN),
        ("service_unavailable", ReceiptState.LATER),
    ],
)
def test_slacks_words_say_what_came_of_it(error: str, state: ReceiptState) -> None:
    receipt = commands.command_receipt(command(), reply(ok=False, error=error))
    assert (receipt.state, receipt.code) == (state, error)


def history(*refs: str, has_more: bool = False) -> Reply:
    messages = [
        {
            "ts": f"{number}.000001",
            "metadata": {"event_type": "trueup_message", "event_payload": {"ref": ref}},
        }
        for number, ref in enumerate(refs, 1)
    ]
    foreign = {
        "ts": "9.000001",
        "metadata": {"event_type": "other", "event_payload": {"ref": "decision/77"}},
    }
    broken = {"ts": "8.1", "metadata": {"event_type": "trueup_message", "event_payload": "x"}}
    return reply(ok=True, messages=[{"ts": "7.1"}, foreign, broken, *messages], has_more=has_more)


def test_looking_tells_done_from_surely_not_done() -> None:
    sent = command()
    there = commands.found(sent, "key", history("a", "decision/77"))
    assert (there.state, there.vendor_ref) == (ReceiptState.DONE, "C07ORDERS:2.000001")
    assert commands.found(sent, "key", history("a")).state is ReceiptState.LATER
    assert commands.found(sent, "key", history("a", has_more=True)).state is ReceiptState.UNKNOWN
    gone = reply(ok=False, error="channel_not_found")
    assert commands.found(sent, "key", gone).state is ReceiptState.UNKNOWN


@pytest.mark.parametrize("shift", range(6))
def test_a_long_text_is_cut_between_lines_and_never_inside_an_escape(shift: int) -> None:
    endless = "x" * shift + "&" * 2_500
    paragraphs = "\n".join("y" * 70 for _ in range(120))
    for text in (endless, paragraphs):
        sections = [block["text"]["text"] for block in json.loads(form(text=text)["blocks"])]
        assert len(sections) > 2
        assert all(len(section) <= 3_000 for section in sections)
        assert "".join(sections).replace("&amp;", "&").replace("\n", "") == text.replace("\n", "")
        for section in sections:
            assert "&" not in section.replace("&amp;", "")
    assert all(set(line) == {"y"} for s in sections for line in s.split("\n"))
