"""Deliveries signed with a vendor's private key: real keys, made here, published by a fake host."""

import asyncio
import json
import random
import zlib
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from tests.unit.contract.signed import (
    JSON_BODY,
    NOW,
    URL,
    mutate,
    scheme_of,
    with_body,
    with_headers,
    without_header,
)
from trueup.contract.delivery import Delivery, Secret
from trueup.contract.public_key import read_keys, read_stored_key, signature_holds
from trueup.contract.signature import verify
from trueup.contract.signature_keys import KeyAddress, KeySource, is_allowed, needed_key
from trueup.errors import ContractBroken, SignatureInvalid, Unavailable

VENDORS = ["paypal", "ebay", "shipengine", "standard_webhooks_ed25519"]
ISO = "2026-11-20T12:00:30Z"
CERT_URL = "https://api.paypal.com/v1/notifications/certs/CERT-1"
WEBHOOK_ID = "WH-1"
EBAY_HASH = SHA1


@cache
def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=bits)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def ed_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | dsa.DSAPrivateKey) -> str:
    raw = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return raw.decode()


@cache
def certificate(from_days: int = -1, to_days: int = 1, bits: int = 2_048) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "certs.example")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(rsa_key(bits).public_key())
        .serial_number(1)
        .not_valid_before(NOW + timedelta(days=from_days))
        .not_valid_after(NOW + timedelta(days=to_days))
        .sign(rsa_key(bits), SHA256())
        .public_bytes(Encoding.PEM)
    )


def number(value: int) -> str:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def jwks(kid: str = "k1") -> bytes:
    numbers = rsa_key(2_048).public_key().public_numbers()
    key = {"kty": "RSA", "kid": kid, "use": "sig", "n": number(numbers.n), "e": number(numbers.e)}
    return json.dumps({"keys": [key]}).encode()


class Host:
    """A fake network: answers from a table and remembers what was asked."""

    def __init__(self, **pages: bytes) -> None:
        self.pages = pages
        self.asked: list[str] = []
        self.down = False

    async def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        await asyncio.sleep(0)
        if self.down:
            raise Unavailable("down")
        return self.pages.get(url.rsplit("/", 1)[1], b"{}")


def host() -> Host:
    one_line = pem(ec_key()).replace("\n", "")
    published = json.dumps({"key": one_line, "algorithm": "ECDSA", "digest": "SHA1"})
    return Host(**{"CERT-1": certificate(), "jwks": jwks(), "kid-1": published.encode()})


def build(headers: dict[str, str], body: bytes = JSON_BODY) -> Delivery:
    return Delivery(method="POST", url=URL, headers=headers, body=body)


def paypal() -> Delivery:
    content = f"T1|{ISO}|{WEBHOOK_ID}|{zlib.crc32(JSON_BODY)}".encode()
    signature = rsa_key(2_048).sign(content, padding.PKCS1v15(), SHA256())
    return build(
        {
            "paypal-transmission-id": "T1",
            "paypal-transmission-time": ISO,
            "paypal-cert-url": CERT_URL,
            "paypal-transmission-sig": b64encode(signature).decode(),
        }
    )


def ebay(**extra: str) -> Delivery:
    signature = b64encode(ec_key().sign(JSON_BODY, ec.ECDSA(EBAY_HASH()))).decode()
    envelope = {"alg": "ECDSA", "kid": "kid-1", "signature": signature, "digest": "SHA1"} | extra
    return build({"x-ebay-signature": b64encode(json.dumps(envelope).encode()).decode()})


def shipengine() -> Delivery:
    signature = rsa_key(2_048).sign(f"{ISO}.".encode() + JSON_BODY, padding.PKCS1v15(), SHA256())
    return build(
        {
            "x-shipengine-timestamp": ISO,
            "x-shipengine-rsa-sha256-key-id": "k1",
            "x-shipengine-rsa-sha256-signature": b64encode(signature).decode(),
        }
    )


