"""Slack's own printed example of a signed request, and a thousand that are nearly it.

Source: Slack's page on verifying requests, read on 2026-11-21; the token in it is made up.
"""

import random
from datetime import UTC, datetime, timedelta

import pytest

from trueup.contract.delivery import Delivery, Secret
from trueup.contract.signature import verify
from trueup.contract.vendor_signature import VENDOR_SIGNATURES
from trueup.errors import SignatureInvalid

STAMP = "1531420618"
AT = datetime.fromtimestamp(int(STAMP), UTC)
SECRET = Secret(value=b"8f742231b10e8888abcd99yyyzzz85a5")
SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
    b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
    b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2F"
    b"commands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id="
    b"398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)


def check(body: bytes, stamp: str, signature: str, at: datetime = AT) -> None:
    headers = {"x-slack-request-timestamp": stamp, "x-slack-signature": signature}
    delivery = Delivery(method="POST", url="", headers=headers, body=body)
    verify(VENDOR_SIGNATURES["slack"].scheme, delivery, [SECRET], at)


def test_slacks_own_example_is_believed_for_five_minutes_either_way() -> None:
    check(BODY, STAMP, SIGNATURE)
    for seconds in (-299, 299):
        check(BODY, STAMP, SIGNATURE, AT + timedelta(seconds=seconds))
    for seconds in (-302, 302):
        with pytest.raises(SignatureInvalid):
            check(BODY, STAMP, SIGNATURE, AT + timedelta(seconds=seconds))


def test_of_a_thousand_changes_none_is_believed() -> None:
    pick = random.Random(5)
    accepted = 0
    for _ in range(1_000):
        body, stamp, signature = bytearray(BODY), STAMP, SIGNATURE
        kind = pick.randrange(4)
        if kind == 0:
            body[pick.randrange(len(body))] ^= 1 << pick.randrange(8)
        elif kind == 1:
            stamp = str(int(STAMP) + pick.choice((-1, 1)) * pick.randrange(1, 299))
        elif kind == 2:
            place = pick.randrange(3, len(signature))
            other = pick.choice([c for c in "0123456789abcdef" if c != signature[place]])
            signature = signature[:place] + other + signature[place + 1 :]
        else:
            body = body[: pick.randrange(len(body))]
        try:
            check(bytes(body), stamp, signature)
            accepted += 1
        except SignatureInvalid:
            pass
    assert accepted == 0
