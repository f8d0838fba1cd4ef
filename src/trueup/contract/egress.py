"""The only way out: every request of the hub to another system leaves through here.

A host's name is resolved once, every address it has is checked, and the connection goes to a
checked address, so that a name can not point elsewhere a moment later. Redirects are not followed,
replies are capped, proxies of the environment are ignored.

When a call fails the caller learns the one thing that matters: whether it may have been done.
`Unavailable`: nothing left this machine, or it was only a read. `OutcomeUnknown`: a write left and
no answer says what came of it; read back before any retry.
"""

import asyncio
import logging
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import cache
from types import TracebackType
from typing import Self

import httpcore
import httpx
import msgspec

from trueup.contract.address import is_plain_host, is_public
from trueup.contract.connector import Reply, Request
from trueup.errors import (
    ConnectorError,
    ContractBroken,
    HubError,
    OutcomeUnknown,
    Refused,
    Unavailable,
    invariant,
)

CONNECT_TIMEOUT_S = 5.0
TOTAL_TIMEOUT_S = 20.0
REPLY_BYTES_MAX = 16_000_000
CONNECTIONS_MAX = 64

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Gives all addresses of a host; raises OSError when there are none."""

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_SAFE_HEADERS = frozenset({"accept", "content-type", "if-none-match"})


class EgressPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Where a connection may call.

    Attributes:
        hosts: the only names that may be called; None: any public host.
        allowed: exact origins such as `http://127.0.0.1:8089` that may be called although they are
            not public or not https on port 443: the sandbox, an ERP in the same building.
    """

    hosts: frozenset[str] | None = None
    allowed: frozenset[str] = frozenset()

    def check(self, url: httpx.URL) -> None:
        """Check an address before anything is resolved.

        Raises:
            Refused: `connector.refused`, with the reason.
        """
        if url.userinfo:
            raise _denied("an address must not hold a user or password", _host(url))
        if origin(url) in self.allowed:
            return
        host = _host(url)
        if url.scheme != "https" or url.port not in {None, 443}:
            raise _denied("only https on port 443 may be called", host)
        if not is_plain_host(host):
            raise _denied("the host is neither a plain name nor a canonical address", host)
        if self.hosts is not None and host not in self.hosts:
            raise _denied("the host is not one that this connection may call", host)

    def trusts(self, host: str, port: int) -> bool:
        """Tell whether an address of this host and port needs no check."""
        bracketed = f"[{host}]" if ":" in host else host
        return any(f"{scheme}://{bracketed}:{port}" in self.allowed for scheme in ("http", "https"))


def origin(url: httpx.URL) -> str:
    """Return scheme, host and port, always with the port."""
    host = f"[{_host(url)}]" if ":" in url.host else _host(url)
    return f"{url.scheme}://{host}:{url.port or {'https': 443, 'http': 80}.get(url.scheme, 0)}"


async def resolve_host(host: str, port: int) -> list[str]:
    """Resolve a host by the system's resolver; an address resolves to itself."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, family=socket.AF_UNSPEC, type=socket.SOCK_STREAM
    )
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to checked addresses only."""

    def __init__(self, policy: EgressPolicy, resolve: Resolve) -> None:
        self._policy = policy
        self._resolve = resolve
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve, check every address, and connect to the first that answers."""
        allowed_s = timeout or CONNECT_TIMEOUT_S
        try:
            async with asyncio.timeout(allowed_s):
                addresses = await self._checked(host, port)
                each_s = allowed_s / len(addresses)
                return await self._first(addresses, port, each_s, local_address, socket_options)
        except TimeoutError as fault:
            raise httpcore.ConnectTimeout from fault

    async def _checked(self, host: str, port: int) -> list[str]:
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as fault:
            raise httpcore.ConnectError("the host has no address") from fault
        if not addresses:
            raise httpcore.ConnectError("the host has no address")
        # One bad address among good ones is how a rebinding answer looks: none of them is used.
        if not self._policy.trusts(host, port) and not all(map(is_public, addresses)):
            raise _denied("the host has an address that is not of the public internet", host)
        return addresses[:8]

    async def _first(
        self,
        addresses: list[str],
        port: int,
        each_s: float,
        local_address: str | None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None,
    ) -> httpcore.AsyncNetworkStream:
        fault: Exception | None = None
        for address in addresses:
            try:
                return await self._inner.connect_tcp(
                    address, port, each_s, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                fault = failed
        invariant(fault is not None, "a host without an address was refused before")
        raise fault or httpcore.ConnectError

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: nothing of ours is called by a file."""
        del timeout, socket_options
        raise _denied("sockets in the file system are not called", path)

    async def sleep(self, seconds: float) -> None:
        """Wait between attempts."""
        await asyncio.sleep(seconds)


class CheckedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport, with its connections made by `CheckedBackend`."""

    def __init__(
        self, policy: EgressPolicy, resolve: Resolve, tls: ssl.SSLContext | None = None
    ) -> None:
        tls = tls or _public_tls()
        super().__init__(verify=tls, trust_env=False)
        # httpx has no public place for a network backend. Were the attribute renamed, the
        # checks would silently be gone, so that it must exist before it is replaced.
        invariant(isinstance(self._pool, httpcore.AsyncConnectionPool), "httpx changed its pool")
        self._policy = policy
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=CONNECTIONS_MAX,
            max_keepalive_connections=16,
            keepalive_expiry=30.0,
            network_backend=CheckedBackend(policy, resolve),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Check the address, then send."""
        self._policy.check(request.url)
        return await super().handle_async_request(request)


def make_client(
    policy: EgressPolicy,
    *,
    resolve: Resolve = resolve_host,
    tls: ssl.SSLContext | None = None,
    connect_timeout_s: float = CONNECT_TIMEOUT_S,
    total_timeout_s: float = TOTAL_TIMEOUT_S,
) -> httpx.AsyncClient:
    """Make a client that can only call what the policy allows.

    Args:
        policy: where it may call.
        resolve: gives all addresses of a host.
        tls: trust anchors; the usual public ones by default.
        connect_timeout_s: for resolving and connecting.
        total_timeout_s: for each single read and write; `Egress` bounds the whole.
    """
    # At their lower levels these two log whole addresses and headers, secrets included.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    timeout = httpx.Timeout(total_timeout_s, connect=connect_timeout_s, pool=connect_timeout_s)
    return httpx.AsyncClient(
        transport=CheckedTransport(policy, resolve, tls),
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,
        headers={"user-agent": "trueup", "accept-encoding": "gzip"},
    )


class Egress:
    """Sends the requests that connectors make.

    Args:
        policy: where they may go.
        resolve: gives all addresses of a host.
        tls: trust anchors; the usual public ones by default.
        connect_timeout_s: for resolving and connecting.
        total_timeout_s: for a whole call, its reply included.
        reply_bytes_max: a larger reply, counted after unpacking, is refused.
    """

    def __init__(
        self,
        policy: EgressPolicy,
        *,
        resolve: Resolve = resolve_host,
        tls: ssl.SSLContext | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        total_timeout_s: float = TOTAL_TIMEOUT_S,
        reply_bytes_max: int = REPLY_BYTES_MAX,
    ) -> None:
        self._client = make_client(
            policy,
            resolve=resolve,
            tls=tls,
            connect_timeout_s=connect_timeout_s,
            total_timeout_s=total_timeout_s,
        )
        self._total_timeout_s = total_timeout_s
        self._reply_bytes_max = reply_bytes_max

    async def send(self, base_url: str, request: Request) -> Reply:
        """Send one request and read its whole reply.

        Args:
            base_url: the connection's own address, below which `request.path` lies. To another
                origin the request goes without its credentials.
            request: already authorised.

        Raises:
            Unavailable: nothing was done: no connection, or a read without an answer.
            OutcomeUnknown: a write left and was not answered in full.
            Refused: the address may not be called, or the request can not be written.
            ContractBroken: a redirect, or a reply that is too large or packed in an unknown way.
        """
        async with self._answer(base_url, request) as (response, chunks):
            body = b"".join([chunk async for chunk in chunks])
            return Reply(status=response.status_code, headers=_plain(response), body=body)

    async def fetch(self, url: str, *, bytes_max: int = 65_536) -> bytes:
        """Read one document; the `KeyFetch` of public keys.

        Raises:
            Unavailable: it did not answer with 200.
            ContractBroken: it is larger than `bytes_max`, or a redirect.
            Refused: the address may not be called.
        """
        request = Request(method="GET", path=url)
        async with self._answer(url, request, bytes_max) as (response, chunks):
            body = b"".join([chunk async for chunk in chunks])
            if response.status_code != 200:
                raise Unavailable(status=response.status_code, host=response.url.host)
            return body

    async def download(
        self,
        base_url: str,
        request: Request,
        sink: Callable[[bytes], None],
        *,
        bytes_max: int,
        timeout_s: float,
    ) -> Reply:
        """Read a large reply piece by piece, such as the result of a bulk export.

        Args:
            base_url: as in `send`.
            request: as in `send`; never a write.
            sink: takes each piece in turn; what it took counts only once this returns.
            bytes_max: most bytes after unpacking.
            timeout_s: for the whole.

        Returns:
            The reply with an empty body.

        Raises:
            Unavailable, Refused, ContractBroken: as in `send`.
        """
        invariant(not request.writes, "a download changes nothing at the vendor")
        async with self._answer(base_url, request, bytes_max, timeout_s) as (response, chunks):
            async for chunk in chunks:
                sink(chunk)
            return Reply(status=response.status_code, headers=_plain(response), body=b"")

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    @asynccontextmanager
    async def _answer(
        self,
        base_url: str,
        request: Request,
        bytes_max: int | None = None,
        timeout_s: float | None = None,
    ) -> AsyncIterator[tuple[httpx.Response, AsyncIterator[bytes]]]:
        """Send, and turn every way to fail into one of our errors."""
        outward = self._outward(base_url, request)
        host = outward.url.host
        progress = _Progress()
        outward.extensions = {**outward.extensions, "trace": progress.note}
        try:
            async with asyncio.timeout(timeout_s or self._total_timeout_s):
                response = await self._client.send(outward, stream=True)
                try:
                    _check_redirect(response)
                    yield response, _unpack(response, bytes_max or self._reply_bytes_max)
                finally:
                    await response.aclose()
        except httpx.LocalProtocolError as fault:
            raise Refused("The request can not be written", host=host) from fault
        except ContractBroken as fault:
            # The vendor acted, and what it says of it can not be read.
            raise _after_send(request, fault, host) if request.writes else fault from fault
        except (httpx.TransportError, TimeoutError) as fault:
            sent = progress.sent and not isinstance(fault, _NOT_SENT)
            if sent and request.writes:
                raise _after_send(request, fault, host) from fault
            raise Unavailable(host=host, cause=type(fault).__name__) from fault

    def _outward(self, base_url: str, request: Request) -> httpx.Request:
        try:
            base = httpx.URL(base_url)
            absolute = request.path.startswith(("https://", "http://"))
            url = httpx.URL(request.path if absolute else _below(base_url, request.path))
            foreign = origin(url) != origin(base)
            headers = [
                (name, value)
                for name, value in request.headers
                if not foreign or name.lower() in _SAFE_HEADERS
            ]
            return self._client.build_request(
                request.method, url, headers=headers, content=request.body or None
            )
        except (httpx.InvalidURL, UnicodeError, ValueError) as fault:
            # Not chained: the message would hold the address, and with it perhaps a token.
            raise Refused(
                "The request's address or headers can not be written", cause=type(fault).__name__
            ) from None


