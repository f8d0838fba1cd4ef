"""A merchant who agrees or not, and a connection that lives by tokens that expire."""

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import httpx

from tests.flow.shop import Connected
from trueup.contract.grant import Grant
from trueup.intake.connections import create_connection
from trueup.intake.tokens import StoredToken, read_token, store_token
from trueup.outbox.exchange import exchange
from trueup.outbox.tokens import Tokens, kept_token, open_tokens, token_basis
from trueup.sandbox.shopify.oauth import Consents

CALLBACK = "http://127.0.0.1:9/oauth/callback"
APP = {"client_id": "sandbox-client"}
APP_SECRETS = {"client_secret": "sandbox-secret"}


async def decide(address: str, decision: str = "approve") -> str:
    """Press a button of the vendor's page; returns where the browser is sent."""
    async with httpx.AsyncClient() as browser:
        page = await browser.get(address)
        assert page.status_code == 200, page.text
        sent = await browser.post(address, data={"decision": decision})
        assert sent.status_code == 302
        return str(sent.headers["location"])


def fields_of(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


@dataclass
class Granted:
    """A connection `north` that signed in."""

    stage: Connected
    number: int

    @property
    def consents(self) -> Consents:
        return self.stage.sandbox.door("north").consents

    async def tokens(self) -> Tokens:
        """Return what a process of its own would hold."""
        account = await self.stage.account()
        folder = self.stage.hub.connectors["shopify"]
        found = open_tokens(self.stage.conninfo, self.stage.hub.vault, folder, account)
        assert found is not None
        return found

    async def stored(self) -> StoredToken:
        async with self.stage.conn() as conn:
            found = await read_token(conn, self.stage.hub.vault, self.number)
        assert found is not None
        return found

    async def age(self, seconds: float) -> None:
        """Let the hub believe that the token was had longer ago."""
        async with self.stage.conn() as conn:
            await conn.execute(
                "UPDATE intake.token SET asked_at = asked_at - make_interval(secs => %s),"
                " expires_at = expires_at - make_interval(secs => %s)",
                (seconds, seconds),
            )


async def sign_in(stage: Connected, **settings: str) -> Granted:
    """Sign in without the command, as it would."""
    folder, vault = stage.hub.connectors["shopify"], stage.hub.vault
    given = {
        "shop_domain": "north.myshopify.com",
        "api_base": f"{stage.base_url}/north",
        "auth_kind": "oauth",
        "stock_location": str(next(iter(stage.shop.locations))),
        **APP,
        **settings,
    }
    address = folder.auth.authorise_url(given, APP_SECRETS, "state", CALLBACK)
    query = fields_of(await decide(address))
    code = folder.auth.callback_code(given, APP_SECRETS, query)
    asked_at = datetime.now(UTC)
    grant = Grant(kind="code", code=code, redirect_uri=CALLBACK)
    token = await exchange(folder, given, APP_SECRETS, grant)
    async with stage.conn() as conn:
        number = await create_connection(
            conn, vault, name="north", connector="shopify", settings=given, secrets=APP_SECRETS
        )
        kept = kept_token(token, token_basis(vault, APP_SECRETS, "oauth2"), asked_at)
        await store_token(conn, vault, number, kept, after=None)
    stage.hub.use_connections([(await stage.account()).connection])
    return Granted(stage, number)
