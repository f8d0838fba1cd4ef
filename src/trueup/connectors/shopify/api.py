"""How Shopify is spoken to, and what its replies say as a whole."""

from collections.abc import Mapping

import msgspec

from trueup.connectors.shopify.call import call, needed
from trueup.contract.connector import Budget, Reply, Request
from trueup.errors import AuthExpired, ContractBroken, RateLimited, Refused, Unavailable

API_VERSION = "2026-07"

_RETRY_S = 2.0
_RETRY_S_MAX = 3600.0
_AUTH_CODES = frozenset(("ACCESS_DENIED", "UNAUTHORIZED"))
_DOWN_CODES = frozenset(("INTERNAL_SERVER_ERROR", "TIMEOUT", "SERVICE_UNAVAILABLE"))


class _Extension(msgspec.Struct, gc=False):
    code: str | None = None
    cost: float | None = None


class _Error(msgspec.Struct, gc=False):
    message: str = ""
    extensions: _Extension | None = None
    path: list[str | int] | None = None


class _Throttle(msgspec.Struct, gc=False, rename="camel"):
    maximum_available: float
    currently_available: float
    restore_rate: float


class _Cost(msgspec.Struct, gc=False, rename="camel"):
    requested_query_cost: float | None = None
    actual_query_cost: float | None = None
    throttle_status: _Throttle | None = None


class _Extensions(msgspec.Struct, gc=False):
    cost: _Cost | None = None


class _Envelope(msgspec.Struct, gc=False):
    """A reply around its data. `errors` is a text where the request never reached GraphQL."""

    errors: list[_Error] | str | dict[str, msgspec.Raw] | None = None
    extensions: _Extensions | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")


_ENVELOPE = msgspec.json.Decoder(_Envelope)


def base_url(settings: Mapping[str, str]) -> str:
    """Return the address below which the shop's API lies; `api_base` leads to a sandbox."""
    root = settings.get("api_base", "").rstrip("/") or f"https://{settings['shop_domain']}"
    return f"{root}/admin/api/{API_VERSION}"


def authorise(request: Request, secrets: Mapping[str, str]) -> Request:
    """Return the request with the shop's access token; a bulk result's own address needs none."""
    if not request.path.startswith("/"):
        return request
    headers = (*request.headers, ("x-shopify-access-token", secrets["access_token"]))
    return msgspec.structs.replace(request, headers=headers)


def judge(reply: Reply) -> None:
    """Raise the error that the reply means as a whole, if it means one.

    Raises:
        AuthExpired: the token or one of its scopes is gone (401, 403, ACCESS_DENIED).
        RateLimited: the budget of points is spent; `after_s` says when it is back.
        Refused: the shop is frozen (402), locked (423), gone (404), or the call is wrong.
        Unavailable: the vendor is down, or can not be understood.
    """
    _judge_status(reply)
    if not _is_json(reply):
        return
    envelope = _envelope(reply)
    if envelope is None:
        raise Unavailable("Shopify's reply is not JSON", status=reply.status)
    if envelope.errors:
        _judge_errors(envelope)


def _is_json(reply: Reply) -> bool:
    """A bulk result is plain lines, and is judged by its status alone."""
    return "json" in reply.headers.get("content-type", "json") and "jsonl" not in (
        reply.headers.get("content-type", "")
    )


def _judge_status(reply: Reply) -> None:
    status = reply.status
    if status < 300:
        return
    if status in {401, 403}:
        raise AuthExpired(status=status)
    if status == 429:
        after_s = _seconds(reply.headers.get("retry-after")) or _after_s(_envelope(reply))
        raise RateLimited(after_s=after_s, status=status)
    if status in {408, 425} or status >= 500:
        raise Unavailable(status=status)
    reasons = {402: "the shop is frozen", 404: "no such shop or address", 423: "the shop is locked"}
    why = reasons.get(status, "see its status")
    raise Refused(f"Shopify refused the call: {why}", status=status)


def _judge_errors(envelope: _Envelope) -> None:
    errors = envelope.errors
    if not isinstance(errors, list):
        raise Refused("Shopify refused the call")
    codes = {error.extensions.code or "" for error in errors if error.extensions}
    if "THROTTLED" in codes:
        raise RateLimited(after_s=_after_s(envelope))
    denied = [_optional(error) for error in errors]
    if codes & _AUTH_CODES and all(denied):
        # One scope that a shop need not grant is no reason to stop all other calls.
        what, scopes = denied[0] or ("", ())
        raise Refused(
            f"Shopify denied access to {what}. Grant the app {', '.join(sorted(scopes))}, and "
            "install it anew.",
            codes=",".join(codes),
        )
    if codes & _AUTH_CODES:
        raise AuthExpired("Shopify denied access; the app lacks a scope", codes=",".join(codes))
    if codes & _DOWN_CODES:
        raise Unavailable("Shopify failed inside", codes=",".join(codes))
    if "MAX_COST_EXCEEDED" in codes:
        raise Refused("the query costs more than Shopify allows at once", codes="MAX_COST_EXCEEDED")
    # The text may repeat what was sent, so it stays out of the context.
    raise ContractBroken("Shopify rejected the document", codes=",".join(sorted(codes)) or "none")


