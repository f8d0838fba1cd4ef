"""Words: what the console says, in the language of whoever reads it.

English is written in the code and is the name of a message; the catalogues below `locale` hold the
others. What a room means and what a member typed never passes through here: only words of ours do.
"""

from functools import cache
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from trueup.access.manner import Language, manner_in_force

LOCALE: Final = Path(__file__).parent / "locale"
DOMAIN: Final = "console"


def catalogue_path(language: Language) -> Path:
    """Return the file that a language's words stand in."""
    return LOCALE / language.value / "LC_MESSAGES" / f"{DOMAIN}.po"


def language_in_force() -> Language:
    """Return the language of whoever reads."""
    return manner_in_force().language or Language.ENGLISH


def gettext(message: str) -> str:
    """Return a message in the language in force; English where its catalogue has it not."""
    return _catalogue(language_in_force()).gettext(message) if message else ""


def ngettext(one: str, many: str, count: int) -> str:
    """Return a message in the form that its language has for a number."""
    return _catalogue(language_in_force()).ngettext(one, many, count)


def say(message: str, **facts: object) -> str:
    """Return a message with its facts, which stand in it as `%(name)s`."""
    text = gettext(message)
    return text % facts if facts else text


def say_count(one: str, many: str, count: int, **facts: object) -> str:
    """Return a message about a number with its facts, in the right form."""
    return ngettext(one, many, count) % facts


def mark(message: str) -> str:
    """Return a message as it is: one that is kept in a table, and said later, is found by this."""
    return message


def said(text: str) -> str:
    """Return a word of a closed set in the language in force; of several with commas, each.

    What is in no catalogue is data, and stays as it is.
    """
    whole = gettext(text)
    if whole != text or ", " not in text:
        return whole
    return ", ".join(gettext(each) for each in text.split(", "))


@cache
def _catalogue(language: Language) -> NullTranslations:
    """Return the words of a language, compiled on first need: about a tenth of a second, once."""
    path = catalogue_path(language)
    if language is Language.ENGLISH or not path.exists():
        return NullTranslations()
    with path.open("rb") as file:
        catalog = read_po(file, locale=language.value, domain=DOMAIN)
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return Translations(compiled, domain=DOMAIN)