def standard() -> Delivery:
    at = str(int(NOW.timestamp()))
    signature = b64encode(ed_key().sign(f"m1.{at}.".encode() + JSON_BODY)).decode()
    return build(
        {
            "webhook-id": "m1",
            "webhook-timestamp": at,
            "webhook-signature": f"v1,AAAA v1a,{signature}",
        }
    )


BUILD: dict[str, Callable[[], Delivery]] = {
    "paypal": paypal,
    "ebay": ebay,
    "shipengine": shipengine,
    "standard_webhooks_ed25519": standard,
}


def secrets(vendor: str) -> list[Secret]:
    if vendor == "paypal":
        return [Secret(value=b"-", identity=WEBHOOK_ID)]
    if vendor.startswith("standard"):
        raw = ed_key().public_key().public_bytes_raw()
        return [Secret(value=b"whpk_" + b64encode(raw))]
    return []


def source(vendor: str, delivery: Delivery, at: Host | None = None) -> KeySource:
    """Return a key source that has looked up what the delivery needs."""
    keys = KeySource((at or host()).fetch)
    address = needed_key(scheme_of(vendor), delivery)
    if address is not None:
        asyncio.run(keys.load(address, NOW))
    return keys


def reason(vendor: str, delivery: Delivery, keys: KeySource | None, now: datetime = NOW) -> str:
    with pytest.raises(SignatureInvalid) as caught:
        verify(scheme_of(vendor), delivery, secrets(vendor), now, keys)
    return str(caught.value.context["reason"])


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_genuine_delivery_verifies(vendor: str) -> None:
    good = BUILD[vendor]()
    result = verify(scheme_of(vendor), good, secrets(vendor), NOW, source(vendor, good))
    assert result.trust == "signed"
    assert result.signed_at == (None if vendor == "ebay" else NOW)


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_thousand_mutations_are_refused(vendor: str) -> None:
    good, rng = BUILD[vendor](), random.Random(vendor)
    keys, scheme = source(vendor, good), scheme_of(vendor)
    refused = 0
    while refused < 1_000:
        spoiled = mutate(rng, good, scheme)
        if _same_in_meaning(vendor, spoiled, good):
            continue
        with pytest.raises(SignatureInvalid):
            verify(scheme, spoiled, secrets(vendor), NOW, keys)
        refused += 1


def _same_in_meaning(vendor: str, spoiled: Delivery, good: Delivery) -> bool:
    """Tell whether only a part changed that proves nothing.

    A signature of another version beside ours, or the spelling of eBay's envelope around the
    signature.
    """
    name = scheme_of(vendor).header  # type: ignore[union-attr]
    if spoiled.body != good.body or spoiled.repeated or name not in spoiled.headers:
        return False
    if vendor.startswith("standard"):
        ours = good.headers[name].split(" ")[1]
        others = {k: v for k, v in spoiled.headers.items() if k != name}
        return ours in spoiled.headers[name].split(" ") and others.items() <= good.headers.items()
    if vendor == "ebay":
        try:
            first, second = (
                json.loads(b64decode(d.headers[name], validate=True)) for d in (spoiled, good)
            )
        except ValueError:
            return False
        return all(first.get(field) == second[field] for field in ("kid", "signature"))
    return False


@pytest.mark.parametrize("vendor", ["paypal", "ebay", "shipengine"])
def test_without_the_key_at_hand_nothing_is_believed(vendor: str) -> None:
    good = BUILD[vendor]()
    assert reason(vendor, good, None) == "key_unknown"
    assert reason(vendor, good, KeySource(host().fetch)) == "key_unknown"


@pytest.mark.parametrize("vendor", ["paypal", "standard_webhooks_ed25519"])
def test_without_its_secret_nothing_is_believed(vendor: str) -> None:
    good = BUILD[vendor]()
    for none in ([], [Secret(value=b"")], [Secret(value=b"x", not_after=NOW)]):
        with pytest.raises(SignatureInvalid) as caught:
            verify(scheme_of(vendor), good, none, NOW, source(vendor, good))
        assert caught.value.context["reason"] == "no_secret"


