"""Public keys: read from what a vendor publishes, and used to check one signature."""

from base64 import b64encode, urlsafe_b64decode
from binascii import Error as BinasciiError
from binascii import a2b_base64
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Literal, TypeAlias

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509 import load_pem_x509_certificate

PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
Algorithm = Literal["rsa_sha256", "ecdsa_sha1", "ecdsa_sha256", "ed25519"]
Document = Literal["pem", "certificate", "jwks", "json_pem"]

DOCUMENT_BYTES_MAX = 65_536
KEYS_MAX = 64
RSA_BITS_MIN = 2_048

_CURVES: Mapping[str, type[ec.EllipticCurve]] = MappingProxyType(
    {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}
)


class LoadedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A public key, and between which instants its certificate holds (None: no certificate)."""

    key: PublicKey
    not_before: datetime | None = None
    not_after: datetime | None = None

    def holds_at(self, now: datetime) -> bool:
        """Tell whether the key's certificate, if it has one, is valid now."""
        return (self.not_before is None or self.not_before <= now) and (
            self.not_after is None or now <= self.not_after
        )


class _Jwk(msgspec.Struct, frozen=True):
    kty: str
    kid: str = ""
    use: str = "sig"
    n: str = ""
    e: str = ""
    crv: str = ""
    x: str = ""
    y: str = ""


class _Jwks(msgspec.Struct, frozen=True):
    keys: list[_Jwk]


class _JsonPem(msgspec.Struct, frozen=True):
    key: str


def read_keys(document: Document, content: bytes) -> dict[str, LoadedKey]:
    """Read the keys of a published document, by key id ("" where the document has no ids).

    Args:
        document: `pem`: a public key; `certificate`: an X.509 certificate in PEM; `jwks`: a JSON
            key set; `json_pem`: a JSON object whose `key` is a PEM public key (eBay).
        content: up to 65536 bytes.

    Raises:
        ValueError: the content is too large, is not such a document, or holds a weak key.
    """
    if len(content) > DOCUMENT_BYTES_MAX:
        raise ValueError("the key document is too large")
    try:
        match document:
            case "pem":
                return {"": LoadedKey(key=_read_pem(content.decode("ascii")))}
            case "json_pem":
                wrapped = msgspec.json.decode(content, type=_JsonPem)
                return {"": LoadedKey(key=_read_pem(wrapped.key))}
            case "certificate":
                return {"": _read_certificate(content)}
            case "jwks":
                return _read_jwks(content)
    except (msgspec.DecodeError, BinasciiError, UnsupportedAlgorithm) as fault:
        msg = f"the key document can not be read as {document}"
        raise ValueError(msg) from fault


def read_stored_key(value: bytes) -> LoadedKey:
    """Read a public key that is kept with the connection: PEM, or `whpk_` and base64 (ed25519).

    Raises:
        ValueError: it is neither.
    """
    text = value.decode("ascii")
    if text.startswith("-----BEGIN"):
        return LoadedKey(key=_read_pem(text))
    raw = a2b_base64(text.removeprefix("whpk_"), strict_mode=True)
    return LoadedKey(key=ed25519.Ed25519PublicKey.from_public_bytes(raw))


def signature_holds(
    key: PublicKey, algorithm: Algorithm, *, signature: bytes, content: bytes
) -> bool:
    """Check one signature; a key of another kind than the algorithm's never fits."""
    try:
        if algorithm == "rsa_sha256" and isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, content, padding.PKCS1v15(), SHA256())
        elif algorithm == "ecdsa_sha256" and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, content, ec.ECDSA(SHA256()))
        elif algorithm == "ecdsa_sha1" and isinstance(key, ec.EllipticCurvePublicKey):
            # eBay signs with SHA-1 and offers nothing else.
            key.verify(signature, content, ec.ECDSA(SHA1()))  # noqa: S303 - the vendor's choice
        elif algorithm == "ed25519" and isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, content)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def read_base64(text: bytes) -> bytes | None:
    """Decode base64 in its one canonical spelling; None for any other text."""
    try:
        content = a2b_base64(text, strict_mode=True)
    except BinasciiError:
        return None
    return content if b64encode(content) == text else None


def _read_pem(text: str) -> PublicKey:
    """Read a public key whose line breaks may be missing, as eBay sends it."""
    begin, end = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"
    inner = text.strip()
    if not inner.startswith(begin) or not inner.endswith(end):
        raise ValueError("not a PEM public key")
    encoded = "".join(inner.removeprefix(begin).removesuffix(end).split())
    return _check_strength(load_der_public_key(a2b_base64(encoded, strict_mode=True)))


def _read_certificate(content: bytes) -> LoadedKey:
    certificate = load_pem_x509_certificate(content)
    return LoadedKey(
        key=_check_strength(certificate.public_key()),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _read_jwks(content: bytes) -> dict[str, LoadedKey]:
    entries = msgspec.json.decode(content, type=_Jwks).keys
    if len(entries) > KEYS_MAX:
        raise ValueError("the key set holds too many keys")
    signing = [entry for entry in entries if entry.use == "sig"]
    return {entry.kid: LoadedKey(key=_read_jwk(entry)) for entry in signing}


def _read_jwk(entry: _Jwk) -> PublicKey:
    if entry.kty == "RSA":
        numbers = rsa.RSAPublicNumbers(e=_read_number(entry.e), n=_read_number(entry.n))
        return _check_strength(numbers.public_key())
    if entry.kty == "EC" and entry.crv in _CURVES:
        x, y = _read_number(entry.x), _read_number(entry.y)
        return ec.EllipticCurvePublicNumbers(x, y, _CURVES[entry.crv]()).public_key()
    if entry.kty == "OKP" and entry.crv == "Ed25519":
        return ed25519.Ed25519PublicKey.from_public_bytes(_read_url_base64(entry.x))
    msg = f"a key of the kind {entry.kty!r} {entry.crv!r} is not known"
    raise ValueError(msg)


def _read_number(text: str) -> int:
    return int.from_bytes(_read_url_base64(text), "big")


def _read_url_base64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _check_strength(key: object) -> PublicKey:
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < RSA_BITS_MIN:
            msg = f"an RSA key of {key.key_size} bits is too weak"
            raise ValueError(msg)
        return key
    if isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        return key
    msg = f"a {type(key).__name__} can not check signatures"
    raise ValueError(msg)
