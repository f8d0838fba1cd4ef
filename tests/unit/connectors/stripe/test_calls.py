"""Goal: what is sent is exact, what can not be said is refused, and replies are judged soundly."""

from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import parse_qsl

import pytest

from trueup.canon.command import RefundPayment, SendMessage
from trueup.connectors.stripe import api, commands, hooks, pull
from trueup.contract.connector import Command, Fetch, ReceiptState, Reply
from trueup.errors import AuthExpired, ContractBroken, RateLimited, Refused, Unavailable
from trueup.kernel.money import Money

AT = datetime(2026, 11, 21, tzinfo=UTC)


def refund(
    payment: str = "ch_1",
    amount: str = "12.50",
    currency: str = "EUR",
    reason: str | None = None,
    ref: str = "cmd-1",
) -> Command:
    content = RefundPayment(
        payment_ref=payment, amount=Money(Decimal(amount), currency), reason=reason, order_ref="P-7"
    )
    return Command(kind="payment.refund", key=payment, ref=ref, content=content, wanted_at=AT)


def reply(status: int, body: bytes, **headers: str) -> Reply:
    return Reply(status=status, headers=headers, body=body)


def test_a_refund_is_a_form_under_a_key_of_its_own_name() -> None:
    request = commands.command_request(refund(reason="duplicate"), "hub-key-1")
    assert parse_qsl(request.body.decode()) == [
        ("charge", "ch_1"),
        ("amount", "1250"),
        ("reason", "duplicate"),
        ("metadata[order_id]", "P-7"),
        ("metadata[trueup_ref]", "cmd-1"),
    ]
    assert request.writes
    assert dict(request.headers)["idempotency-key"] == "trueup-refund-cmd-1"
    # The hub's key changes with each new try; Stripe's must not, or a slow first call counts twice.
    assert commands.command_request(refund(reason="duplicate"), "hub-key-2") == request
    other = commands.command_request(refund(reason="duplicate", ref="cmd-2"), "hub-key-1")
    assert dict(other.headers)["idempotency-key"] != dict(request.headers)["idempotency-key"]


def test_other_reasons_are_metadata_and_intents_are_named_so() -> None:
    request = commands.command_request(refund("pi_1", reason="too late & cold"), "key")
    told = dict(parse_qsl(request.body.decode()))
    assert told["payment_intent"] == "pi_1"
    assert told["metadata[reason]"] == "too late & cold"
    assert "reason" not in told


@pytest.mark.parametrize(
    "command",
    [
        refund("7201"),
        refund("ch_1/refunds"),
        refund(amount="0"),
        refund(amount="-1.00"),
        refund(amount="1.005"),
        refund(amount="40.10", currency="ISK"),
    ],
)
def test_what_can_not_be_said_is_refused_before_it_is_sent(command: Command) -> None:
    with pytest.raises(Refused):
        commands.command_request(command, "key")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (b'"succeeded"', ReceiptState.DONE),
        (b'"pending"', ReceiptState.SUBMITTED),
        (b'"requires_action"', ReceiptState.SUBMITTED),
        (b'"failed"', ReceiptState.REFUSED),
        (b'"canceled"', ReceiptState.REFUSED),
        (b'"melted"', ReceiptState.SUBMITTED),
        (b"null", ReceiptState.DONE),
    ],
)
def test_a_made_refund_has_its_id_whatever_its_state(status: bytes, state: ReceiptState) -> None:
    receipt = commands.command_receipt(refund(), reply(200, b'{"id":"re_1","status":%b}' % status))
    assert (receipt.state, receipt.vendor_ref) == (state, "re_1")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"id": 7}', b"[" * 5_000])
def test_a_reply_that_can_not_be_read_is_an_unknown_outcome(body: bytes) -> None:
    assert commands.command_receipt(refund(), reply(200, body)).state is ReceiptState.UNKNOWN
    assert commands.found(refund(), "key", reply(200, body)).state is ReceiptState.UNKNOWN