def test_the_webhook_of_another_account_is_refused() -> None:
    good = paypal()
    with pytest.raises(SignatureInvalid) as caught:
        verify(
            scheme_of("paypal"),
            good,
            [Secret(value=b"-", identity="WH-2")],
            NOW,
            source("paypal", good),
        )
    assert caught.value.context["reason"] == "mismatch"


@pytest.mark.parametrize(
    ("vendor", "header", "past_s"),
    [
        ("shipengine", "x-shipengine-timestamp", 300),
        ("standard_webhooks_ed25519", "webhook-timestamp", 300),
        ("paypal", "paypal-transmission-time", 259_200),
    ],
)
def test_the_window_has_two_sides(vendor: str, header: str, past_s: int) -> None:
    good = BUILD[vendor]()
    keys = source(vendor, good)
    seconds = timedelta(seconds=1)
    assert reason(vendor, good, keys, NOW + (past_s + 1) * seconds) == "too_old"
    assert reason(vendor, good, keys, NOW - 301 * seconds) == "too_new"
    assert reason(vendor, with_headers(good, **{header: "now"}), keys) == "malformed"
    assert reason(vendor, without_header(good, header), keys) == "missing_header"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/v1/notifications/certs/CERT-1",
        "http://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
        "https://api.paypal.com@evil.example/v1/notifications/certs/CERT-1",
        "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/other/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/../../files/mine",
        "https://api.paypal.com/v1/notifications/certs/%2e%2e/mine",
        "https://api.paypal.com/v1/notifications/certs/a?next=https://evil.example",
        "https://api.paypal.com/v1/notifications/certs/a#b",
        "https://api.paypal.com\\@evil.example/v1/notifications/certs/a",
        "https://API.PAYPAL.COM/v1/notifications/certs/a",
        "https://api.paypal.com//v1/notifications/certs/a",
        "https://127.0.0.1/v1/notifications/certs/a",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_key_is_never_read_from_elsewhere(url: str) -> None:
    forged, place = with_headers(paypal(), **{"paypal-cert-url": url}), host()
    with pytest.raises(SignatureInvalid):
        needed_key(scheme_of("paypal"), forged)
    assert reason("paypal", forged, source("paypal", paypal(), place)) == "malformed"
    prefixes = scheme_of("paypal").key.prefixes  # type: ignore[union-attr]
    address = KeyAddress(url=url, document="certificate", prefixes=prefixes)
    with pytest.raises(SignatureInvalid):
        asyncio.run(KeySource(place.fetch).load(address, NOW))
    assert place.asked == [CERT_URL]


def test_an_allowed_address() -> None:
    assert is_allowed("https://a.example/k/1", ("https://a.example/k/",))
    assert not is_allowed("https://a.example/k/1", ())


@pytest.mark.parametrize("kid", ["../x", "a/b", "a?b", "a" * 200, "kid 1"])
def test_a_key_id_can_not_leave_its_path(kid: str) -> None:
    with pytest.raises(SignatureInvalid):
        needed_key(scheme_of("ebay"), ebay(kid=kid))


@pytest.mark.parametrize("extra", [{"alg": "RSA"}, {"digest": "MD5"}, {"alg": "none"}])
def test_an_envelope_of_another_algorithm_is_refused(extra: dict[str, str]) -> None:
    with pytest.raises(SignatureInvalid):
        needed_key(scheme_of("ebay"), ebay(**extra))


@pytest.mark.parametrize("value", ["", "{}", "e30=", "bm90IGpzb24=", "eyJraWQiOjF9", "e30"])
def test_a_header_that_is_no_envelope_is_refused(value: str) -> None:
    spoiled = with_headers(ebay(), **{"x-ebay-signature": value})
    assert reason("ebay", spoiled, source("ebay", ebay())) == "malformed"


def test_an_expired_or_future_certificate_is_not_used() -> None:
    for days in ((-3, -2), (2, 3)):
        place = Host(**{"CERT-1": certificate(*days)})
        assert reason("paypal", paypal(), source("paypal", paypal(), place)) == "key_unknown"


