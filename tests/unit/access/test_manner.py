"""A number is the same number in every manner, and an instant the same instant."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.access.manner import (
    Language,
    Manner,
    Numbers,
    in_words_for,
    manner_in_force,
    read_as,
    read_manner,
    set_apart,
)
from trueup.console.me_page import name_browser
from trueup.console.render import money, number, signed, span, stamp
from trueup.errors import ConfigError
from trueup.kernel.money import Money


@pytest.mark.parametrize(
    ("numbers", "small", "large"),
    [
        (Numbers.COMMAS, "−0.5", "1,234,567.89"),  # noqa: RUF001 - as it is written
        (Numbers.POINTS, "−0,5", "1.234.567,89"),  # noqa: RUF001
        (Numbers.SPACES, "−0,5", "1\u202f234\u202f567,89"),  # noqa: RUF001
        (Numbers.LAKHS, "−0.5", "12,34,567.89"),  # noqa: RUF001
    ],
)
def test_digits_are_set_apart_as_somebody_reads_them(
    numbers: Numbers, small: str, large: str
) -> None:
    assert set_apart("−0.5", numbers) == small  # noqa: RUF001
    assert set_apart("1,234,567.89", numbers) == set_apart("1234567.89", numbers) == large
    assert set_apart("999", numbers) == "999"


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2), st.sampled_from(Numbers))
def test_no_digit_is_lost_or_moved(value: Decimal, numbers: Numbers) -> None:
    text = f"{value:f}"
    shown = set_apart(text, numbers)
    assert [each for each in shown if each.isdigit()] == [each for each in text if each.isdigit()]
    assert shown[-3] in ".,"
    assert shown.startswith("-") == text.startswith("-")


def test_the_pages_write_in_the_manner_that_is_in_force() -> None:
    at = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    assert "01 Jul 22:30:00 UTC" in stamp(at)
    with read_as(Manner(numbers=Numbers.LAKHS, zone="Asia/Kolkata")):
        assert number(-1234567) == "−12,34,567"  # noqa: RUF001
        assert signed(1234567) == "+12,34,567"
        assert money(Money(Decimal("1234567.50"), "INR")) == "12,34,567.50\u00a0INR"
        assert "02 Jul 04:00:00 IST" in stamp(at)
        assert 'datetime="2026-07-01T22:30:00.000Z"' in stamp(at), "the instant stays what it is"
    with read_as(Manner(numbers=Numbers.POINTS)):
        assert span(3400) == "3,4\u00a0s"
    assert number(1234567) == "1,234,567"
    assert manner_in_force() == Manner()


def test_only_what_can_be_chosen_is_taken() -> None:
    assert read_manner("", "", "") == Manner()
    hindi = read_manner("12,34,567.89", "UTC", "hi")
    assert hindi == Manner(numbers=Numbers.LAKHS, zone="UTC", language=Language.HINDI)
    wrong = (
        ("1'000", "", ""),
        ("", "Europe/Atlantis", ""),
        ("", "../etc/passwd", ""),
        ("", "", "xx"),
    )
    for numbers, zone, language in wrong:
        with pytest.raises(ConfigError):
            read_manner(numbers, zone, language)


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT, en;q=0.5", "de"),
        ("fr, hi;q=0.3, DE;q=0.7", "de"),
        ("en-GB,de", "en"),
        ("*", "en"),
        ("fr-FR", "en"),
        ("de;q=0", "en"),
        ("de;q=x, hi", "hi"),
        (";;q=1,,-,de;q=2", "en"),
        ("de" * 10_000, "en"),
    ],
)
def test_the_browser_says_the_language_where_none_was_chosen(asked: str, language: str) -> None:
    assert in_words_for(Manner(), asked).language == language
    chosen = Manner(language=Language.HINDI, zone="UTC")
    assert in_words_for(chosen, asked) == chosen


@pytest.mark.parametrize(
    ("told", "name"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox on Linux",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("curl/8", "curl/8"),
        ("", "a browser"),
    ],
)
def test_a_browser_is_named_in_two_words(told: str, name: str) -> None:
    assert name_browser(told) == name
