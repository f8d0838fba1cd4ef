"""The vault: what seals bodies and personal fields, and what finds a person without naming them.

Every event's body has a key of its own. That key is wrapped by the master key until the person is
known, then by the person's key, so destroying one person's key darkens everything about them.
The master key comes from a file or the environment and never lies in the database.

Formats (all start with a version byte):
    body     1 | nonce 12 | AES-256-GCM(zstd(plain))       associated data: the event's identity
    wrapped  1 | nonce 12 | AES-256-GCM(key 32)            associated data: what the key is for
"""

import hmac
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from trueup.errors import ConfigError, invariant

_VERSION: Final = b"\x01"
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_PLAIN_BYTES_MAX: Final = 64 * 1024 * 1024
_FOR_EVENT: Final = b"event-key"
_FOR_PERSON: Final = b"person-key"
_FOR_SECRET: Final = b"secret"


class Vault:
    """Seals and opens. One per process; not shared between threads.

    Args:
        master_key: 32 random bytes.
    """

    def __init__(self, master_key: bytes) -> None:
        invariant(len(master_key) == _KEY_BYTES, "the master key has 32 bytes")
        self._master = AESGCM(_derive(master_key, b"trueup wrap v1"))
        self._index_key = _derive(master_key, b"trueup index v1")
        self._compress = zstandard.ZstdCompressor(level=1).compress
        self._decompress = zstandard.ZstdDecompressor().decompress

    def seal_body(self, plain: bytes, identity: bytes) -> tuple[bytes, bytes]:
        """Return the sealed body and its own key, wrapped by the master key.

        Args:
            plain: the body as received.
            identity: bytes that tie the body to its event; needed again to open it.
        """
        fresh = os.urandom(_KEY_BYTES + 2 * _NONCE_BYTES)
        key, nonce, wrap_nonce = fresh[:32], fresh[32:44], fresh[44:]
        sealed = AESGCM(key).encrypt(nonce, self._compress(plain), identity)
        wrapped = self._master.encrypt(wrap_nonce, key, _FOR_EVENT)
        return _VERSION + nonce + sealed, _VERSION + wrap_nonce + wrapped

    def open_event_key(self, wrapped: bytes, person_key: bytes | None = None) -> bytes | None:
        """Return an event's key; None where the key that wrapped it was destroyed."""
        wrapper = self._master if person_key is None else AESGCM(person_key)
        return _open(wrapper, wrapped, _FOR_EVENT)

    def open_body(self, sealed: bytes, key: bytes, identity: bytes) -> bytes:
        """Return the body as received.

        Raises:
            InvariantBroken: the sealed bytes were changed since.
        """
        packed = _open(AESGCM(key), sealed, identity)
        invariant(packed is not None, "a sealed body does not match its key: the log was changed")
        return self._decompress(packed or b"", max_output_size=_PLAIN_BYTES_MAX)

    def wrap_for_person(self, event_key: bytes, person_key: bytes) -> bytes:
        """Return an event's key, wrapped so that it goes dark with the person."""
        return _seal(AESGCM(person_key), event_key, _FOR_EVENT)

    def new_person_key(self) -> tuple[bytes, bytes]:
        """Return a fresh key for a person, plain and wrapped by the master key."""
        key = os.urandom(_KEY_BYTES)
        return key, _seal(self._master, key, _FOR_PERSON)

    def open_person_key(self, wrapped: bytes) -> bytes:
        """Return a person's key."""
        key = _open(self._master, wrapped, _FOR_PERSON)
        invariant(key is not None, "a person's key does not open with this master key")
        return key or b""

    def seal_personal(self, plain: bytes, person_key: bytes, identity: bytes) -> bytes:
        """Return personal fields sealed under the person's key."""
        return _seal(AESGCM(person_key), plain, identity)

    def open_personal(self, sealed: bytes, person_key: bytes, identity: bytes) -> bytes | None:
        """Return personal fields; None where they were sealed under a key since destroyed."""
        return _open(AESGCM(person_key), sealed, identity)

    def seal_secret(self, plain: bytes, identity: bytes) -> bytes:
        """Return a connection's secret sealed under the master key."""
        return _seal(self._master, plain, _FOR_SECRET + identity)

    def open_secret(self, sealed: bytes, identity: bytes) -> bytes:
        """Return a connection's secret.

        Raises:
            ConfigError: it was sealed under another master key.
        """
        plain = _open(self._master, sealed, _FOR_SECRET + identity)
        if plain is None:
            raise ConfigError(
                "A stored secret does not open: this is not the master key it was sealed with. "
                "Restore the key file, or connect the account again."
            )
        return plain

    def index(self, purpose: str, value: str) -> bytes:
        """Return 16 bytes by which equal values are found and from which none is read back."""
        return hmac.digest(self._index_key, f"{purpose}\x1f{value}".encode(), "sha256")[:16]


def load_master_key(path: Path, *, create: bool) -> bytes:
    """Read the master key (64 hexadecimal digits), making one where allowed and missing.

    Raises:
        ConfigError: missing, unreadable, not a key, or readable by others.
    """
    if create and not path.exists():
        _create_key_file(path)
    try:
        text = path.read_text().strip()
        mode = path.stat().st_mode
    except OSError as error:
        raise ConfigError(
            f"The master key {path} can not be read ({error.strerror}). Without it nothing that "
            "was stored opens: restore it from its backup, or set `master_key_file`."
        ) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"The master key {path} is open to others; run: chmod 600 {path}")
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise ConfigError(
            f"The master key {path} is not 64 hexadecimal digits; restore it from its backup."
        )
    return key


def _create_key_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(os.urandom(_KEY_BYTES).hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    # A link appears whole or not at all; where another process was first, its key counts.
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


def _derive(master_key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=_KEY_BYTES, salt=None, info=purpose).derive(
        master_key
    )


def _seal(cipher: AESGCM, plain: bytes, identity: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + nonce + cipher.encrypt(nonce, plain, identity)


def _open(cipher: AESGCM, sealed: bytes, identity: bytes) -> bytes | None:
    invariant(sealed[:1] == _VERSION, "sealed bytes of an unknown version")
    try:
        return cipher.decrypt(sealed[1:13], sealed[13:], identity)
    except InvalidTag:
        return None
