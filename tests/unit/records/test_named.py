"""Whom a body names that nobody reads: found by the manifest's paths, whatever the body is."""

import time

import msgspec
import pytest

from trueup.records.named import contact_named

PATHS = ("$..email", "$..phone", "$..note", "$..shipping_address", "$.who[*].contact")
MAIL = "ann@b.example"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"email": " Ann@B.Example "}, (MAIL, "")),
        ({"email": "first@x.example", "deep": {"email": MAIL}}, ("first@x.example", "")),
        (
            {"deep": [{"customer": {"email": MAIL, "phone": "+49 (30) 123-456"}}]},
            (MAIL, "4930123456"),
        ),
        ({"note": f"write to <{MAIL}>, please"}, (MAIL, "")),
        ({"who": [{"contact": "x"}, {"contact": [MAIL]}]}, (MAIL, "")),
        ({"phone": 4930123456}, ("", "4930123456")),
        ({"shipping_address": {"zip": "94107-1234", "mobile": "030 123456"}}, ("", "030123456")),
        ({"shipping_address": {"zip": "94107-1234", "city": "Ann @ Home"}}, ("", "")),
        ({"staff": MAIL, "emails_sent": MAIL}, ("", "")),
        ({"email": None, "phone": "", "note": 7}, ("", "")),
        ([], ("", "")),
        (MAIL, ("", "")),
    ],
)
def test_the_first_of_each_is_found_where_the_manifest_says(
    body: object, expected: tuple[str, str]
) -> None:
    assert contact_named(msgspec.json.encode(body), PATHS) == expected


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"{", b'{"email": "a@b.example"} x', b"[" * 10**6]
)
def test_what_is_not_json_names_nobody(body: bytes) -> None:
    assert contact_named(body, PATHS) == ("", "")


def test_a_manifest_without_paths_looks_nowhere() -> None:
    assert contact_named(b'{"email": "a@b.example"}', ()) == ("", "")


@pytest.mark.parametrize(
    "text", ["a" * 4_000_000, "a@" * 2_000_000, "@" * 4_000_000, "+" + "1 " * 2_000_000]
)
def test_a_sender_does_not_choose_how_long_it_takes(text: str) -> None:
    body = msgspec.json.encode({"note": text, "email": MAIL})
    started = time.perf_counter()
    assert contact_named(body, PATHS)[0] in {MAIL, "a@a"}
    assert time.perf_counter() - started < 2
