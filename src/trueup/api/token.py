"""The console's token: who may look and press buttons until there are people with rights.

One random token lies in a file that only the hub's user can read. It opens the API as a bearer and
the console through a session cookie. It never stands in a link: links carry a ticket made from it,
good once and not for long. Changing the file ends every session.
"""

import hmac
import os
import secrets
import stat
import time
from collections import OrderedDict
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from trueup.errors import ConfigError

TOKEN_FILE: Final = "console.token"  # noqa: S105 - the name of a file
TICKET_AGE_S_MAX: Final = 3600
SESSION_AGE_S_MAX: Final = 12 * 3600

_TOKEN_CHARS_MIN: Final = 32
_CLOCK_SKEW_S: Final = 60
_TICKETS_REMEMBERED_MAX: Final = 10_000


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


def entry_link(base_url: str, token: str) -> str:
    """Return a link that opens the console once, within the hour.

    Args:
        base_url: such as `http://127.0.0.1:8600`.
        token: of `load_token`.
    """
    return f"{base_url.rstrip('/')}/enter?token={_sign(token, 'ticket')}"


class Door:
    """Judges tokens, tickets and sessions.

    Args:
        token: of `load_token`; None shuts the door.
    """

    def __init__(self, token: str | None) -> None:
        self._token = token
        self._used: OrderedDict[str, None] = OrderedDict()
        self.csrf_secret = sha256(f"csrf\x1f{token or secrets.token_hex()}".encode()).hexdigest()

    @property
    def shut(self) -> bool:
        """No token was given: nobody comes in."""
        return self._token is None

    def knows_token(self, given: str) -> bool:
        """Say whether this is the token; takes the same time whatever is given."""
        wanted = sha256((self._token or "").encode()).digest()
        right = hmac.compare_digest(sha256(given.encode("utf-8", "replace")).digest(), wanted)
        return right and self._token is not None

    def take_ticket(self, ticket: str) -> bool:
        """Say whether a link's ticket is good, and use it up."""
        if ticket in self._used or not self._signed(ticket, "ticket", TICKET_AGE_S_MAX):
            return False
        self._used[ticket] = None
        while len(self._used) > _TICKETS_REMEMBERED_MAX:
            self._used.popitem(last=False)
        return True

    def new_session(self) -> str:
        """Return the value of a session cookie."""
        return _sign(self._token or secrets.token_hex(), "session")

    def knows_session(self, value: str) -> bool:
        """Say whether a session cookie is ours and not too old."""
        return self._signed(value, "session", SESSION_AGE_S_MAX)

    def _signed(self, text: str, purpose: str, age_s_max: int) -> bool:
        stamp, _, rest = text.partition(".")
        nonce, _, mac = rest.partition(".")
        wanted = _mac(self._token or secrets.token_hex(), purpose, stamp, nonce)
        if not hmac.compare_digest(mac.encode("utf-8", "replace"), wanted.encode()):
            return False
        age_s = time.time() - int(stamp)
        return self._token is not None and -_CLOCK_SKEW_S <= age_s <= age_s_max


def _sign(token: str, purpose: str) -> str:
    stamp, nonce = str(int(time.time())), secrets.token_urlsafe(16)
    return f"{stamp}.{nonce}.{_mac(token, purpose, stamp, nonce)}"


def _mac(token: str, purpose: str, stamp: str, nonce: str) -> str:
    text = f"{purpose}\x1f{stamp}\x1f{nonce}".encode("utf-8", "replace")
    return hmac.new(token.encode(), text, sha256).hexdigest()


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
