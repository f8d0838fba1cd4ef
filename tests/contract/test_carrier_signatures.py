"""The carriers' signatures: what they send is believed, and a thousand changed ones are not."""

import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tests.support.carrier_hub import FOLDERS
from trueup.contract.delivery import Delivery, Secret
from trueup.contract.signature import verify, verify_any
from trueup.contract.signature_scheme import SignatureScheme, StaticToken
from trueup.contract.signing import sign
from trueup.contract.vendor_signature import VENDOR_SIGNATURES
from trueup.errors import SignatureInvalid

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
SECRET = Secret(value=b"a-long-secret-of-the-carrier")
MUTATIONS = 1_000
SCHEMES: dict[str, SignatureScheme] = {
    **{
        name: folder.manifest.webhook.scheme
        for name, folder in FOLDERS.items()
        if folder.manifest.webhook
    },
    "easypost_v1": VENDOR_SIGNATURES["easypost_v1"].scheme,
}


def signed(scheme: SignatureScheme, at: datetime = NOW) -> Delivery:
    bare = Delivery(
        method="POST",
        url="https://hub.example/hooks/carrier",
        headers={"content-type": "application/json"},
        body=b'{"id": "evt_1", "awb": "19000000000017"}',
    )
    return msgspec.structs.replace(bare, headers={**bare.headers, **sign(scheme, bare, SECRET, at)})


def believed(scheme: SignatureScheme, delivery: Delivery) -> bool:
    try:
        verify(scheme, delivery, [SECRET], NOW)
    except SignatureInvalid:
        return False
    return True


def changed(delivery: Delivery, scheme: SignatureScheme, chance: random.Random) -> Delivery:
    """Change one thing that the scheme covers; a static token covers itself alone."""
    names = [name for name in delivery.headers if name != "content-type"]
    what = "header" if isinstance(scheme, StaticToken) else chance.choice(["header", "body"])
    if what == "body":
        place = chance.randrange(len(delivery.body))
        byte = bytes([(delivery.body[place] + chance.randrange(1, 256)) % 256])
        body = delivery.body[:place] + byte + delivery.body[place + 1 :]
        return msgspec.structs.replace(delivery, body=body)
    name = chance.choice(names)
    value = delivery.headers[name]
    place = chance.randrange(len(value))
    other = chance.choice(
        [c for c in "0123456789abcdefXYZ -=" if c.lower() != value[place].lower()]
    )
    text = value[:place] + other + value[place + 1 :]
    return msgspec.structs.replace(delivery, headers={**delivery.headers, name: text})


@pytest.mark.parametrize("name", sorted(SCHEMES))
def test_a_thousand_changed_deliveries_are_refused(name: str) -> None:
    scheme, chance = SCHEMES[name], random.Random(17)
    good = signed(scheme)
    assert believed(scheme, good)
    accepted = sum(believed(scheme, changed(good, scheme, chance)) for _ in range(MUTATIONS))
    assert accepted == 0


def test_easypost_prefers_the_signature_that_covers_a_time() -> None:
    webhook = FOLDERS["easypost"].manifest.webhook
    assert webhook is not None
    assert webhook.schemes == (SCHEMES["easypost"], SCHEMES["easypost_v1"])
    assert not believed(webhook.scheme, signed(webhook.scheme, NOW - timedelta(hours=1)))
    assert not believed(webhook.scheme, signed(webhook.scheme, NOW + timedelta(hours=1)))
    assert not believed(webhook.scheme, signed(SCHEMES["easypost_v1"]))


@pytest.mark.parametrize("name", ["easypost", "easypost_v1"])
def test_a_door_that_takes_either_signature_takes_no_changed_delivery(name: str) -> None:
    webhook = FOLDERS["easypost"].manifest.webhook
    assert webhook is not None
    good, chance = signed(SCHEMES[name]), random.Random(23)
    assert verify_any(webhook.schemes, good, [SECRET], NOW).trust == "signed"
    accepted = 0
    for _ in range(MUTATIONS):
        try:
            verify_any(webhook.schemes, changed(good, SCHEMES[name], chance), [SECRET], NOW)
            accepted += 1
        except SignatureInvalid:
            pass
    assert accepted == 0
