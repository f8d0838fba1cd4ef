"""Consent: a person is sent to a vendor and comes back with a code, which becomes a token.

What is sent along (`state`) can not be guessed, is known by its digest alone, is bound to the draft
that it was asked for with, and counts once, for ten minutes.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import psycopg

from trueup.contract.grant import Grant
from trueup.contract.loader import ConnectorFolder
from trueup.contract.oauth import plain_word
from trueup.errors import ConfigError, Refused
from trueup.hub import Hub
from trueup.intake.authorisations import (
    answer_authorisation,
    blank_authorisation,
    open_authorisation,
    read_authorisation,
)
from trueup.kernel.clock import Clock, SystemClock
from trueup.outbox.exchange import exchange, token_scheme
from trueup.pull.draft import Draft

Conn = psycopg.AsyncConnection[Any]

CALLBACK_PATH = "/oauth/callback"
CONSENT_S = 600
_POLL_S = 0.25
_CODE_CHARS_MAX = 4096
_FIELDS_MAX = 40


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A person who is awaited back.

    Attributes:
        state: as secret as a password until it was used.
        address: where to send them.
    """

    state: str
    address: str
    redirect_uri: str

    def __repr__(self) -> str:
        return "Pending()"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a person came back with.

    Attributes:
        settings: of the connection, as far as the callback tells them.
        denied: the vendor's word for why there is no code; empty where there is one.
    """

    code: str = ""
    settings: dict[str, str] = {}
    denied: str = ""

    def __repr__(self) -> str:
        return f"Answer(denied={self.denied!r})"


def needs_person(folder: ConnectorFolder, draft: Draft) -> bool:
    """Tell whether somebody must agree at the vendor before a draft can be tried."""
    return token_scheme(folder, draft.account()) == "oauth2" and not draft.secrets.get(
        "refresh_token"
    )


async def open_consent(
    conn: Conn, hub: Hub, draft: Draft, base_url: str, *, clock: Clock | None = None
) -> Pending:
    """Note what is asked for, and return where the person is to be sent.

    Args:
        conn: in autocommit.
        hub: vault and connectors.
        draft: what is asked for with; kept sealed meanwhile.
        base_url: below which the person comes back.
        clock: tells when it expires.

    Raises:
        ConfigError: a field that it needs is missing.
    """
    state = secrets.token_urlsafe(32)
    redirect_uri = base_url.rstrip("/") + CALLBACK_PATH
    auth = hub.connectors[draft.connector].auth
    address = auth.authorise_url(draft.settings, draft.secrets, state, redirect_uri)
    now = (clock or SystemClock()).now()
    await open_authorisation(
        conn,
        hub.vault,
        state,
        msgspec.json.encode(draft),
        opened_at=now,
        expires_at=now + timedelta(seconds=CONSENT_S),
    )
    return Pending(state=state, address=address, redirect_uri=redirect_uri)


async def take_callback(
    conn: Conn, hub: Hub, pairs: Sequence[tuple[str, str]], *, clock: Clock | None = None
) -> str:
    """Take what a browser came back with; returns the name of the connection.

    Args:
        conn: in autocommit.
        hub: vault and connectors.
        pairs: the query of the callback, decoded.
        clock: tells whether it is too late.

    Raises:
        Refused: `reason` in its context says why: repeated, state_unknown, state_used,
            state_expired, denied, not_sound.
    """
    fields = dict(pairs)
    if len(fields) != len(pairs) or len(fields) > _FIELDS_MAX:
        raise Refused("The callback repeats a field.", reason="repeated")
    state, now = fields.get("state", ""), (clock or SystemClock()).now()
    async with conn.transaction():
        found = await read_authorisation(conn, hub.vault, state)
        if found is None:
            raise Refused("Nobody was sent to a vendor with this link.", reason="state_unknown")
        if found.answered_at is not None:
            raise Refused("This link was used before.", reason="state_used")
        if now >= found.expires_at:
            raise Refused("This link is too old.", reason="state_expired")
        draft = msgspec.json.decode(found.draft, type=Draft)
        answer = _answer(hub.connectors[draft.connector], draft, fields)
        await answer_authorisation(conn, hub.vault, state, msgspec.json.encode(answer), now)
    if answer.denied:
        raise _denial(answer)
    return draft.name


async def await_answer(
    conn: Conn,
    hub: Hub,
    pending: Pending,
    *,
    tick: Callable[[float], None] = lambda _: None,
    timeout_s: float = CONSENT_S,
) -> Answer:
    """Wait until the person comes back; whatever happens, the state is of no use afterwards.

    Args:
        conn: in autocommit.
        hub: its vault opens the answer.
        pending: of `open_consent`.
        tick: hears how many seconds are left, several times a second.
        timeout_s: how long to wait.

    Raises:
        Refused: the person did not agree (denied), or did not come back in time (timeout).
    """
    try:
        answer = await _poll(conn, hub, pending, tick, timeout_s)
    finally:
        await blank_authorisation(conn, pending.state)
    if answer is None:
        raise Refused(
            f"Nobody came back from the vendor within {timeout_s / 60:.0f} minutes; try again.",
            reason="timeout",
        )
    if answer.denied:
        raise _denial(answer)
    return answer


async def take_answer(
    conn: Conn, hub: Hub, state: str, *, clock: Clock | None = None
) -> tuple[Draft, Answer] | None:
    """Return what was asked for, and what the person came back with; None while nobody did.

    What is taken is taken once: the state is of no use afterwards.

    Args:
        conn: in autocommit.
        hub: its vault opens both.
        state: of `open_consent`.
        clock: tells whether it is too late.

    Raises:
        Refused: the state is not known, was taken, is too old, or the person did not agree;
            `reason` in its context says which.
    """
    now = (clock or SystemClock()).now()
    async with conn.transaction():
        found = await read_authorisation(conn, hub.vault, state)
        if found is None:
            raise Refused("Nobody was sent to a vendor from this page.", reason="state_unknown")
        if not found.draft:
            raise Refused("This was taken up before.", reason="state_used")
        if found.answer is None and now < found.expires_at:
            return None
        await blank_authorisation(conn, state)
    if found.answer is None:
        late = f"Nobody came back from the vendor within {CONSENT_S // 60} minutes; begin anew."
        raise Refused(late, reason="timeout")
    answer = msgspec.json.decode(found.answer, type=Answer)
    if answer.denied:
        raise _denial(answer)
    return msgspec.json.decode(found.draft, type=Draft), answer


async def _poll(
    conn: Conn, hub: Hub, pending: Pending, tick: Callable[[float], None], timeout_s: float
) -> Answer | None:
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + timeout_s
    while (left_s := ends_at - loop.time()) > 0:
        found = await read_authorisation(conn, hub.vault, pending.state)
        if found is not None and found.answer:
            return msgspec.json.decode(found.answer, type=Answer)
        tick(left_s)
        await asyncio.sleep(_POLL_S)
    return None


async def grant_by_code(hub: Hub, draft: Draft, pending: Pending, answer: Answer) -> Draft:
    """Return the draft with the token that a person's code was swapped for.

    Raises:
        ConnectorError: the vendor hands out none; a code counts once, so it is asked for anew.
    """
    grant = Grant(kind="code", code=answer.code, redirect_uri=pending.redirect_uri)
    return await _grant(hub, _learnt(hub, draft, answer.settings), grant)


async def grant_by_secrets(hub: Hub, draft: Draft) -> Draft:
    """Return the draft with a token, where people gave all that one is handed out for.

    A draft that needs no token comes back as it is.

    Raises:
        ConfigError: somebody must agree at the vendor first.
        ConnectorError: the vendor hands out none.
    """
    folder = hub.connectors[draft.connector]
    scheme = token_scheme(folder, draft.account())
    if scheme is None:
        return draft
    if needs_person(folder, draft):
        raise ConfigError(f"Somebody must agree at {folder.manifest.name} first.")
    given = draft.secrets.get("refresh_token")
    return await _grant(hub, draft, Grant(kind="refresh" if given else "client"))


async def _grant(hub: Hub, draft: Draft, grant: Grant) -> Draft:
    asked_at = SystemClock().now()
    folder = hub.connectors[draft.connector]
    token = await exchange(folder, draft.settings, draft.secrets, grant)
    granted = msgspec.structs.replace(draft, token=token, asked_at=asked_at)
    return _learnt(hub, granted, token.settings)


def _learnt(hub: Hub, draft: Draft, told: Mapping[str, str]) -> Draft:
    """Return the draft with the settings that a vendor told, as far as the connector has them.

    Raises:
        ConfigError: somebody agreed for another account than the connection is of.
    """
    fields = {field.key for field in hub.connectors[draft.connector].manifest.config}
    for key, value in told.items():
        if draft.settings.get(key, value) != value:
            raise ConfigError(
                f"This is another account than {draft.name} is of: its {key} differs.", field=key
            )
    known = {key: value for key, value in told.items() if key in fields and value}
    return msgspec.structs.replace(draft, settings=draft.settings | known)


def _answer(folder: ConnectorFolder, draft: Draft, fields: Mapping[str, str]) -> Answer:
    if fields.get("error"):
        return Answer(denied=plain_word(fields["error"]))
    try:
        code = folder.auth.callback_code(draft.settings, draft.secrets, fields)
    except Refused as error:
        raise Refused(error.message, reason="not_sound") from error
    if not 0 < len(code) <= _CODE_CHARS_MAX:
        raise Refused("The callback is without a code.", reason="not_sound")
    tell = getattr(folder.auth, "callback_settings", None)
    return Answer(code=code, settings=dict(tell(fields)) if tell else {})


def _denial(answer: Answer) -> Refused:
    return Refused(
        "The vendor let nobody in: the request was not agreed to.",
        reason="denied",
        word=answer.denied,
    )
