"""Who was let in by whom: the page that asks the merchant, the codes and the tokens."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from html import escape
from random import Random
from urllib.parse import urlencode, urlsplit

import msgspec

from trueup.sandbox.line import Reply, reply_json
from trueup.sandbox.shopify.shop import Shop

__all__ = ["Consents"]

CODE_LIFETIME_S = 600
CLIENT_LIFETIME_S = 86_399
_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Install {client}</title></head>
<body>
<main>
<h1>{client} wants to be let into {shop}</h1>
<p>It asks for:</p>
<ul>{scopes}</ul>
<form method="post">
<button name="decision" value="approve">Install</button>
<button name="decision" value="deny">Cancel</button>
</form>
</main>
</body>
</html>
"""


class _Code(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant's consent on its way back; works once."""

    scope: str
    expires_at: datetime


class _Renewal(msgspec.Struct, kw_only=True):
    """A refresh token: good until it expires, or until the one that followed it is used."""

    scope: str
    expires_at: datetime
    before: str | None = None


class Consents:
    """What the merchant of one shop agreed to.

    A refresh token that was used goes on working until its successor is used, as at the vendor; a
    shop that is set to `refresh_once` forgets it at once, as stricter vendors do.

    Attributes:
        swaps: how often each kind of grant was swapped for a token.
    """

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        seed = f"{shop.settings.seed}:{shop.settings.handle}:oauth"
        self._random = Random(seed)  # noqa: S311 - a seeded simulation, not a secret
        self._codes: dict[str, _Code] = {}
        self._tokens: dict[str, datetime] = {}
        self._renewals: dict[str, _Renewal] = {}
        self.swaps: dict[str, int] = {"code": 0, "refresh_token": 0, "client_credentials": 0}

    def page(self, query: Mapping[str, str]) -> Reply:
        """Ask the merchant."""
        if fault := self._fault(query):
            return fault
        scopes = "".join(f"<li>{escape(it)}</li>" for it in query.get("scope", "").split(","))
        page = _PAGE.format(
            client=escape(query["client_id"]), shop=escape(self._shop.domain), scopes=scopes
        )
        return Reply(body=page.encode(), content_type="text/html; charset=utf-8")

    def decide(self, query: Mapping[str, str], decision: str) -> Reply:
        """Send the browser back with a code, or with the word that the merchant did not agree."""
        if fault := self._fault(query):
            return fault
        given = {
            "shop": self._shop.domain,
            "state": query.get("state", ""),
            "timestamp": str(int(self._shop.now().timestamp())),
        }
        if decision == "approve":
            given["code"] = self._word()
            self._codes[given["code"]] = _Code(
                scope=query.get("scope", ""),
                expires_at=self._shop.now() + timedelta(seconds=CODE_LIFETIME_S),
            )
        else:
            given |= {"error": "access_denied", "error_description": "The merchant said no"}
        back = query["redirect_uri"]
        joint = "&" if urlsplit(back).query else "?"
        return Reply(
            status=302, headers={"Location": f"{back}{joint}{urlencode(self.sign(given))}"}
        )

    def sign(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the fields of a callback with the app's own signature."""
        text = "&".join(f"{name}={given[name]}" for name in sorted(given))
        secret = self._shop.settings.client_secret.encode()
        return {**given, "hmac": hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()}

    def swap(self, given: Mapping[str, str]) -> Reply:
        """Hand out a token for a code or a refresh token."""
        settings = self._shop.settings
        known = given.get("client_id"), given.get("client_secret")
        if known != (settings.client_id, settings.client_secret):
            return reply_json(401, {"error": "invalid_client"})
        if given.get("grant_type") == "refresh_token":
            return self._renew(given.get("refresh_token", ""))
        if given.get("grant_type") == "client_credentials":
            self.swaps["client_credentials"] += 1
            return self._hand_out_to_client()
        code = self._codes.pop(given.get("code", ""), None)
        if code is None or code.expires_at <= self._shop.now():
            body = {"error": "invalid_request", "error_description": "code"}
            return reply_json(400, body)
        self.swaps["code"] += 1
        scope = ",".join(settings.scopes)
        if given.get("expiring") == "1":
            return self._hand_out(scope, None)
        return reply_json(200, {"access_token": settings.access_token, "scope": scope})

    def knows(self, token: str | None) -> bool:
        """Tell whether a token lets in now."""
        if token == self._shop.settings.access_token:
            return True
        expires_at = self._tokens.get(token or "")
        return expires_at is not None and self._shop.now() < expires_at

    def forget_tokens(self) -> None:
        """Let no access token in any more; refresh tokens go on."""
        self._tokens.clear()

    def withdraw(self) -> None:
        """Take the merchant's consent back: nothing lets in or is renewed any more."""
        self._tokens.clear()
        self._renewals.clear()

    def _renew(self, refresh_token: str) -> Reply:
        renewal = self._renewals.get(refresh_token)
        if renewal is None or renewal.expires_at <= self._shop.now():
            return reply_json(400, {"error": "invalid_grant"})
        self.swaps["refresh_token"] += 1
        if renewal.before is not None:
            self._renewals.pop(renewal.before, None)
        if self._shop.settings.refresh_once:
            del self._renewals[refresh_token]
        return self._hand_out(renewal.scope, refresh_token)

    def _hand_out(self, scope: str, before: str | None) -> Reply:
        settings, now = self._shop.settings, self._shop.now()
        access_token, refresh_token = f"shpat_{self._word()}", f"shprt_{self._word()}"
        self._tokens[access_token] = now + timedelta(seconds=settings.token_lifetime_s)
        self._renewals[refresh_token] = _Renewal(
            scope=scope,
            expires_at=now + timedelta(seconds=settings.refresh_lifetime_s),
            before=before,
        )
        return reply_json(
            200,
            {
                "access_token": access_token,
                "scope": scope,
                "expires_in": settings.token_lifetime_s,
                "refresh_token": refresh_token,
                "refresh_token_expires_in": settings.refresh_lifetime_s,
            },
        )

    def _hand_out_to_client(self) -> Reply:
        settings, token = self._shop.settings, f"shpat_{self._word()}"
        self._tokens[token] = self._shop.now() + timedelta(seconds=CLIENT_LIFETIME_S)
        scope = ",".join(settings.scopes)
        return reply_json(
            200, {"access_token": token, "scope": scope, "expires_in": CLIENT_LIFETIME_S}
        )

    def _fault(self, query: Mapping[str, str]) -> Reply | None:
        """Refuse a question that no merchant may be asked; never send a browser astray."""
        back = query.get("redirect_uri", "")
        allowed = self._shop.settings.redirect_urls
        if query.get("client_id") != self._shop.settings.client_id:
            return reply_json(400, {"error": "invalid_request"})
        if not urlsplit(back).netloc or (allowed and back not in allowed):
            body = {"error": "invalid_request", "error_description": "redirect_uri"}
            return reply_json(400, body)
        return None

    def _word(self) -> str:
        return f"{self._random.getrandbits(128):032x}"
