"""Updates in: each once however bundled, opt-outs heard, and nothing that raises."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.canon.message import Message, MessageState
from trueup.connectors.whatsapp import mapping, webhook
from trueup.contract.connector import Mapped, Piece, Source
from trueup.contract.stopping import is_stop

SAMPLES = Path(mapping.__file__).parent / "samples"
AT = datetime(2026, 3, 3, tzinfo=UTC)
TOKEN = "a-verify-token-of-ours"


def sample(name: str) -> dict[str, Any]:
    found = json.loads((SAMPLES / f"{name}.json").read_bytes())
    assert isinstance(found, dict)
    return found


def value_of(body: dict[str, Any]) -> dict[str, Any]:
    found = body["entry"][0]["changes"][0]["value"]
    assert isinstance(found, dict)
    return found


def mapped(body: Any, topic: str = "messages") -> Mapped:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return mapping.map_source(Source(topic=topic, body=raw, received_at=AT))


def test_a_bundle_is_taken_apart_and_each_status_is_known_by_itself() -> None:
    raw = json.dumps(sample("statuses")).encode()
    whole = webhook.identify({}, raw)
    assert (whole.topic, whole.entity) == ("messages", "")
    pieces = webhook.split(whole.topic, raw)
    found = [webhook.identify_piece(piece) for piece in pieces]
    assert [each.external_id for each in found] == [
        "statuses:wamid.OUT1:sent:1772532001",
        "statuses:wamid.OUT1:delivered:1772532001",
        "statuses:wamid.OUT1:read:1772532030",
    ]
    assert {each.entity for each in found} == {"message/wamid.OUT1"}
    raised = [each.raised_at for each in found]
    assert raised == sorted(raised, key=lambda at: at or AT)
    assert raised[0] != raised[1]  # of one second, and still in order
    for piece, each in zip(pieces, found, strict=True):
        (record,) = mapped(piece.body).records
        assert record.entity() == each.entity
    again = webhook.split("messages", pieces[1].body)
    assert [webhook.identify_piece(piece).external_id for piece in again] == [found[1].external_id]


def test_messages_of_several_accounts_and_kinds_come_apart() -> None:
    text, failed, news = sample("text"), sample("failed"), sample("account")
    both = value_of(text) | {"statuses": value_of(failed)["statuses"]}
    text["entry"][0]["changes"][0]["value"] = both
    text["entry"] += news["entry"]
    pieces = webhook.split("messages", json.dumps(text).encode())
    assert [piece.topic for piece in pieces] == ["messages", "messages", "account_update"]
    assert [len(mapped(p.body, p.topic).records) for p in pieces] == [1, 1, 0]


def test_an_edit_and_a_withdrawal_are_of_the_first_message() -> None:
    entities = [
        webhook.identify({}, json.dumps(sample(name)).encode()).entity
        for name in ("text", "edited", "revoked")
    ]
    assert entities == ["message/wamid.IN1"] * 3
    (record,) = mapped(sample("revoked")).records
    assert record.deleted


@pytest.mark.parametrize(
    "words",
    [
        "STOP",
        " stop. ",
        "Stop!",
        "Unsubscribe",
        "ABMELDEN",
        "Désabonner",
        "baja",
        "opt  out",
        "הסר",
    ],
)
def test_a_stop_word_alone_is_an_opt_out(words: str) -> None:
    body = sample("text")
    value_of(body)["messages"][0]["text"]["body"] = words
    (record,) = mapped(body).records
    assert isinstance(record, Message)
    assert record.opt_out


@pytest.mark.parametrize(
    "words", ["Please stop the parcel", "Where does the bus stop?", "", "nonstop", "stop " * 20]
)
def test_other_words_are_none(words: str) -> None:
    assert not is_stop(words)


def test_buttons_and_preferences_are_heard() -> None:
    for name, topic in (("stop", "messages"), ("preference", "user_preferences")):
        (record,) = mapped(sample(name), topic).records
        assert isinstance(record, Message)
        assert record.opt_out
    body = sample("preference")
    value_of(body)["user_preferences"][0]["value"] = "resume"
    (resumed,) = mapped(body, "user_preferences").records
    assert isinstance(resumed, Message)
    assert not resumed.opt_out
    value_of(body)["user_preferences"][0]["value"] = "perhaps"
    assert [i.code for i in mapped(body, "user_preferences").issues] == [
        "whatsapp.preference_unknown"
    ]
    choice = sample("stop")
    value_of(choice)["messages"][0] |= {
        "type": "interactive",
        "button": None,
        "interactive": {"type": "button_reply", "button_reply": {"id": "STOP", "title": "Enough"}},
    }
    (chosen,) = mapped(choice).records
    assert isinstance(chosen, Message)
    assert chosen.opt_out


def test_a_failure_names_its_code_in_words() -> None:
    found = mapped(sample("failed"))
    (record,) = found.records
    assert isinstance(record, Message)
    assert (record.state, record.error_code) == (MessageState.FAILED, "131026")
    assert found.issues[0].found.startswith("131026: it can not be delivered")


@pytest.mark.parametrize(
    ("name", "change", "codes"),
    [
        ("text", {"type": "hologram", "text": None}, ["whatsapp.type_unknown"]),
        ("text", {"type": "Bad, words!", "text": None}, ["whatsapp.type_unknown"]),
        ("text", {"timestamp": "yesterday"}, ["whatsapp.body_malformed"]),
        ("text", {"timestamp": "9" * 13}, ["whatsapp.body_malformed"]),
        ("text", {"id": ""}, ["whatsapp.body_malformed"]),
        ("text", {"id": None}, ["whatsapp.body_malformed"]),
        ("text", {"from": "somebody"}, ["whatsapp.phone_unknown"]),
        ("text", {"text": {"body": "a\x00b"}}, ["whatsapp.body_malformed"]),
        ("text", {"type": "system", "text": None}, []),
    ],
)
def test_what_is_wrong_is_told(name: str, change: dict[str, Any], codes: list[str]) -> None:
    body = sample(name)
    value_of(body)["messages"][0] |= change
    found = mapped(body)
    assert [issue.code for issue in found.issues] == codes
    assert found.records or found.issues or found.ignored


def test_unknown_words_and_topics_are_surfaced() -> None:
    body = sample("failed")
    value_of(body)["statuses"][0] |= {"status": "teleported", "errors": []}
    found = mapped(body)
    (record,) = found.records
    assert isinstance(record, Message)
    assert record.state is MessageState.UNKNOWN
    assert [issue.code for issue in found.issues] == ["whatsapp.status_unknown"]
    template = sample("template_status")
    value_of(template)["event"] = "ENCHANTED"
    told = mapped(template, "message_template_status_update").issues
    assert [issue.code for issue in told] == ["whatsapp.template_status_unknown"]
    value_of(template)["event"] = "APPROVED"
    assert mapped(template, "message_template_status_update").ignored is not None
    assert [i.code for i in mapped(sample("text"), "other").issues] == ["whatsapp.body_malformed"]
    empty = sample("text")
    value_of(empty)["messages"] = []
    assert mapped(empty).ignored is not None


def test_the_challenge_is_answered_to_who_knows_the_token() -> None:
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": TOKEN}
    known = {"verify_token": TOKEN}
    assert webhook.answer_challenge(known, asked, b"") == "1158201444"
    for wrong in (
        asked | {"hub.verify_token": TOKEN[:-1]},
        asked | {"hub.verify_token": ""},
        asked | {"hub.verify_token": "ünïcode"},
        asked | {"hub.mode": "unsubscribe"},
        asked | {"hub.challenge": "<script>"},
        asked | {"hub.challenge": ""},
        {},
    ):
        assert webhook.answer_challenge(known, wrong, b"") is None
    assert webhook.answer_challenge({}, asked | {"hub.verify_token": ""}, b"") is None
    short = asked | {"hub.verify_token": "short"}
    assert webhook.answer_challenge({"verify_token": "short"}, short, b"") is None


@given(st.binary(max_size=300), st.integers(0, 600))
def test_no_bytes_make_it_raise(noise: bytes, place: int) -> None:
    body = (SAMPLES / "statuses.json").read_bytes()
    for raw in (noise, body[:place] + noise + body[place:]):
        for piece in (Piece(topic="messages", body=raw), *webhook.split("messages", raw)):
            webhook.identify_piece(piece)
            mapped(piece.body)


def test_deep_bodies_end_in_an_issue() -> None:
    deep = b'{"entry": ' + b"[" * 50_000
    assert [issue.code for issue in mapped(deep).issues] == ["whatsapp.body_malformed"]
    assert list(webhook.split("messages", deep)) == [Piece(topic="messages", body=deep)]
