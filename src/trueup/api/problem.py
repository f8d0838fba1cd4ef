"""The one shape in which every endpoint tells what went wrong."""

from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from trueup.canon.reservation import Shortage
from trueup.errors import DatabaseUnavailable, HubError

_log = structlog.get_logger("trueup.web")

RETRY_AFTER_S = 5
CHALLENGE = 'Bearer realm="trueup"'


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter that is wrong, and how."""

    name: str
    message: str


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong: a stable code for programs, a sentence for people.

    `fields` are parameters that are wrong, `shortages` what a reservation found too little of.
    """

    code: str
    message: str
    fields: tuple[Field, ...] = ()
    shortages: tuple[Shortage, ...] = ()


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Any answer that is not the one asked for."""

    error: Fault


def problem(
    status: int,
    code: str,
    message: str,
    fields: tuple[Field, ...] = (),
    *,
    shortages: tuple[Shortage, ...] = (),
) -> Response[Problem]:
    """Return an error in the one shape."""
    headers = {503: {"Retry-After": str(RETRY_AFTER_S)}, 401: {"WWW-Authenticate": CHALLENGE}}
    return Response(
        Problem(error=Fault(code=code, message=message, fields=fields, shortages=shortages)),
        status_code=status,
        headers=headers.get(status, {}),
        media_type="application/json",
    )


def hub_error(_: Request[Any, Any, Any], error: HubError) -> Response[Problem]:
    """Answer one of our errors."""
    status = 503 if isinstance(error, DatabaseUnavailable) else getattr(error, "status", 400)
    return problem(status, error.code, error.message)


def data_error(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Answer a value that passed our checks and that the database does not take."""
    _log.warning("value_refused", path=request.url.path, error=type(error).__name__)
    return problem(400, "http.400", "The request holds a value that can not be looked up.")


def depth_error(request: Request[Any, Any, Any], _: Exception) -> Response[Problem]:
    """Answer a body that nests deeper than anybody may read."""
    _log.warning("body_too_deep", path=request.url.path)
    return problem(400, "http.400", "The body nests too deeply.")


def http_error(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Answer anything else; what went wrong inside stays inside."""
    if not isinstance(error, HTTPException) or error.status_code >= 500:
        _log.error("unhandled", path=request.url.path, exc_info=error)
        return problem(500, "http.500", "Something went wrong inside.")
    # Litestar's own sentence about parameters names the whole address.
    fields = _fields(error.extra)
    message = "These parameters are not right." if fields else str(error.detail)
    return problem(error.status_code, f"http.{error.status_code}", message, fields)


def _fields(extra: object) -> tuple[Field, ...]:
    if not isinstance(extra, list):
        return ()
    return tuple(
        Field(name=str(each.get("key", "")), message=str(each.get("message", "")))
        for each in extra
        if isinstance(each, dict)
    )
