"""The whole web application on a loopback port, for clients and browsers."""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import uvicorn
from litestar import get
from litestar.datastructures import Cookie
from litestar.params import FromPath
from litestar.response import Redirect

from tests.console.world import World
from trueup.access.door import Door
from trueup.access.issuer import Issuer
from trueup.access.member import fold_name
from trueup.access.password import Passwords
from trueup.access.rights import GRANTABLE, PUBLIC, Role, may
from trueup.access.secret import digest_of, new_secret
from trueup.access.token import TOKEN_MARK
from trueup.api.app import TrueupApp
from trueup.api.guard import SESSION_COOKIE
from trueup.config import JournalsConfig
from trueup.console.routes import console_routes
from trueup.db.pool import connect
from trueup.govern.vault import Vault
from trueup.hub import Hub
from trueup.kernel.clock import Clock, SystemClock
from trueup.worker import refresh_connections

MASTER_KEY = b"k" * 32
TOKEN = "t" * 43
OWNER = "Ada"
PASSWORD = "nine green lamps at dusk"


class Site:
    """A running console.

    Args:
        url: where it answers.
        dsn: of its database.
        world: what was played into it; None for an empty hub.
        clock: of its sessions; None: of the machine.
    """

    def __init__(self, url: str, dsn: str, world: World | None, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        self.url = url
        self.dsn = dsn
        self.world = world

    def session(self, name: str = OWNER, role: Role = Role.OWNER) -> str:
        """Return the secret of a new session of somebody, who is made where they are missing."""
        secret, now = new_secret(), self.clock.now()
        with psycopg.connect(self.dsn, autocommit=True) as conn:
            conn.execute(
                "INSERT INTO access.member (name, folded, role, made_at) VALUES (%s, %s, %s, %s) "
                "ON CONFLICT (folded) DO UPDATE SET role = excluded.role",
                (name, fold_name(name), role, now),
            )
            conn.execute(
                "INSERT INTO access.session (digest, member_id, made_at, seen_at, confirmed_at, "
                "address, browser) SELECT %s, member_id, %s, %s, %s, '127.0.0.1', 'a test' "
                "FROM access.member WHERE name = %s",
                (digest_of(secret), now, now, now, name),
            )
        return secret

    def link(self) -> str:
        """Return a link that lets one browser in."""
        return f"{self.url}/test-entry/{self.session()}"

    def stranger(self) -> httpx.Client:
        """Return a client that was not let in; it sends cookies back as a browser on loopback."""
        headers = {"Accept": "text/html", "Origin": self.url}
        client = httpx.Client(timeout=30, base_url=self.url, headers=headers)

        def send_back(_: httpx.Response) -> None:
            for cookie in client.cookies.jar:
                cookie.secure = False

        client.event_hooks["response"].append(send_back)
        return client

    @contextmanager
    def reader(self, name: str = OWNER, role: Role = Role.OWNER) -> Iterator[httpx.Client]:
        """Give a client with a session, as a browser has it."""
        with self.stranger() as client:
            client.cookies.set(SESSION_COOKIE, self.session(name, role), domain="127.0.0.1")
            yield client

    def token(
        self, name: str = OWNER, role: Role = Role.OWNER, scopes: Sequence[str] | None = None
    ) -> str:
        """Return a new token of somebody, with all that their role may give it or some of it."""
        self.session(name, role)
        given = scopes or [each for each in GRANTABLE if may(role, each)]
        secret, now = f"{TOKEN_MARK}{new_secret()}", datetime.now(UTC)
        with psycopg.connect(self.dsn, autocommit=True) as conn:
            conn.execute(
                "INSERT INTO access.token (digest, member_id, name, prefix, scopes, made_at, "
                "ends_at) SELECT %s, member_id, 'a test', 'trueup_', %s, %s, %s "
                "FROM access.member WHERE name = %s",
                (digest_of(secret), list(given), now, now + timedelta(days=1), name),
            )
        return secret

    def program(self, token: str = TOKEN) -> httpx.Client:
        """Return a client with a token, as a program has it; the hub's own, or somebody's."""
        return httpx.Client(
            timeout=30, base_url=self.url, headers={"Authorization": f"Bearer {token}"}
        )


@get("/test-entry/{secret:str}", right=PUBLIC)
async def let_in(secret: FromPath[str]) -> Redirect:
    """Put a session into a browser; Playwright can not set a `__Host-` cookie over http."""
    cookie = Cookie(
        key=SESSION_COOKIE, value=secret, path="/", secure=True, httponly=True, samesite="lax"
    )
    return Redirect("/today", status_code=303, cookies=[cookie])


@contextmanager
def serving(
    dsn: str,
    world: World | None,
    *,
    token: str | None = TOKEN,
    clock: Clock | None = None,
    key: bytes = MASTER_KEY,
    journals: JournalsConfig | None = None,
    factor_roles: frozenset[Role] = frozenset(),
    issuer: Issuer | None = None,
) -> Iterator[Site]:
    """Serve the web application while inside, from a thread of its own."""
    server: list[uvicorn.Server] = []
    thread = threading.Thread(
        target=lambda: asyncio.run(
            _serve(dsn, world, token, server, key, journals, clock, factor_roles, issuer)
        )
    )
    thread.start()
    try:
        deadline = time.monotonic() + 60
        while not (server and server[0].started):
            assert thread.is_alive(), "the server did not start"
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.02)
        port = server[0].servers[0].sockets[0].getsockname()[1]
        yield Site(f"http://127.0.0.1:{port}", dsn, world, clock)
    finally:
        if server:
            server[0].should_exit = True
        thread.join(20)


async def _serve(
    dsn: str,
    world: World | None,
    token: str | None,
    server: list[uvicorn.Server],
    key: bytes,
    journals: JournalsConfig | None,
    clock: Clock | None,
    factor_roles: frozenset[Role],
    issuer: Issuer | None,
) -> None:
    hub = Hub(Vault(key), {} if world is None else world.hub.connectors)
    async with await connect(dsn, application_name="site") as conn:
        await refresh_connections(conn, hub)
    passwords = Passwords(memory_kib=8, passes=1)
    door = Door(hub.vault, passwords=passwords, clock=clock, factor_roles=factor_roles)
    routes = [*console_routes(journals), let_in]
    app = TrueupApp(
        *(dsn, hub),
        body_bytes_max=1_000_000,
        token=token,
        door=door,
        issuer=issuer,
        routes=routes,
    )
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        ws="none",
        log_level="error",
        timeout_graceful_shutdown=1,
    )
    server.append(uvicorn.Server(config))
    await server[0].serve()
