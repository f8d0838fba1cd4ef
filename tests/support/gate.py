"""The way to a simulated vendor, over which nothing may come: closed, failing, cut or silent."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

Trouble = Literal["none", "unreachable", "500", "503", "cut", "cut_after_work", "silent"]
_READ_BYTES = 65_536
_MAIL_ENDS = b"\r\n.\r\n"
_PAGE = b"<html><body>The service is not available.</body></html>"


class Gate:
    """Listens where the hub believes the vendor to be, and carries bytes to where it is.

    Attributes:
        trouble: what goes wrong on the way.
        tried: connections and requests that met with trouble, as far as somebody listened.
    """

    def __init__(self, *, mail: bool) -> None:
        self.trouble: Trouble = "none"
        self.tried = 0
        self._mail = mail
        self._port = 0
        self._target = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def before(self, url: str) -> AsyncIterator[str]:
        """Stand before a served address while inside; yields the address to call instead."""
        scheme, _, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        self._target = int(host.rpartition(":")[2])
        await self._listen()
        try:
            yield f"{scheme}://127.0.0.1:{self._port}{slash}{path}"
        finally:
            await self._close()

    async def turn(self, trouble: Trouble) -> None:
        """Let it go wrong from now on in another way; connections that stand are cut."""
        self.trouble = trouble
        await self._close()
        if trouble != "unreachable":
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._answer(reader, writer)
        except asyncio.CancelledError:
            pass  # the gate closes; the task has no caller that waits for it
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.trouble in {"none", "cut_after_work"}:
            await self._carry(reader, writer)
            return
        self.tried += 1
        if self.trouble == "silent":
            await asyncio.Event().wait()
        if not self._mail:
            await _read_request(reader)
        if self.trouble in {"500", "503"}:
            writer.write(b"421 4.3.2 closed\r\n" if self._mail else _page(self.trouble))
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, here = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers.add(here)
        line = _Line(reader, writer, there, here)
        if self.trouble == "none":
            ways = (line.ask(), line.reply())
        else:
            self.tried += 1
            ways = (line.ask(), line.swallow_mail() if self._mail else line.swallow())
        tasks = [asyncio.create_task(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._writers.discard(here)
            here.transport.abort()


class _Line:
    """One connection through the gate."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        here: asyncio.StreamWriter,
    ) -> None:
        self._reader, self._writer, self._there, self._here = reader, writer, there, here
        self._asked = b""

    async def ask(self) -> None:
        """Carry what the hub says."""
        while said := await self._reader.read(_READ_BYTES):
            self._asked = (self._asked + said)[-len(_MAIL_ENDS) :]
            self._here.write(said)
            await self._here.drain()

    async def reply(self) -> None:
        """Carry what the vendor says."""
        while said := await self._there.read(_READ_BYTES):
            self._writer.write(said)
            await self._writer.drain()

    async def swallow(self) -> None:
        """Wait until the vendor has answered, and keep the answer back."""
        await self._there.read(_READ_BYTES)

    async def swallow_mail(self) -> None:
        """Carry the dialogue until a mail was taken; its receipt is kept back."""
        while said := await self._there.read(_READ_BYTES):
            if self._asked.endswith(_MAIL_ENDS):
                return
            self._writer.write(said)
            await self._writer.drain()


async def _read_request(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            await reader.readexactly(int(line.partition(b":")[2]))


def _page(status: str) -> bytes:
    head = f"HTTP/1.1 {status} Trouble\r\ncontent-type: text/html\r\nconnection: close\r\n"
    return head.encode() + b"content-length: %d\r\n\r\n" % len(_PAGE) + _PAGE
