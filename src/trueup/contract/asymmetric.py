"""Checks deliveries that are signed with the vendor's private key (family F4)."""

from collections.abc import Sequence
from datetime import datetime

from trueup.contract.delivery import Delivery, Secret, Verified, refusal
from trueup.contract.public_key import LoadedKey, read_base64, read_stored_key, signature_holds
from trueup.contract.signature_keys import KeySource, needed_key, read_envelope
from trueup.contract.signature_scheme import Asymmetric
from trueup.contract.signed_bytes import check_stamp, join_parts

SIGNATURES_MAX = 16


def verify_asymmetric(
    scheme: Asymmetric,
    delivery: Delivery,
    secrets: Sequence[Secret],
    now: datetime,
    keys: KeySource | None,
) -> Verified:
    """Check a delivery against the vendor's public key.

    Args:
        scheme: how the vendor signs.
        delivery: the request, its body untouched.
        secrets: the live secrets: the stored keys of the source `secret`, and the identities that
            are signed along; not needed by a scheme with neither.
        now: our clock, aware.
        keys: where published keys are at hand.

    Raises:
        SignatureInvalid: see `signature.verify`.
    """
    needs_secret = scheme.key.source == "secret" or "{identity}" in scheme.join
    if needs_secret and not secrets:
        raise refusal("no_secret")
    signatures = _signatures(scheme, delivery)
    stamp, stamp_text, signed_at = scheme.stamp, "", None
    if stamp is not None:
        stamp_text = delivery.header(stamp.header)
        signed_at = check_stamp(stamp, stamp_text, now)
    public_keys = _public_keys(scheme, delivery, secrets, now, keys)
    identities = sorted({secret.identity for secret in secrets if secret.identity})
    if "{identity}" in scheme.join and not identities:
        raise refusal("no_secret")
    for identity in identities or [""]:
        content = join_parts(scheme, delivery, stamp_text=stamp_text, identity=identity)
        if any(
            signature_holds(found.key, scheme.algorithm, signature=signature, content=content)
            for found in public_keys
            for signature in signatures
        ):
            return Verified(trust="signed", signed_at=signed_at)
    raise refusal("mismatch")


def _signatures(scheme: Asymmetric, delivery: Delivery) -> list[bytes]:
    value = delivery.header(scheme.header)
    if scheme.layout == "envelope":
        texts = [read_envelope(value, scheme.header).signature]
    elif scheme.layout == "versions":
        pieces = [piece.partition(",") for piece in value.split(" ", SIGNATURES_MAX)]
        if len(pieces) > SIGNATURES_MAX:
            raise refusal("malformed", header=scheme.header)
        texts = [text for version, _, text in pieces if version == scheme.version]
    else:
        texts = [value]
    found = [content for text in texts if (content := read_base64(text.encode()))]
    if not found:
        raise refusal("malformed", header=scheme.header)
    return found


def _public_keys(
    scheme: Asymmetric,
    delivery: Delivery,
    secrets: Sequence[Secret],
    now: datetime,
    keys: KeySource | None,
) -> list[LoadedKey]:
    if scheme.key.source == "secret":
        return [_stored_key(secret) for secret in secrets]
    address = needed_key(scheme, delivery)
    found = keys.known(address, now) if keys is not None and address is not None else None
    if found is None or not found.holds_at(now):
        raise refusal("key_unknown")
    return [found]


def _stored_key(secret: Secret) -> LoadedKey:
    try:
        return read_stored_key(secret.value)
    except ValueError as fault:
        raise refusal("no_secret", detail="the stored public key can not be read") from fault
