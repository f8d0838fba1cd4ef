"""The issuer: another system that says who somebody is, by OpenID Connect.

The browser is sent there with a question (authorization code, PKCE, state, nonce) and comes back
with a code, which is exchanged for an ID token by the one way out. What it says is judged by
`claims.py`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from joserfc.jwk import KeySet

from trueup.access.claims import (
    Account,
    Expected,
    challenge_of,
    new_verifier,
    read_account,
    read_claims,
    read_keys,
)
from trueup.access.rights import Role
from trueup.access.secret import new_secret
from trueup.contract.egress import Egress, EgressPolicy
from trueup.contract.oauth import form_request
from trueup.errors import ConnectorError, IssuerRefused, OutcomeUnknown
from trueup.kernel.clock import Clock, SystemClock

TIMEOUT_S: Final = 8.0
PAPER_KEPT: Final = timedelta(hours=1)
KEYS_APART: Final = timedelta(seconds=10)
"""Between two readings of the keys, so that nobody makes us ask for them all the time."""

FLOW_LASTS: Final = timedelta(minutes=10)
SHOWN_LATELY: Final = timedelta(minutes=5)

_PAPER_PATH: Final = "/.well-known/openid-configuration"
_AWAY: Final = "The issuer does not answer as it should. Try again, or sign in by your password."


class IssuerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which issuer, and what its word is good for.

    Attributes:
        issuer: as it calls itself.
        client_id, client_secret: as it knows us; no secret: a public client, by PKCE alone.
        label: as people know it.
        scopes: that are asked for.
        role_claim: which claim roles go by, such as `groups` or `realm_access.roles`.
        roles: role by value of that claim.
        allowed: origins that may be called though they are not of the public internet.
    """

    issuer: str
    client_id: str
    client_secret: str = ""
    label: str = "your company's account"
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    role_claim: str = ""
    roles: Mapping[str, Role] = {}
    allowed: frozenset[str] = frozenset()


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser keeps, sealed, while it is away.

    Attributes:
        state, nonce, verifier: random, once each.
        wanted: where they wanted to.
        member_id: who shows once more who they are, or takes the account for theirs; 0: nobody yet.
        links: the account shall be theirs from here on.
        made_at: when they were sent away.
    """

    state: str
    nonce: str
    verifier: str
    wanted: str
    member_id: int
    links: bool
    made_at: datetime


class _Paper(msgspec.Struct, frozen=True, kw_only=True):
    """What an issuer says of itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class Issuer:
    """Asks one issuer who somebody is.

    Args:
        settings: which.
        clock: tells the time.
    """

    def __init__(self, settings: IssuerSettings, *, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self._policy = EgressPolicy(allowed=settings.allowed)
        self._paper: tuple[_Paper, datetime] | None = None
        self._keys: tuple[KeySet, datetime] | None = None

    async def ask(
        self, back: str, *, wanted: str = "/", member_id: int = 0, links: bool = False
    ) -> tuple[str, Flow]:
        """Return where a browser is sent, and what it keeps meanwhile.

        Args:
            back: our address that it comes back to, as the issuer knows it.
            wanted: where it shall be sent in the end.
            member_id: who shows once more who they are, or links; 0: nobody.
            links: as `Flow` says.

        Raises:
            IssuerRefused: the issuer does not answer.
        """
        paper = await self._read_paper()
        flow = Flow(
            state=new_secret(),
            nonce=new_secret(),
            verifier=new_verifier(),
            wanted=wanted,
            member_id=member_id,
            links=links,
            made_at=self.clock.now(),
        )
        question = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": back,
            "scope": " ".join(self.settings.scopes),
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": challenge_of(flow.verifier),
            "code_challenge_method": "S256",
        }
        if member_id and not links:
            question |= {"prompt": "login", "max_age": "0"}
        mark = "&" if "?" in paper.authorization_endpoint else "?"
        return f"{paper.authorization_endpoint}{mark}{urlencode(question)}", flow

    async def take(self, code: str, flow: Flow, back: str) -> Account:
        """Exchange a code for who somebody is.

        Args:
            code: that the browser brought.
            flow: that it kept.
            back: the same address as in `ask`.

        Raises:
            IssuerRefused: the issuer does not answer, or what it says does not fit.
        """
        paper = await self._read_paper()
        token = await self._exchange(paper, code, flow, back)
        expected = Expected(
            issuer=paper.issuer,
            client_id=self.settings.client_id,
            nonce=flow.nonce,
            role_claim=self.settings.role_claim,
        )
        try:
            claims = read_claims(token, await self._read_keys(paper))
        except IssuerRefused:
            # Keys are changed there now and then: they are read anew, once.
            claims = read_claims(token, await self._read_keys(paper, anew=True))
        return read_account(claims, expected, self.clock.now())

    async def _exchange(self, paper: _Paper, code: str, flow: Flow, back: str) -> str:
        settings = self.settings
        ways = paper.token_endpoint_auth_methods_supported
        basic = bool(settings.client_secret) and (
            "client_secret_basic" in ways or "client_secret_post" not in ways
        )
        request = form_request(
            paper.token_endpoint,
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": back,
                "code_verifier": flow.verifier,
                "client_id": "" if basic else settings.client_id,
                "client_secret": "" if basic else settings.client_secret,
            },
            basic=(settings.client_id, settings.client_secret) if basic else ("", ""),
        )
        try:
            async with Egress(self._policy, total_timeout_s=TIMEOUT_S) as egress:
                reply = await egress.send(paper.token_endpoint, request)
        except (ConnectorError, OutcomeUnknown) as error:
            raise IssuerRefused(_AWAY, reason="away", cause=error.code) from error
        answer = _document(reply.body)
        token = answer.get("id_token")
        if reply.status != 200 or not isinstance(token, str):
            raise IssuerRefused(reason="exchange", status=reply.status)
        return token

    async def _read_paper(self) -> _Paper:
        now = self.clock.now()
        if self._paper is not None and now - self._paper[1] < PAPER_KEPT:
            return self._paper[0]
        found = await self._fetch(f"{self.settings.issuer.rstrip('/')}{_PAPER_PATH}")
        try:
            paper = msgspec.convert(found, _Paper)
        except msgspec.ValidationError as error:
            raise IssuerRefused(_AWAY, reason="paper") from error
        if paper.issuer != self.settings.issuer:
            raise IssuerRefused(_AWAY, reason="issuer", found=paper.issuer[:200])
        self._paper = paper, now
        return paper

    async def _read_keys(self, paper: _Paper, *, anew: bool = False) -> KeySet:
        now = self.clock.now()
        if self._keys is not None:
            age = now - self._keys[1]
            if age < (KEYS_APART if anew else PAPER_KEPT):
                return self._keys[0]
        keys = read_keys(await self._fetch(paper.jwks_uri))
        if keys is None:
            raise IssuerRefused(_AWAY, reason="keys")
        self._keys = keys, now
        return keys

    async def _fetch(self, address: str) -> dict[str, Any]:
        try:
            async with Egress(self._policy, total_timeout_s=TIMEOUT_S) as egress:
                return _document(await egress.fetch(address, bytes_max=262_144))
        except (ConnectorError, OutcomeUnknown) as error:
            raise IssuerRefused(_AWAY, reason="away", cause=error.code) from error


def _document(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise IssuerRefused(_AWAY, reason="no_json") from error
    return found if isinstance(found, dict) else {}
