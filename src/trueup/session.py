"""An open hub: the configuration, the database, the vault, the connectors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec
import psycopg

from trueup.access.door import Door
from trueup.access.issuer import Issuer, IssuerSettings
from trueup.access.rights import Role
from trueup.access.session import Limits
from trueup.canon.link import LinkSpace
from trueup.config import Config, ReconcileConfig
from trueup.contract.loader import find_connectors
from trueup.db.database import prepare_database
from trueup.db.pool import connect, translate_errors
from trueup.errors import ConfigError
from trueup.govern.vault import Vault, load_master_key
from trueup.hub import Hub, Leeway, NamedMaster
from trueup.intake.connections import load_accounts
from trueup.ledger.brake import Limits as BrakeLimits
from trueup.ledger.masters import Basis
from trueup.records.people import Keys


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """An open hub: what a command or a process works with.

    Attributes:
        conninfo: of the database, checked and migrated.
        hub: vault, connectors and the connections as they are now.
    """

    config: Config
    conninfo: str
    hub: Hub

    def door(self) -> Door:
        """Return what lets people in, as it is configured."""
        access = self.config.access
        limits = Limits(
            idle=timedelta(minutes=access.idle_minutes),
            whole=timedelta(hours=access.session_hours),
            confirmed=timedelta(minutes=access.confirm_minutes),
            link=timedelta(hours=access.link_hours),
        )
        return Door(
            self.hub.vault, limits=limits, factor_roles=frozenset(map(Role, access.second_factor))
        )

    def issuer(self) -> Issuer | None:
        """Return the other system that says who somebody is, where one is configured."""
        oidc = self.config.access.oidc
        if oidc.issuer is None:
            return None
        return Issuer(
            IssuerSettings(
                issuer=oidc.issuer,
                client_id=oidc.client_id,
                client_secret=oidc.client_secret,
                label=oidc.label,
                scopes=oidc.scopes,
                role_claim=oidc.role_claim,
                roles={claim: Role(role) for claim, role in oidc.roles.items()},
                allowed=frozenset(oidc.allowed),
            )
        )

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """Give one database session in autocommit."""
        with translate_errors():
            conn = await connect(self.conninfo, application_name="trueup-cli")
            async with conn:
                yield conn


async def open_session(config: Config, conninfo: str) -> Session:
    """Check and migrate the database, open the vault, read the connections.

    Raises:
        DatabaseError, ConfigError: the database or the master key can not be used as it is.
    """
    await prepare_database(conninfo)
    vault = Vault(load_master_key(config.master_key_path, create=True))
    named = {group: name for group, name in msgspec.structs.asdict(config.owner).items() if name}
    keys = Keys(
        spaces=frozenset(LinkSpace(name) for name in config.people.keys),
        region=config.people.default_region,
    )
    limits = BrakeLimits(**msgspec.structs.asdict(config.stock.brake))
    masters = [
        NamedMaster(
            site=each.site, connection=each.connection, skus=each.skus, basis=Basis(each.basis)
        )
        for each in config.stock.master
    ]
    hub = Hub(vault, find_connectors(), owners=named, keys=keys, limits=limits, masters=masters)
    hub.lead_days = config.stock.lead_days
    hub.books_matches = config.reconcile.book_matches
    hub.leeway = _leeway(config.reconcile)
    hub.rule_tables = config.decisions
    hub.models = config.models
    hub.contact_table = config.contact
    hub.text_tables = config.texts
    async with await connect(conninfo, application_name="trueup-cli") as conn:
        accounts = await load_accounts(conn, vault)
    hub.use_connections(account.connection for account in accounts)
    missing = sorted(set(named.values()) - set(hub.names().values())) if accounts else []
    if missing:
        raise ConfigError(
            f"[owner] names connections that do not exist: {', '.join(missing)}; there are: "
            f"{', '.join(hub.names().values())}.",
            field="owner",
        )
    return Session(config=config, conninfo=conninfo, hub=hub)


def _leeway(config: ReconcileConfig) -> Leeway:
    return Leeway(
        tolerances={
            (check, currency): amount
            for check, amounts in msgspec.structs.asdict(config.tolerances).items()
            for currency, amount in amounts
        },
        ship_within=timedelta(days=config.ship_days),
        carry_within=timedelta(days=config.carry_days),
    )
