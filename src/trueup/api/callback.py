"""`GET /oauth/callback`: where a browser comes back to from a vendor that a person let us into.

Strangers may come here: what they bring counts only with a state that was sent along, once. Neither
the state nor the code is logged or shown.
"""

from html import escape
from typing import Any

import structlog
from litestar import MediaType, Request, Response, get

from trueup.access.rights import PUBLIC
from trueup.api.reading import read_session
from trueup.errors import ConfigError, ConnectorError
from trueup.pull.consent import CALLBACK_PATH, take_callback

_log = structlog.get_logger("trueup.callback")

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · Trueup</title>
<link rel="stylesheet" href="/static/base.css">
<link rel="stylesheet" href="/static/parts.css">
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
</head>
<body class="entry">
<main class="card entry-card">
<h1>{title}</h1>
<p>{message}</p>
<p>You can close this window.</p>
</main>
</body>
</html>
"""
_NEXT = "Go back to where you began: the console's page, or <code>trueup connect</code>"


@get(CALLBACK_PATH, include_in_schema=False, right=PUBLIC)
async def oauth_callback(request: Request[Any, Any, Any]) -> Response[str]:
    """Take what the browser brings, and say in a plain page how it went."""
    pairs = [(name, str(value)) for name, value in request.query_params.multi_items()]
    # Caught inside the session: that a person did not agree is kept as well.
    async with read_session(request.app.state) as conn:
        try:
            name = await take_callback(conn, request.app.state.hub, pairs)
        except (ConnectorError, ConfigError) as error:
            reason = str(error.context.get("reason", error.code))
            _log.warning("callback_refused", reason=reason)
            why = f"{escape(error.message)} {_NEXT} and start again."
            return _page("Not connected", why, 403 if reason == "denied" else 400)
    _log.info("callback_taken", connection=name)
    going_on = f"{_NEXT}. There the hub goes on."
    return _page(f"Signed in for {escape(name)}", going_on, 200)


def _page(title: str, message: str, status: int) -> Response[str]:
    return Response(
        _PAGE.format(title=title, message=message),
        status_code=status,
        media_type=MediaType.HTML,
    )
