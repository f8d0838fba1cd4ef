"""The only way out: nothing private is reached, and a failed call says if it may be done."""

import asyncio
import gzip
import ipaddress
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from tests.unit.contract.test_address import NOT_PUBLIC, ODD_HOSTS
from trueup.contract.connector import Reply, Request
from trueup.contract.egress import CheckedTransport, Egress, EgressPolicy, make_client, origin
from trueup.errors import ContractBroken, HubError, OutcomeUnknown, Refused, Unavailable

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter, str], Awaitable[None]]
TOKEN = "shpat-planted-canary"
READ = Request(method="GET", path="/", headers=(("x-token", TOKEN),))
WRITE = Request(
    method="POST", path="/", headers=(("x-token", TOKEN),), body=b'{"a": 1}', writes=True
)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Left: 7\r\n\r\nok"


class Vendor:
    """A real server on loopback that keeps what reached it."""

    def __init__(self, answer: Answer | bytes, tls: ssl.SSLContext | None = None) -> None:
        self.answer = answer
        self.tls = tls
        self.seen: list[str] = []
        self.port = 0

    async def __aenter__(self) -> Self:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.seen.append(head)
            if isinstance(self.answer, bytes):
                writer.write(self.answer)
                await writer.drain()
            else:
                await self.answer(reader, writer, head)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def lone(vendor: Vendor) -> Egress:
    """Return a way out that leads to one server only."""
    return Egress(EgressPolicy(allowed=frozenset([vendor.url])))


async def call(
    answer: Answer | bytes, request: Request, timeout_s: float = 0.3, bytes_max: int = 1_000
) -> tuple[Reply, Vendor]:
    async with Vendor(answer) as vendor:
        policy = EgressPolicy(allowed=frozenset([vendor.url]))
        async with Egress(policy, total_timeout_s=timeout_s, reply_bytes_max=bytes_max) as egress:
            return await egress.send(vendor.url, request), vendor


async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: str) -> None:
    await writer.drain()
    await asyncio.sleep(1)


async def hang_in_body(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: str) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    await writer.drain()
    await asyncio.sleep(1)


