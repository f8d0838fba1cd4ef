"""How a vendor signs its deliveries, as data: seven families cover them all.

    F1  BodyHmac      base64 HMAC of the body                        Shopify, Xero, QuickBooks
    F2  BodyHmac      hexadecimal HMAC of the body, maybe prefixed   Meta, Razorpay, EasyPost v1
    F3  JoinedHmac    HMAC of several parts joined, mostly with time Stripe, Slack, HubSpot
    F4  Asymmetric    the vendor's private key, its public key here  PayPal, eBay, ShipEngine
    F5  UrlParams     HMAC of our URL and the sorted form fields     Twilio, Mandrill
    F6  StaticToken   a fixed token in a header; or Unsigned: a hint Shiprocket; Gorgias
    F7  QueuePull     pulled from a queue, never delivered by HTTP   Amazon

A manifest names a vendor's scheme (`signature = "shopify"`, see `vendor_signature`) or gives the
family with its parameters. The code that checks deliveries against a scheme is in `signature`.
"""

import re
from functools import lru_cache
from typing import Literal, TypeAlias

import msgspec

HashName = Literal["sha256", "sha1", "sha512"]
TextForm = Literal["base64", "hex"]
KeyForm = Literal["text", "base64", "hex", "whsec"]
"""How a secret's text becomes a key; `whsec` is base64 after an optional `whsec_`."""

_HEADER = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_PART = re.compile(r"\{([a-z0-9_]+)\}")
_PLAIN_PARTS = frozenset(
    {
        "id",
        "timestamp",
        "method",
        "uri",
        "path",
        "target",
        "body",
        "body_sha256",
        "body_crc32",
        "identity",
    }
)


class Part(msgspec.Struct, frozen=True):
    """One piece of the signed bytes: literal text, or a named part of the delivery."""

    name: str
    text: str = ""


@lru_cache(maxsize=256)
def split_join(join: str) -> tuple[Part, ...]:
    """Split a join template such as `{timestamp}.{body}` into its parts.

    Args:
        join: literal text with `{id}`, `{timestamp}`, `{method}`, `{uri}` (our whole address),
            `{path}`, `{target}` (path and query), `{body}`, `{body_sha256}` (hexadecimal),
            `{body_crc32}` (decimal), `{identity}` (the public half kept with the secret).

    Raises:
        ValueError: the template names an unknown part, or leaves the body out.
    """
    parts: list[Part] = []
    for index, piece in enumerate(_PART.split(join)):
        if index % 2 == 0:
            if "{" in piece or "}" in piece:
                msg = f"join {join!r} has a stray brace"
                raise ValueError(msg)
            if piece:
                parts.append(Part(name="literal", text=piece))
        elif piece in _PLAIN_PARTS:
            parts.append(Part(name=piece))
        else:
            msg = f"join {join!r} has an unknown part {piece!r}; known: {sorted(_PLAIN_PARTS)}"
            raise ValueError(msg)
    if not any(part.name.startswith("body") for part in parts):
        msg = f"join {join!r} leaves the body out: anything could be sent with such a signature"
        raise ValueError(msg)
    return tuple(parts)