def test_a_key_of_another_kind_never_fits() -> None:
    """Key confusion: an RSA signature is not checked with whatever key comes along."""
    content = b"x"
    signature = ec_key().sign(content, ec.ECDSA(SHA256()))
    public = ec_key().public_key()
    assert signature_holds(public, "ecdsa_sha256", signature=signature, content=content)
    for algorithm in ("rsa_sha256", "ed25519"):
        assert not signature_holds(public, algorithm, signature=signature, content=content)  # type: ignore[arg-type]
    for algorithm in ("ecdsa_sha1", "ecdsa_sha256"):
        assert not signature_holds(
            ed_key().public_key(),
            algorithm,  # type: ignore[arg-type]
            signature=signature,
            content=content,
        )


def test_rfc_8032_vector() -> None:
    """RFC 8032, section 7.1, test 2."""
    raw = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    key = read_stored_key(b"whpk_" + b64encode(raw)).key
    assert signature_holds(key, "ed25519", signature=signature, content=b"\x72")
    assert not signature_holds(key, "ed25519", signature=signature, content=b"\x73")


def test_key_documents_of_every_kind() -> None:
    point = ec_key().public_key().public_numbers()
    raw = ed_key().public_key().public_bytes_raw()
    keys = [
        {"kty": "EC", "crv": "P-256", "kid": "a", "x": number(point.x), "y": number(point.y)},
        {"kty": "OKP", "crv": "Ed25519", "kid": "b", "x": urlsafe_b64encode(raw).decode()},
        {"kty": "RSA", "kid": "c", "use": "enc", "n": "AQAB", "e": "AQAB"},
    ]
    found = read_keys("jwks", json.dumps({"keys": keys}).encode())
    assert sorted(found) == ["a", "b"]  # a key for encryption signs nothing
    assert read_keys("pem", pem(rsa_key(2_048)).encode())[""].key == rsa_key(2_048).public_key()
    assert read_stored_key(pem(rsa_key(2_048)).encode()).key == rsa_key(2_048).public_key()