async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: str) -> None:
    """Send a byte now and then: each read is quick, the whole is endless."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _i in range(40):
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.05)


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: str) -> None:
    writer.transport.abort()


CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"
NOISE = b"\x16\x03\x01 this is not http\r\n\r\n"


def test_a_reply_comes_back_whole() -> None:
    reply, vendor = asyncio.run(call(OK, WRITE))
    assert reply == Reply(status=200, headers={"content-length": "2", "x-left": "7"}, body=b"ok")
    assert f"x-token: {TOKEN}" in vendor.seen[0].lower()


def test_a_reply_of_an_error_status_is_a_reply() -> None:
    for status in (400, 401, 404, 409, 422, 429, 500, 503):
        answer = f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode()
        assert asyncio.run(call(answer, WRITE))[0].status == status


# --- was it done? -----------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [hang, hang_in_body, drip, hang_up, CUT, NOISE, b""])
def test_a_write_that_left_and_was_not_answered_is_unknown(answer: Answer | bytes) -> None:
    with pytest.raises(OutcomeUnknown) as caught:
        asyncio.run(call(answer, WRITE))
    assert caught.value.fate == "read_back"


@pytest.mark.parametrize("answer", [hang, hang_in_body, drip, hang_up, CUT, NOISE, b""])
def test_a_read_that_was_not_answered_may_be_tried_later(answer: Answer | bytes) -> None:
    with pytest.raises(Unavailable) as caught:
        asyncio.run(call(answer, READ))
    assert caught.value.fate == "later"


@pytest.mark.parametrize("request_", [READ, WRITE])
def test_a_call_that_never_left_was_not_done(request_: Request) -> None:
    async def refused() -> None:
        async with Vendor(OK) as vendor:
            url = vendor.url
        async with Egress(EgressPolicy(allowed=frozenset([url]))) as egress:
            await egress.send(url, request_)

    with pytest.raises(Unavailable, match="ConnectError"):
        asyncio.run(refused())


def test_a_name_that_does_not_resolve_was_not_done() -> None:
    async def fail(_host: str, _port: int) -> list[str]:
        raise OSError

    async def empty(_host: str, _port: int) -> list[str]:
        return []

    async def slow(_host: str, _port: int) -> list[str]:
        await asyncio.sleep(1)
        return ["8.8.8.8"]

    for resolve, cause in ((fail, "ConnectError"), (empty, "ConnectError"), (slow, "Timeout")):
        egress = Egress(EgressPolicy(), resolve=resolve, connect_timeout_s=0.1)
        with pytest.raises(Unavailable, match=cause):
            asyncio.run(egress.send("https://shop.example", WRITE))


def test_a_handshake_that_hangs_was_not_done() -> None:
    """The port answers but speaks no TLS: no byte of the request has left."""

    async def run() -> None:
        async with Vendor(hang) as vendor:
            url = f"https://vendor.test:{vendor.port}"
            policy = EgressPolicy(allowed=frozenset([url]))
            async with Egress(policy, resolve=loopback, connect_timeout_s=0.2) as egress:
                await egress.send(url, WRITE)

    with pytest.raises(Unavailable):
        asyncio.run(run())


@pytest.mark.parametrize(
    "headers", [(("x-a", "b\r\nx-injected: 1"),), (("x a", "b"),), (("x-a", "é"),)]
)
def test_a_request_that_can_not_be_written_is_refused(headers: tuple[tuple[str, str], ...]) -> None:
    bad = Request(method="POST", path="/", headers=headers, writes=True)
    with pytest.raises(Refused) as caught:
        asyncio.run(call(OK, bad))
    assert caught.value.fate == "never"


def test_a_body_of_random_status_line_never_crashes() -> None:
    for head in (b"HTTP/1.1 999999 X\r\n\r\n", b"\r\n\r\n", b"\0" * 99):
        with pytest.raises(HubError):
            asyncio.run(call(head, WRITE))


# --- redirects and size -----------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(status: int) -> None:
    async def run(request: Request) -> list[str]:
        async with Vendor(OK) as other:
            answer = (
                f"HTTP/1.1 {status} X\r\nLocation: {other.url}/\r\nContent-Length: 0\r\n\r\n"
            ).encode()
            async with Vendor(answer) as vendor:
                policy = EgressPolicy(allowed=frozenset([vendor.url, other.url]))
                async with Egress(policy) as egress:
                    with pytest.raises((ContractBroken, OutcomeUnknown)) as caught:
                        await egress.send(vendor.url, request)
        assert isinstance(caught.value, OutcomeUnknown if request.writes else ContractBroken)
        return other.seen

    assert asyncio.run(run(READ)) == []
    assert asyncio.run(run(WRITE)) == []


def test_a_reply_that_is_too_large_is_cut_off() -> None:
    big = b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + b"x" * 1_001
    with pytest.raises(ContractBroken, match="too large"):
        asyncio.run(call(big, READ))
    with pytest.raises(OutcomeUnknown):
        asyncio.run(call(big, WRITE))
    fits = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1_000
    assert len(asyncio.run(call(fits, READ))[0].body) == 1_000


def packed(content: bytes, packing: str = "gzip") -> bytes:
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Encoding: {packing}\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def test_a_packed_reply_is_unpacked_within_the_cap() -> None:
    assert (
        asyncio.run(call(packed(gzip.compress(b"a" * 1_000, mtime=0)), READ))[0].body
        == b"a" * 1_000
    )
    with pytest.raises(ContractBroken, match="too large"):
        asyncio.run(call(packed(gzip.compress(b"a" * 1_001, mtime=0)), READ))
    bomb = packed(gzip.compress(b"\0" * 50_000_000, mtime=0))
    with pytest.raises(ContractBroken, match="too large"):
        asyncio.run(call(bomb, READ, timeout_s=5))


@pytest.mark.parametrize(
    "answer",
    [
        packed(b"not packed"),
        packed(gzip.compress(b"a" * 900, mtime=0)[:-9]),
        packed(b"x", "br"),
        packed(b"x", "gzip, gzip"),
    ],
)
def test_a_reply_that_can_not_be_unpacked_is_told(answer: bytes) -> None:
    with pytest.raises(ContractBroken):
        asyncio.run(call(answer, READ))
    with pytest.raises(OutcomeUnknown):
        asyncio.run(call(answer, WRITE))


# --- where it may go --------------------------------------------------------------------------


async def loopback(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_a_name_that_points_inside_is_not_called(address: str) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["8.8.8.8", address]

    async def run() -> None:
        async with Egress(EgressPolicy(), resolve=resolve) as egress:
            await egress.send("https://shop.example", WRITE)

    with pytest.raises(Refused) as caught:
        asyncio.run(run())
    assert caught.value.context["reason"] == "egress"


@pytest.mark.parametrize("host", [*NOT_PUBLIC, *ODD_HOSTS])
def test_an_address_that_is_spelled_oddly_is_not_called(host: str) -> None:
    """The system's own reading of numbers is used, as an attacker would have it; no name server."""

    async def numbers(host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)
        return [str(entry[4][0]) for entry in found]

    async def run() -> None:
        bracketed = f"[{host}]" if ":" in host and "[" not in host else host
        async with Egress(EgressPolicy(), resolve=numbers) as egress:
            await egress.send(f"https://{bracketed}", WRITE)

    with pytest.raises((Refused, Unavailable)) as caught:
        asyncio.run(run())
    # A name of another host ("localhost" in capitals) may fail to resolve; nothing else may.
    assert isinstance(caught.value, Refused) or not any(char.isdigit() for char in host)


