"""What a page says is marked, and every catalogue says it: whole, with the same facts and tags."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.tidy.catalogues import (
    CONSOLE,
    LANGUAGES,
    catalogue_of_all,
    file_of,
    forms_of,
    read_catalogue,
)
from trueup.access.manner import Language, Manner, read_as
from trueup.console.words import catalogue_path, said, say, say_count

TEMPLATES = sorted((CONSOLE / "templates").glob("*.html"))

SHOWN = ("aria-label", "title", "placeholder", "alt", "label", "data-busy", "data-failed")
"""Attributes that people read or hear."""

NAMES = {"Trueup", "SKU", "PNG", "API", "SHA", "UTC", "Ctrl", "K", "Enter", "Esc"}
"""The same in every language."""

_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_ADDRESS = re.compile(
    r"\{% (?:block (?:twin|found)|macro link\(\w+\)) %\}.*?\{% end(?:block|macro) %\}", re.DOTALL
)
_FACT = re.compile(r"%\((\w+)\)s")
_TAG = re.compile(r"<[^>]+>")


class _Texts(HTMLParser):
    """Collects what people read of a template without its expressions."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._quiet = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._quiet += tag in {"code", "kbd", "script", "style"}
        self.found += [value or "" for name, value in attrs if name in SHOWN]

    def handle_endtag(self, tag: str) -> None:
        self._quiet -= tag in {"code", "kbd", "script", "style"}

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            self.found.append(data)


def unmarked(source: str) -> list[str]:
    """Return the texts of a template that no catalogue would be asked for."""
    parser = _Texts()
    parser.feed(_JINJA.sub(" ", _ADDRESS.sub(" ", source)))
    return [text.strip() for text in parser.found if set(re.findall(r"[^\W\d_]+", text)) - NAMES]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_text_of_a_template_is_marked(path: Path) -> None:
    found = unmarked(path.read_text(encoding="utf-8"))
    assert not found, 'mark it, {{ _("...") }}, then make words: ' + "; ".join(found)


def test_a_text_that_is_not_marked_is_found() -> None:
    assert unmarked('<p>{{ _("Orders") }} · <code>trueup</code> SKU</p>') == []
    assert unmarked("<p>{% if a %}Orders{% endif %}</p>") == ["Orders"]
    assert unmarked('<a title="Orders" aria-label="{{ _("x") }}"></a>') == ["Orders"]
    assert unmarked("{% block twin %}/orders.json{% endblock %}<b>{{ a }}</b>") == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_has_every_message_and_no_other(language: Language) -> None:
    kept, wanted = read_catalogue(language), catalogue_of_all()
    assert {each.id for each in kept if each.id} == {each.id for each in wanted if each.id}, (
        "make words"
    )
    lacking = [each.id for each in kept if each.id and not all(forms_of(each.string))]
    assert not lacking, f"not translated: {lacking[:20]}"
    assert not [each.id for each in kept if each.fuzzy and each.id]
    assert catalogue_path(language).read_bytes() == file_of(kept), "make words"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_keeps_the_facts_and_the_tags_of_its_message(language: Language) -> None:
    wrong = []
    for each in read_catalogue(language):
        messages = forms_of(each.id)
        for text in forms_of(each.string) if any(messages) else ():
            same = (
                set(_FACT.findall(text)) in [set(_FACT.findall(form)) for form in messages],
                sorted(_TAG.findall(text)) == sorted(_TAG.findall(messages[-1])),
                _FACT.sub("", text).count("%") == _FACT.sub("", messages[-1]).count("%"),
                '"' not in _TAG.sub("", text),
            )
            if not all(same):
                wrong.append((messages, text))
    assert not wrong


def test_words_are_said_in_the_language_in_force() -> None:
    assert say("Orders") == "Orders"
    with read_as(Manner(language=Language.GERMAN)):
        assert say("Orders") == "Bestellungen"
        assert say("Customer %(person)s", person="x") == "Kunde x"
        assert said("paid, partly refunded") == "bezahlt, teilweise erstattet"
        assert said("what a vendor wrote") == "what a vendor wrote"
        assert said("") == ""
    with read_as(Manner(language=Language.HINDI)):
        hours = [
            say_count("%(hours)s hour", "%(hours)s hours", count, hours=count) for count in (1, 2)
        ]
        assert hours == ["1 घंटा", "2 घंटे"]
    with read_as(Manner(language=Language.BROWSER)):
        assert say_count("%(days)s day", "%(days)s days", 2, days=2) == "2 days"
