"""What customers are told: texts by name and language, as the configuration has them. Pure.

A text names fields as `$order`; what a rule knows is put there as text, once. Nothing in a value is
read as a field, as markup or as an instruction. `$$` is a dollar.
"""

import difflib
import html
import importlib.resources
import re
import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from string import Template
from typing import Any, Final

import msgspec
from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal

from trueup.config import read_section
from trueup.decisions.contact.notice import Notice
from trueup.errors import ConfigError
from trueup.kernel.money import Money

VALUE_CHARS_MAX: Final = 200
_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_FIELD = re.compile(r"[a-z][a-z0-9_]*")
_PARTS: Final = ("subject", "text", "html", "short")


class Text(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One text in one language.

    Attributes:
        subject, text, html: of an e-mail; without `html` it is sent as plain text.
        short: for media without subjects: an SMS, or an answer over WhatsApp.
        template, template_language: of WhatsApp, as they were approved at Meta.
        variables: which fields the template takes, in its order.
    """

    subject: str = ""
    text: str = ""
    html: str | None = None
    short: str = ""
    template: str | None = None
    template_language: str | None = None
    variables: tuple[str, ...] = ()


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A text with all its languages.

    Attributes:
        says: what it tells, in a sentence.
        fields: what it may name.
    """

    says: str
    fields: tuple[str, ...]
    languages: Mapping[str, Text]


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A text with its values, in one language."""

    language: str
    subject: str
    text: str
    html: str | None
    short: str
    template: str | None
    template_language: str
    variables: tuple[str, ...]


Texts = Mapping[str, Named]


def read_texts(tables: Mapping[str, object]) -> Texts:
    """Return every text: our own, with what `[texts.NAME.LANGUAGE]` of the configuration changes.

    Raises:
        ConfigError: names the text, the language and what is wrong in it.
    """
    own = _own()
    for name in tables:
        if name not in own:
            close = difflib.get_close_matches(name, list(own), n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise ConfigError(
                f"[texts] knows no text {name!r}; {hint}known: {', '.join(own)}",
                field=f"texts.{name}",
            )
    return {name: _changed(name, named, tables.get(name, {})) for name, named in own.items()}


def write(named: Named, notice: Notice, language: str) -> Written:
    """Return a text with a notice's values.

    Args:
        named: the text.
        notice: with a value for each field that the text names.
        language: one that the text has.

    Raises:
        KeyError: the notice has no value for a field.
    """
    text = named.languages[language]
    values = _values(notice, language)
    marked = {name: html.escape(value) for name, value in values.items()}
    return Written(
        language=language,
        subject=Template(text.subject).substitute(values),
        text=Template(text.text).substitute(values),
        html=None if text.html is None else Template(text.html).substitute(marked),
        short=Template(text.short).substitute(values),
        template=text.template,
        template_language=text.template_language or language,
        variables=tuple(values[name] for name in text.variables),
    )


def choose_language(named: Named, wanted: str | None, brand: str) -> str:
    """Return the language of a text for somebody: their own, else the brand's, else the first.

    Args:
        named: the text.
        wanted: a locale such as "de-AT", as a system told it.
        brand: the brand's language.
    """
    own = re.split(r"[-_]", wanted or "")[0].lower()
    return next(
        (each for each in (own, brand) if each in named.languages), next(iter(named.languages))
    )


def _values(notice: Notice, language: str) -> dict[str, str]:
    """Return every value as it is written in a language, on one line."""
    locale = Locale.parse(language)
    found: dict[str, str] = {}
    for name, value in notice.values.items():
        found[name] = format_decimal(value, locale=locale) if isinstance(value, int) else value
    for name, day in notice.days.items():
        found[name] = _day(day, locale)
    for name, amount in notice.amounts.items():
        found[name] = _amount(amount, locale)
    return {name: _plain(value) for name, value in found.items()}


def _day(day: date, locale: Locale) -> str:
    return format_date(day, "long", locale=locale)


def _amount(amount: Money, locale: Locale) -> str:
    return format_currency(amount.amount, amount.currency, locale=locale)


def _plain(value: str) -> str:
    """Return a value on one line, without what could end a header or a variable."""
    return _BLANK.sub(" ", value).strip()[:VALUE_CHARS_MAX]


@cache
def _own() -> Texts:
    text = (importlib.resources.files(__package__) / "texts.toml").read_text(encoding="utf-8")
    found: dict[str, Named] = {}
    for name, table in tomllib.loads(text).items():
        says, fields = table.pop("says"), tuple(table.pop("fields"))
        empty = Named(says=says, fields=fields, languages={})
        found[name] = _changed(name, empty, table)
    return found


def _changed(name: str, named: Named, table: object) -> Named:
    """Return a text with what a table says of its languages."""
    if not isinstance(table, dict):
        raise ConfigError(
            f"[texts.{name}] must be a table of languages; write [texts.{name}.en], or remove it.",
            field=f"texts.{name}",
        )
    languages = dict(named.languages)
    for language, raw in table.items():
        place = f"[texts.{name}.{language}]"
        if not re.fullmatch("[a-z]{2,3}", language) or not _is_language(language):
            raise ConfigError(
                f"{place}: {language!r} is no language; write its ISO 639 code, such as de.",
                field=f"texts.{name}.{language}",
            )
        languages[language] = _read(place, named, languages.get(language, Text()), raw)
    return msgspec.structs.replace(named, languages=languages)


def _is_language(language: str) -> bool:
    return language in Locale("en").languages


def _read(place: str, named: Named, before: Text, raw: Any) -> Text:  # noqa: ANN401 - of a file
    given = read_section(Text, raw, place)
    changes = {field: getattr(given, field) for field in raw}
    text = msgspec.structs.replace(before, **changes)
    for part in _PARTS:
        value = getattr(text, part)
        if value is not None:
            _check_fields(f"{place} {part}", named, value)
    for field in text.variables:
        _check_field(f"{place} variables", named, field)
    missing = [part for part in ("subject", "text", "short") if not getattr(text, part).strip()]
    if missing:
        raise ConfigError(f"{place}: {', '.join(missing)} must not be empty.", field=place)
    return text


def _check_fields(place: str, named: Named, text: str) -> None:
    template = Template(text)
    if not template.is_valid():
        raise ConfigError(
            f"{place}: a dollar stands before something that is no field; write $$ for a dollar. "
            f"Fields: {_told(named)}.",
            field=place,
        )
    for field in template.get_identifiers():
        _check_field(place, named, field)


def _check_field(place: str, named: Named, field: str) -> None:
    if field not in named.fields or not _FIELD.fullmatch(field):
        raise ConfigError(
            f"{place}: there is no field ${field}; there is: {_told(named)}.", field=place
        )


def _told(named: Named) -> str:
    return ", ".join(f"${field}" for field in named.fields)
