"""How Amazon is spoken to: the account's words filled in, credentials added, replies judged."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

import msgspec

from trueup.connectors.amazon import queue
from trueup.connectors.amazon.marketplace import REGIONS
from trueup.contract.connector import Budget, Reply, Request
from trueup.errors import AuthExpired, ContractBroken, RateLimited, Refused, Unavailable

_RETRY_S: Final = 30.0
_RETRY_S_MAX: Final = 600.0
_KNOWN_RATES: Final = frozenset((0.0056, 0.5, 0.0222, 0.0167, 0.0083, 0.016, 1.0, 2.0, 5.0))
"""Amazon's default rates: what a reply says of one of these is what the manifest says too."""

_PERSONAL: Final = "BUYER,RECIPIENT,"


def base_url(settings: Mapping[str, str]) -> str:
    """Return the address of the account's region; `api_base` leads to a sandbox."""
    if settings.get("api_base"):
        return settings["api_base"].rstrip("/")
    return f"https://{REGIONS[settings['region']].endpoint}"


def authorise(request: Request, secrets: Mapping[str, str]) -> Request:
    """Return the request with the account's words and its access token.

    An address that Amazon handed out carries its own signature and gets no token. Only the queue's
    calls are signed by AWS's rules.
    """
    if request.path == queue.QUEUE_PATH:
        return queue.authorise(request, secrets, _now())
    headers = request.headers
    path = request.path
    if path.startswith("/"):
        path = _filled(path, secrets)
        headers = (*headers, ("x-amz-access-token", secrets.get("access_token", "")))
        headers = (*headers, ("accept", "application/json"))
    body = _filled_body(request.body, secrets) if request.body else request.body
    return msgspec.structs.replace(request, path=path, headers=headers, body=body)


def _now() -> datetime:
    """Return the instant that a signature carries; the only clock a connector of ours reads."""
    return datetime.now(UTC)


def _filled(path: str, secrets: Mapping[str, str]) -> str:
    """Put the account's words in the place of their names in braces."""
    ids = marketplaces(secrets)
    wanted = secrets.get("personal_data", "yes") != "no"
    words = {
        "{seller_id}": quote(secrets.get("seller_id", ""), safe=""),
        "{marketplace_id}": quote(ids[0] if ids else "", safe=""),
        "{marketplace_ids}": ",".join(quote(each, safe="") for each in ids),
        "{personal}": _PERSONAL if wanted else "",
    }
    for name, word in words.items():
        path = path.replace(name, word)
    return path


def _filled_body(body: bytes, secrets: Mapping[str, str]) -> bytes:
    """As in the path; names stand as whole JSON texts."""
    ids = marketplaces(secrets)
    words = {
        b'"{seller_id}"': msgspec.json.encode(secrets.get("seller_id", "")),
        b'"{marketplace_id}"': msgspec.json.encode(ids[0] if ids else ""),
        b'"{marketplace_ids}"': b",".join(msgspec.json.encode(each) for each in ids),
    }
    for name, word in words.items():
        body = body.replace(name, word)
    return body


def marketplaces(settings: Mapping[str, str]) -> list[str]:
    """Return the account's marketplaces; the first one is its own."""
    return [each.strip() for each in settings.get("marketplace_ids", "").split(",") if each.strip()]


def judge(reply: Reply) -> None:
    """Raise the error that the reply means as a whole, if it means one.

    Raises:
        AuthExpired: the token, the role or the queue's key is not good (401, 403).
        RateLimited: too fast; Amazon does not say for how long, so its rate is waited for.
        Refused: the call is wrong, or what it is about does not exist.
        Unavailable: Amazon is down, or an address that it handed out has expired.
    """
    status = reply.status
    if status < 300:
        return
    code = _code(reply.body)
    if status == 429 or code in {"QuotaExceeded", "ThrottlingException", "RequestThrottled"}:
        raise RateLimited(after_s=_after_s(reply), status=status)
    if _is_store(reply.body):
        # An address for a document is good for five minutes: the next try asks for a new one.
        raise Unavailable("The document's address is no longer good", status=status, code=code)
    if status in {401, 403}:
        raise AuthExpired(status=status, code=code)
    if status in {408, 425} or status >= 500:
        raise Unavailable(status=status)
    raise Refused("Amazon refused the call", status=status, code=code)


def budget(reply: Reply) -> Budget | None:
    """Return the rate that a reply tells, where it is another one than Amazon's defaults.

    Only the rate is told, not what is left of the burst; so of a rate that is not the default calls
    are made evenly, without a burst.
    """
    rate = _number(reply.headers.get("x-amzn-ratelimit-limit"))
    if rate is None or rate in _KNOWN_RATES:
        return None
    return Budget(available=0.0, capacity=1.0, refill_per_s=rate)


def check_request() -> Request:
    """Return a harmless call that proves the credentials: where the seller may sell."""
    return Request(method="GET", path="/sellers/v1/marketplaceParticipations", scope="settlements")


class _Marketplace(msgspec.Struct, gc=False, rename="camel"):
    id: str
    default_currency_code: str = ""


class _Participation(msgspec.Struct, gc=False, rename="camel"):
    marketplace: _Marketplace
    store_name: str = ""


class _Participations(msgspec.Struct, gc=False):
    payload: list[_Participation]


def checked(reply: Reply) -> Mapping[str, str]:
    """Return what the check learnt: the shop's name, its marketplaces and currencies.

    Raises:
        ContractBroken: the reply lacks what was asked for.
    """
    try:
        found = msgspec.json.decode(reply.body, type=_Participations).payload
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("Amazon's list of marketplaces can not be read") from fault
    return {
        "account": next((each.store_name for each in found if each.store_name), ""),
        "marketplaces": ",".join(each.marketplace.id for each in found),
        "currency": found[0].marketplace.default_currency_code if found else "",
    }


class _Error(msgspec.Struct, gc=False):
    code: str = ""


class _Errors(msgspec.Struct, gc=False):
    errors: list[_Error] = []


def _code(body: bytes) -> str:
    """Return Amazon's word for what is wrong; its texts may repeat what was sent."""
    try:
        errors = msgspec.json.decode(body, type=_Errors).errors
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _xml_code(body)
    word = errors[0].code if errors else ""
    return word if word.replace("_", "").isalnum() and len(word) <= 60 else ""


def _xml_code(body: bytes) -> str:
    _, found, rest = body[:4000].partition(b"<Code>")
    word = rest.partition(b"</Code>")[0].decode(errors="replace") if found else ""
    word = word.rpartition(".")[2]
    return word if word.isalnum() and len(word) <= 60 else ""


def _is_store(body: bytes) -> bool:
    """Tell whether the document store speaks; the queue's own errors have another root."""
    return b"<Error>" in body[:200] and b"<ErrorResponse" not in body[:200]


def _after_s(reply: Reply) -> float:
    """Return the wait that the rate means; Amazon sends no Retry-After."""
    told = _number(reply.headers.get("retry-after"))
    rate = _number(reply.headers.get("x-amzn-ratelimit-limit"))
    wait_s = told if told is not None else (1 / rate if rate else _RETRY_S)
    return min(max(wait_s, 0.2), _RETRY_S_MAX)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None
