"""Secrets that are handed out once: 256 random bits, of which only a digest is kept."""

import secrets
from hashlib import sha256
from typing import Final

SECRET_CHARS_MAX: Final = 200


def new_secret() -> str:
    """Return a fresh secret, in characters that an address can carry."""
    return secrets.token_urlsafe(32)


def digest_of(secret: str) -> bytes:
    """Return what is kept of a secret: 32 bytes. It is random, so one quick hash is enough."""
    return sha256(secret[: SECRET_CHARS_MAX + 1].encode("utf-8", "replace")).digest()