class _Progress:
    """Watches how far a call got: from the first byte on, it may have been done."""

    def __init__(self) -> None:
        self.sent = False

    async def note(self, event: str, details: Mapping[str, object]) -> None:
        del details
        if event.endswith("send_request_headers.started"):
            self.sent = True


def _host(url: httpx.URL) -> str:
    """Return the host as it goes over the wire, so that look-alike letters stay visible."""
    return url.raw_host.decode("ascii")


@cache
def _public_tls() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


def _below(base_url: str, path: str) -> str:
    if not path.startswith("/") or path.startswith("//"):
        raise ValueError("a path below the base starts with one slash")
    return base_url.rstrip("/") + path


def _denied(why: str, host: str) -> Refused:
    return Refused(f"The address may not be called: {why}", host=host, reason="egress")


def _after_send(request: Request, fault: BaseException, host: str) -> HubError:
    return OutcomeUnknown(host=host, method=request.method, cause=type(fault).__name__)


def _check_redirect(response: httpx.Response) -> None:
    if response.status_code in {301, 302, 303, 307, 308}:
        raise ContractBroken(
            "The vendor answered with a redirect, which is never followed",
            status=response.status_code,
            host=response.url.host,
        )


def _plain(response: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


async def _unpack(response: httpx.Response, bytes_max: int) -> AsyncIterator[bytes]:
    """Yield the body unpacked, never holding more than the cap: a packed bomb stays small."""
    packing = response.headers.get("content-encoding", "identity").strip().lower()
    if packing not in {"identity", "gzip", ""}:
        raise ContractBroken("The reply is packed in a way that was not asked for", packing=packing)
    unpacker = zlib.decompressobj(31) if packing == "gzip" else None
    left = bytes_max
    async for raw in response.aiter_raw():
        chunk = _inflate(unpacker, raw, left + 1) if unpacker else raw
        left -= len(chunk)
        if left < 0:
            raise _too_large(response, bytes_max)
        yield chunk
    if unpacker and not unpacker.eof and left < bytes_max:
        raise ContractBroken("The reply ends in the middle", host=response.url.host)


def _inflate(unpacker: "zlib._Decompress", raw: bytes, bytes_max: int) -> bytes:
    try:
        return unpacker.decompress(raw, bytes_max)
    except zlib.error as fault:
        raise ContractBroken("The reply can not be unpacked") from fault


def _too_large(response: httpx.Response, bytes_max: int) -> ConnectorError:
    return ContractBroken("The reply is too large", host=response.url.host, bytes_max=bytes_max)
