"""Whom a body names that no mapping reads: the first e-mail address and phone number in it.

Where to look, the connector's manifest says by its personal paths; nothing here knows a vendor.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

import msgspec

from trueup.canon.link import normal_email, normal_phone

_EMAIL = re.compile(r"[^@\s<>\"',;:]{1,64}@[^@\s<>\"',;:]{1,250}")
_PHONE = re.compile(r"\+?[\d\s()./-]{6,25}")
_PHONE_NAME = re.compile(r"phone|mobile|whatsapp|(^|_)(tel|sms|fax)(_|$)", re.IGNORECASE)
_DIGITS_MIN = 6
_TEXT_CHARS_MAX = 10_000
"""So far a text is searched; a body's sender does not choose how long that takes."""

Path = tuple[str, ...]


def contact_named(body: bytes, personal: tuple[str, ...]) -> tuple[str, str]:
    """Return e-mail and phone, normalised for look-ups; empty where the body names none.

    Args:
        body: as received; one that is not JSON names nobody.
        personal: the paths of a manifest, such as `$..email` and `$.items[*].name`.
    """
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "", ""
    wanted = _pattern(personal)
    email = phone = ""
    for path, name, text in _texts(document):
        if wanted is None or not wanted.match(path):
            continue
        found = None if email else _EMAIL.search(text)
        if found is not None:
            email = normal_email(found[0])
        elif not phone and _is_phone(name, text):
            phone = normal_phone(text)
        if email and phone:
            break
    return email, phone


def _is_phone(name: str, text: str) -> bool:
    """Tell a phone number from a postcode or an id: by its field, or by its leading plus."""
    if _PHONE.fullmatch(text) is None or len(normal_phone(text)) < _DIGITS_MIN:
        return False
    return text.lstrip().startswith("+") or _PHONE_NAME.search(name) is not None


def _texts(document: object) -> Iterator[tuple[str, str, str]]:
    """Yield (path, name of the field, text) of every text and number, in the body's order.

    Without recursion: how deep a body goes is its sender's choice.
    """
    waiting: list[tuple[str, str, object]] = [("", "", document)]
    while waiting:
        path, name, value = waiting.pop()
        if isinstance(value, dict):
            inner = [(f"{path}.{key}", str(key), child) for key, child in value.items()]
            waiting.extend(reversed(inner))
        elif isinstance(value, list):
            waiting.extend((f"{path}[*]", name, child) for child in reversed(value))
        elif isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
            yield path, name, str(value)[:_TEXT_CHARS_MAX]


@lru_cache(maxsize=64)
def _pattern(personal: tuple[str, ...]) -> re.Pattern[str] | None:
    """Return what every path that is personal, or lies within what is personal, begins with."""
    if not personal:
        return None
    each = [re.escape(path.removeprefix("$")).replace(r"\.\.", r"(?:.*)\.") for path in personal]
    return re.compile(rf"(?:{'|'.join(each)})(?=[.\[]|$)")
