"""What a server's codes mean, at each step."""

import pytest

from tests.unit.connectors.smtp.mails import SECRETS, SETTINGS, command
from trueup.connectors.smtp import api
from trueup.connectors.smtp.commands import command_receipt, queue_id
from trueup.connectors.smtp.letter import message_id_of
from trueup.contract.connector import ReceiptState, Reply, Request
from trueup.errors import AuthExpired, ContractBroken, HubError, Refused, Unavailable


def reply(code: int, text: str = "", stage: str = "body") -> Reply:
    return Reply(status=code, headers={"smtp-stage": stage}, body=text.encode())


@pytest.mark.parametrize(
    ("code", "stage", "error"),
    [
        (530, "mail", AuthExpired),
        (534, "auth", AuthExpired),
        (535, "auth", AuthExpired),
        (538, "auth", AuthExpired),
        (535, "body", AuthExpired),
        (421, "connect", Unavailable),
        (421, "body", Unavailable),
        (454, "auth", Unavailable),
        (451, "mail", Unavailable),
        (554, "connect", Refused),
        (550, "mail", Refused),
        (502, "auth", Refused),
        (99, "connect", ContractBroken),
        (354, "body", ContractBroken),
    ],
)
def test_what_is_about_the_account_is_an_error(
    code: int, stage: str, error: type[HubError]
) -> None:
    with pytest.raises(error):
        api.judge(reply(code, "5.7.8 mia@home.example", stage))


@pytest.mark.parametrize(
    ("code", "text", "stage", "state", "told"),
    [
        (450, "4.7.1 greylisted", "rcpt", ReceiptState.LATER, "4.7.1"),
        (452, "4.2.2 full", "rcpt", ReceiptState.LATER, "4.2.2"),
        (451, "local error", "body", ReceiptState.LATER, "451"),
        (550, "5.1.1 <mia@home.example> unknown", "rcpt", ReceiptState.REFUSED, "5.1.1"),
        (552, "5.3.4 too big", "data", ReceiptState.REFUSED, "5.3.4"),
        (554, "spam", "body", ReceiptState.REFUSED, "554"),
    ],
)
def test_what_is_about_the_mail_is_a_receipt(
    code: int, text: str, stage: str, state: ReceiptState, told: str
) -> None:
    said = reply(code, text, stage)
    api.judge(said)
    receipt = command_receipt(command(), said)
    assert (receipt.state, receipt.code, receipt.vendor_ref) == (state, told, None)
    assert "mia@home.example" not in (receipt.message or "")


def test_done_has_the_message_id_and_tells_the_queue_number() -> None:
    receipt = command_receipt(command(), reply(250, "2.0.0 Ok: queued as 4F2A"))
    assert receipt.state is ReceiptState.DONE
    assert receipt.vendor_ref == message_id_of("late/1001", SETTINGS)
    assert receipt.message == "queued as 4F2A"
    assert command_receipt(command(), reply(250, "")).message is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2.0.0 Ok: queued as 4cZx2y3", "4cZx2y3"),  # Postfix
        ("OK id=1tKx9Q-000000", "1tKx9Q-000000"),  # Exim
        ("Ok 0102019-abc-000000", "0102019-abc-000000"),  # Amazon SES
        ("2.6.0 <a@b.example> Queued mail for delivery", None),  # Exchange
        ("thank you", None),
    ],
)
def test_queue_numbers_are_found_where_servers_put_them(text: str, number: str | None) -> None:
    assert queue_id(text) == number


def test_the_address_and_the_sign_in_come_from_the_settings() -> None:
    assert api.base_url({"host": "m.example"}) == "smtp://m.example:587"
    assert api.base_url({"host": "m.example", "security": "tls"}) == "smtps://m.example:465"
    assert api.base_url({"host": "m.example", "port": "2525"}) == "smtp://m.example:2525"
    assert api.base_url({"api_base": "smtp+plain://127.0.0.1:1/"}) == "smtp+plain://127.0.0.1:1"
    look = api.check_request()
    known = dict(api.authorise(look, SETTINGS | SECRETS).headers)
    assert known["from"] == "hello@brand.example"
    assert known["authorization"].startswith("Basic ")
    unsigned = api.authorise(Request(method="SEND", path=""), {"from_address": "a@b.example"})
    assert [name for name, _ in unsigned.headers] == ["from"]
    assert (api.budget(reply(250)), api.checked(reply(250))) == (None, {})
