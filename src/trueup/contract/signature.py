"""Decides whether a delivery is really the vendor's.

One pure function, `verify`, for the seven families of `signature_scheme`. It fails closed: without
a live secret, with a doubtful header, or with a key that is not at hand, nothing is believed.
Signatures are compared in constant time and in their encoded form, so that only the one canonical
spelling of a signature is accepted.
"""

import hmac
import re
from base64 import b64encode
from binascii import Error as BinasciiError
from binascii import a2b_base64
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from urllib.parse import parse_qsl, urlsplit

from trueup.contract.asymmetric import verify_asymmetric
from trueup.contract.delivery import Delivery, Secret, Verified, refusal
from trueup.contract.signature_keys import KeySource
from trueup.contract.signature_scheme import (
    Asymmetric,
    BodyHmac,
    HashName,
    JoinedHmac,
    KeyForm,
    QueuePull,
    SignatureScheme,
    StaticToken,
    TextForm,
    Unsigned,
    UrlParams,
)
from trueup.contract.signed_bytes import check_stamp, join_parts
from trueup.errors import InvariantBroken, SignatureInvalid, invariant

SIGNATURES_MAX = 16
"""Signatures read from one header; a vendor sends one per live secret, so two or three."""
FORM_FIELDS_MAX = 1_000

_SIGNED = Verified(trust="signed")
_DIGEST_BYTES = {"sha1": 20, "sha256": 32, "sha512": 64}


def verify(
    scheme: SignatureScheme,
    delivery: Delivery,
    secrets: Sequence[Secret],
    now: datetime,
    keys: KeySource | None = None,
) -> Verified:
    """Check that a delivery is the vendor's.

    Args:
        scheme: how the vendor signs.
        delivery: the request, its body untouched.
        secrets: the connection's secrets, newest first; two are live during a rotation.
        now: our clock, aware.
        keys: public keys, for an asymmetric scheme; load the one of `needed_key` before.

    Returns:
        What the check proved; see `Verified.trust`.

    Raises:
        SignatureInvalid: `intake.signature_invalid`; `reason` in its context is missing_header,
            malformed, mismatch, too_old, too_new, no_secret, key_unknown or queue_only.
    """
    if isinstance(scheme, BodyHmac):  # the hot path comes first
        return _verify_body(scheme, delivery, secrets, now)
    match scheme:
        case JoinedHmac():
            return _verify_joined(scheme, delivery, secrets, now)
        case UrlParams():
            return _verify_url(scheme, delivery, secrets, now)
        case Asymmetric():
            return verify_asymmetric(scheme, delivery, live_secrets(secrets, now), now, keys)
        case StaticToken():
            return _verify_token(scheme, delivery, secrets, now)
        case Unsigned():
            return Verified(trust="hint")
        case QueuePull():
            raise refusal("queue_only")


def live_secrets(secrets: Sequence[Secret], now: datetime) -> list[Secret]:
    """Return the secrets that count now: not empty and not past their rotation."""
    invariant(now.tzinfo is not None, "now must be an aware instant")
    return [
        secret
        for secret in secrets
        if secret.value and (secret.not_after is None or now < secret.not_after)
    ]


def hmac_keys(
    secrets: Sequence[Secret], key_form: KeyForm, now: datetime
) -> list[tuple[bytes, str]]:
    """Return the keys of the live secrets, each with its identity.

    Raises:
        SignatureInvalid: no_secret: none is live, or none has the form that the scheme needs.
    """
    keys = [
        (key, secret.identity)
        for secret in live_secrets(secrets, now)
        if (key := _key_bytes(secret.value, key_form))
    ]
    if not keys:
        raise refusal("no_secret")
    return keys


def verify_any(
    schemes: Sequence[SignatureScheme],
    delivery: Delivery,
    secrets: Sequence[Secret],
    now: datetime,
) -> Verified:
    """Check a delivery of a vendor that may sign in more than one way.

    Args:
        schemes: best first; one of them must accept.
        delivery: the request, its body untouched.
        secrets: the connection's secrets, newest first.
        now: our clock, aware.

    Raises:
        SignatureInvalid: none accepts; the reason is that of the first.
    """
    first: SignatureInvalid | None = None
    for scheme in schemes:
        try:
            return verify(scheme, delivery, secrets, now)
        except SignatureInvalid as fault:
            first = first or fault
    if first is None:
        raise InvariantBroken("a delivery is checked against one scheme at least")
    raise first


def encode_digest(digest: bytes, encoding: TextForm) -> bytes:
    """Write a digest as the vendor does: canonical base64, or hexadecimal in lower case."""
    return b64encode(digest) if encoding == "base64" else digest.hex().encode()


def url_signed_bytes(scheme: UrlParams, delivery: Delivery) -> bytes:
    """Build the bytes of an F5 signature: our address, then the sorted form fields.

    Two spellings of one form (`+` and `%20`) sign alike: the fields are signed, not the bytes.

    Raises:
        SignatureInvalid: the body is no form and its hash does not stand in the address.
    """
    url = delivery.url.encode()
    if scheme.body_hash_param:
        query = parse_qsl(urlsplit(delivery.url).query, keep_blank_values=True)
        hashes = [value for name, value in query if name == scheme.body_hash_param]
        if hashes:
            digest = sha256(delivery.body).hexdigest()
            if len(hashes) > 1 or not hmac.compare_digest(digest.encode(), hashes[0].encode()):
                raise refusal("mismatch", part=scheme.body_hash_param)
            return url
    media_type = delivery.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise refusal("malformed", part="body")
    return url + b"".join(
        name.encode() + value.encode() for name, value in sorted(_form_fields(delivery.body))
    )