def test_a_full_page_without_our_name_does_not_say_that_it_was_not_done() -> None:
    body = b'{"data": [{"id": "re_1", "metadata": {}}], "has_more": true}'
    assert commands.found(refund(), "key", reply(200, body)).state is ReceiptState.UNKNOWN


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, b"", AuthExpired),
        (403, b'{"error": {"type": "invalid_request_error"}}', AuthExpired),
        (429, b'{"error": {"code": "lock_timeout"}}', RateLimited),
        (500, b"", Unavailable),
        (503, b"<html>", Unavailable),
        (400, b"<html>", Refused),
        (404, b"{}", Refused),
        (409, b'{"error": {"type": "melted"}}', Refused),
        (422, b'{"error": {"type": "invalid_request_error"}}', Refused),
    ],
)
def test_replies_are_judged(status: int, body: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        api.judge(reply(status, body))


@pytest.mark.parametrize("status", [400, 402, 404, 409])
def test_a_reason_in_stripes_words_is_left_to_who_asked(status: int) -> None:
    body = b'{"error": {"type": "invalid_request_error", "code": "melted"}}'
    api.judge(reply(status, body))
    with pytest.raises(Refused, match="melted"):
        pull.page("charges", reply(status, body))
    with pytest.raises(Refused, match="melted"):
        hooks.created(reply(status, body))


@pytest.mark.parametrize(
    ("text", "after_s"), [("7", 7.0), ("", 2.0), ("-1", 2.0), ("nan", 2.0), ("1e9", 3600.0)]
)
def test_the_wait_is_sound(text: str, after_s: float) -> None:
    with pytest.raises(RateLimited) as caught:
        api.judge(Reply(status=429, headers={"retry-after": text}, body=b""))
    assert caught.value.after_s == after_s


def test_calls_carry_the_key_and_the_pinned_version_and_never_show_the_key() -> None:
    request = api.authorise(api.check_request(), {"api_key": "rk_test_secret"})
    headers = dict(request.headers)
    assert headers["authorization"] == "Bearer rk_test_secret"
    assert headers["stripe-version"] == "2026-09-30.endive"
    assert "secret" not in repr(request)


def test_a_sandbox_is_reached_by_its_address() -> None:
    assert api.base_url({}) == "https://api.stripe.com"
    assert api.base_url({"api_base": "http://127.0.0.1:9/"}) == "http://127.0.0.1:9"


def test_pages_go_on_after_the_last_object_and_are_told_oldest_first() -> None:
    body = (
        b'{"data": [{"id": "ch_2", "created": 20, "x": 0.10}, {"id": "ch_1", "created": 10}],'
        b' "has_more": true}'
    )
    page = pull.page("charges", reply(200, body))
    assert page.next_cursor == "ch_1"
    assert [piece.body for piece in page.pieces] == [
        b'{"id": "ch_1", "created": 10}',
        b'{"id": "ch_2", "created": 20, "x": 0.10}',
    ]
    assert page.latest_at == datetime.fromtimestamp(20, UTC)
    request = pull.page_request("charges", AT, page.next_cursor)
    assert f"created%5Bgte%5D={int(AT.timestamp())}" in request.path
    assert request.path.endswith("starting_after=ch_1")


def test_an_empty_page_is_the_last_one() -> None:
    page = pull.page("events", reply(200, b'{"data": [], "has_more": true}'))
    assert (page.pieces, page.next_cursor, page.latest_at) == ((), None, None)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"data": [17]}', b'{"data": [{"id": "a"}]}'])
def test_a_page_of_another_shape_is_said_to_be_broken(body: bytes) -> None:
    with pytest.raises(ContractBroken):
        pull.page("charges", reply(200, body))


def test_ids_can_not_lead_to_another_path() -> None:
    request = pull.fetch_request(Fetch(resource="charges", ref="../refunds?x=1#"))
    assert request.path == "/v1/charges/..%2Frefunds%3Fx%3D1%23"


def test_one_object_is_one_piece_to_the_byte() -> None:
    body = b'{"id": "ch_1", "created": 10, "x": 0.10}'
    (piece,) = pull.fetched(Fetch(resource="charges", ref="ch_1"), reply(200, body)).pieces
    assert (piece.topic, piece.body) == ("fetch/charge", body)


def test_stripe_does_not_count() -> None:
    assert pull.count_request("charges", None) is None
    with pytest.raises(Refused):
        pull.count("charges", reply(200, b"{}"))


def test_looking_for_a_refund_of_a_payment_that_is_not_there_is_a_refusal() -> None:
    body = b'{"error": {"type": "invalid_request_error", "code": "resource_missing"}}'
    receipt = commands.found(refund(), "key", reply(404, body))
    assert (receipt.state, receipt.code) == (ReceiptState.REFUSED, "resource_missing")


def test_other_commands_are_refused() -> None:
    wrong = Command(
        kind="message.send",
        key="a",
        ref="cmd-9",
        content=SendMessage(to="a@buyers.example"),
        wanted_at=AT,
    )
    with pytest.raises(Refused):
        commands.command_request(wrong, "key")
