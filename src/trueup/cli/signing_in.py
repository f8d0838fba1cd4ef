"""Signing in at a vendor: send the person there, wait until they are back, take the token."""

import sys
import webbrowser
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
from rich.markup import escape

from trueup.cli.listener import listen_for_one
from trueup.cli.session import err
from trueup.contract.loader import ConnectorFolder
from trueup.pull.consent import (
    CONSENT_S,
    await_answer,
    grant_by_code,
    grant_by_secrets,
    needs_person,
    open_consent,
)
from trueup.pull.draft import Draft, check_fields
from trueup.session import Session

CALLBACK_PORT = 8601
"""Beside the web process's own; a vendor's app must name the whole address of the callback."""


async def let_in(
    session: Session,
    conn: psycopg.AsyncConnection[Any],
    draft: Draft,
    *,
    browser: bool,
    callback_port: int,
) -> Draft:
    """Return the draft with the token that it needs, if it needs one; nothing of it is stored.

    Raises:
        ConfigError: a field is missing or wrong, or the port is taken.
        ConnectorError: the vendor or the person at it did not agree, or nobody came back.
    """
    folder = session.hub.connectors[draft.connector]
    check_fields(folder, draft)
    if not needs_person(folder, draft):
        return await grant_by_secrets(session.hub, draft)
    async with _way_back(session, draft, callback_port) as base_url:
        pending = await open_consent(conn, session.hub, draft, base_url)
        _send(folder, pending.address, pending.redirect_uri, browser=browser)
        with _countdown(folder.manifest.name) as tick:
            answer = await await_answer(conn, session.hub, pending, tick=tick)
        # Whoever loads the page again meanwhile is still told what became of it.
        return await grant_by_code(session.hub, draft, pending, answer)


@asynccontextmanager
async def _way_back(session: Session, draft: Draft, callback_port: int) -> AsyncIterator[str]:
    """Give the address below which the browser comes back: the hub's own, or this machine's."""
    public_url = draft.settings.get("public_url", "")
    if public_url:
        yield public_url
    else:
        async with listen_for_one(session.conninfo, session.hub, callback_port) as base_url:
            yield base_url


def _send(folder: ConnectorFolder, address: str, redirect_uri: str, *, browser: bool) -> None:
    name = folder.manifest.name
    err.print(f"Sign in at {escape(name)}, and let the hub in:", highlight=False)
    # Plain and on one line, so that it can be clicked, copied and read by programs.
    sys.stderr.write(f"{address}\n")
    sys.stderr.flush()
    err.print(
        f"The app at {escape(name)} must allow this address to come back to: {redirect_uri}",
        highlight=False,
        soft_wrap=True,
    )
    if browser and err.is_terminal:
        webbrowser.open(address)


@contextmanager
def _countdown(name: str) -> Iterator[Callable[[float], None]]:
    """Show how long there is left, where somebody looks."""
    if not err.is_terminal:
        err.print(f"Waiting for {CONSENT_S // 60} minutes.", highlight=False)
        yield lambda _: None
        return
    with err.status("") as status:

        def tick(left_s: float) -> None:
            minutes, seconds = divmod(int(left_s), 60)
            status.update(f"Waiting for you at {escape(name)}: {minutes}:{seconds:02} left")

        yield tick
