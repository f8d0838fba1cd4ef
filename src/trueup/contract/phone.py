"""Phone numbers as everybody writes them: E.164, by the field's library."""

import phonenumbers

_CHARS_MAX = 40


def e164(text: str | None, region: str | None = None) -> str | None:
    """Return the number as +491701234567; None where it can not be one.

    Args:
        text: as somebody wrote it.
        region: the country of a number that names none, such as "DE".
    """
    if not text or len(text) > _CHARS_MAX:
        return None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
