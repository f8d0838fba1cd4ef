"""The queue's turns: receive, delete what is durable, receive again."""

from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest

from trueup.connectors.amazon import api, pull
from trueup.connectors.amazon.queue import authorise
from trueup.contract.connector import Reply
from trueup.errors import AuthExpired, ConfigError, ContractBroken, Refused

SECRETS = {
    "queue_url": "https://sqs.eu-west-1.amazonaws.com/000000000000/orders",
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "secret",
    "access_token": "Atza|token",
}
AT = datetime(2026, 11, 21, tzinfo=UTC)


def reply(body: str, status: int = 200) -> Reply:
    return Reply(status=status, headers={"content-type": "text/xml"}, body=body.encode())


def received(*messages: tuple[str, str]) -> Reply:
    inner = "".join(
        f"<Message><ReceiptHandle>{h}</ReceiptHandle><Body>{b}</Body></Message>"
        for h, b in messages
    )
    name = "ReceiveMessage"
    return reply(
        f'<{name}Response xmlns="urn:q"><{name}Result>{inner}</{name}Result></{name}Response>'
    )


def test_what_was_received_is_deleted_by_the_next_call_only() -> None:
    first = pull.page_request("notifications", None, None)
    assert parse_qs(first.body.decode())["Action"] == ["ReceiveMessage"]
    body = "{&quot;NotificationType&quot;:&quot;ORDER_CHANGE&quot;}"
    page = pull.page("notifications", received(("h1+/=", body), ("h2", "no json")))
    assert [piece.topic for piece in page.pieces] == ["notification/ORDER_CHANGE", "notification/"]
    assert page.pieces[0].body == b'{"NotificationType":"ORDER_CHANGE"}'
    then = parse_qs(pull.page_request("notifications", None, page.next_cursor).body.decode())
    assert then["Action"] == ["DeleteMessageBatch"]
    assert then["DeleteMessageBatchRequestEntry.1.ReceiptHandle"] == ["h1+/="]
    assert then["DeleteMessageBatchRequestEntry.2.ReceiptHandle"] == ["h2"]
    deleted = pull.page("notifications", reply("<DeleteMessageBatchResponse/>"))
    assert deleted.pieces == ()
    again = pull.page_request("notifications", None, deleted.next_cursor)
    assert again == first
    assert pull.page("notifications", received()).next_cursor is None


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no xml",
        "{}",
        "<Other/>",
        '<!DOCTYPE x [<!ENTITY a "aa">]><ReceiveMessageResponse>&a;</ReceiveMessageResponse>',
        "<! doctype x><ReceiveMessageResponse/>",
        "<ReceiveMessageResponse><Message><Body>b</Body></Message></ReceiveMessageResponse>",
    ],
)
def test_an_answer_of_another_kind_is_no_page(body: str) -> None:
    with pytest.raises(ContractBroken):
        pull.page("notifications", reply(body))


def test_only_the_queues_own_calls_are_signed_and_no_token_goes_there() -> None:
    request = pull.page_request("notifications", None, None)
    signed = api.authorise(request, SECRETS)
    assert signed.path.startswith(f"{SECRETS['queue_url']}?X-Amz-Algorithm=AWS4-HMAC-SHA256")
    assert "eu-west-1%2Fsqs" in signed.path
    assert "Atza" not in signed.path + repr(signed.headers)
    assert SECRETS["aws_secret_access_key"] not in signed.path
    assert "X-Amz" not in repr(signed)
    assert authorise(request, SECRETS, AT).path == authorise(request, SECRETS, AT).path


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/queue",
        "https://sqs.eu-west-1.amazonaws.com.evil.example/q",
        "https://x@sqs.eu-west-1.amazonaws.com/q",
    ],
)
def test_the_key_signs_for_no_other_host(url: str) -> None:
    request = pull.page_request("notifications", None, None)
    with pytest.raises(ConfigError):
        authorise(request, SECRETS | {"queue_url": url}, AT)


def test_the_queues_errors_have_their_fates() -> None:
    error = "<ErrorResponse><Error><Code>{}</Code></Error></ErrorResponse>"
    with pytest.raises(AuthExpired):
        api.judge(reply(error.format("InvalidClientTokenId"), 403))
    with pytest.raises(Refused) as refused:
        api.judge(reply(error.format("AWS.SimpleQueueService.NonExistentQueue"), 400))
    assert refused.value.context["code"] == "NonExistentQueue"
