"""Signed deliveries of every vendor, and thousand small ways to spoil one."""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import msgspec

from trueup.contract.delivery import Delivery, Secret
from trueup.contract.signature_scheme import (
    Asymmetric,
    BodyHmac,
    JoinedHmac,
    SignatureScheme,
    StaticToken,
    UrlParams,
)
from trueup.contract.signing import sign
from trueup.contract.vendor_signature import VENDOR_SIGNATURES

NOW = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
URL = "https://hub.example/hooks/c1?shop=a&x=%2F"
JSON_BODY = b'{"id": 1001, "total": "10.00", "note": "gr\xc3\xbc\xc3\x9fe"}'
FORM_BODY = b"MessageSid=SM1&To=%2B18005551212&Body=two+words&Empty="
FORM = "application/x-www-form-urlencoded"
SECRETS = {
    "text": Secret(value=b"a-secret-of-the-connection", identity="app-key-1"),
    "whsec": Secret(value=b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
}
SYMMETRIC = sorted(
    name
    for name, vendor in VENDOR_SIGNATURES.items()
    if isinstance(vendor.scheme, BodyHmac | JoinedHmac | UrlParams | StaticToken)
)

Mutation = Callable[[random.Random, Delivery, SignatureScheme], Delivery]


def scheme_of(name: str) -> SignatureScheme:
    return VENDOR_SIGNATURES[name].scheme


def secret_for(scheme: SignatureScheme) -> Secret:
    return SECRETS[getattr(scheme, "key_form", "text")]


def unsigned(scheme: SignatureScheme, body: bytes | None = None) -> Delivery:
    form = isinstance(scheme, UrlParams)
    headers = {"content-type": FORM if form else "application/json"}
    if getattr(scheme, "id_header", ""):
        headers[scheme.id_header] = "msg_1"  # type: ignore[union-attr]
    default = FORM_BODY if form else JSON_BODY
    body = default if body is None else body
    return Delivery(method="POST", url=URL, headers=headers, body=body)


def signed(
    scheme: SignatureScheme,
    at: datetime = NOW,
    body: bytes | None = None,
    secret: Secret | None = None,
) -> Delivery:
    delivery = unsigned(scheme, body)
    secret = secret or secret_for(scheme)
    return with_headers(delivery, **sign(scheme, delivery, secret, at))


def with_headers(delivery: Delivery, **headers: str) -> Delivery:
    return msgspec.structs.replace(delivery, headers={**delivery.headers, **headers})


def with_body(delivery: Delivery, body: bytes) -> Delivery:
    return msgspec.structs.replace(delivery, body=body)


def without_header(delivery: Delivery, name: str) -> Delivery:
    headers = {key: value for key, value in delivery.headers.items() if key != name}
    return msgspec.structs.replace(delivery, headers=headers)


def signing_headers(scheme: SignatureScheme) -> list[str]:
    """Name the headers that a scheme reads."""
    names = [getattr(scheme, "header", ""), getattr(scheme, "id_header", "")]
    stamp = getattr(scheme, "stamp", None)
    names.append(stamp.header if stamp else "")
    return [name for name in names if name]


def _flip(rng: random.Random, content: bytes) -> bytes:
    if not content:
        return b"\x01"
    at = rng.randrange(len(content))
    return content[:at] + bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :]


def _flip_body(rng: random.Random, delivery: Delivery, _: SignatureScheme) -> Delivery:
    return with_body(delivery, _flip(rng, delivery.body))


def _trail_body(rng: random.Random, delivery: Delivery, _: SignatureScheme) -> Delivery:
    return with_body(delivery, delivery.body + rng.choice([b" ", b"\n", b"\0", b"}", b"&a=b"]))


def _cut_body(rng: random.Random, delivery: Delivery, _: SignatureScheme) -> Delivery:
    return with_body(delivery, delivery.body[: rng.randrange(len(delivery.body))])


def _flip_header(rng: random.Random, delivery: Delivery, scheme: SignatureScheme) -> Delivery:
    name = rng.choice(signing_headers(scheme))
    value = _flip(rng, delivery.headers[name].encode()).decode("latin-1")
    return with_headers(delivery, **{name: value})


def _drop_header(rng: random.Random, delivery: Delivery, scheme: SignatureScheme) -> Delivery:
    return without_header(delivery, rng.choice(signing_headers(scheme)))


def _repeat_header(rng: random.Random, delivery: Delivery, scheme: SignatureScheme) -> Delivery:
    return msgspec.structs.replace(
        delivery, repeated=frozenset([rng.choice(signing_headers(scheme))])
    )


def _cut_signature(rng: random.Random, delivery: Delivery, scheme: SignatureScheme) -> Delivery:
    name = signing_headers(scheme)[0]
    value = delivery.headers[name]
    return with_headers(delivery, **{name: value[: rng.randrange(len(value))]})


def _trail_signature(rng: random.Random, delivery: Delivery, scheme: SignatureScheme) -> Delivery:
    name = signing_headers(scheme)[0]
    tail = rng.choice(["=", "A", " ", "\t", "0", "\n", "é", "%00"])
    return with_headers(delivery, **{name: delivery.headers[name] + tail})


def _swap_case(rng: random.Random, delivery: Delivery, scheme: SignatureScheme) -> Delivery:
    name = signing_headers(scheme)[0]
    value = delivery.headers[name]
    at = rng.randrange(len(value))
    return with_headers(
        delivery, **{name: rng.choice([value.swapcase(), value[:at] + value[at:].swapcase()])}
    )


def _other_secret(rng: random.Random, delivery: Delivery, scheme: SignatureScheme) -> Delivery:
    if isinstance(scheme, Asymmetric):
        return _flip_body(rng, delivery, scheme)
    key = rng.randbytes(24).hex().encode()
    secret = Secret(value=b"whsec_" + key if secret_for(scheme).value[:6] == b"whsec_" else key)
    return with_headers(delivery, **sign(scheme, delivery, secret, NOW))


_ON_BODY: Sequence[Mutation] = (_flip_body, _trail_body, _cut_body)
_ON_HEADERS: Sequence[Mutation] = (
    _flip_header,
    _drop_header,
    _repeat_header,
    _cut_signature,
    _trail_signature,
    _swap_case,
    _other_secret,
)


def mutate(rng: random.Random, delivery: Delivery, scheme: SignatureScheme) -> Delivery:
    """Return the delivery with one thing spoiled; never the same, nor the same in meaning."""
    covers_body = not isinstance(scheme, StaticToken)
    while True:
        mutation = rng.choice([*_ON_HEADERS, *(_ON_BODY if covers_body else ())])
        spoiled = mutation(rng, delivery, scheme)
        if spoiled != delivery and not _means_the_same(spoiled, delivery, scheme):
            return spoiled


def _means_the_same(spoiled: Delivery, delivery: Delivery, scheme: SignatureScheme) -> bool:
    """Tell whether only the spelling of a form changed: F5 signs the fields, not the bytes."""
    if not isinstance(scheme, UrlParams) or spoiled.headers != delivery.headers:
        return False
    first, second = (
        sorted(parse_qsl(part.body.decode("latin-1"), keep_blank_values=True))
        for part in (spoiled, delivery)
    )
    return first == second and spoiled.repeated == delivery.repeated