@pytest.mark.parametrize(
    ("document", "content"),
    [
        ("jwks", b"{}"),
        ("jwks", b"not json"),
        ("jwks", b'{"keys": [{"kty": "oct", "kid": "a"}]}'),
        ("jwks", b'{"keys": [{"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"}]}'),
        ("jwks", b'{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AQ"}]}'),
        ("jwks", b'{"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}'),
        ("jwks", json.dumps({"keys": [{"kty": "RSA"}] * 65}).encode()),
        ("pem", b"-----BEGIN PUBLIC KEY-----\n!!\n-----END PUBLIC KEY-----"),
        ("pem", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"),
        ("pem", b"\xff"),
        ("pem", b""),
        ("json_pem", b'{"key": 1}'),
        ("certificate", b"nothing"),
        ("pem", b"x" * 70_000),
    ],
)
def test_a_broken_key_document_is_refused(document: str, content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_keys(document, content)  # type: ignore[arg-type]


def test_a_weak_or_strange_key_is_refused() -> None:
    with pytest.raises(ValueError, match="too weak"):
        read_keys("certificate", certificate(bits=1_024))
    strange = pem(dsa.generate_private_key(2_048)).encode()
    with pytest.raises(ValueError, match="can not check"):
        read_keys("pem", strange)


# --- the key source ---------------------------------------------------------------------------


def address(name: str = "jwks", kid: str = "k1") -> KeyAddress:
    prefixes = ("https://keys.example/",)
    return KeyAddress(
        url=f"https://keys.example/{name}", document="jwks", kid=kid, prefixes=prefixes
    )


def test_a_document_is_read_once_and_again_when_it_is_old() -> None:
    place = host()
    keys = KeySource(place.fetch, ttl_s=3_600)
    for minutes in (0, 1, 59, 60):
        asyncio.run(keys.load(address(), NOW + timedelta(minutes=minutes)))
    assert len(place.asked) == 1
    later = NOW + timedelta(minutes=61)
    assert keys.known(address(), NOW) is not None
    assert keys.known(address(), later) is None
    asyncio.run(keys.load(address(), later))
    assert len(place.asked) == 2


def test_many_deliveries_at_once_read_a_document_once() -> None:
    place = host()
    keys = KeySource(place.fetch)

    async def storm() -> None:
        await asyncio.gather(*(keys.load(address(), NOW) for _ in range(50)))

    asyncio.run(storm())
    assert len(place.asked) == 1


def test_a_new_key_of_a_known_set_is_looked_for_once_a_minute() -> None:
    place = host()
    keys = KeySource(place.fetch)
    asyncio.run(keys.load(address(), NOW))
    place.pages["jwks"] = jwks("k2")
    asyncio.run(keys.load(address(kid="k2"), NOW + timedelta(seconds=59)))
    assert keys.known(address(kid="k2"), NOW) is None
    later = NOW + timedelta(seconds=61)
    asyncio.run(keys.load(address(kid="k2"), later))
    assert keys.known(address(kid="k2"), later) is not None
    assert len(place.asked) == 2


def test_look_ups_are_limited_and_the_store_is_bounded() -> None:
    pages = {f"p{n}": jwks() for n in range(100)}
    place = Host(**pages)
    keys = KeySource(place.fetch, loads_per_minute_max=30, entries_max=8)
    for n in range(30):
        asyncio.run(keys.load(address(f"p{n}"), NOW))
    with pytest.raises(Unavailable, match="Too many"):
        asyncio.run(keys.load(address("p30"), NOW + timedelta(seconds=59)))
    asyncio.run(keys.load(address("p30"), NOW + timedelta(seconds=61)))
    held = [n for n in range(31) if keys.known(address(f"p{n}"), NOW)]
    assert held == list(range(23, 31))


def test_a_host_that_is_down_or_talks_nonsense() -> None:
    place = host()
    place.down = True
    keys = KeySource(place.fetch)
    with pytest.raises(Unavailable):
        asyncio.run(keys.load(address(), NOW))
    place.down, place.pages = False, {"jwks": b"<html>"}
    with pytest.raises(ContractBroken):
        asyncio.run(keys.load(address(), NOW))
    place.pages = {"jwks": b" " * 70_000}
    with pytest.raises(ContractBroken, match="too large"):
        asyncio.run(keys.load(address(), NOW))
    place.pages = {"jwks": jwks()}
    asyncio.run(keys.load(address(), NOW))
    assert keys.known(address(), NOW) is not None


def test_only_published_keys_are_looked_up() -> None:
    for vendor in ("shopify", "standard_webhooks_ed25519", "gorgias"):
        assert needed_key(scheme_of(vendor), build({})) is None


def test_a_stored_key_that_can_not_be_read_is_no_secret() -> None:
    for value in (b"whpk_!!", b"whpk_AAAA", b"-----BEGIN X", b"\xff"):
        with pytest.raises(SignatureInvalid) as caught:
            verify(scheme_of("standard_webhooks_ed25519"), standard(), [Secret(value=value)], NOW)
        assert caught.value.context["reason"] == "no_secret"


def test_a_flood_of_signatures_is_refused() -> None:
    good = standard()
    value = good.headers["webhook-signature"]
    flood = with_headers(good, **{"webhook-signature": " ".join([value] * 20)})
    assert reason("standard_webhooks_ed25519", flood, None) == "malformed"


def test_a_body_that_is_not_text_is_checked_as_bytes() -> None:
    body = b"\xff\x00"
    signature = ec_key().sign(body, ec.ECDSA(EBAY_HASH()))
    envelope = json.dumps({"kid": "kid-1", "signature": b64encode(signature).decode()})
    good = build({"x-ebay-signature": b64encode(envelope.encode()).decode()}, body)
    keys = source("ebay", good)
    assert verify(scheme_of("ebay"), good, [], NOW, keys).trust == "signed"
    assert reason("ebay", with_body(good, body + b"\0"), keys) == "mismatch"
