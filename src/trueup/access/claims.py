"""What an issuer says of somebody, and whether it may be believed; pure.

Source: OpenID Connect Core 1.0, 3.1.3.7 (what an ID token has to say), RFC 7636 (PKCE), RFC 9207
(which issuer answered), RFC 8725 (algorithms that are agreed on before, not read from the token).
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from trueup.access.rights import Role
from trueup.errors import IssuerRefused

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "RS384", "ES384", "RS512", "ES512", "EdDSA")
"""Signatures by a private key of the issuer's; no shared secret signs, and nothing is none."""

LEEWAY: Final = timedelta(seconds=60)
"""Clocks differ."""

FRESH: Final = timedelta(minutes=10)
"""An ID token is made for one sign-in; an older one is of another."""

TOKEN_CHARS_MAX: Final = 32_768
SUBJECT_CHARS_MAX: Final = 255
EMAIL_CHARS_MAX: Final = 254
NAME_CHARS_MAX: Final = 200

_KINDS: Final = frozenset({"RSA", "EC", "OKP"})


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Who an issuer says somebody is.

    Attributes:
        email: folded; the issuer holds it for verified.
        name: as they call themselves there; may be empty.
        groups: values of the claim that roles go by.
        at: when they last showed the issuer who they are; None: it does not say.
    """

    issuer: str
    subject: str
    email: str
    name: str
    groups: frozenset[str]
    at: datetime | None


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What a token has to be for.

    Attributes:
        nonce: that went with the question.
        role_claim: which claim roles go by; empty: none.
    """

    issuer: str
    client_id: str
    nonce: str
    role_claim: str = ""


def new_verifier() -> str:
    """Return a fresh code verifier: 256 random bits."""
    return secrets.token_urlsafe(32)


def challenge_of(verifier: str) -> str:
    """Return what goes along with the question, and gives the verifier away to nobody."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def read_keys(document: object) -> KeySet | None:
    """Return the keys of an issuer that can sign; None where there is none.

    What is not a public key for signatures is left out, so that nobody signs by a shared one.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    keys = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    kept = [each for each in keys if each.get("kty") in _KINDS and each.get("use") != "enc"]
    try:
        return KeySet.import_key_set({"keys": kept}) if kept else None
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def read_claims(token: str, keys: KeySet) -> dict[str, Any]:
    """Return what a token says, once its signature fits.

    Raises:
        IssuerRefused: `reason` is `signature`.
    """
    try:
        claims = jwt.decode(token[:TOKEN_CHARS_MAX], keys, algorithms=list(ALGORITHMS)).claims
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise IssuerRefused(reason="signature", cause=type(error).__name__) from error
    return dict(claims)


def read_account(claims: Mapping[str, Any], expected: Expected, now: datetime) -> Account:
    """Return who somebody is, where everything about it fits.

    Args:
        claims: of `read_claims`.
        expected: what the token has to be for.
        now: the instant.

    Raises:
        IssuerRefused: `reason` says what does not fit.
    """
    _hold(claims.get("iss") == expected.issuer, "issuer")
    _hold(_is_for(claims, expected.client_id), "audience")
    _hold(_same(claims.get("nonce"), expected.nonce), "nonce")
    ends, made = _instant(claims.get("exp")), _instant(claims.get("iat"))
    _hold(ends is not None and now < ends + LEEWAY, "expired")
    _hold(made is not None and now - FRESH - LEEWAY < made < now + LEEWAY, "issued")
    begins = _instant(claims.get("nbf"))
    _hold("nbf" not in claims or (begins is not None and begins < now + LEEWAY), "not_yet")
    subject, email = claims.get("sub"), claims.get("email")
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_CHARS_MAX:
        raise IssuerRefused(reason="subject")
    if not isinstance(email, str) or not is_email(email):
        raise IssuerRefused("The issuer does not tell your e-mail address.", reason="email")
    verified = claims.get("email_verified")
    if verified is not True and verified != "true":
        said = "The issuer has not verified your e-mail address."
        raise IssuerRefused(said, reason="unverified")
    name = claims.get("name")
    return Account(
        issuer=expected.issuer,
        subject=subject,
        email=fold_email(email),
        name=name[:NAME_CHARS_MAX] if isinstance(name, str) else "",
        groups=_groups(claims, expected.role_claim),
        at=_instant(claims.get("auth_time")),
    )


def role_by(groups: frozenset[str], table: Mapping[str, Role]) -> Role | None:
    """Return the role that somebody's groups give them: the first in the order of roles."""
    found = {table[each] for each in groups if each in table}
    return next((role for role in Role if role in found), None)


def fold_email(email: str) -> str:
    """Return what is the same for addresses that people take for the same one."""
    return email.strip().casefold()


def is_email(text: str) -> bool:
    """Say whether something can be an address; who sends there learns the rest."""
    name, at, host = text.strip().rpartition("@")
    plain = text.isprintable() and not any(each.isspace() for each in text.strip())
    return bool(name and at and "." in host) and plain and len(text) <= EMAIL_CHARS_MAX


def _hold(fits: bool, reason: str) -> None:  # noqa: FBT001 - the one question it asks
    if not fits:
        raise IssuerRefused(reason=reason)


def _is_for(claims: Mapping[str, Any], client_id: str) -> bool:
    """Say whether a token is for us: alone, or among others with us as who asked."""
    audience = claims.get("aud")
    named = [audience] if isinstance(audience, str) else audience
    if not isinstance(named, list) or client_id not in named:
        return False
    return claims.get("azp") == client_id if len(named) > 1 or "azp" in claims else True


def _same(given: object, wanted: str) -> bool:
    return isinstance(given, str) and hmac.compare_digest(
        given.encode("utf-8", "replace"), wanted.encode()
    )


def _instant(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _groups(claims: Mapping[str, Any], claim: str) -> frozenset[str]:
    """Return the values of a claim, which may lie within others: `realm_access.roles`."""
    value: object = dict(claims)
    for part in claim.split(".") if claim else ():
        value = value.get(part) if isinstance(value, dict) else None
    if not claim:
        return frozenset()
    listed = value if isinstance(value, list) else [value]
    return frozenset(each for each in listed if isinstance(each, str))
