"""What the API's paper says of each route beside what the route says of itself.

Who may ask, and how every endpoint tells what went wrong: in the one shape of `problem.py`.
"""

from collections.abc import Mapping, Sequence
from typing import Final, get_args

from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import ControllerRouterHandler

from trueup.api.problem import Problem
from trueup.errors import invariant

BEARER: Final = "bearer"

COMPONENTS: Final = Components(
    security_schemes={
        BEARER: SecurityScheme(
            type="http",
            scheme="bearer",
            description=(
                "A token that a member made on the page `/me`, with some of their rights, or the "
                "hub's own, `console.token` in its data folder, which has all that a token may "
                "have and is nobody's: where it asks, `by` in a body says who does something. "
                "Each operation names the right that it needs. Browsers in which somebody is "
                "signed in may read by their session, and write nothing."
            ),
        )
    }
)


def _said(description: str) -> ResponseSpec:
    return ResponseSpec(Problem, description=description, generate_examples=False)


_ALWAYS: Final[Mapping[int, ResponseSpec]] = {
    400: _said("A parameter or the body is not right; `fields` names what."),
    401: _said("No token came, or one that is over, was revoked, or never was."),
    403: _said("The token does not have the right that this needs, or its member's role has not."),
    404: _said("There is nothing of this name."),
    503: _said("The database does not answer; `Retry-After` says when to ask again."),
}
_OF_BODIES: Final[Mapping[int, ResponseSpec]] = {
    409: _said("What is asked for can not be done as things stand."),
    413: _said("The body is larger than anybody may send."),
}


def described(handlers: Sequence[ControllerRouterHandler]) -> list[ControllerRouterHandler]:
    """Return routes with what is said of all; what a route says of itself counts before it."""
    for handler in handlers:
        invariant(isinstance(handler, HTTPRouteHandler), "the API has plain routes alone")
        if isinstance(handler, HTTPRouteHandler):
            _describe(handler)
    return list(handlers)


def _describe(handler: HTTPRouteHandler) -> None:
    said = dict(_ALWAYS) | _both(handler)
    if handler.http_methods & {"POST", "DELETE"}:
        said |= _OF_BODIES
    handler.responses = {**said, **(handler.responses or {})}
    handler.security = [{BEARER: [str(handler.opt["right"])]}]


def _both(handler: HTTPRouteHandler) -> dict[int, ResponseSpec]:
    """Return what is said of what tells whether it was done before: 201 at first, 200 again."""
    views = get_args(handler.fn.__annotations__.get("return"))
    if not any("repeated" in getattr(view, "__struct_fields__", ()) for view in views):
        return {}
    first = ResponseSpec(views[0], description="It was done.", generate_examples=False)
    again = ResponseSpec(
        views[0], description="It was done before, or is only tried.", generate_examples=False
    )
    return {201: first, 200: again}