class Stamp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the sender's clock stands in a delivery, and how far it may be from ours.

    Attributes:
        header: the header that holds it, in lower case; empty when it is a `pair`.
        pair: its key inside a signature header of the layout `pairs` (Stripe: `t`).
        form: how the instant is written.
        past_s: how old a delivery may be.
        future_s: how far ahead of our clock it may be; the window has two sides.
    """

    header: str = ""
    pair: str = ""
    form: Literal["unix_s", "unix_ms", "http_date", "rfc3339"] = "unix_s"
    past_s: int = 300
    future_s: int = 300

    def __post_init__(self) -> None:
        if bool(self.header) == bool(self.pair):
            raise ValueError("a stamp stands either in a header or in a pair")
        if self.header:
            _check_header(self.header)
        if self.past_s < 1 or self.future_s < 1:
            raise ValueError("both sides of a stamp's window are at least one second")


class _Scheme(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="family"
):
    """A family with its parameters; in a manifest the field `family` tells which."""


class BodyHmac(_Scheme, frozen=True, kw_only=True, tag="body_hmac"):
    """F1 and F2: the HMAC of the raw body in one header."""

    header: str
    encoding: TextForm
    algorithm: HashName = "sha256"
    prefix: str = ""
    key_form: KeyForm = "text"

    def __post_init__(self) -> None:
        _check_header(self.header)


class JoinedHmac(_Scheme, frozen=True, kw_only=True, tag="joined_hmac"):
    """F3: the HMAC of several joined parts.

    Attributes:
        header: the header that holds the signature, in lower case.
        join: the signed bytes, see `split_join`.
        layout: `single`: one signature; `pairs`: `t=1,v1=aa,v1=bb`; `versions`: `v1,aa v1,bb`.
            Several signatures serve the sender's rotation of secrets: any one may match.
        version: the key of a signature in `pairs` and `versions`; others are passed over.
        stamp: the sender's clock; a join without `{timestamp}` has none.
        id_header: where `{id}` stands.
    """

    header: str
    join: str
    encoding: TextForm
    algorithm: HashName = "sha256"
    layout: Literal["single", "pairs", "versions"] = "single"
    version: str = "v1"
    prefix: str = ""
    key_form: KeyForm = "text"
    stamp: Stamp | None = None
    id_header: str = ""

    def __post_init__(self) -> None:
        _check_header(self.header)
        _check_join(self.join, stamp=self.stamp, id_header=self.id_header, layout=self.layout)


class KeyPlace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the public key of an asymmetric signature is found.

    Attributes:
        source: `secret`: stored with the connection; `url`: at `url`; `header`: at the address in
            the delivery's `url_header`, which must then lie under one of `prefixes`.
        document: what the address answers with.
        url: the address, with `{kid}` where the key's id belongs.
        url_header: the header that names the address.
        kid_header: the header that names the key inside a key set.
        prefixes: the only addresses a key may be read from (https, host, start of the path).
    """

    source: Literal["secret", "url", "header"]
    document: Literal["pem", "certificate", "jwks", "json_pem"] = "pem"
    url: str = ""
    url_header: str = ""
    kid_header: str = ""
    prefixes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.source == "url" and not self.url:
            raise ValueError('a key from a "url" needs that url')
        if self.source == "header" and not self.url_header:
            raise ValueError('a key from a "header" needs url_header')
        if self.source != "secret" and not self.prefixes:
            raise ValueError("a key read from an address needs the prefixes it may lie under")
        for prefix in self.prefixes:
            if not re.fullmatch(r"https://[a-z0-9.-]+/[A-Za-z0-9/._-]*", prefix):
                msg = f"{prefix!r} is not an https host with a path"
                raise ValueError(msg)


class Asymmetric(_Scheme, frozen=True, kw_only=True, tag="asymmetric"):
    """F4: signed with the vendor's private key.

    Attributes:
        layout: `single`: base64 signature; `versions`: `v1a,<base64> v1a,<base64>`; `envelope`:
            base64 of a JSON object with `kid` and `signature` (eBay).
    """

    header: str
    join: str
    algorithm: Literal["rsa_sha256", "ecdsa_sha1", "ecdsa_sha256", "ed25519"]
    key: KeyPlace
    layout: Literal["single", "versions", "envelope"] = "single"
    version: str = "v1a"
    stamp: Stamp | None = None
    id_header: str = ""

    def __post_init__(self) -> None:
        _check_header(self.header)
        _check_join(self.join, stamp=self.stamp, id_header=self.id_header, layout=self.layout)


class UrlParams(_Scheme, frozen=True, kw_only=True, tag="url_params"):
    """F5: the base64 HMAC of our address followed by the sorted form fields.

    Attributes:
        body_hash_param: the query parameter that holds the body's SHA-256 in hexadecimal when the
            body is not a form (Twilio: `bodySHA256`); empty: only forms are accepted.
    """

    header: str
    algorithm: HashName = "sha1"
    body_hash_param: str = ""

    def __post_init__(self) -> None:
        _check_header(self.header)


class StaticToken(_Scheme, frozen=True, kw_only=True, tag="static_token"):
    """F6: a token that we chose, sent along unchanged: it proves knowledge, not the content."""

    header: str
    prefix: str = ""

    def __post_init__(self) -> None:
        _check_header(self.header)


class Unsigned(_Scheme, frozen=True, kw_only=True, tag="unsigned"):
    """F6: nothing is signed: a delivery is only a hint to read the vendor's API again."""


class QueuePull(_Scheme, frozen=True, kw_only=True, tag="queue_pull"):
    """F7: events are pulled from a queue; a delivery by HTTP is always refused."""


SignatureScheme: TypeAlias = (
    BodyHmac | JoinedHmac | Asymmetric | UrlParams | StaticToken | Unsigned | QueuePull
)


def _check_header(name: str) -> None:
    if not _HEADER.fullmatch(name):
        msg = f"{name!r} is not a header name in lower case"
        raise ValueError(msg)


def _check_join(join: str, *, stamp: Stamp | None, id_header: str, layout: str) -> None:
    names = {part.name for part in split_join(join)}
    if ("timestamp" in names) != (stamp is not None):
        raise ValueError("a join has {timestamp} exactly when the scheme has a stamp")
    if ("id" in names) != bool(id_header):
        raise ValueError("a join has {id} exactly when the scheme has an id_header")
    if stamp is not None and stamp.pair and layout != "pairs":
        raise ValueError("a stamp stands in a pair only in the layout pairs")
