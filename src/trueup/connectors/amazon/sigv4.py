"""AWS Signature Version 4, with the signature in the address's query.

Implemented by AWS's published rules: a canonical request, a text to sign, a key derived for the
day, the region and the service. The query form is used because the hub's way out carries no foreign
headers to a host that is not the connection's own.

Source: AWS General Reference, "Signature Version 4 signing process".
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec

ALGORITHM: Final = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD: Final = "UNSIGNED-PAYLOAD"


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """An IAM user's key; `session_token` where it is a temporary one."""

    access_key_id: str
    secret_key: str
    session_token: str = ""

    def __repr__(self) -> str:
        return "Credentials()"  # its fields are secrets


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What a signature is good for."""

    at: datetime
    region: str
    service: str

    @property
    def stamp(self) -> str:
        """The instant as AWS writes it."""
        return self.at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")

    @property
    def text(self) -> str:
        """Day, region and service, as they are signed."""
        return f"{self.stamp[:8]}/{self.region}/{self.service}/aws4_request"


def presign(
    method: str,
    url: str,
    credentials: Credentials,
    scope: Scope,
    *,
    body: bytes = b"",
    payload: str = "",
    expires_s: int = 300,
) -> str:
    """Return the address with the signature in its query.

    Args:
        method: of HTTP.
        url: absolute, with or without a query.
        credentials: signs with these.
        scope: when and where it is good.
        body: of the request; it is signed too.
        payload: what stands for the body where it is not signed (`UNSIGNED_PAYLOAD`).
        expires_s: how long the signature is good.
    """
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    pairs += [
        ("X-Amz-Algorithm", ALGORITHM),
        ("X-Amz-Credential", f"{credentials.access_key_id}/{scope.text}"),
        ("X-Amz-Date", scope.stamp),
        ("X-Amz-Expires", str(expires_s)),
        ("X-Amz-SignedHeaders", "host"),
    ]
    if credentials.session_token:
        pairs.append(("X-Amz-Security-Token", credentials.session_token))
    canonical = canonical_request(
        method, parts.path, pairs, {"host": parts.netloc}, payload or sha256_hex(body)
    )
    query = canonical_query(pairs)
    signed = signature(canonical, credentials.secret_key, scope)
    return f"{parts.scheme}://{parts.netloc}{parts.path}?{query}&X-Amz-Signature={signed}"


def canonical_request(
    method: str,
    path: str,
    pairs: Sequence[tuple[str, str]],
    headers: Mapping[str, str],
    payload_hash: str,
) -> str:
    """Return a request in the one form that both sides sign; header names in lower case."""
    names = sorted(headers)
    lines = [f"{name}:{' '.join(headers[name].split())}\n" for name in names]
    return "\n".join(
        (
            method,
            quote(path or "/", safe="/-_.~%"),
            canonical_query(pairs),
            "".join(lines),
            ";".join(names),
            payload_hash,
        )
    )


def canonical_query(pairs: Sequence[tuple[str, str]]) -> str:
    """Return a query, each part encoded and all in order."""
    encoded = sorted((_encoded(name), _encoded(value)) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def signature(canonical: str, secret_key: str, scope: Scope) -> str:
    """Return the signature of a canonical request."""
    text = "\n".join((ALGORITHM, scope.stamp, scope.text, sha256_hex(canonical.encode())))
    return hmac.new(signing_key(secret_key, scope), text.encode(), hashlib.sha256).hexdigest()


def signing_key(secret_key: str, scope: Scope) -> bytes:
    """Return the key for one day, region and service."""
    key = f"AWS4{secret_key}".encode()
    for part in (scope.stamp[:8], scope.region, scope.service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def sha256_hex(body: bytes) -> str:
    """Return the SHA-256 of bytes in hex."""
    return hashlib.sha256(body).hexdigest()


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")
