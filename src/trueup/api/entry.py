"""`/enter`: where a link or the token becomes a session."""

from html import escape
from typing import Annotated, Any

from litestar import MediaType, Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.params import QueryParameter, URLEncodedBody
from litestar.response import Redirect
from litestar.template.base import csrf_token

from trueup.api.security import SESSION_COOKIE
from trueup.api.token import SESSION_AGE_S_MAX, Door

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Enter · Trueup</title>
<link rel="stylesheet" href="/static/base.css">
<link rel="stylesheet" href="/static/parts.css">
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
</head>
<body class="entry">
<main class="card entry-card">
<h1>Trueup</h1>
<p>{message}</p>
<form method="post" action="/enter" class="entry-form">
<input type="hidden" name="_csrf_token" value="{csrf}">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="off" required spellcheck="false">
<button class="button primary" type="submit">Enter</button>
</form>
<p class="quiet">The token stands in the file <code>console.token</code> of the hub's data folder.
Only the user who runs the hub can read it.</p>
</main>
</body>
</html>
"""


@get("/enter", include_in_schema=False)
async def enter(
    request: Request[Any, Any, Any],
    token: Annotated[str, QueryParameter(max_length=512)] = "",
) -> Response[Any]:
    """Take a link's ticket, or ask for the token."""
    door: Door = request.app.state.door
    if token and door.take_ticket(token):
        return _let_in(door)
    message = (
        "This link was used or is too old. Paste the token instead."
        if token
        else "Open the link that <code>trueup serve</code> printed, or paste the token."
    )
    return _ask(request, message, 403 if token else 200)


@post("/enter", include_in_schema=False)
async def enter_token(
    request: Request[Any, Any, Any],
    data: URLEncodedBody[dict[str, Any]],
) -> Response[Any]:
    """Take the token itself."""
    door: Door = request.app.state.door
    if door.knows_token(str(data.get("token", "")).strip()):
        return _let_in(door)
    return _ask(request, "That is not the token. Paste it whole, without spaces.", 403)


def _let_in(door: Door) -> Response[Any]:
    cookie = Cookie(
        key=SESSION_COOKIE,
        value=door.new_session(),
        max_age=SESSION_AGE_S_MAX,
        httponly=True,
        samesite="lax",
        path="/",
    )
    return Redirect("/", status_code=303, cookies=[cookie])


def _ask(request: Request[Any, Any, Any], message: str, status: int) -> Response[Any]:
    page = _PAGE.format(message=message, csrf=escape(csrf_token({"request": request})))
    return Response(page, status_code=status, media_type=MediaType.HTML)