def budget(reply: Reply) -> Budget | None:
    """Return what the reply says of the points that are left; None if it says nothing."""
    envelope = _envelope(reply)
    cost = envelope.extensions.cost if envelope and envelope.extensions else None
    if cost is None or cost.throttle_status is None:
        return None
    status = cost.throttle_status
    return Budget(
        available=status.currently_available,
        capacity=status.maximum_available,
        refill_per_s=status.restore_rate,
        actual_cost=cost.actual_query_cost,
    )


def check_request() -> Request:
    """Return a harmless call that proves the credentials: the shop's name and our scopes."""
    return call("shop_check", {}, cost=2)


class _Shop(msgspec.Struct, gc=False, rename="camel"):
    id: str
    name: str
    myshopify_domain: str
    currency_code: str
    iana_timezone: str
    taxes_included: bool = False


class _Scope(msgspec.Struct, gc=False):
    handle: str


class _Installation(msgspec.Struct, gc=False, rename="camel"):
    access_scopes: list[_Scope]


def checked(reply: Reply) -> Mapping[str, str]:
    """Return what the check learnt: the account, its currency and time zone, and our scopes.

    Raises:
        ContractBroken: the reply lacks what was asked for.
    """
    shop = needed(reply, "shop", _Shop)
    installation = needed(reply, "currentAppInstallation", _Installation)
    scopes = sorted(scope.handle for scope in installation.access_scopes)
    return {
        "account": shop.name,
        "domain": shop.myshopify_domain,
        "currency": shop.currency_code,
        "time_zone": shop.iana_timezone,
        "scopes": " ".join(scopes),
        "missing_scopes": " ".join(sorted(SCOPES.difference(scopes) - _implied(scopes))),
    }


SCOPES = frozenset(
    (
        *("read_orders", "read_products", "read_customers", "read_inventory", "write_inventory"),
        *("read_locations", "read_fulfillments", "read_returns"),
    )
)
"""What the app must be granted; older orders than 60 days need read_all_orders as well."""


PAYMENTS_SCOPES = frozenset(("read_shopify_payments_accounts", "read_shopify_payments_payouts"))
"""What payouts need besides; a shop may leave them out, and is connected all the same."""


_HOLDS = ("fulfilment orders", frozenset(("write_merchant_managed_fulfillment_orders",)))
_ORDERS = ("changing orders", frozenset(("write_orders",)))
_DISCOUNTS = ("discounts", frozenset(("write_discounts",)))
_RETURNS = ("changing returns", frozenset(("write_returns",)))
_CREDITS = (
    "store credit",
    frozenset(
        (
            "read_store_credit_accounts",
            *("read_store_credit_account_transactions", "write_store_credit_account_transactions"),
        )
    ),
)
_OPTIONAL = {
    "shopifyPaymentsAccount": ("Shopify Payments", PAYMENTS_SCOPES),
    "fulfillmentOrders": _HOLDS,
    "fulfillmentOrderHold": _HOLDS,
    "fulfillmentOrderReleaseHold": _HOLDS,
    "tagsAdd": _ORDERS,
    "tagsRemove": _ORDERS,
    "orderCancel": _ORDERS,
    "productUpdate": ("changing products", frozenset(("write_products",))),
    "returnCreate": _RETURNS,
    "reverseDeliveryCreateWithShipping": _RETURNS,
    "storeCreditAccounts": _CREDITS,
    "storeCreditAccountCredit": _CREDITS,
    "returnApproveRequest": _RETURNS,
    "returnDeclineRequest": _RETURNS,
    "returnProcess": _RETURNS,
    "codeDiscountNodeByCode": _DISCOUNTS,
    "discountCodeBasicCreate": _DISCOUNTS,
}
"""By the field that was denied: what it is, and what it needs."""


def _optional(error: _Error) -> tuple[str, frozenset[str]] | None:
    """Return what was denied and its scopes, where they may be left out; else None."""
    return next((_OPTIONAL[str(at)] for at in error.path or () if str(at) in _OPTIONAL), None)


def _implied(scopes: list[str]) -> set[str]:
    """A scope to write lets read as well."""
    return {s.replace("write_", "read_", 1) for s in scopes if s.startswith("write_")}


def _envelope(reply: Reply) -> _Envelope | None:
    try:
        return _ENVELOPE.decode(reply.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _after_s(envelope: _Envelope | None) -> float:
    """Return when the points that were asked for are back in the bucket."""
    cost = envelope.extensions.cost if envelope and envelope.extensions else None
    if cost is None or cost.throttle_status is None or cost.throttle_status.restore_rate <= 0:
        return _RETRY_S
    status = cost.throttle_status
    wanted = min(cost.requested_query_cost or 0.0, status.maximum_available)
    return max(0.1, (wanted - status.currently_available) / status.restore_rate)


def _seconds(text: str | None) -> float | None:
    """Return a Retry-After in seconds, bounded; None where it can not be read."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return min(value, _RETRY_S_MAX) if 0 < value < float("inf") else None