class Wire:
    """Stands in for the connecting socket: remembers where it was sent."""

    def __init__(self) -> None:
        self.called: list[str] = []

    async def connect_tcp(self, host: str, *_: object) -> None:
        import httpcore

        self.called.append(host)
        raise httpcore.ConnectError


def test_a_name_that_is_rebound_after_the_check_is_called_where_it_was_checked() -> None:
    answers = [["93.184.215.14"], ["127.0.0.1"], ["127.0.0.1"]]
    asked: list[str] = []

    async def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    async def run() -> list[str]:
        transport = CheckedTransport(EgressPolicy(), rebinding)
        wire = Wire()
        backend = transport._pool._network_backend  # type: ignore[attr-defined]
        backend._inner = wire
        async with httpx.AsyncClient(transport=transport) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get("https://shop.example/")
            assert asked == ["shop.example"]
            with pytest.raises(Refused):
                await client.get("https://shop.example/")
        return wire.called

    assert asyncio.run(run()) == ["93.184.215.14"]


def test_every_address_of_a_name_is_tried_in_turn() -> None:
    async def both(_host: str, _port: int) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]  # nothing listens at the first

    async def run() -> Reply:
        async with Vendor(OK) as vendor:
            url = f"http://vendor.test:{vendor.port}"
            async with Egress(EgressPolicy(allowed=frozenset([url])), resolve=both) as egress:
                return await egress.send(url, READ)

    assert asyncio.run(run()).status == 200


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example",
        "https://shop.example:8443",
        "https://shop.example:80",
        "ftp://shop.example",
        "file:///etc/passwd",
        "https://user:pass@shop.example",
        "https://",
        "//shop.example",
        "not an address",
        "https://shop.example\\@evil.example",
    ],
)
def test_only_https_on_its_port_is_called(url: str) -> None:
    called: list[str] = []

    async def resolve(host: str, _port: int) -> list[str]:
        called.append(host)
        return ["8.8.8.8"]

    egress = Egress(EgressPolicy(), resolve=resolve)
    with pytest.raises(Refused):
        asyncio.run(egress.send(url, WRITE))
    assert called == []


def test_an_exception_is_for_one_exact_origin() -> None:
    async def run() -> None:
        async with Vendor(OK) as vendor, Vendor(OK) as other:
            policy = EgressPolicy(allowed=frozenset([vendor.url]))
            async with Egress(policy) as egress:
                assert (await egress.send(vendor.url, READ)).status == 200
                for url in (
                    other.url,
                    f"http://localhost:{vendor.port}",
                    f"https://127.0.0.1:{vendor.port}",
                ):
                    with pytest.raises(Refused):
                        await egress.send(url, READ)
            assert other.seen == []

    asyncio.run(run())


def test_a_connection_may_be_held_to_its_vendors_hosts() -> None:
    egress = Egress(EgressPolicy(hosts=frozenset(["shop.example"])), resolve=loopback)
    with pytest.raises(Refused, match="may call"):
        asyncio.run(egress.send("https://evil.example", READ))
    with pytest.raises(Refused, match="not of the public"):
        asyncio.run(egress.send("https://shop.example", READ))


def test_a_path_can_not_change_the_host() -> None:
    egress = Egress(EgressPolicy(hosts=frozenset(["shop.example"])), resolve=loopback)
    for path in ("//evil.example/", "evil", "@evil.example", ""):
        with pytest.raises(Refused):
            asyncio.run(egress.send("https://shop.example", Request(method="GET", path=path)))


