"""Identity: partitions, digests and idempotency keys."""

import hashlib
import uuid
import zlib

from trueup.kernel.limits import PARTITIONS

_NAMESPACE = uuid.UUID("6f2b7f6e-9a53-5c3e-8b52-2f1f0c1d7a10")


def partition_of(entity_key: str) -> int:
    """Return the partition, 0 to 63, in which everything about one entity is handled in order."""
    return zlib.crc32(entity_key.encode()) % PARTITIONS


def sha256(content: bytes) -> bytes:
    """Return the 32 byte digest."""
    return hashlib.sha256(content).digest()


def stable_uuid(*parts: str) -> str:
    """Return the same UUID for the same parts, for ever: for keys that must survive a crash."""
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join(parts)))
