"""Joining: what connecting an account has in common wherever a person does it.

The command line asks on a terminal and the console by forms; what is asked for, where stock is
written, what is done with webhooks and how a connection is paused is the same.
"""

from datetime import timedelta
from typing import Any, Final

import msgspec
import psycopg

from trueup.contract.loader import ConnectorFolder
from trueup.contract.manifest import ConfigField
from trueup.contract.oauth import scheme_of
from trueup.errors import ConfigError, HubError
from trueup.hub import Hub
from trueup.intake.connections import Account, change_state, find_account
from trueup.intake.duties import write_duty
from trueup.kernel.clock import SystemClock
from trueup.pull.access import open_access, what_lacks
from trueup.pull.draft import Checked, Draft
from trueup.pull.subscriptions import HOOKS_INTERVAL_S, HooksState, remove_hooks, tend_hooks

Conn = psycopg.AsyncConnection[Any]

STATES: Final = {"pause": ("active", "paused"), "resume": ("paused", "active")}
"""What can be done about a connection: in which state it must be, and in which it is then."""

_HOLD_WAIT_S = 10.0
_KEYS = frozenset(("access_token", "api_key", "client_secret"))
_APP_KEYS = frozenset(("client_id", "client_secret"))


def signs_in(folder: ConnectorFolder, settings: dict[str, str]) -> bool:
    """Tell whether tokens are handed out to an account with these settings."""
    return folder.has("auth") and scheme_of(folder.manifest, settings) is not None


def worth_asking(field: ConfigField, *, signing_in: bool) -> bool:
    """Tell whether a field is asked for although a connector may come by it in another way.

    Args:
        field: of the manifest.
        signing_in: tokens are handed out, so that none is asked for.
    """
    return field.required or field.key in (_APP_KEYS if signing_in else _KEYS)


def open_places(folder: ConnectorFolder, draft: Draft, checked: Checked) -> dict[str, str]:
    """Return the places, ref to name, of which one must be chosen; none where nothing is open."""
    places = {place.ref: place.name for place in checked.locations}
    is_open = folder.has("actions") and len(places) > 1
    return places if is_open and not draft.settings.get("stock_location") else {}


def with_location(folder: ConnectorFolder, draft: Draft, checked: Checked) -> Draft:
    """Return the draft with where stock is written: the only active place, or the one it names.

    Raises:
        ConfigError: there are several and it names none, or one that is not active.
    """
    places = {place.ref: place.name for place in checked.locations}
    if not folder.has("actions") or not places:
        return draft
    chosen = draft.settings.get("stock_location", "")
    listed = ", ".join(f"{ref} ({name})" for ref, name in places.items())
    if not chosen and len(places) == 1:
        chosen = next(iter(places))
    if not chosen:
        message = f"Say where stock is written: stock_location is one of {listed}."
        raise ConfigError(message, field="stock_location")
    if chosen not in places:
        message = f"There is no active location {chosen!r}; there are: {listed}."
        raise ConfigError(message, field="stock_location")
    return msgspec.structs.replace(draft, settings=draft.settings | {"stock_location": chosen})


def is_stored(draft: Draft, account: Account) -> bool:
    """Tell whether a connection is what a draft asks for: the same form came a second time.

    What was learnt while it was stored, such as where stock is written, may stand there besides.
    """
    settings = account.connection.settings
    known = account.secret_values()
    return (
        account.connection.name == draft.name
        and account.connection.connector == draft.connector
        and all(settings.get(key) == value for key, value in draft.settings.items())
        and known == draft.secrets
    )


async def set_state(conn: Conn, account: Account, do: str) -> bool:
    """Pause a connection or take it up again; False where it was not in the state before.

    Args:
        conn: any session; in the caller's transaction where there is one.
        account: the connection.
        do: a key of `STATES`.
    """
    before, after = STATES[do]
    return await change_state(conn, account.connection.connection_id, before=before, after=after)


async def register_hooks(
    conn: Conn, conninfo: str, hub: Hub, name: str
) -> tuple[HooksState, str | None]:
    """Subscribe every topic now; what fails is done by the scheduler's next look.

    Returns:
        How the webhooks stand, and why they could not be made; None where they could.
    """
    account = await find_account(conn, hub.vault, name)
    try:
        async with open_access(conninfo, hub, account, wait_s=_HOLD_WAIT_S) as access:
            state = await tend_hooks(access, first=True)
            now = SystemClock().now()
            await write_duty(
                access.conn,
                account.connection.connection_id,
                "hooks",
                at=now,
                due_at=now + timedelta(seconds=HOOKS_INTERVAL_S),
                outcome=msgspec.json.encode(state).decode(),
            )
            return state, None
    except HubError as error:
        return HooksState(), str(error)


async def unregister_hooks(conn: Conn, conninfo: str, hub: Hub, name: str) -> str | None:
    """Delete a connection's webhooks; a vendor that does not answer holds nothing up.

    Returns:
        Why they may still be there; None where they are gone.
    """
    account = await find_account(conn, hub.vault, name)
    folder = hub.connectors.get(account.connection.connector)
    if folder is None or not folder.has("hooks") or what_lacks(folder, account):
        return None
    try:
        async with open_access(conninfo, hub, account, wait_s=_HOLD_WAIT_S) as access:
            await remove_hooks(access)
    except HubError as error:
        return str(error)
    return None
