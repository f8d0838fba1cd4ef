"""What an issuer says counts where all of it fits, and only signed by a key of its own."""

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from trueup.access.claims import (
    Expected,
    challenge_of,
    is_email,
    new_verifier,
    read_account,
    read_claims,
    read_keys,
    role_by,
)
from trueup.access.rights import Role
from trueup.errors import IssuerRefused

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
UNIX = int(NOW.timestamp())
ISSUER = "https://login.example"
EXPECTED = Expected(issuer=ISSUER, client_id="us", nonce="n-1", role_claim="realm.groups")
RIGHT = {
    "iss": ISSUER,
    "aud": "us",
    "sub": "s-1",
    "nonce": "n-1",
    "iat": UNIX,
    "exp": UNIX + 300,
    "email": " Ada@Brand.example ",
    "email_verified": True,
    "name": "Ada",
    "realm": {"groups": ["owners", 7, "ops"]},
    "auth_time": UNIX - 5,
}
KEY = RSAKey.generate_key(2048, {"kid": "k-1"})
CURVE = ECKey.generate_key("P-256", {"kid": "k-2"})
PUBLIC = {"keys": [KEY.as_dict(private=False), CURVE.as_dict(private=False)]}


def test_what_fits_is_believed() -> None:
    account = read_account(RIGHT, EXPECTED, NOW)
    assert (account.subject, account.email, account.name) == ("s-1", "ada@brand.example", "Ada")
    assert account.groups == {"owners", "ops"}
    assert account.at == NOW - timedelta(seconds=5)
    several = RIGHT | {"aud": ["us", "them"], "azp": "us", "email_verified": "true"}
    assert read_account(several, EXPECTED, NOW).subject == "s-1"
    alone = Expected(issuer=ISSUER, client_id="us", nonce="n-1")
    assert read_account(RIGHT, alone, NOW).groups == frozenset()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"iss": "https://login.example/"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"aud": "them"}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": ["us", "them"]}, "audience"),
        ({"aud": ["us", "them"], "azp": "them"}, "audience"),
        ({"azp": "them"}, "audience"),
        ({"aud": {"us": 1}}, "audience"),
        ({"nonce": "n-2"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"nonce": ["n-1"]}, "nonce"),
        ({"exp": UNIX - 61}, "expired"),
        ({"exp": None}, "expired"),
        ({"exp": str(UNIX + 300)}, "expired"),
        ({"exp": True}, "expired"),
        ({"exp": 10**30}, "expired"),
        ({"iat": UNIX - 700}, "issued"),
        ({"iat": UNIX + 120}, "issued"),
        ({"iat": None}, "issued"),
        ({"nbf": UNIX + 120}, "not_yet"),
        ({"nbf": "soon"}, "not_yet"),
        ({"sub": ""}, "subject"),
        ({"sub": 7}, "subject"),
        ({"sub": "s" * 256}, "subject"),
        ({"email": None}, "email"),
        ({"email": "ada"}, "email"),
        ({"email_verified": False}, "unverified"),
        ({"email_verified": None}, "unverified"),
        ({"email_verified": "yes"}, "unverified"),
        ({"email_verified": 1}, "unverified"),
        ({"email_verified": []}, "unverified"),
    ],
)
def test_whatever_does_not_fit_is_named_and_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(IssuerRefused) as refused:
        read_account(RIGHT | change, EXPECTED, NOW)
    assert refused.value.context["reason"] == reason
    assert "s-1" not in str(refused.value)
    assert "ada@" not in str(refused.value)


@pytest.mark.parametrize("name", sorted({*RIGHT} - {"name", "realm", "auth_time"}))
def test_nothing_that_has_to_be_said_may_be_left_out(name: str) -> None:
    with pytest.raises(IssuerRefused):
        read_account({key: value for key, value in RIGHT.items() if key != name}, EXPECTED, NOW)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(sorted(RIGHT)), _JSON, min_size=1))
def test_whatever_a_token_says_it_is_read_or_refused(change: dict[str, Any]) -> None:
    try:
        account = read_account(RIGHT | change, EXPECTED, NOW)
    except IssuerRefused:
        return
    assert account.issuer == ISSUER
    assert is_email(account.email)


def test_only_the_issuers_own_keys_sign() -> None:
    keys = read_keys(PUBLIC)
    assert keys
    for algorithm, key in (("RS256", KEY), ("PS256", KEY), ("ES256", CURVE)):
        token = jwt.encode({"alg": algorithm, "kid": key.kid}, RIGHT, key, algorithms=[algorithm])
        assert read_claims(token, keys)["sub"] == "s-1", algorithm
    other = RSAKey.generate_key(2048, {"kid": "k-1"})
    shared = f"{_part({'alg': 'HS256', 'kid': 'k-1'})}.{_part(RIGHT)}"
    stamp = hmac.digest(KEY.as_pem(private=False), shared.encode(), "sha256")
    good = jwt.encode({"alg": "RS256", "kid": "k-1"}, RIGHT, KEY)
    head, body, mac = good.split(".")
    forged = [
        jwt.encode({"alg": "RS256", "kid": "k-1"}, RIGHT, other),
        jwt.encode({"alg": "RS256", "kid": "k-9"}, RIGHT, KEY),
        f"{shared}.{base64.urlsafe_b64encode(stamp).rstrip(b'=').decode()}",
        f"{_part({'alg': 'none'})}.{body}.",
        f"{_part({'alg': 'none', 'kid': 'k-1'})}.{body}.{mac}",
        f"{_part({'alg': 'RS256', 'kid': 'k-2'})}.{body}.{mac}",
        f"{_part({'alg': 'RS256', 'jwk': other.as_dict(private=False)})}.{body}.{mac}",
        f"{head}.{_part(RIGHT | {'sub': 's-2'})}.{mac}",
        f"{head}.{body}.",
        f"{head}.{body}",
        *("", ".", "..", "é.é.é", "a" * 100_000, f"{_part([1])}.{body}.{mac}"),
    ]
    for each in forged:
        with pytest.raises(IssuerRefused) as refused:
            read_claims(each, keys)
        assert refused.value.context["reason"] == "signature", each[:80]


@pytest.mark.parametrize(
    "document",
    [
        *({}, [], None, "keys", {"keys": None}, {"keys": []}, {"keys": [1, None]}),
        {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "k-1"}]},
        {"keys": [KEY.as_dict(private=False) | {"use": "enc"}]},
        {"keys": [{"kty": "RSA", "kid": "k-1"}]},
        {"keys": [{"kty": "RSA", "n": "!", "e": 7}]},
    ],
)
def test_what_holds_no_key_for_signatures_holds_none(document: object) -> None:
    assert read_keys(document) is None


def test_the_example_of_rfc_7636() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert len(new_verifier()) >= 43
    assert new_verifier() != new_verifier()


def test_of_several_roles_the_first_of_the_table_counts() -> None:
    table = {"ops": Role.OPERATIONS, "boss": Role.OWNER, "all": Role.VIEWER}
    assert role_by(frozenset({"all", "ops"}), table) is Role.OPERATIONS
    assert role_by(frozenset({"all", "boss", "ops"}), table) is Role.OWNER
    assert role_by(frozenset({"none"}), table) is None
    assert role_by(frozenset(), {}) is None


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
