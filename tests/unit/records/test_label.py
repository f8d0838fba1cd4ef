"""Labels as scanners type them."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.records.label import Label, barcode_key, read_label


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("4006381333931", "04006381333931"),
        (" 4006381333931\r", "04006381333931"),
        ("012345678905", "00012345678905"),
        ("96385074", "00000096385074"),
        ("]E04006381333931", "04006381333931"),
    ],
)
def test_a_gtin_is_looked_for_in_fourteen_digits(text: str, code: str) -> None:
    label = read_label(text)
    assert (label.code, label.gtin, label.misread) == (code, True, False)


@pytest.mark.parametrize("text", ["4006381333932", "96385075", "012345678900"])
def test_a_wrong_check_digit_is_told(text: str) -> None:
    label = read_label(text)
    assert (label.gtin, label.misread) == (False, True)


@pytest.mark.parametrize(
    "text",
    [
        "(01)09501101020917(17)290508(10)AB-12(21)S9",
        "]C1010950110102091717290508" + "10AB-12\x1d21S9",
        "010950110102091717290508" + "10AB-12\x1d21S9",
        "\x1d010950110102091717290508" + "10AB-12\x1d21S9",
        "]d2010950110102091717290508" + "10AB-12\x1d21S9",
    ],
)
def test_an_element_string_tells_item_lot_day_and_serial(text: str) -> None:
    label = read_label(text)
    assert (label.code, label.gtin, label.lot, label.expires_on, label.serial) == (
        "09501101020917", True, "AB-12", date(2029, 5, 8), "S9",
    )  # fmt: skip


def test_an_element_string_with_a_wrong_check_digit_is_a_misread() -> None:
    assert read_label("(01)09501101020918(10)A").misread


@pytest.mark.parametrize("text", ["LAMP-OAK", "12345", "(not an element)", "0195", "Ü", "4006381"])
def test_anything_else_is_a_code_of_our_own(text: str) -> None:
    label = read_label(text)
    assert label == Label(text=text, code=text)


@given(st.text(max_size=300))
def test_nothing_that_can_be_typed_breaks_it(text: str) -> None:
    label = read_label(text)
    assert label.text == text.strip()[:255]
    assert barcode_key(barcode_key(text)) == barcode_key(text)
