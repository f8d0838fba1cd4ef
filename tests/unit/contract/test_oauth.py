"""OAuth's common parts: who needs tokens, how they are asked for, what a reply means."""

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.contract.test_manifest import GOOD
from trueup.contract.connector import Reply
from trueup.contract.grant import Grant
from trueup.contract.manifest import load_manifest
from trueup.contract.oauth import form_request, judge_token_reply, read_token, scheme_of
from trueup.errors import AuthExpired, ContractBroken, HubError, RateLimited, Refused, Unavailable


def reply(status: int = 200, body: Any = None, **headers: str) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status=status, headers=headers, body=raw)


@pytest.mark.parametrize(
    ("schemes", "chosen", "expected"),
    [
        ('"api_key", "oauth2"', "", None),
        ('"api_key", "oauth2"', "custom_app", None),
        ('"api_key", "oauth2"', "oauth", "oauth2"),
        ('"api_key", "oauth2"', "oauth2", "oauth2"),
        ('"api_key", "oauth2"', "oauth2_client", None),
        ('"oauth2"', "", "oauth2"),
        ('"oauth2", "oauth2_client"', "client", "oauth2_client"),
        ('"oauth2_client"', "", "oauth2_client"),
        ('"oauth2", "oauth2_client"', "oauth2_client", "oauth2_client"),
    ],
)
def test_the_setting_decides_else_the_first_scheme(
    tmp_path: Path, schemes: str, chosen: str, expected: str | None
) -> None:
    folder = tmp_path / "acme"
    folder.mkdir()
    text = GOOD.replace('"api_key", "oauth2"', schemes)
    (folder / "manifest.toml").write_text(text)
    settings = {"auth_kind": chosen} if chosen else {}
    assert scheme_of(load_manifest(folder / "manifest.toml"), settings) == expected


def test_the_client_stands_in_the_form_or_in_the_header() -> None:
    plain = form_request("https://vendor.example/token", {"a": "b c", "empty": ""})
    assert (plain.body, plain.writes) == (b"a=b+c", True)
    assert "authorization" not in dict(plain.headers)
    basic = form_request("https://vendor.example/token", {"a": "b"}, basic=("i:d", "s"))
    kind, _, coded = dict(basic.headers)["authorization"].partition(" ")
    assert (kind, base64.b64decode(coded)) == ("Basic", b"i%3Ad:s")


@pytest.mark.parametrize("lifetime", [3600, "3600", 3600.0])
def test_a_usual_reply_is_read(lifetime: object) -> None:
    given = {"access_token": "t", "expires_in": lifetime, "scope": "a b,c", "token_type": "bearer"}
    found = read_token(reply(body=given))
    assert found.expires_in_s == 3600
    assert found.scopes == ("a", "b", "c")
    assert found.refresh_token is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        b"",
        b"<html>",
        b"\xff",
        b"[" * 100_000,
        {"access_token": ""},
        {"access_token": 5},
        {"access_token": "t" * 20_000},
        {"access_token": "shhh", "expires_in": 0},
        {"access_token": "shhh", "expires_in": -5},
        {"access_token": "shhh", "expires_in": "nan"},
        {"access_token": "shhh", "expires_in": "soon"},
        {"access_token": "shhh", "expires_in": 1e300},
    ],
)
def test_a_reply_without_a_usable_token_is_told_and_not_repeated(body: Any) -> None:
    with pytest.raises(ContractBroken) as caught:
        read_token(reply(body=body))
    assert "shhh" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": "invalid_grant"}, AuthExpired),
        (200, {"error": "invalid_grant"}, AuthExpired),
        (401, {"error": "invalid_client"}, AuthExpired),
        (401, b"", AuthExpired),
        (403, b"<html>", AuthExpired),
        (400, {"error": "unsupported_grant_type"}, Refused),
        (400, {"error": "it holds shhh"}, Refused),
        (404, b"", Refused),
        (429, {"error": "slow_down"}, RateLimited),
        (500, {"error": "invalid_grant"}, Unavailable),
        (503, b"", Unavailable),
        (400, {"error": "temporarily_unavailable"}, Unavailable),
        (302, b"", Refused),
    ],
)
def test_a_reply_that_hands_nothing_out_has_a_meaning(
    status: int, body: Any, kind: type[HubError]
) -> None:
    with pytest.raises(kind) as caught:
        judge_token_reply(reply(status, body))
    assert type(caught.value) is kind
    assert "shhh" not in str(caught.value)


def test_a_token_is_no_fault() -> None:
    judge_token_reply(reply(200, {"access_token": "t"}))
    judge_token_reply(reply(200, {"access_token": "t", "error": None}))


@pytest.mark.parametrize(("text", "wait_s"), [("7", 7), ("", 5), ("x", 5), ("1e9", 3600)])
def test_a_vendor_says_when_to_ask_again(text: str, wait_s: float) -> None:
    with pytest.raises(RateLimited) as caught:
        judge_token_reply(reply(429, b"", **{"retry-after": text}))
    assert caught.value.after_s == wait_s


def test_what_is_secret_is_not_shown() -> None:
    found = read_token(reply(body={"access_token": "shhh", "refresh_token": "shhh"}))
    assert "shhh" not in f"{found!r}{found}{Grant(kind='code', code='shhh')!r}"
    assert msgspec.structs.asdict(found)["access_token"] == "shhh"
