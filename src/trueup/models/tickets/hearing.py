"""What a customer's text is about, by words that people write in three languages. Pure.

A text is data: whatever it asks for, all that is read from it is one of a few words, its language,
and numbers that may be orders' numbers. Quoted lines of earlier mails are not heard. Where words
say nothing a trained reader may say which of the same few it is, and nothing else.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final, Literal, Protocol

import msgspec

from trueup.models.tickets.matters import Matter

TEXT_CHARS_MAX: Final = 20_000
NUMBERS_MAX: Final = 10
READS: Final = "en"
"""The language that readers were trained in; what is written in others stays with its words."""

READ_MOST: Final = 300


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """All that is kept of a text.

    Attributes:
        by: what says so: its words, or a trained reader where words say nothing.
        language: "en", "de" or "hi".
        numbers: that may be orders' numbers, as they are compared.
    """

    matter: Matter
    by: Literal["words", "reader"] = "words"
    language: str = "en"
    numbers: tuple[str, ...] = ()


class ReadsMatters(Protocol):
    """Reads what texts are about."""

    def matter_of(self, text: str, *, fresh: bool) -> Matter | None:
        """Return the matter, `OTHER` where it is not sure; None: not read before, and not fresh."""
        ...


class Listener:
    """Hears what texts are about: by their words, and by a reader where these say nothing.

    Args:
        reader: trained, and better than words on the brand's own past; None: words alone count.
        most: so many texts are read that were not read before, for as long as reading takes.
    """

    def __init__(self, reader: ReadsMatters | None = None, *, most: int = READ_MOST) -> None:
        self._reader, self._left = reader, most

    def __call__(self, text: str, subject: str | None = None) -> Heard:
        """Return what a text is about.

        Args:
            text: of a message, or a subject alone, which only its words are heard of.
            subject: under which the message stands, maybe an empty one; None: it is a subject.
        """
        heard = hear(text)
        if self._reader is None or subject is None or heard.language != READS:
            return heard
        if any(each.matter is not Matter.OTHER for each in (heard, hear(subject))):
            return heard
        whole = f"{subject}\n{text}".strip()
        matter = self._reader.matter_of(whole, fresh=False)
        if matter is None and self._left > 0:
            self._left -= 1
            matter = self._reader.matter_of(whole, fresh=True)
        if matter is None or matter is Matter.OTHER:
            return heard
        return msgspec.structs.replace(heard, matter=matter, by="reader")


def is_unheard(text: str) -> bool:
    """Whether words say nothing of a text, in the language that readers read."""
    heard = hear(text)
    return heard.matter is Matter.OTHER and heard.language == READS


def _any(*parts: str) -> re.Pattern[str]:
    """Return what finds one of some patterns in a text as `_plain` leaves it."""
    return re.compile(unicodedata.normalize("NFKC", "|".join(parts)).replace("ß", "ss"))


# What is said of a delivery that did not happen, or not yet, is no word that it did.
_NOT_YET = _any(
    r"\b(?:not|never|\w+n'?t|be|being|get|getting)\s+(?:\w+\s+){0,2}?delivered\b",
    r"\b(?:should|would|supposed|expected|due)\b(?:\s+\w+){0,4}?\s+delivered\b",
    r"\b(?:nicht|nie|noch)\s+(?:\w+\s+){0,2}?(?:zugestellt|geliefert|ausgeliefert)\b",
    r"\b(?:zugestellt|geliefert|ausgeliefert)\s+(?:werden|wird)\b",
    r"\b(?:sollte|wird|soll)\b(?:\s+\w+){0,5}?\s+(?:zugestellt|geliefert|ausgeliefert)\b",
    r"डि?ली?ि?वर\w*\s+नहीं",
    r"\bdeliver(?:ed)?\s+nah(?:i|in)\b",
)
_DELIVERED = _any(
    r"\bdelivered\b",
    r"\b(?:zugestellt|geliefert|ausgeliefert)\b",
    r"डिलीवर|डिलिवर|डिलीवरी हो|पहुंचा दिया|पहुँचा दिया",
    r"\bdeliver(?:y)? ho (?:gaya|gayi|chuka|chuki)\b",
)
_NOTHING_CAME = _any(
    r"\b(?:not|never|nothing|\w+n'?t)\b(?:\s+[\w']+){0,5}?\s+"
    r"(?:receiv\w*|arriv\w*|got|get|gotten|here|came|come|show\w* up|turn\w* up)\b",
    r"\b(?:no (?:sign|trace|package|parcel|delivery|box)|missing|nowhere)\b",
    r"\b(?:nicht|nie|niemals|nichts)\b(?:\s+\w+){0,5}?\s+(?:angekommen|erhalten|bekommen|da|hier)\b",
    r"\bkein(?:e|en)? (?:paket|lieferung|sendung|päckchen)\b",
    r"नहीं (?:मिला|मिली|मिले|आया|आई|पहुंचा|पहुँचा|पहुंची)",
    r"\bnah(?:i|in) (?:mila|mili|mile|aaya|aayi|pahu?n?cha)\b",
)
_WORDS: Final[Sequence[tuple[Matter, re.Pattern[str]]]] = (
    (
        Matter.DAMAGED,
        _any(
            r"\b(?:damaged|broken|cracked|smashed|shattered|defective|torn|leaking|leaked)\b",
            r"\b(?:beschädigt\w*|kaputt\w*|defekt\w*|zerbrochen\w*|zerrissen\w*)\b",
            r"टूटा|टूटी|टूटे|खराब|\b(?:toota|tooti|kharab)\b",
        ),
    ),
    (
        Matter.WRONG_ITEM,
        _any(
            r"\bwrong (?:item|size|colou?r|product|order|one|thing|article)\b",
            r"\b(?:not what i ordered|different item|incorrect item)\b",
            r"\bfalsch\w* (?:artikel|größe|farbe|produkt|ware|bestellung|lieferung)\b",
            r"\bnicht (?:das )?bestellt\b",
            r"गलत (?:सामान|आइटम|साइज|रंग|प्रोडक्ट)|\bgalat (?:item|saman|size|product)\b",
        ),
    ),
    (
        Matter.CHANGE_ADDRESS,
        _any(
            r"\b(?:change|update|correct|wrong|new|different)\b(?:\s+\w+){0,4}?\s+address\b",
            r"\baddress\b(?:\s+\w+){0,4}?\s+(?:wrong|incorrect|changed)\b",
            r"\b(?:ändern|falsche|neue|andere)\b(?:\s+\w+){0,4}?\s+\w*adresse\b",
            r"\b\w*adresse\b(?:\s+\w+){0,5}?\s+(?:ändern|falsch|korrigieren|geändert)\b",
            r"पता (?:बदल|गलत)|गलत पता|\baddress (?:change|badal)",
        ),
    ),
    (
        Matter.CANCEL,
        _any(r"\bcancel\w*\b", r"\b(?:stornier\w*|abbestell\w*)\b", r"रद्द|कैंसिल|कैंसल"),
    ),
    (
        Matter.REFUND,
        _any(
            r"\b(?:refund\w*|money back|reimburse\w*|chargeback)\b",
            r"\b(?:rückerstatt\w*|erstatt\w*|geld zurück)\b",
            r"रिफंड|रिफ़ंड|पैसे वापस|पैसा वापस|\bpais[ae] wapas\b",
        ),
    ),
    (
        Matter.RETURN,
        _any(
            r"\b(?:return(?:s|ing)? (?:it|them|this|my|the|an?|label|policy|portal)|to return)\b",
            r"\b(?:send\w* (?:it|them|this) back|exchange)\b",
            r"\b(?:zurück(?:zu)?(?:senden|schicken|geben)|retoure\w*|rücksend\w*|umtausch\w*)\b",
            r"वापस करना|लौटाना|रिटर्न|\bwapas karna\b",
        ),
    ),
    (
        Matter.WHERE_IS_ORDER,
        _any(
            r"\bwhere(?:'?s| is| are)\b(?:\s+\w+){0,3}?\s+"
            r"(?:orders?|parcels?|packages?|delivery|shipment|items?|stuff|things?)\b",
            r"\bwhere(?:'?s| is) it\b",
            r"\b(?:tracking|track my|order status|delivery status|status of (?:my|the|our))\b",
            r"\bwhen (?:will|does|is|can)\b.{0,60}\b(?:arriv|com|deliver|receiv|get|here|ship)",
            r"\b(?:not|never|nothing|\w+n'?t)\b(?:\s+\w+){0,4}?\s+"
            r"(?:arrived|received|delivered|shipped|come|came)\b",
            r"\b(?:still waiting|been waiting|not here yet)\b",
            r"\bwo (?:ist|bleibt|sind|bleiben|steckt)\b",
            r"\bwann\b.{0,60}\b(?:komm|liefer|geliefert|ankomm|zugestellt|da sein|versandt|versch)",
            r"\b(?:sendungsverfolgung|sendungsstatus|lieferstatus|bestellstatus)\b",
            r"\bnoch (?:nicht|nichts)\b.{0,30}\b"
            r"(?:angekommen|erhalten|da|geliefert|bekommen|zugestellt)\b",
            r"\bwarte (?:immer noch|noch|seit)\b",
            r"कहाँ|कहां|कब (?:आएगा|आयेगा|आएगी|मिलेगा|मिलेगी|तक)|ट्रैक",
            r"नहीं (?:मिला|मिली|आया|आई|पहुंचा|पहुँचा)|डिलीवर नहीं",
            r"\bkah?an? hai\b|\bkab (?:aayega|aayegi|milega|milegi|tak)\b",
            r"\bnah(?:i|in) (?:mila|aaya)\b",
        ),
    ),
    (
        Matter.PRODUCT_QUESTION,
        _any(
            r"\b(?:in stock|available|compatible|(?:what|which) size|how (?:big|long|heavy))\b",
            r"\b(?:do you (?:have|sell|offer)|dimensions|does it (?:fit|work|come))\b",
            r"\b(?:welche größe|verfügbar|vorrätig|passt|haben sie|wie (?:groß|lang|schwer))\b",
            r"उपलब्ध|साइज|साइज़|स्टॉक",
        ),
    ),
)
_GERMAN = re.compile(
    r"\b(?:ich|ist|nicht|und|wo|wann|meine?r?|bestellung|paket|lieferung|bitte|noch|habe|das|der|die)\b"
)
_HINGLISH = re.compile(r"\b(?:hai|nahi|nahin|mera|meri|kab|kahan|kaha|mujhe|aaya|mila)\b")
_DEVANAGARI = re.compile(r"[\u0900-\u097f]")
_QUOTED = _any(r"^\s*>.*$", r"^\s*(?:on|am) .{0,200}(?:wrote|schrieb)\b.*", r"^-{2,}\s*original.*")
_NUMBER = re.compile(r"#\s?([a-z0-9][a-z0-9-]{1,30})|\b([a-z]{1,5}-?\d{3,12})\b|\b(\d{3,12})\b")
_APOSTROPHES: Final = str.maketrans("\u2018\u2019`", "'''")


_FIRST: Final = (Matter.NOT_RECEIVED, *(matter for matter, _ in _WORDS), Matter.OTHER)
"""Of several that fit the first counts."""


def hear(text: str) -> Heard:
    """Return what a text is about; never raises, and nothing of the text itself is kept."""
    plain = _plain(text)
    found = Matter.NOT_RECEIVED if _not_received(plain) else None
    if found is None:
        found = next((matter for matter, words in _WORDS if words.search(plain)), Matter.OTHER)
    return Heard(matter=found, language=_language(plain), numbers=_numbers(plain))


def hear_all(heard: Sequence[Heard]) -> Heard:
    """Return what several texts of one customer are about together: the first matter of all.

    What words say counts before what was read where they say nothing.
    """
    by_words = [each for each in heard if each.by == "words" and each.matter is not Matter.OTHER]
    first = min(by_words or heard, key=lambda each: _FIRST.index(each.matter))
    numbers = dict.fromkeys(number for each in heard for number in each.numbers)
    return Heard(
        matter=first.matter,
        by=first.by,
        language=heard[-1].language,
        numbers=tuple(numbers)[:NUMBERS_MAX],
    )


def _plain(text: str) -> str:
    """Return a text as it is compared: composed, small letters, without quoted lines."""
    whole = unicodedata.normalize("NFKC", text[:TEXT_CHARS_MAX]).casefold()
    whole = whole.replace("ß", "ss").translate(_APOSTROPHES)
    lines: list[str] = []
    for line in whole.splitlines():
        if _QUOTED.match(line):
            if not line.lstrip().startswith(">"):
                break  # all that follows is an earlier mail
            continue
        lines.append(line)
    return " ".join(" ".join(lines).split())


def _not_received(plain: str) -> bool:
    said = _NOT_YET.sub(" ", plain)
    return bool(_DELIVERED.search(said) and _NOTHING_CAME.search(plain))


def _language(plain: str) -> str:
    if _DEVANAGARI.search(plain) or len(_HINGLISH.findall(plain)) > 1:
        return "hi"
    return "de" if len(_GERMAN.findall(plain)) > 1 else "en"


def _numbers(plain: str) -> tuple[str, ...]:
    found = dict.fromkeys(
        next(each for each in match.groups() if each) for match in _NUMBER.finditer(plain)
    )
    return tuple(found)[:NUMBERS_MAX]
