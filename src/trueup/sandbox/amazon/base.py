"""What the parts of the simulated Amazon share: credentials, limits, faults in Amazon's words."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from trueup.sandbox.clock import Clock
from trueup.sandbox.line import Asked, Reply, reply_json
from trueup.sandbox.vendor import Bucket, Vendor, route

TOKEN_S = 3600
_OPEN = ("auth", "documents", "queue")


class Account(Vendor):
    """Credentials and limits.

    Attributes:
        marketplace, currency: the one that the seller is at home in.
        lag_s: how late a change shows in the order search.
    """

    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "searchOrders": (20, 0.0056),
        "getOrder": (30, 0.5),
        "confirmShipment": (10, 2.0),
        "getInventorySummaries": (2, 2.0),
        "searchListingsItems": (5, 5.0),
        "getListingsItem": (10, 5.0),
        "patchListingsItem": (5, 5.0),
        "createFeedDocument": (15, 0.5),
        "createFeed": (15, 0.0083),
        "getFeed": (15, 2.0),
        "getFeeds": (10, 0.0222),
        "getFeedDocument": (10, 0.0222),
        "getReports": (10, 0.0222),
        "getReportDocument": (15, 0.0167),
        "getMarketplaceParticipations": (15, 0.016),
    }
    marketplace: ClassVar[str] = "A1PA6795UKMFR9"
    currency: ClassVar[str] = "EUR"
    seller_id: ClassVar[str] = "A2SANDBOXSELLER"
    client_id: ClassVar[str] = "amzn1.application-oa2-client.sandbox"
    client_secret: ClassVar[str] = "sandbox-client-secret"  # noqa: S105 - the sandbox's public one
    refresh_token: ClassVar[str] = "Atzr|sandbox"  # noqa: S105 - as above

    def __init__(self, clock: Clock | None = None, *, seed: int = 0) -> None:
        super().__init__(clock, seed=seed)
        self.lag_s = 0.0
        self.tokens: dict[str, datetime] = {}

    def refuse(self, asked: Asked) -> Reply | None:
        """Ask for a token that is still good."""
        if asked.parts[:1] and asked.parts[0] in _OPEN:
            return None
        good_until = self.tokens.get(asked.headers.get("x-amz-access-token", ""))
        if good_until is not None and self.now() < good_until:
            return None
        return problem(403, "Unauthorized", "Access to requested resource is denied.")

    def expire_tokens(self) -> None:
        """Let every access token end now."""
        self.tokens.clear()

    def limit_headers(self, scope: str, bucket: Bucket) -> dict[str, str]:
        """Tell the rate, as Amazon does; never what is left."""
        del scope
        return {"x-amzn-RateLimit-Limit": f"{bucket.refill_per_s:g}"}

    def limited(self, bucket: Bucket) -> Reply:
        """Refuse without saying for how long."""
        del bucket
        return problem(429, "QuotaExceeded", "You exceeded your quota for the requested resource.")

    def failed(self, status: int) -> Reply:
        """Fail in Amazon's words."""
        return problem(status, "InternalFailure", "We encountered an internal error.")

    @route("POST", "/auth/o2/token", scope="token")
    def hand_out_token(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Hand out an access token for a refresh token."""
        del places
        form = asked.form()
        if (form.get("client_id"), form.get("client_secret")) != (
            self.client_id,
            self.client_secret,
        ):
            return reply_json(401, {"error": "invalid_client"})
        if form.get("grant_type") != "refresh_token":
            return reply_json(400, {"error": "unsupported_grant_type"})
        if form.get("refresh_token") != self.refresh_token:
            return reply_json(400, {"error": "invalid_grant"})
        token = f"Atza|{self.new_code(24)}"
        self.tokens[token] = self.now() + timedelta(seconds=TOKEN_S)
        return reply_json(
            200,
            {
                "access_token": token,
                "refresh_token": self.refresh_token,
                "token_type": "bearer",
                "expires_in": TOKEN_S,
            },
        )

    @route("GET", "/sellers/v1/marketplaceParticipations", scope="getMarketplaceParticipations")
    def participations(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Tell where the seller sells."""
        del asked, places
        marketplace = {
            "id": self.marketplace,
            "countryCode": "DE",
            "name": "Amazon.de",
            "defaultCurrencyCode": self.currency,
            "defaultLanguageCode": "de_DE",
            "domainName": "www.amazon.de",
        }
        told = {"isParticipating": True, "hasSuspendedListings": False}
        payload = [{"marketplace": marketplace, "participation": told, "storeName": "Sandbox"}]
        return reply_json(200, {"payload": payload})

    def money(self, amount: object) -> dict[str, str]:
        """Return an amount as Amazon writes it."""
        return {"amount": str(amount), "currencyCode": self.currency}

    def notify(self, kind: str, payload: dict[str, Any]) -> None:
        """Say that something changed; the queue overrides this."""


def problem(status: int, code: str, message: str) -> Reply:
    """Return a refusal as Amazon writes it."""
    return reply_json(status, {"errors": [{"code": code, "message": message, "details": ""}]})


def stamp(instant: datetime) -> str:
    """Return an instant as Amazon writes it."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant_of(text: str) -> datetime:
    """Read an instant of a query."""
    return datetime.fromisoformat(text).astimezone(UTC)


def token_of(offset: int) -> str:
    """Return a page's token."""
    return base64.urlsafe_b64encode(json.dumps({"o": offset}).encode()).decode()


def offset_of(token: str | None) -> int:
    """Read a page's token."""
    return int(json.loads(base64.urlsafe_b64decode(token))["o"]) if token else 0
