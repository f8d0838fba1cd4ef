"""Signature Version 4 by AWS's published values."""

from datetime import UTC, datetime

from trueup.connectors.amazon.sigv4 import (
    UNSIGNED_PAYLOAD,
    Credentials,
    Scope,
    canonical_query,
    canonical_request,
    presign,
    sha256_hex,
    signature,
    signing_key,
)

# The published example keys of AWS's documentation and its test suite; they open nothing.
SUITE = Credentials(
    access_key_id="AKIDEXAMPLE",
    secret_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
)
AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_the_key_of_a_day_is_the_published_one() -> None:
    scope = Scope(at=AT, region="us-east-1", service="iam")
    key = signing_key(SUITE.secret_key, scope).hex()
    assert key == "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"


def test_the_plain_request_of_the_test_suite() -> None:
    scope = Scope(at=AT, region="us-east-1", service="service")
    headers = {"host": "example.amazonaws.com", "x-amz-date": scope.stamp}
    canonical = canonical_request("GET", "/", [], headers, EMPTY)
    assert sha256_hex(b"") == EMPTY
    assert (
        signature(canonical, SUITE.secret_key, scope)
        == "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    )


def test_the_signed_address_of_the_documentation() -> None:
    credentials = Credentials(
        access_key_id="AKIAIOSFODNN7EXAMPLE",
        secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )
    scope = Scope(at=datetime(2013, 5, 24, tzinfo=UTC), region="us-east-1", service="s3")
    url = presign(
        "GET",
        "https://examplebucket.s3.amazonaws.com/test.txt",
        credentials,
        scope,
        payload=UNSIGNED_PAYLOAD,
        expires_s=86400,
    )
    expected = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    assert url.endswith(f"&X-Amz-Signature={expected}")
    assert "20130524%2Fus-east-1%2Fs3%2Faws4_request" in url


def test_the_query_is_encoded_and_in_order() -> None:
    pairs = [("b", "1 2"), ("a", "~/ü"), ("a", "!")]
    assert canonical_query(pairs) == "a=%21&a=~%2F%C3%BC&b=1%202"


def test_body_method_and_instant_all_count() -> None:
    scope = Scope(at=AT, region="eu-west-1", service="sqs")
    url = "https://sqs.eu-west-1.amazonaws.com/0/q"
    found = {
        presign("POST", url, SUITE, scope, body=b"Action=ReceiveMessage"),
        presign("POST", url, SUITE, scope, body=b"Action=DeleteMessage"),
        presign("GET", url, SUITE, scope, body=b"Action=ReceiveMessage"),
        presign("POST", f"{url}2", SUITE, scope, body=b"Action=ReceiveMessage"),
    }
    assert len({each.rpartition("=")[2] for each in found}) == 4
    assert SUITE.secret_key not in "".join(found) + repr(SUITE)


def test_a_temporary_key_brings_its_token() -> None:
    scope = Scope(at=AT, region="eu-west-1", service="sqs")
    temporary = Credentials(access_key_id="A", secret_key="b", session_token="c/d")
    assert "X-Amz-Security-Token=c%2Fd" in presign("POST", "https://x.example/q", temporary, scope)
