"""The whole HTTP application: hooks beside Litestar's routes for everything else."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import structlog
from litestar import Litestar, Request, Response, get
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.plugins.prometheus import PrometheusConfig, PrometheusController
from litestar.types import ControllerRouterHandler

from trueup import __version__
from trueup.api.hooks import HooksApp, Receive, Scope, Send
from trueup.api.reading import read_session
from trueup.db.pool import open_pool
from trueup.errors import DatabaseUnavailable, HubError
from trueup.hub import Hub
from trueup.intake.gateway import Gateway
from trueup.intake.reads import oldest_queued

_log = structlog.get_logger("trueup.web")

SLOW_QUEUE_S = 60.0
"""A queue older than this says that no worker is at work."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the process works."""

    status: str
    version: str


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether deliveries can be stored, and how far behind the workers are."""

    status: str
    queued: int
    oldest_age_s: float


@get("/healthz", sync_to_thread=False, tags=["operation"])
def healthz() -> Health:
    """Say that this process answers."""
    return Health(status="ok", version=__version__)


@get("/readyz", tags=["operation"])
async def readyz(request: Request[Any, Any, Any]) -> Response[Readiness]:
    """Say whether the database answers and the queue moves; 503 where it does not."""
    async with read_session(request.app) as conn:
        queue = await oldest_queued(conn)
    slow = queue["oldest_age_s"] > SLOW_QUEUE_S
    readiness = Readiness(
        status="behind" if slow else "ready",
        queued=queue["queued"],
        oldest_age_s=round(queue["oldest_age_s"], 3),
    )
    return Response(readiness, status_code=503 if slow else 200)


def hub_error(_: Request[Any, Any, Any], error: HubError) -> Response[dict[str, Any]]:
    """Answer one of our errors in the one shape that all endpoints share."""
    status = 503 if isinstance(error, DatabaseUnavailable) else getattr(error, "status", 400)
    headers = {"Retry-After": "5"} if status == 503 else {}
    problem = {"error": {"code": error.code, "message": error.message}}
    return Response(problem, status_code=status, headers=headers, media_type="application/json")


def http_error(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """Answer anything else in the same shape; what went wrong inside stays inside."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    message = error.detail if isinstance(error, HTTPException) else "Something went wrong inside."
    if status >= 500:
        _log.error("unhandled", path=request.url.path, exc_info=error)
    problem = {"error": {"code": f"http.{status}", "message": message}}
    return Response(problem, status_code=status, media_type="application/json")


class TrueupApp:
    """The ASGI application of the web process.

    Args:
        conninfo: of the database.
        hub: vault and connectors.
        routes: of the console and the API.
        body_bytes_max: largest delivery.
    """

    def __init__(
        self,
        conninfo: str,
        hub: Hub,
        *,
        routes: Sequence[ControllerRouterHandler] = (),
        body_bytes_max: int,
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
                try:
                    yield
                finally:
                    await pool.close()

        self._rest = Litestar(
            route_handlers=[healthz, readyz, PrometheusController, *routes],
            lifespan=[lifespan],
            middleware=[PrometheusConfig(app_name="trueup", prefix="trueup").middleware],
            exception_handlers={HubError: hub_error, Exception: http_error},
            openapi_config=OpenAPIConfig(title="Trueup", version=__version__, path="/api/schema"),
            request_max_body_size=body_bytes_max,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send hooks to their own door, everything else to Litestar."""
        if scope["type"] == "http" and scope["path"].startswith("/hooks/"):
            await self._hooks(scope, receive, send)
        else:
            await self._rest(scope, receive, send)  # type: ignore[arg-type]
