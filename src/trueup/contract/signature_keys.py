"""Finds the public key that an asymmetric signature is checked with.

A delivery may name the key, but never where we go for it: addresses are held against the scheme's
own list of https hosts and paths before anything is read. Look-ups are cached, capped in size and
limited in number, because anyone who knows a hook's address can make us want a key.
"""

import asyncio
import re
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import msgspec

from trueup.contract.delivery import Delivery, refusal
from trueup.contract.public_key import (
    DOCUMENT_BYTES_MAX,
    Document,
    LoadedKey,
    read_base64,
    read_keys,
)
from trueup.contract.signature_scheme import Asymmetric, SignatureScheme
from trueup.errors import ContractBroken, Unavailable

KeyFetch = Callable[[str], Awaitable[bytes]]
"""Reads an address that was found allowed; raises `Unavailable` when it does not answer."""

_ADDRESS = re.compile(r"https://[a-z0-9.-]+/[A-Za-z0-9/._-]*")
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class KeyAddress(msgspec.Struct, frozen=True, kw_only=True):
    """One public key at one allowed address; `kid` is empty where the document has one key."""

    url: str
    document: Document
    kid: str = ""
    prefixes: tuple[str, ...]


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A signature header that is base64 of a JSON object (eBay)."""

    kid: str
    signature: str
    alg: str = "ecdsa"
    digest: str = "SHA1"


def needed_key(scheme: SignatureScheme, delivery: Delivery) -> KeyAddress | None:
    """Tell which public key a delivery must be checked with.

    Args:
        scheme: any scheme; only an asymmetric one with a published key needs a look-up.
        delivery: the request, not yet believed.

    Returns:
        The address to load, or None where no look-up is needed.

    Raises:
        SignatureInvalid: the delivery names no key, or one outside of the allowed addresses.
    """
    if not isinstance(scheme, Asymmetric) or scheme.key.source == "secret":
        return None
    place = scheme.key
    if scheme.layout == "envelope":
        kid = read_envelope(delivery.header(scheme.header), scheme.header).kid
    else:
        kid = delivery.header(place.kid_header) if place.kid_header else ""
    if kid and not _KEY_ID.fullmatch(kid):
        raise refusal("malformed", part="key id")
    url = place.url.replace("{kid}", kid)
    if place.source == "header":
        url = delivery.header(place.url_header)
    if not is_allowed(url, place.prefixes):
        raise refusal("malformed", part="key address")
    in_address = "{kid}" in place.url
    return KeyAddress(
        url=url,
        document=place.document,
        kid="" if in_address else kid,
        prefixes=place.prefixes,
    )


def is_allowed(url: str, prefixes: tuple[str, ...]) -> bool:
    """Tell whether an address is one that keys may be read from.

    Only plain https addresses are: no user, port, query, escape or step upwards, so that host and
    path are what they look like.
    """
    if not _ADDRESS.fullmatch(url) or ".." in url or "//" in urlsplit(url).path:
        return False
    return any(url.startswith(prefix) for prefix in prefixes)


def read_envelope(value: str, header: str) -> Envelope:
    """Read an enveloped signature header.

    Raises:
        SignatureInvalid: malformed: it is not such an envelope, or of another algorithm.
    """
    content = read_base64(value.encode()) or b""
    if not content.isascii():
        raise refusal("malformed", header=header)
    try:
        envelope = msgspec.json.decode(content, type=Envelope)
    except msgspec.DecodeError as fault:
        raise refusal("malformed", header=header) from fault
    if (envelope.alg.lower(), envelope.digest.upper()) != ("ecdsa", "SHA1"):
        raise refusal("malformed", header=header)
    return envelope


class _Entry(msgspec.Struct, frozen=True):
    loaded_at: datetime
    keys: Mapping[str, LoadedKey]


class KeySource:
    """Public keys at hand, read over the network once and kept for a while.

    Args:
        fetch: reads an allowed address, size-capped; normally the egress client.
        ttl_s: how long a document is kept.
        retry_s: how soon the same address is read again when it lacked the wanted key.
        loads_per_minute_max: how many addresses are read in a minute at most.
        entries_max: how many documents are kept at most.
    """

    def __init__(
        self,
        fetch: KeyFetch,
        *,
        ttl_s: int = 3_600,
        retry_s: int = 60,
        loads_per_minute_max: int = 30,
        entries_max: int = 64,
    ) -> None:
        self._fetch = fetch
        self._ttl = timedelta(seconds=ttl_s)
        self._retry = timedelta(seconds=retry_s)
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._entries_max = entries_max
        self._loads_at: deque[datetime] = deque(maxlen=loads_per_minute_max)
        self._lock = asyncio.Lock()

    def known(self, address: KeyAddress, now: datetime) -> LoadedKey | None:
        """Return a key that is at hand and fresh; None when it must be loaded first."""
        entry = self._entries.get(address.url)
        if entry is None or now - entry.loaded_at > self._ttl:
            return None
        return entry.keys.get(address.kid)

    async def load(self, address: KeyAddress, now: datetime) -> None:
        """Read a key, unless it is at hand or was looked for a moment ago.

        After it `known` has the key, or the vendor does not publish it.

        Raises:
            SignatureInvalid: malformed: the address is not allowed.
            Unavailable: the address does not answer, or too many were read in the last minute.
            ContractBroken: what it answers is not a key document.
        """
        if not is_allowed(address.url, address.prefixes):
            raise refusal("malformed", part="key address")
        async with self._lock:
            entry = self._entries.get(address.url)
            waited = self._retry if entry and address.kid not in entry.keys else self._ttl
            if entry is not None and now - entry.loaded_at <= waited:
                return
            self._count_load(now)
            content = await self._fetch(address.url)
            self._keep(address, content, now)

    def _count_load(self, now: datetime) -> None:
        full = len(self._loads_at) == self._loads_at.maxlen
        if full and now - self._loads_at[0] < timedelta(minutes=1):
            raise Unavailable("Too many public keys were looked up in the last minute")
        self._loads_at.append(now)

    def _keep(self, address: KeyAddress, content: bytes, now: datetime) -> None:
        if len(content) > DOCUMENT_BYTES_MAX:
            raise ContractBroken("The key document is too large", url=address.url)
        try:
            keys = read_keys(address.document, content)
        except ValueError as fault:
            raise ContractBroken("The key document can not be read", url=address.url) from fault
        self._entries[address.url] = _Entry(now, keys)
        self._entries.move_to_end(address.url)
        while len(self._entries) > self._entries_max:
            self._entries.popitem(last=False)
