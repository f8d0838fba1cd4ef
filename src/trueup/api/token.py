"""The hub's own token: a program that may read its file may use the API.

It is the hub's service account: nobody's, with every right that a token may have
(`access.rights.GRANTABLE`), so it lets nobody in and reads nobody's own page. One random token lies
in a file that only the hub's user can read. Changing the file ends it.
"""

import hmac
import os
import secrets
import stat
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from trueup.errors import ConfigError

TOKEN_FILE: Final = "console.token"  # noqa: S105 - the name of a file

_TOKEN_CHARS_MIN: Final = 32


def load_token(data_dir: Path) -> str:
    """Read the console's token, making it where it is missing.

    Args:
        data_dir: the hub's data folder; the token lies there as `console.token`, mode 0600.

    Raises:
        ConfigError: unreadable, too short, or open to others.
    """
    path = data_dir / TOKEN_FILE
    if not path.exists():
        _create(path)
    try:
        text = path.read_text(encoding="ascii").strip()
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The console's token {path} can not be read; remove the file and start again to get "
            "a new one."
        ) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"The console's token {path} is open to others; run: chmod 600 {path}")
    if len(text) < _TOKEN_CHARS_MIN:
        raise ConfigError(
            f"The console's token {path} is shorter than {_TOKEN_CHARS_MIN} characters; remove "
            "the file and start again to get a new one."
        )
    return text


def same_token(token: str, given: str) -> bool:
    """Say whether this is the token; takes the same time whatever is given."""
    digests = (sha256(each.encode("utf-8", "replace")).digest() for each in (token, given))
    return hmac.compare_digest(*digests)


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
    # A link appears whole or not at all; where another process was first, its token counts.
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
