"""Events in: each once, told by its own id, and nothing that raises."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.canon.message import Direction, Message, MessageState
from trueup.connectors.slack import api, mapping, webhook
from trueup.contract.connector import Mapped, Piece, Reply, Source
from trueup.errors import (
    AuthExpired,
    ContractBroken,
    HubError,
    RateLimited,
    Refused,
    Unavailable,
)

SAMPLES = Path(mapping.__file__).parent / "samples"
AT = datetime(2026, 3, 3, tzinfo=UTC)


def sample(name: str) -> dict[str, Any]:
    found = json.loads((SAMPLES / f"{name}.json").read_bytes())
    assert isinstance(found, dict)
    return found


def mapped(body: Any, topic: str = "message") -> Mapped:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return mapping.map_source(Source(topic=topic, body=raw, received_at=AT))


def test_a_repeat_has_the_id_of_the_first_try_and_the_entity_of_its_record() -> None:
    body = json.dumps(sample("message")).encode()
    first = webhook.identify({}, body)
    again = webhook.identify({"x-slack-retry-num": "1"}, body)
    assert first == again
    assert (first.external_id, first.topic) == ("Ev07MSG001", "message")
    assert first.entity == mapped(body).records[0].entity()
    assert webhook.identify_piece(Piece(topic="message", body=body)) == first
    assert webhook.identify_piece(Piece(topic="other", body=body)).entity == ""
    assert list(webhook.split("message", body)) == [Piece(topic="message", body=body)]


def test_a_change_and_a_deletion_are_of_the_same_message() -> None:
    entities = {
        webhook.identify({}, json.dumps(sample(name)).encode()).entity
        for name in ("message", "changed", "deleted")
    }
    assert entities == {"message/C07ORDERS:1772532000.000100"}


def test_what_our_app_posted_names_the_command() -> None:
    (record,) = mapped(sample("posted")).records
    assert isinstance(record, Message)
    assert (record.command_ref, record.state, record.direction) == (
        "decision/77",
        MessageState.DELIVERED,
        Direction.OUT,
    )


def test_only_a_challenge_is_answered() -> None:
    asked = b'{"token": "t", "challenge": "abc", "type": "url_verification"}'
    assert webhook.answer_challenge({}, {}, asked) == "abc"
    for other in (
        json.dumps(sample("message")).encode(),
        b'{"type": "url_verification"}',
        b'{"type": "event_callback", "challenge": "url_verification"}',
        b'{"type": "url_verification", "challenge": 1}',
        b"url_verification",
        b"[" * 50_000 + b"url_verification",
    ):
        assert webhook.answer_challenge({}, {}, other) is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ts": None}, "slack.body_malformed"),
        ({"ts": "yesterday"}, "slack.body_malformed"),
        ({"ts": "999999999999.1"}, "slack.body_malformed"),
        ({"channel": None}, "slack.body_malformed"),
        ({"type": "other"}, "slack.body_malformed"),
        ({"subtype": "message_changed"}, "slack.body_malformed"),
        ({"subtype": "message_deleted"}, "slack.body_malformed"),
        ({"text": "a\x00b"}, "slack.body_malformed"),
        ({"text": 7}, "slack.body_malformed"),
        ({"subtype": "brand_new"}, "slack.subtype_unknown"),
        ({"subtype": "Brand, new!"}, "slack.subtype_unknown"),
    ],
)
def test_what_is_wrong_is_told(change: dict[str, Any], code: str) -> None:
    body = sample("message")
    body["event"] |= change
    assert [issue.code for issue in mapped(body).issues] == [code]


def test_other_events_and_bodies_are_told_apart() -> None:
    assert mapped(sample("message"), "reaction_added").ignored is not None
    assert [i.code for i in mapped(b"[]", "app_uninstalled").issues] == ["slack.body_malformed"]
    assert [i.code for i in mapped(b"[" * 50_000).issues] == ["slack.body_malformed"]


@given(st.binary(max_size=300), st.integers(0, 400))
def test_no_bytes_make_it_raise(noise: bytes, place: int) -> None:
    body = (SAMPLES / "message.json").read_bytes()
    for raw in (noise, body[:place] + noise + body[place:]):
        mapped(raw)
        webhook.identify({}, raw)
        webhook.answer_challenge({}, {}, raw)


# --- what replies say as a whole ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, {"ok": False, "error": "invalid_auth"}, AuthExpired),
        (200, {"ok": False, "error": "missing_scope", "needed": "chat:write"}, AuthExpired),
        (200, {"ok": False, "error": "ratelimited"}, RateLimited),
        (200, {"ok": False, "error": "message_limit_exceeded"}, RateLimited),
        (200, {"ok": False, "error": "invalid_arguments"}, Refused),
        (200, {"ok": False}, Refused),
        (200, {"ok": False, "error": "a text that holds what was sent"}, Refused),
        (200, [], ContractBroken),
        (429, {}, RateLimited),
        (401, {}, AuthExpired),
        (404, {}, Refused),
        (302, {}, Refused),
        (500, {}, Unavailable),
        (503, {}, Unavailable),
        (408, {}, Unavailable),
    ],
)
def test_errors_of_the_whole(status: int, body: Any, error: type[HubError]) -> None:
    reply = Reply(status=status, headers={}, body=json.dumps(body).encode())
    with pytest.raises(error) as caught:
        api.judge(reply)
    assert "what was sent" not in str(caught.value)


@pytest.mark.parametrize(
    ("header", "after_s"), [("7", 7.0), ("x", 30.0), ("nan", 30.0), ("99999", 3600.0), ("-1", 0.0)]
)
def test_slack_says_how_long_to_wait(header: str, after_s: float) -> None:
    with pytest.raises(RateLimited) as caught:
        api.judge(Reply(status=429, headers={"retry-after": header}, body=b""))
    assert caught.value.after_s == after_s


def test_the_check_learns_the_workspace_and_what_is_missing() -> None:
    body = json.dumps({"ok": True, "team": "Brand", "team_id": "T1"}).encode()
    reply = Reply(status=200, headers={"x-oauth-scopes": "chat:write"}, body=body)
    assert api.checked(reply) == {
        "account": "Brand",
        "account_ref": "T1",
        "missing_scopes": "channels:history",
    }
    assert "missing_scopes" not in api.checked(Reply(status=200, headers={}, body=body))
    for wrong, error in ((b'{"ok": true}', ContractBroken), (b'{"ok": false}', Unavailable)):
        with pytest.raises(error):
            api.checked(Reply(status=200, headers={}, body=wrong))
    assert api.base_url({}) == "https://slack.com/api"
    assert api.budget(reply) is None
