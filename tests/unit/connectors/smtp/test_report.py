"""Reports of mail servers: what became of a mail, and what is no report."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.connectors.smtp.mails import SETTINGS, command
from trueup.canon.message import Message, MessageState
from trueup.connectors.smtp import mapping
from trueup.connectors.smtp.commands import command_request
from trueup.connectors.smtp.files import read_file
from trueup.connectors.smtp.letter import message_id_of
from trueup.contract.connector import Mapped, Source
from trueup.errors import ConfigError
from trueup.sandbox.smtp.report import bounce_of

AT = datetime(2026, 3, 3, 9, tzinfo=UTC)
SAMPLES = Path(mapping.__file__).parent / "samples"
BOUNCE = (SAMPLES / "bounce.eml").read_bytes()


def mapped(body: bytes, topic: str = "dsn") -> Mapped:
    return mapping.map_source(Source(topic=topic, body=body, received_at=AT))


def message(body: bytes) -> Message:
    (record,) = mapped(body).records
    assert isinstance(record, Message)
    return record


@pytest.mark.parametrize(
    ("action", "status", "state", "code"),
    [
        ("failed", "5.1.1", MessageState.FAILED, "5.1.1"),
        ("delayed", "4.4.7", MessageState.SENT, "4.4.7"),
        ("relayed", "2.0.0", MessageState.SENT, "2.0.0"),
        ("expanded", "2.0.0", MessageState.SENT, "2.0.0"),
        ("delivered", "2.0.0", MessageState.DELIVERED, None),
    ],
)
def test_a_report_names_the_mail_that_was_sent(
    action: str, status: str, state: MessageState, code: str | None
) -> None:
    sent = command_request(command(), "key").body
    found = message(bounce_of(sent, "mia@home.example", AT, status=status, action=action))
    assert found.ref == message_id_of("late/1001", SETTINGS)
    assert (found.state, found.error_code, found.updated_at) == (state, code, AT)
    assert (found.delivered_at is not None) == (state is MessageState.DELIVERED)
    assert found.person is not None
    assert (found.person.email, found.person.subject) == ("mia@home.example", "Late")


def test_an_unknown_word_is_unknown_and_told() -> None:
    found = mapped(BOUNCE.replace(b"Action: failed", b"Action: teleported"))
    assert [issue.code for issue in found.issues] == ["smtp.action_unknown"]
    assert found.issues[0].found == "teleported"
    (record,) = found.records
    assert isinstance(record, Message)
    assert record.state is MessageState.UNKNOWN


def test_of_several_recipients_the_worst_counts() -> None:
    group = b"Final-Recipient: rfc822; ben@home.example\nAction: delivered\nStatus: 2.0.0\n\n"
    assert message(BOUNCE.replace(b"Final-Recipient", group + b"Final-Recipient", 1)).state is (
        MessageState.FAILED
    )


def test_the_whole_mail_may_come_back() -> None:
    whole = BOUNCE.replace(b"text/rfc822-headers", b"message/rfc822")
    assert message(whole).ref == message(BOUNCE).ref
    packed = (
        BOUNCE.replace(b"=?utf-8?q?", b"plain ")
        .replace(b"=E2=98=82?=", b"")
        .replace(
            b"Content-Type: text/rfc822-headers\n",
            b"Content-Type: text/rfc822-headers\nContent-Transfer-Encoding: quoted-printable\n",
        )
    )
    assert message(packed).ref == message(BOUNCE).ref


@pytest.mark.parametrize(
    "head",
    [
        b"Auto-Submitted: auto-replied",
        b"Auto-Submitted: auto-generated; owner=x",
        b"Precedence: auto_reply",
        b"X-Autoreply: yes",
    ],
)
def test_automatic_answers_are_left_alone(head: bytes) -> None:
    found = mapped(head + b"\nFrom: mia@home.example\nSubject: away\n\nI am away")
    assert (found.records, found.issues) == ((), ())
    assert found.ignored == "an automatic answer says nothing about delivery"


def test_other_mails_and_other_topics_are_told_apart() -> None:
    for body in (b"", b"From: mia@home.example\n\nhello", b"Auto-Submitted: no\n\nhello", b"{}"):
        assert [issue.code for issue in mapped(body).issues] == ["smtp.not_a_report"], body
    nameless = BOUNCE.replace(b"Message-ID: <trueup.", b"X-Other: <")
    assert [issue.code for issue in mapped(nameless).issues] == ["smtp.original_unknown"]
    empty = BOUNCE.replace(b"Action: failed\n", b"")
    assert [issue.code for issue in mapped(empty).issues] == ["smtp.not_a_report"]
    assert mapped(BOUNCE, "other").ignored is not None


def test_a_time_without_zone_is_no_time() -> None:
    bare = BOUNCE.replace(b" +0100", b" -0000")
    assert message(bare).updated_at == AT


@given(st.binary(max_size=400), st.integers(0, len(BOUNCE)), st.integers(0, 60))
def test_no_bytes_make_it_raise(noise: bytes, place: int, cut: int) -> None:
    mapped(noise)
    mapped(BOUNCE[:place] + noise + BOUNCE[place + cut :])


def test_deep_mails_end_in_an_issue() -> None:
    deep = b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(2_000)
    )
    assert mapped(deep).issues
    nested = b"Content-Type: message/rfc822\n\n" * 5_000
    assert mapped(nested).issues


def test_a_file_is_one_report() -> None:
    (piece,) = read_file("smtp-report-eml", BOUNCE)
    assert (piece.topic, piece.body) == ("dsn", BOUNCE)
    for name, content in (
        ("other", BOUNCE),
        ("smtp-report-eml", b"hello"),
        ("smtp-report-eml", b"x" * 30_000_001),
    ):
        with pytest.raises(ConfigError, match="expected"):
            read_file(name, content)
