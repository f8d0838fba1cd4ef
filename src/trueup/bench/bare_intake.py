"""The bare loop beside which intake is held: verify, group-commit, answer; nothing else.

It runs on the same HTTP server as the hub, so the ratio says what the hub's own work costs: its
log, dedupe, sealing and queue, beside one table with one unique key.

Run as `python -m trueup.bench.bare_intake PORT SECRET` with the conninfo on standard input.
"""

import asyncio
import base64
import hmac
import sys
from typing import Any

import psycopg
import uvicorn
import uvloop

_TABLE = "CREATE TABLE IF NOT EXISTS bench_bare (id text PRIMARY KEY, body bytea NOT NULL)"
_INSERT = (
    "INSERT INTO bench_bare SELECT * FROM unnest(%b::text[], %b::bytea[]) ON CONFLICT DO NOTHING"
)
_COMMIT_MAX = 256


class BareApp:
    """Verifies, commits in groups, answers."""

    def __init__(self, conninfo: str, secret: bytes) -> None:
        self._conninfo = conninfo
        self._secret = secret
        self._waiting: list[tuple[str, bytes, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - bare ASGI
        """Answer one request."""
        if scope["type"] != "http":
            return
        if self._task is None:
            self._task = asyncio.create_task(self._commit())
        message = await receive()
        body = message["body"]
        while message["more_body"]:
            message = await receive()
            body += message["body"]
        headers = dict(scope["headers"])
        digest = base64.b64encode(hmac.digest(self._secret, body, "sha256"))
        if not hmac.compare_digest(digest, headers.get(b"x-shopify-hmac-sha256", b"")):
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body"})
            return
        stored = asyncio.get_running_loop().create_future()
        self._waiting.append((headers[b"x-shopify-webhook-id"].decode(), body, stored))
        self._wake.set()
        await stored
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-length", b"2")],
            }
        )
        await send({"type": "http.response.body", "body": b"ok"})

    async def _commit(self) -> None:
        conn = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
        await conn.execute(_TABLE)
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                batch = self._waiting[:_COMMIT_MAX]
                del self._waiting[:_COMMIT_MAX]
                ids, bodies = [one[0] for one in batch], [one[1] for one in batch]
                await conn.execute(_INSERT, (ids, bodies), prepare=True)
                for _, _, stored in batch:
                    stored.set_result(None)


def main(port: int, secret: bytes, conninfo: str) -> None:
    """Serve until told to stop."""
    server = uvicorn.Server(
        uvicorn.Config(
            BareApp(conninfo, secret),
            host="127.0.0.1",
            port=port,
            http="httptools",
            loop="uvloop",
            access_log=False,
            log_config=None,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            lifespan="off",
        )
    )
    uvloop.run(server.serve())


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2].encode(), sys.stdin.readline().strip())