def test_credentials_do_not_go_to_another_origin() -> None:
    """A vendor hands out the address of a bulk result at a storage host: no token goes there."""

    async def run() -> tuple[list[str], list[str]]:
        async with Vendor(OK) as vendor, Vendor(OK) as storage:
            policy = EgressPolicy(allowed=frozenset([vendor.url, storage.url]))
            headers = (("x-token", TOKEN), ("Authorization", TOKEN), ("Accept", "text/plain"))
            async with Egress(policy) as egress:
                for base in (vendor.url, storage.url):
                    request = Request(method="GET", path=f"{storage.url}/r?sig=1", headers=headers)
                    await egress.send(base, request)
        return storage.seen[:1], storage.seen[1:]

    foreign, own = asyncio.run(run())
    assert TOKEN not in foreign[0]
    assert "accept: text/plain" in foreign[0].lower()
    assert own[0].count(TOKEN) == 2


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert asyncio.run(call(OK, READ))[0].status == 200


def test_origins() -> None:
    assert origin(httpx.URL("https://a.example/x")) == "https://a.example:443"
    assert origin(httpx.URL("http://[::1]:80/")) == "http://[::1]:80"
    assert origin(httpx.URL("https://bücher.example")) == "https://xn--bcher-kva.example:443"


# --- TLS --------------------------------------------------------------------------------------


@pytest.fixture
def vendor_tls(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the contexts of a server named vendor.test, and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vendor.test")])
    now = datetime.now(UTC)
    names = [x509.DNSName("vendor.test"), x509.IPAddress(ipaddress.ip_address("127.0.0.9"))]
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, SHA256())
    )
    file = tmp_path / "vendor.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + cert.public_bytes(Encoding.PEM))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cafile=file)


def test_the_certificate_is_held_against_the_name_not_the_address(
    vendor_tls: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    server, client = vendor_tls

    async def run() -> None:
        async with Vendor(OK, server) as vendor:
            good, other = (f"https://{name}.test:{vendor.port}" for name in ("vendor", "other"))
            policy = EgressPolicy(allowed=frozenset([good, other]))
            async with Egress(policy, resolve=loopback, tls=client) as egress:
                assert (await egress.send(good, WRITE)).status == 200
                with pytest.raises(Unavailable, match="ConnectError"):
                    await egress.send(other, WRITE)
                assert len(vendor.seen) == 1
            async with Egress(policy, resolve=loopback) as strict:
                with pytest.raises(Unavailable, match="ConnectError"):
                    await strict.send(good, WRITE)

    asyncio.run(run())


# --- documents and downloads ------------------------------------------------------------------


def test_a_document_is_fetched_within_its_cap() -> None:
    async def run(answer: bytes) -> bytes:
        async with Vendor(answer) as vendor, lone(vendor) as egress:
            return await egress.fetch(f"{vendor.url}/jwks", bytes_max=100)

    assert asyncio.run(run(OK)) == b"ok"
    with pytest.raises(ContractBroken, match="too large"):
        asyncio.run(run(b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + b"x" * 101))
    with pytest.raises(Unavailable):
        asyncio.run(run(b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n"))


def test_a_download_comes_in_pieces() -> None:
    content = b"".join(f'{{"id": {n}}}\n'.encode() for n in range(200_000))
    pieces: list[bytes] = []

    async def run(bytes_max: int) -> Reply:
        answer = packed(gzip.compress(content, 1, mtime=0))
        async with Vendor(answer) as vendor, lone(vendor) as egress:
            return await egress.download(
                vendor.url, READ, pieces.append, bytes_max=bytes_max, timeout_s=10
            )

    assert asyncio.run(run(len(content))).status == 200
    assert b"".join(pieces) == content
    assert len(pieces) > 1
    with pytest.raises(ContractBroken, match="too large"):
        asyncio.run(run(len(content) - 1))


# --- secrets stay inside ----------------------------------------------------------------------


def test_nothing_secret_is_logged_or_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    asyncio.run(call(OK, WRITE))
    for answer in (hang_up, b"", packed(b"x", "br")):
        with pytest.raises(HubError) as caught:
            asyncio.run(call(answer, Request(method="GET", path=f"/r?sig={TOKEN}")))
        assert TOKEN not in f"{caught.value} {caught.value!r} {caught.value.context}"
    for record in caplog.records:
        assert TOKEN not in record.getMessage()
    assert not [record for record in caplog.records if record.name.startswith("httpcore")]


def test_the_client_alone_is_guarded_too() -> None:
    async def run() -> None:
        async with make_client(EgressPolicy(), resolve=loopback) as client:
            await client.get("https://shop.example/")

    with pytest.raises(Refused):
        asyncio.run(run())
