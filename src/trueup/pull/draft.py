"""Connecting: credentials are tried before anything of them is kept."""

import re
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from trueup.canon.inventory import Location
from trueup.contract.connector import Reply
from trueup.contract.grant import Token
from trueup.contract.loader import ConnectorFolder
from trueup.contract.manifest import ConfigField
from trueup.errors import AuthExpired, ConfigError
from trueup.hub import Hub
from trueup.intake.connections import (
    Account,
    LiveSecret,
    change_connection,
    create_connection,
    rotate_secret,
)
from trueup.intake.issues import close_issues
from trueup.intake.model import Connection
from trueup.intake.tokens import store_token
from trueup.kernel.clock import SystemClock
from trueup.outbox.caller import Caller
from trueup.outbox.exchange import token_scheme
from trueup.outbox.tokens import kept_token, token_basis
from trueup.pull.access import Access, what_lacks
from trueup.pull.levels import read_locations

Conn = psycopg.AsyncConnection[Any]

GENERAL = {
    "public_url": "Address at which the vendor reaches this hub; without it the shop is polled.",
    "stock_location": "The vendor's location at which the hub writes stock.",
    "default_site": "Our site of every location that no other setting names.",
    "sell_sites": "Our sites from which this channel sells, such as main,store; all if left out.",
}
"""Settings that every connection may have, whatever its connector."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A connection as it shall be, not yet stored.

    Attributes:
        token, asked_at: what the vendor handed out for it, and when that was asked for.
    """

    name: str
    connector: str
    settings: dict[str, str]
    secrets: dict[str, str]
    token: Token | None = None
    asked_at: datetime | None = None

    def __repr__(self) -> str:
        return f"Draft({self.name!r})"  # holds secrets

    def account(self) -> Account:
        """Return the draft as an account, to try it."""
        connection = Connection(
            connection_id=0,
            name=self.name,
            connector=self.connector,
            settings=self.settings,
            state="active",
        )
        handed_out = {"access_token": self.token.access_token} if self.token else {}
        secrets = tuple(LiveSecret(name=n, value=v) for n, v in (self.secrets | handed_out).items())
        return Account(connection=connection, secrets=secrets)


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What trying a draft learnt.

    Attributes:
        learnt: by the vendor's own words: account, currency, scopes; empty where nothing is
            called.
        locations: active places at the vendor; empty where it has none or they can not be read.
    """

    learnt: dict[str, str] = {}
    locations: tuple[Location, ...] = ()


def check_fields(folder: ConnectorFolder, draft: Draft) -> None:
    """Hold a draft's fields against the manifest.

    Raises:
        ConfigError: a field is unknown, missing or not of its pattern; says which and why.
    """
    fields = {field.key: field for field in folder.manifest.config}
    for key in draft.settings.keys() | draft.secrets.keys():
        if key not in fields and key not in GENERAL:
            known = ", ".join((*fields, *GENERAL))
            raise ConfigError(f"{folder.id} has no field {key!r}; it has: {known}.", field=key)
    for key, field in fields.items():
        value = (draft.secrets if field.is_secret else draft.settings).get(key, "")
        if field.is_secret and key in draft.settings:
            raise ConfigError(f"{key} is a secret: give it by --secret.", field=key)
        if value:
            check_value(field, value)


def check_value(field: ConfigField, value: str) -> None:
    """Hold one value against its field.

    Raises:
        ConfigError: it is not of the pattern, or none of the choices; never repeats a secret.
    """
    shown = "the value" if field.is_secret else repr(value)
    if field.choices and value not in field.choices:
        choices = ", ".join(field.choices)
        raise ConfigError(f"{field.key}: {shown} is none of {choices}.", field=field.key)
    if field.pattern and not re.fullmatch(field.pattern, value):
        example = f", such as {field.example}" if field.example else ""
        raise ConfigError(
            f"{field.key}: {shown} is not of the form {field.pattern}{example}.", field=field.key
        )


async def try_draft(conn: Conn, hub: Hub, draft: Draft) -> Checked:
    """Prove the credentials by a harmless call; nothing is stored.

    Raises:
        ConfigError: a field is missing or wrong.
        ConnectorError: the vendor does not let us in, or does not answer.
    """
    folder = hub.connectors[draft.connector]
    check_fields(folder, draft)
    if not folder.has("api"):
        return Checked()
    account = draft.account()
    if lacking := what_lacks(folder, account):
        raise ConfigError(f"{lacking} is missing.", field=lacking)
    async with Caller(folder, account) as caller:
        reply: Reply = await caller.send(folder.api.check_request())
        learnt = dict(folder.api.checked(reply))
        if missing := learnt.get("missing_scopes"):
            raise ConfigError(f"The vendor has not granted: {missing}. Grant them, then try again.")
        if not any(each.resource == "locations" for each in folder.manifest.pull):
            return Checked(learnt=learnt)
        access = Access(conn=conn, hub=hub, caller=caller, clock=SystemClock())
        return Checked(learnt=learnt, locations=tuple(await read_locations(access)))


async def store_draft(conn: Conn, hub: Hub, draft: Draft) -> int:
    """Store a draft, its secrets and its token sealed; returns the connection's number.

    Raises:
        ConfigError: the name is taken or not usable.
    """
    async with conn.transaction():
        number = await create_connection(
            conn,
            hub.vault,
            name=draft.name,
            connector=draft.connector,
            settings=draft.settings,
            secrets=draft.secrets,
        )
        await _store_token(conn, hub, draft, number)
    return number


async def renew_connection(conn: Conn, hub: Hub, account: Account, draft: Draft) -> int:
    """Store what a draft changes of a connection, whose history stays; returns its number."""
    connection, known = account.connection, account.secret_values()
    async with conn.transaction():
        if draft.settings != connection.settings:
            await change_connection(conn, connection, settings=draft.settings)
        for name, value in draft.secrets.items():
            if known.get(name) != value:
                await rotate_secret(conn, hub.vault, connection.connection_id, name, value)
        await _store_token(conn, hub, draft, connection.connection_id)
        await close_issues(conn, AuthExpired.code, [f"connection/{connection.name}"])
    return connection.connection_id


async def _store_token(conn: Conn, hub: Hub, draft: Draft, number: int) -> None:
    scheme = token_scheme(hub.connectors[draft.connector], draft.account())
    if draft.token is None or scheme is None:
        return
    basis = token_basis(hub.vault, draft.secrets, scheme)
    kept = kept_token(draft.token, basis, draft.asked_at or SystemClock().now())
    await store_token(conn, hub.vault, number, kept, after=None)
