"""Our own name of a command, as it stands at Shopify with what was done; a person may read it."""

from typing import Final

from trueup.kernel.ids import sha256

CHARS_MAX: Final = 100
_PREFIX = "trueup:"


def mark_of(ref: str) -> str:
    """Return the name, the same for ever; a long ref is told by its digest."""
    told = ref if len(ref) <= CHARS_MAX - len(_PREFIX) else sha256(ref.encode()).hex()
    return _PREFIX + told
