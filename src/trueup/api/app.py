"""The whole HTTP application: hooks beside Litestar's routes for everything else."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import psycopg
from litestar import Litestar, Request, Response, Router, get
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin
from litestar.plugins.prometheus import PrometheusConfig, PrometheusController
from litestar.types import ControllerRouterHandler, ExceptionHandlersMap

from trueup import __version__
from trueup.access.door import Door
from trueup.access.issuer import Issuer
from trueup.access.rights import PUBLIC
from trueup.api.callback import oauth_callback
from trueup.api.described import COMPONENTS
from trueup.api.guard import Guard
from trueup.api.hooks import HooksApp, Receive, Scope, Send
from trueup.api.problem import data_error, depth_error, http_error, hub_error
from trueup.api.reading import read_session
from trueup.api.security import Asgi, with_headers
from trueup.api.v1 import v1_routes
from trueup.db.pool import open_pool
from trueup.errors import HubError
from trueup.hub import Hub
from trueup.intake.gateway import Gateway
from trueup.intake.reads import oldest_queued
from trueup.reserve import Reservations

SLOW_QUEUE_S = 60.0
"""A queue older than this says that no worker is at work."""


_FAILURES: ExceptionHandlersMap = {
    HubError: hub_error,
    psycopg.DataError: data_error,
    RecursionError: depth_error,
    Exception: http_error,
}


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the process works."""

    status: str
    version: str


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether deliveries can be stored, and how far behind the workers are."""

    status: str
    queued: int
    oldest_age_s: float


@get("/healthz", sync_to_thread=False, tags=["operation"], right=PUBLIC)
def healthz() -> Health:
    """Say that this process answers."""
    return Health(status="ok", version=__version__)


@get("/readyz", tags=["operation"], right=PUBLIC)
async def readyz(request: Request[Any, Any, Any]) -> Response[Readiness]:
    """Say whether the database answers and the queue moves; 503 where it does not."""
    async with read_session(request.app.state) as conn:
        queue = await oldest_queued(conn)
    slow = queue["oldest_age_s"] > SLOW_QUEUE_S
    readiness = Readiness(
        status="behind" if slow else "ready",
        queued=queue["queued"],
        oldest_age_s=round(queue["oldest_age_s"], 3),
    )
    return Response(readiness, status_code=503 if slow else 200)


class Metrics(PrometheusController):
    """`/metrics`: what the process did, for who watches it."""

    opt = {"right": PUBLIC}  # noqa: RUF012 - as Litestar names it


async def give_session(state: State) -> AsyncGenerator[psycopg.AsyncConnection[Any], None]:
    """Give a handler a session of the pool for as long as it works (its argument `session`)."""
    async with read_session(state) as conn:
        yield conn


class TrueupApp:
    """The ASGI application of the web process.

    Args:
        conninfo: of the database.
        hub: vault and connectors.
        routes: of the console.
        body_bytes_max: largest delivery.
        token: of `load_token`; without it no program is let in.
        door: lets people in.
        issuer: another system that says who somebody is; None: there is none.

    Attributes:
        rest: everything but the hooks.
    """

    def __init__(
        self,
        conninfo: str,
        hub: Hub,
        *,
        routes: Sequence[ControllerRouterHandler] = (),
        body_bytes_max: int,
        token: str | None = None,
        door: Door | None = None,
        issuer: Issuer | None = None,
    ) -> None:
        self._gateway = Gateway(conninfo, hub.vault)
        self._hooks = HooksApp(conninfo, hub, self._gateway, body_bytes_max=body_bytes_max)
        pool = open_pool(conninfo, size_min=1, size_max=8, application_name="trueup-web")

        @asynccontextmanager
        async def lifespan(app: Litestar) -> AsyncIterator[None]:
            async with self._gateway:
                await pool.open(wait=False)
                app.state.pool = pool
                app.state.hub = hub
                app.state.door = door or Door(hub.vault)
                app.state.issuer = issuer
                app.state.token = token
                app.state.reservations = Reservations(hub)
                try:
                    yield
                finally:
                    await pool.close()

        self.rest = Litestar(
            route_handlers=[
                *(healthz, readyz, oauth_callback),
                *(Metrics, v1_routes()),
                *routes,
            ],
            dependencies={"session": Provide(give_session)},
            lifespan=[lifespan],
            middleware=[PrometheusConfig(app_name="trueup", prefix="trueup").middleware, Guard()],
            exception_handlers=_FAILURES,
            openapi_config=OpenAPIConfig(
                title="Trueup",
                version=__version__,
                components=COMPONENTS,
                openapi_router=Router(
                    path="/api/schema",
                    route_handlers=[],
                    include_in_schema=False,
                    opt={"right": PUBLIC},
                ),
                # The pages that show a schema load scripts from elsewhere.
                render_plugins=[JsonRenderPlugin(), YamlRenderPlugin()],
            ),
            request_max_body_size=body_bytes_max,
        )
        # Litestar names the same things in its own types.
        self._guarded: Asgi = with_headers(self.rest)  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send hooks to their own door, everything else to Litestar."""
        if scope["type"] == "http" and scope["path"].startswith("/hooks/"):
            await self._hooks(scope, receive, send)
        else:
            await self._guarded(scope, receive, send)
