"""Codes of an app (RFC 6238), and spare ones for whoever lost it: made, read and compared; pure."""

import hmac
import secrets
from datetime import datetime
from typing import Final

import pyotp

STEP_S: Final = 30
STEPS_OFF_MAX: Final = 1
"""A code of the step before or after counts too: clocks differ, and people type slowly."""

DIGITS: Final = 6
SPARES: Final = 10
CODE_CHARS_MAX: Final = 40

_LETTERS: Final = "abcdefghjkmnpqrstvwxyz23456789"
_SPARE_CHARS: Final = 16
_GROUP: Final = 4
_ISSUER: Final = "Trueup"


def new_app_secret() -> str:
    """Return what an app is given: 160 random bits, as it reads them."""
    return pyotp.random_base32()


def app_address(secret: str, name: str) -> str:
    """Return the address that an app reads from the picture."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=_ISSUER)


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """Return the time step that a code belongs to; None where it is of none near now.

    Args:
        secret: of `new_app_secret`.
        code: of `plain_code`.
        now: the instant.
    """
    if len(code) != DIGITS or not (code.isascii() and code.isdecimal()):
        return None
    app, here = pyotp.TOTP(secret), int(now.timestamp()) // STEP_S
    near = range(here - STEPS_OFF_MAX, here + STEPS_OFF_MAX + 1)
    fits = [step for step in near if hmac.compare_digest(app.generate_otp(step), code)]
    return max(fits, default=None)


def new_spares() -> tuple[str, ...]:
    """Return fresh spare codes, each of 78 random bits, as people copy them."""
    return tuple(_new_spare() for _ in range(SPARES))


def plain_code(typed: str) -> str:
    """Return a code as it was typed, without what people put in between."""
    kept = (each for each in typed[:CODE_CHARS_MAX].casefold() if each not in " -\t\u2011")
    return "".join(kept)


def _new_spare() -> str:
    whole = "".join(secrets.choice(_LETTERS) for _ in range(_SPARE_CHARS))
    return "-".join(whole[at : at + _GROUP] for at in range(0, _SPARE_CHARS, _GROUP))
