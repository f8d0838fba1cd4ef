"""What is personal of a version at rest: sealed under its person's key."""

from collections.abc import Mapping

from trueup.db.rows import Row
from trueup.govern.vault import Vault
from trueup.records.model import Stored


def identity_of(connection_id: int, kind: str, ref: str) -> bytes:
    """Return what a record's personal fields are bound to: moved to another they do not open."""
    return f"{connection_id}\x1f{kind}\x1f{ref}".encode()


def seal_version(
    vault: Vault,
    stored: Stored,
    personal: bytes | None,
    person: bytes | None,
    keys: Mapping[bytes, bytes],
) -> bytes | None:
    """Return what is personal of a version as it is stored; None for a person without a key."""
    if personal is None or person is None or person not in keys:
        return None
    identity = identity_of(stored.connection_id, stored.kind, stored.ref)
    return vault.seal_personal(personal, keys[person], identity)


def open_row(vault: Vault, row: Row, kind: str, keys: Mapping[bytes, bytes]) -> bytes | None:
    """Return what is personal of a row with `connection_id`, `ref`, `person` and `personal`.

    None: there is nothing, or its person was erased.
    """
    key = None if row["person"] is None else keys.get(bytes(row["person"]))
    if key is None or row["personal"] is None:
        return None
    identity = identity_of(row["connection_id"], kind, row["ref"])
    return vault.open_personal(bytes(row["personal"]), key, identity)


def open_stored(vault: Vault, stored: Stored, keys: Mapping[bytes, bytes]) -> None:
    """Open what is personal of a current version; what is dark stays so, and is forgotten here."""
    sealed, stored.sealed = stored.sealed, None
    if sealed is not None and stored.person is not None and stored.person in keys:
        identity = identity_of(stored.connection_id, stored.kind, stored.ref)
        stored.personal = vault.open_personal(sealed, keys[stored.person], identity)