def _verify_body(
    scheme: BodyHmac, delivery: Delivery, secrets: Sequence[Secret], now: datetime
) -> Verified:
    keys = hmac_keys(secrets, scheme.key_form, now)
    given = delivery.header(scheme.header).encode()
    prefix = scheme.prefix.encode()
    for key, _identity in keys:
        digest = hmac.digest(key, delivery.body, scheme.algorithm)
        if hmac.compare_digest(prefix + encode_digest(digest, scheme.encoding), given):
            return _SIGNED
    raise _mismatch([given.removeprefix(prefix)], scheme.encoding, scheme.algorithm)


def _verify_joined(
    scheme: JoinedHmac, delivery: Delivery, secrets: Sequence[Secret], now: datetime
) -> Verified:
    keys = hmac_keys(secrets, scheme.key_form, now)
    candidates, pairs = _candidates(scheme, delivery.header(scheme.header))
    stamp, stamp_text, signed_at = scheme.stamp, "", None
    if stamp is not None:
        stamp_text = _pair(pairs, stamp.pair) if stamp.pair else delivery.header(stamp.header)
        signed_at = check_stamp(stamp, stamp_text, now)
    for key, identity in keys:
        content = join_parts(scheme, delivery, stamp_text=stamp_text, identity=identity)
        digest = hmac.digest(key, content, scheme.algorithm)
        expected = encode_digest(digest, scheme.encoding)
        if any(hmac.compare_digest(expected, candidate) for candidate in candidates):
            return Verified(trust="signed", signed_at=signed_at)
    raise _mismatch(candidates, scheme.encoding, scheme.algorithm)


def _verify_url(
    scheme: UrlParams, delivery: Delivery, secrets: Sequence[Secret], now: datetime
) -> Verified:
    keys = hmac_keys(secrets, "text", now)
    given = delivery.header(scheme.header).encode()
    content = url_signed_bytes(scheme, delivery)
    for key, _identity in keys:
        expected = b64encode(hmac.digest(key, content, scheme.algorithm))
        if hmac.compare_digest(expected, given):
            return _SIGNED
    raise _mismatch([given], "base64", scheme.algorithm)


def _verify_token(
    scheme: StaticToken, delivery: Delivery, secrets: Sequence[Secret], now: datetime
) -> Verified:
    keys = hmac_keys(secrets, "text", now)
    given = delivery.header(scheme.header).encode()
    if any(hmac.compare_digest(scheme.prefix.encode() + key, given) for key, _ in keys):
        return Verified(trust="token")
    raise refusal("mismatch")


def _candidates(scheme: JoinedHmac, value: str) -> tuple[list[bytes], list[tuple[str, str]]]:
    """Split a signature header into its signatures, and into pairs where it has them."""
    if scheme.layout == "single":
        if not value.startswith(scheme.prefix):
            raise refusal("malformed", header=scheme.header)
        return [value.removeprefix(scheme.prefix).encode()], []
    between, within = (",", "=") if scheme.layout == "pairs" else (" ", ",")
    pieces = value.split(between, SIGNATURES_MAX)
    pairs = [(name, text) for name, _, text in (piece.partition(within) for piece in pieces)]
    found = [text.encode() for name, text in pairs if name == scheme.version and text]
    if len(pieces) > SIGNATURES_MAX or not found or any(within not in piece for piece in pieces):
        raise refusal("malformed", header=scheme.header)
    return found, pairs


def _pair(pairs: list[tuple[str, str]], name: str) -> str:
    values = [text for key, text in pairs if key == name]
    if len(values) != 1:
        raise refusal("malformed", part="timestamp")
    return values[0]


def _form_fields(body: bytes) -> list[tuple[str, str]]:
    if not body:
        return []
    try:
        return parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,  # a piece that is not read would be a piece that is not signed
            errors="strict",
            max_num_fields=FORM_FIELDS_MAX,
        )
    except ValueError as fault:
        raise refusal("malformed", part="body") from fault


def _key_bytes(value: bytes, key_form: KeyForm) -> bytes:
    """Return the key that a secret's text stands for; empty when it has another form."""
    if key_form == "text":
        return value
    try:
        if key_form == "hex":
            return bytes.fromhex(value.decode("ascii"))
        text = value.removeprefix(b"whsec_") if key_form == "whsec" else value
        return a2b_base64(text, strict_mode=True)
    except (ValueError, BinasciiError):
        return b""


def _mismatch(
    candidates: Sequence[bytes], encoding: TextForm, algorithm: HashName
) -> SignatureInvalid:
    """Make the refusal, telling a wrong signature from text that is no signature at all."""
    length = _DIGEST_BYTES[algorithm]
    spelling = (
        rf"[0-9a-f]{{{2 * length}}}"
        if encoding == "hex"
        else rf"[A-Za-z0-9+/]{{{(4 * length + 2) // 3}}}={{0,2}}"
    )
    looks_right = any(re.fullmatch(spelling.encode(), text) for text in candidates)
    return refusal("mismatch" if looks_right else "malformed")
