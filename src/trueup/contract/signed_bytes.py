"""Builds the bytes that a vendor signed, and reads the sender's clock."""

import re
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from hashlib import sha256
from types import MappingProxyType
from urllib.parse import urlsplit

from trueup.contract.delivery import Delivery, refusal
from trueup.contract.signature_scheme import Asymmetric, JoinedHmac, Part, Stamp, split_join
from trueup.errors import invariant

_UNIX = MappingProxyType(
    {"unix_s": re.compile(r"[0-9]{1,11}"), "unix_ms": re.compile(r"[0-9]{1,14}")}
)
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_HTTP_DATE = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} [A-Z][a-z]{2} [0-9]{4} "
    r"[0-9]{2}:[0-9]{2}:[0-9]{2} (GMT|[+-]0000)"
)


def join_parts(
    scheme: JoinedHmac | Asymmetric, delivery: Delivery, *, stamp_text: str, identity: str
) -> bytes:
    """Build the signed bytes of a delivery.

    Args:
        scheme: how the vendor signs.
        delivery: the request.
        stamp_text: the sender's clock exactly as written; empty where the scheme has none.
        identity: the public half kept with the secret.

    Raises:
        SignatureInvalid: a header that is part of the signed bytes is missing or malformed.
    """
    known: Mapping[str, Callable[[], bytes]] = {
        "timestamp": stamp_text.encode,
        "identity": identity.encode,
        "id": lambda: delivery.header(scheme.id_header).encode(),
    }
    return b"".join(_part_bytes(part, delivery, known) for part in split_join(scheme.join))


def _part_bytes(part: Part, delivery: Delivery, known: Mapping[str, Callable[[], bytes]]) -> bytes:
    if part.name == "literal":
        return part.text.encode()
    build = known.get(part.name)
    return build() if build is not None else _FROM_DELIVERY[part.name](delivery)


def _target(delivery: Delivery) -> bytes:
    split = urlsplit(delivery.url)
    return f"{split.path}?{split.query}".encode() if split.query else split.path.encode()


_FROM_DELIVERY: Mapping[str, Callable[[Delivery], bytes]] = MappingProxyType(
    {
        "body": lambda delivery: delivery.body,
        "method": lambda delivery: delivery.method.encode(),
        "uri": lambda delivery: delivery.url.encode(),
        "path": lambda delivery: urlsplit(delivery.url).path.encode(),
        "target": _target,
        "body_sha256": lambda delivery: sha256(delivery.body).hexdigest().encode(),
        "body_crc32": lambda delivery: str(zlib.crc32(delivery.body)).encode(),
    }
)


def check_stamp(stamp: Stamp, text: str, now: datetime) -> datetime:
    """Read the sender's clock and check that it is within the window, on both sides.

    Args:
        stamp: the form and the window.
        text: as it stands in the delivery.
        now: our clock.

    Raises:
        SignatureInvalid: malformed, too_old or too_new.
    """
    invariant(now.tzinfo is not None, "now must be an aware instant")
    signed_at = read_stamp(stamp, text)
    if signed_at is None:
        raise refusal("malformed", part="timestamp")
    age = now - signed_at
    if age > timedelta(seconds=stamp.past_s):
        raise refusal("too_old", age_s=int(age.total_seconds()))
    if -age > timedelta(seconds=stamp.future_s):
        raise refusal("too_new", age_s=int(age.total_seconds()))
    return signed_at


def read_stamp(stamp: Stamp, text: str) -> datetime | None:
    """Read an instant in the stamp's form; None when the text is not strictly of that form."""
    try:
        if stamp.form == "rfc3339":
            return (
                datetime.fromisoformat(text).astimezone(UTC) if _RFC3339.fullmatch(text) else None
            )
        if stamp.form == "http_date":
            return _read_http_date(text) if _HTTP_DATE.fullmatch(text) else None
        if not _UNIX[stamp.form].fullmatch(text):
            return None
        milliseconds = int(text) * (1_000 if stamp.form == "unix_s" else 1)
        return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)
    except (ValueError, OverflowError):
        return None


def _read_http_date(text: str) -> datetime:
    """Return the instant. "-0000" is UTC too, told by who does not say where (RFC 5322)."""
    return parsedate_to_datetime(text).replace(tzinfo=UTC)


def write_stamp(stamp: Stamp, at: datetime) -> str:
    """Write an instant in the stamp's form, as the vendor does."""
    if stamp.form == "rfc3339":
        return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if stamp.form == "http_date":
        return format_datetime(at.astimezone(UTC), usegmt=True)
    seconds = at.timestamp()
    return str(int(seconds)) if stamp.form == "unix_s" else str(int(seconds * 1_000))
