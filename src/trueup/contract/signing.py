"""Signs a delivery as a vendor does: for the sandbox, for tests and for `trueup ingest`.

The mirror of `signature.verify` for every family with a shared secret. Asymmetric schemes are not
in it, for only the vendor holds the private key.
"""

import hmac
from base64 import b64encode
from datetime import datetime

from trueup.contract.delivery import Delivery, Secret
from trueup.contract.signature import encode_digest, hmac_keys, url_signed_bytes
from trueup.contract.signature_scheme import (
    BodyHmac,
    JoinedHmac,
    SignatureScheme,
    StaticToken,
    UrlParams,
)
from trueup.contract.signed_bytes import join_parts, write_stamp
from trueup.errors import ConfigError, invariant


def sign(
    scheme: SignatureScheme, delivery: Delivery, secret: Secret, at: datetime
) -> dict[str, str]:
    """Return the headers that make a delivery verify.

    Args:
        scheme: a family with a shared secret.
        delivery: what will be sent; its headers already hold the id where the scheme signs one.
        secret: the one to sign with.
        at: what the sender's clock says, aware.

    Raises:
        ConfigError: only the vendor can sign this family, or the family has no signature.
        SignatureInvalid: the secret is empty or of the wrong form, or a signed header is missing.
    """
    invariant(at.tzinfo is not None, "at must be an aware instant")
    match scheme:
        case BodyHmac():
            [(key, _)] = hmac_keys([secret], scheme.key_form, at)
            digest = hmac.digest(key, delivery.body, scheme.algorithm)
            text = encode_digest(digest, scheme.encoding).decode()
            return {scheme.header: scheme.prefix + text}
        case JoinedHmac():
            return _sign_joined(scheme, delivery, secret, at)
        case UrlParams():
            [(key, _)] = hmac_keys([secret], "text", at)
            content = url_signed_bytes(scheme, delivery)
            return {scheme.header: b64encode(hmac.digest(key, content, scheme.algorithm)).decode()}
        case StaticToken():
            [(key, _)] = hmac_keys([secret], "text", at)
            return {scheme.header: scheme.prefix + key.decode()}
        case _:
            raise ConfigError(f"Nothing can be signed by {type(scheme).__name__} on our side")


def _sign_joined(
    scheme: JoinedHmac, delivery: Delivery, secret: Secret, at: datetime
) -> dict[str, str]:
    [(key, identity)] = hmac_keys([secret], scheme.key_form, at)
    stamp = scheme.stamp
    stamp_text = write_stamp(stamp, at) if stamp else ""
    content = join_parts(scheme, delivery, stamp_text=stamp_text, identity=identity)
    digest = hmac.digest(key, content, scheme.algorithm)
    text = encode_digest(digest, scheme.encoding).decode()
    headers = {stamp.header: stamp_text} if stamp and stamp.header else {}
    match scheme.layout:
        case "single":
            headers[scheme.header] = scheme.prefix + text
        case "versions":
            headers[scheme.header] = f"{scheme.version},{text}"
        case "pairs":
            clock = f"{stamp.pair}={stamp_text}," if stamp and stamp.pair else ""
            headers[scheme.header] = f"{clock}{scheme.version}={text}"
    return headers
