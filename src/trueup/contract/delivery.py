"""One delivery by HTTP, the secrets it is checked with, and what came of the check."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

import msgspec

from trueup.errors import SignatureInvalid

HEADER_CHARS_MAX = 8_192
"""No vendor's signature header comes near this; a longer one is an attack."""

Reason = Literal[
    "missing_header",
    "malformed",
    "mismatch",
    "too_old",
    "too_new",
    "no_secret",
    "key_unknown",
    "queue_only",
]


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it arrived, before anything of it is believed.

    Attributes:
        method: in capitals.
        url: our whole public address as the vendor knows it, with the query.
        headers: by name in lower case.
        body: the bytes as received.
        repeated: names of headers that came more than once; a signature is never read from one.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    repeated: frozenset[str] = frozenset()

    def header(self, name: str) -> str:
        """Return a header that the check relies on.

        Raises:
            SignatureInvalid: it is missing, repeated, too long or not plain ASCII.
        """
        value = self.headers.get(name)
        if value is None:
            raise refusal("missing_header", header=name)
        if not value.isascii() or name in self.repeated or len(value) > HEADER_CHARS_MAX:
            raise refusal("malformed", header=name)
        return value


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """One live secret of a connection.

    Attributes:
        value: as the vendor shows it, in UTF-8 bytes.
        not_after: when it stops counting, during a rotation; None: it stays.
        identity: the public half that some vendors sign along: TikTok Shop's app key, the id of
            PayPal's webhook.
    """

    value: bytes
    not_after: datetime | None = None
    identity: str = ""

    def __repr__(self) -> str:
        """Hide the value: a secret must not reach a log by way of a traceback."""
        return f"Secret(value=<hidden>, not_after={self.not_after!r}, identity={self.identity!r})"


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What a check proved.

    Attributes:
        trust: `signed`: the bytes are the vendor's; `token`: the sender knows our token, the bytes
            are unproved; `hint`: nothing is proved. Only `signed` bytes may have an effect; after
            the others the vendor's API is read.
        signed_at: the sender's own clock, where it is part of what was signed.
    """

    trust: Literal["signed", "token", "hint"]
    signed_at: datetime | None = None


def read_headers(raw: Iterable[tuple[bytes, bytes]]) -> tuple[dict[str, str], frozenset[str]]:
    """Turn raw headers into the two header attributes of a `Delivery`.

    Args:
        raw: names and values as a server hands them over; a repeated header keeps its first value
            and is named as repeated.
    """
    headers: dict[str, str] = {}
    repeated: set[str] = set()
    for raw_name, raw_value in raw:
        name = raw_name.decode("latin-1").lower()
        if name in headers:
            repeated.add(name)
        else:
            headers[name] = raw_value.decode("latin-1")
    return headers, frozenset(repeated)


def refusal(reason: Reason, **context: object) -> SignatureInvalid:
    """Make the error for a delivery that is not believed.

    Args:
        reason: the first thing that was wrong.
        context: names of headers and parts; never a value that the sender chose.
    """
    return SignatureInvalid(reason=reason, **context)
