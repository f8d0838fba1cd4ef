"""Words by which somebody says, in a whole message, that they want to hear no more."""

import unicodedata
from typing import Final

STOP_WORDS: Final = frozenset(
    (
        *("stop", "stopall", "stop all", "unsubscribe", "opt out", "optout", "end", "quit"),
        *("stopp", "abmelden", "abbestellen", "keine nachrichten"),
        *("arret", "desabonner", "desinscrire"),
        *("baja", "cancelar suscripcion", "parar", "pare", "sair", "descadastrar"),
        *("disiscrivi", "basta", "afmelden", "uitschrijven"),
        *("वापस", "रोकें", "बंद करें", "בטל", "הסר", "توقف", "إلغاء"),
    )
)
"""Whole messages that ask for no more; compared without case, accents and signs at the end."""

_CHARS_MAX: Final = 40


def is_stop(text: str, more: frozenset[str] = frozenset()) -> bool:
    """Tell whether a message is nothing but the wish to hear no more.

    Args:
        text: the whole message.
        more: words of a medium's own, in small letters.
    """
    if len(text) > _CHARS_MAX:
        return False
    word = _bare(text)
    return word in _STOPS or word in more


def _bare(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.strip().strip(".!?…").casefold())
    kept = "".join(char for char in plain if not unicodedata.combining(char))
    return " ".join(kept.split())


_STOPS: Final = frozenset(_bare(word) for word in STOP_WORDS)
