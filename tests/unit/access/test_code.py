"""Codes: the published examples of RFC 6238, how far clocks may differ, and what people type."""

import base64
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pyotp
import pytest

from trueup.access.code import (
    SPARES,
    STEP_S,
    app_address,
    new_app_secret,
    new_spares,
    plain_code,
    step_of,
)

RFC = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("unix", "code"),
    [
        *((59, "287082"), (1111111109, "081804"), (1111111111, "050471")),
        *((1234567890, "005924"), (2000000000, "279037"), (20000000000, "353130")),
    ],
)
def test_the_examples_of_the_rfc(unix: int, code: str) -> None:
    """Its tables have eight digits; six are their end."""
    assert step_of(RFC, code, datetime.fromtimestamp(unix, UTC)) == unix // STEP_S


def test_a_code_is_good_in_its_step_and_those_beside_it() -> None:
    secret, now = new_app_secret(), datetime(2026, 3, 2, 9, 0, 15, tzinfo=UTC)
    here = int(now.timestamp()) // STEP_S
    code = pyotp.TOTP(secret).generate_otp(here)
    for steps, found in ((-2, None), (-1, here), (0, here), (1, here), (2, None)):
        assert step_of(secret, code, now + timedelta(seconds=STEP_S * steps)) == found, steps


@pytest.mark.parametrize("code", ["", "12345", "1234567", "٣٤٥٦٧٨", "12345a", "١٢٣٤٥٦", "-12345"])
def test_what_is_no_code_fits_nowhere(code: str) -> None:
    assert step_of(RFC, code, datetime.fromtimestamp(59, UTC)) is None


def test_what_people_put_in_between_does_not_count() -> None:
    assert plain_code(" 287 082 ") == "287082"
    assert plain_code("ABCD-efgh jkmn-PQRS") == "abcdefghjkmnpqrs"
    assert len(plain_code("a" * 10_000)) <= 40


def test_spare_codes_differ_and_can_be_read_aloud() -> None:
    codes = sorted(new_spares())
    assert len(codes) == SPARES
    assert all(one != other for one, other in pairwise(codes))
    assert not {*"".join(codes)} & {*"iloIO01"}, "these look alike"
    assert {len(plain_code(each)) for each in codes} == {16}


def test_an_app_is_told_whose_code_it_is() -> None:
    address = app_address(RFC, "Ada & Bo/x")
    assert address.startswith("otpauth://totp/Trueup:Ada%20%26%20Bo/x?secret=")
    assert pyotp.parse_uri(address).secret == RFC
