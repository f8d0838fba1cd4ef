"""How the Cloud API is spoken to, and what its replies say as a whole."""

from collections.abc import Mapping

import msgspec

from trueup.connectors.whatsapp.words import ACCOUNT, DOWN, LIMITED, MESSAGE, is_auth, words_of
from trueup.contract.connector import Budget, Reply, Request
from trueup.errors import AuthExpired, ContractBroken, RateLimited, Refused, Unavailable

API_VERSION = "v25.0"
_HOST = "https://graph.facebook.com"
_PLACE = "{phone_number_id}"
_RETRY_S = 10.0


class _Fault(msgspec.Struct):
    code: int = 1


class _Body(msgspec.Struct):
    error: _Fault | None = None


class _Number(msgspec.Struct):
    id: str
    display_phone_number: str
    verified_name: str = ""
    quality_rating: str = ""


def base_url(settings: Mapping[str, str]) -> str:
    """Return the address of the API; `api_base` leads to a sandbox."""
    return f"{(settings.get('api_base') or _HOST).rstrip('/')}/{API_VERSION}"


def authorise(request: Request, secrets: Mapping[str, str]) -> Request:
    """Return the request with the token, and with the number that it is for."""
    return msgspec.structs.replace(
        request,
        path=request.path.replace(_PLACE, secrets.get("phone_number_id", "0")),
        headers=(*request.headers, ("authorization", f"Bearer {secrets['access_token']}")),
    )


def fault_code(reply: Reply) -> int | None:
    """Return Meta's error code; None where the reply has none."""
    try:
        body = msgspec.json.decode(reply.body, type=_Body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return body.error.code if body.error else None


def judge(reply: Reply) -> None:
    """Raise the error that the reply means as a whole; one message's refusal is for its receipt.

    Raises:
        AuthExpired: the token is gone, or lacks a right.
        RateLimited: too many messages, of the number or to one person.
        Unavailable: Meta is down. After a write with a status of 500 nobody knows.
        Refused: the account may not send, or any other code.
    """
    if reply.status < 300:
        return
    code = fault_code(reply)
    if code is not None:
        _judge_code(code, reply.status)
    if code in MESSAGE and reply.status < 500:
        return
    _judge_status(reply, code)


def _judge_code(code: int, status: int) -> None:
    if is_auth(code):
        raise AuthExpired("Meta does not let us in", status=status, meta_code=code)
    if code in LIMITED:
        raise RateLimited(after_s=LIMITED[code], status=status, meta_code=code)
    if code in ACCOUNT:
        raise Refused(f"WhatsApp refused: {words_of(code)}", status=status, meta_code=code)
    if code in DOWN:
        raise Unavailable(status=status, meta_code=code)


def _judge_status(reply: Reply, code: int | None) -> None:
    status = reply.status
    if status in {401, 403}:
        raise AuthExpired(status=status)
    if status == 429:
        raise RateLimited(after_s=_after_s(reply), status=status)
    if status in {408, 425} or status >= 500:
        raise Unavailable(status=status, meta_code=code)
    raise Refused("WhatsApp refused the call", status=status, meta_code=code)


def _after_s(reply: Reply) -> float:
    text = reply.headers.get("retry-after", "")
    return min(float(text), 3600.0) if text.isdigit() and len(text) < 9 else _RETRY_S


def budget(reply: Reply) -> Budget | None:
    """Return None: what Meta tells of its limits is about other calls."""
    del reply
    return None


def check_request() -> Request:
    """Return a harmless call that proves the token and the number."""
    fields = "id,display_phone_number,verified_name,quality_rating"
    return Request(method="GET", path=f"/{_PLACE}?fields={fields}")


def checked(reply: Reply) -> Mapping[str, str]:
    """Return what the check learnt: the name that customers see, the number, its quality.

    Raises:
        ContractBroken: the reply lacks the number.
    """
    try:
        number = msgspec.json.decode(reply.body, type=_Number)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("Meta did not name the phone number") from fault
    return {
        "account": number.verified_name or number.display_phone_number,
        "phone": number.display_phone_number,
        "quality": number.quality_rating,
    }
