"""Texts: every mistake of the file is told, and what a customer wrote stays text."""

import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.canon.command import Purpose
from trueup.decisions.contact.notice import Notice
from trueup.decisions.contact.settings import read_contact
from trueup.decisions.contact.texts import choose_language, read_texts, write
from trueup.errors import ConfigError
from trueup.kernel.money import Money

OWN = read_texts({})
LANGUAGES = ("en", "de", "hi")


def notice(text: str, **more: Any) -> Notice:
    return Notice(to="person/00", purpose=Purpose.SERVICE, text=text, about="x", **more)


DELAY = notice("delay", values={"order": "#1001"}, days={"expected_on": date(2026, 12, 3)})


def test_every_text_is_there_in_all_our_languages_and_can_be_written() -> None:
    for name, named in OWN.items():
        values: dict[str, str | int] = dict.fromkeys(named.fields, "X1")
        for language in LANGUAGES:
            found = write(named, notice(name, values=values), language)
            for part in (found.subject, found.text, found.short):
                assert "$" not in part
            assert "X1" in found.text
            assert len(found.variables) == len(named.languages[language].variables) > 0
            assert len(found.short) <= 300


def test_days_and_money_are_written_as_the_language_does() -> None:
    named = OWN["apology"]
    asked = notice(
        "apology",
        values={"order": "#1001", "code": "SORRY-7"},
        days={"credit_until": date(2026, 12, 3)},
        amounts={"credit": Money(Decimal("1234.50"), "EUR")},
    )
    written = {language: write(named, asked, language).text for language in LANGUAGES}
    assert "€1,234.50 off your next order, until December 3, 2026" in written["en"]
    assert "1.234,50 € Nachlass" in written["de"]
    assert "3. Dezember 2026" in written["de"]
    assert "3 दिसंबर 2026" in written["hi"]


@pytest.mark.parametrize(
    ("wanted", "language"),
    [("de-AT", "de"), ("hi_IN", "hi"), ("fr", "en"), (None, "en"), ("", "en")],
)
def test_the_language_is_theirs_else_the_brands(wanted: str | None, language: str) -> None:
    assert choose_language(OWN["delay"], wanted, "en") == language
    assert choose_language(OWN["delay"], "xx", "sv") == "en", "else the first there is"


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"dely": {}}, "[texts] knows no text 'dely'; did you mean 'delay'?"),
        ({"delay": 3}, "[texts.delay] must be a table of languages"),
        ({"delay": {"english": {}}}, "'english' is no language"),
        ({"delay": {"xx": {}}}, "'xx' is no language"),
        (
            {"delay": {"en": {"subject": "Late: $ordr"}}},
            "[texts.delay.en] subject: there is no field $ordr; there is: $order, $expected_on.",
        ),
        (
            {"delay": {"de": {"text": "Nur 5$ mehr"}}},
            "[texts.delay.de] text: a dollar stands before something that is no field; write $$",
        ),
        ({"delay": {"en": {"variables": ["name"]}}}, "[texts.delay.en] variables: there is no"),
        ({"delay": {"fr": {"subject": "Retard"}}}, "[texts.delay.fr]: text, short must not be"),
        ({"delay": {"en": {"subjct": "x"}}}, "did you mean 'subject'"),
    ],
)
def test_mistakes_name_the_text_the_language_and_the_field(
    tables: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        read_texts(tables)


def test_what_the_file_says_counts_and_the_rest_stays() -> None:
    french = {"subject": "Retard de $order", "text": "Désolé.", "short": "Désolé, 5 $$ de moins."}
    texts = read_texts({"delay": {"en": {"subject": "Late: $order"}, "fr": french}})
    english = write(texts["delay"], DELAY, "en")
    assert english.subject == "Late: #1001"
    assert english.text == write(OWN["delay"], DELAY, "en").text
    assert write(texts["delay"], DELAY, "fr").short == "Désolé, 5 $ de moins."
    assert choose_language(texts["delay"], "fr-CA", "en") == "fr"


def test_a_value_that_nobody_gave_is_told() -> None:
    with pytest.raises(KeyError, match="expected_on"):
        write(OWN["delay"], notice("delay", values={"order": "1"}), "en")


@given(st.text())
def test_what_somebody_wrote_is_one_line_of_text_and_nothing_else(value: str) -> None:
    texts = read_texts({"delay": {"en": {"html": "<p>$order</p>", "subject": "$order"}}})
    hostile = f"{value}$expected_on ${{order}} <script>\r\nBcc: all@brand.example"
    asked = notice("delay", values={"order": hostile, "expected_on": "soon"})
    found = write(texts["delay"], asked, "en")
    assert "\n" not in found.subject
    assert "\r" not in found.subject
    assert found.html is not None
    assert "<script>" not in found.html
    assert "soon" not in found.subject, "a field inside of a value stays text"
    assert len(found.variables[0]) <= 200


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"zone": "Berlin"}, "zone 'Berlin' is none of the IANA time zones"),
        ({"quiet_from": "25:00"}, "quiet_from"),
        ({"team_to": "C1"}, "team_connection and team_to belong together"),
        ({"templates": ["dely"]}, "templates names texts that there are not: dely"),
        ({"media": ["fax"]}, "media"),
        ({"marketing_max": -1}, "marketing_max"),
        ({"quiet": "x"}, "did you mean"),
    ],
)
def test_mistakes_of_contact_are_told(table: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        read_contact(table, OWN)
