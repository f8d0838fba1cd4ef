"""How Slack is spoken to, and what its replies say as a whole."""

from collections.abc import Mapping

import msgspec

from trueup.connectors.slack.shape import Answer
from trueup.contract.connector import Budget, Reply, Request
from trueup.errors import AuthExpired, ContractBroken, RateLimited, Refused, Unavailable

SCOPES = ("chat:write", "channels:history")
_RETRY_S = 30.0
_RETRY_S_MAX = 3600.0

_AUTH = frozenset(
    (
        *("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"),
        *("no_permission", "missing_scope", "access_denied", "org_login_required"),
        *("not_allowed_token_type", "team_access_not_granted", "two_factor_setup_required"),
        *("ekm_access_denied", "enterprise_is_restricted", "accesslimited"),
    )
)
_LIMITED = frozenset(("ratelimited", "rate_limited", "message_limit_exceeded"))

UNSURE = frozenset(("fatal_error", "internal_error", "request_timeout"))
"""Slack gave up in the middle: some of it may have been done."""

DOWN = frozenset(("service_unavailable", "team_added_to_org"))
"""Nothing was done; it may be asked again later."""

OF_THE_MESSAGE: Mapping[str, str] = {
    "channel_not_found": "there is no such channel, or our app can not see it",
    "not_in_channel": "our app is not in the channel: invite it",
    "is_archived": "the channel is archived",
    "channel_is_archived": "the channel is archived",
    "msg_too_long": "the text is too long",
    "no_text": "there is no text",
    "invalid_blocks": "the blocks are not ones that Slack shows",
    "invalid_blocks_format": "the blocks are not ones that Slack shows",
    "msg_blocks_too_long": "the blocks are too long",
    "too_many_attachments": "there are too many attachments",
    "restricted_action": "the workspace does not let our app post there",
    "restricted_action_read_only_channel": "the channel is for reading only",
    "restricted_action_thread_only_channel": "the channel takes answers in threads only",
    "restricted_action_non_threadable_channel": "the channel takes no threads",
    "restricted_action_thread_locked": "the thread is locked",
    "thread_not_found": "there is no such thread",
    "cannot_reply_to_message": "this message takes no answers",
    "metadata_too_large": "our metadata is too large",
    "invalid_metadata_format": "our metadata is not what Slack takes",
    "invalid_metadata_schema": "our metadata is not what Slack takes",
}
"""Refusals that are about one message, which its receipt tells in words."""


def base_url(settings: Mapping[str, str]) -> str:
    """Return the address of Slack's API; `api_base` leads to a sandbox."""
    return (settings.get("api_base") or "https://slack.com").rstrip("/") + "/api"


def authorise(request: Request, secrets: Mapping[str, str]) -> Request:
    """Return the request with the bot's token."""
    headers = (*request.headers, ("authorization", f"Bearer {secrets['bot_token']}"))
    return msgspec.structs.replace(request, headers=headers)


def answer_of(reply: Reply) -> Answer:
    """Return what the method answered.

    Raises:
        ContractBroken: it is not what every method answers with.
    """
    try:
        return msgspec.json.decode(reply.body, type=Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("Slack's reply can not be read", status=reply.status) from fault


def judge(reply: Reply) -> None:
    """Raise the error that the reply means as a whole; one message's refusal is for its receipt.

    Raises:
        AuthExpired: the token is gone, or lacks a scope.
        RateLimited: too many calls, or too many messages; `after_s` is Slack's own.
        Unavailable: Slack is down.
        Refused: any other "ok": false, with Slack's word.
        ContractBroken: a reply that can not be read.
    """
    _judge_status(reply)
    answer = answer_of(reply)
    error = answer.error or "unknown_error"
    if answer.ok or error in OF_THE_MESSAGE or error in UNSURE or error in DOWN:
        return
    if error in _AUTH:
        raise AuthExpired(
            f"Slack does not let us: {error}", slack_error=error, needed=answer.needed
        )
    if error in _LIMITED:
        raise RateLimited(after_s=_after_s(reply), slack_error=error)
    raise Refused(f"Slack refused the call: {_word(error)}", slack_error=_word(error))


def _judge_status(reply: Reply) -> None:
    status = reply.status
    if status == 429:
        raise RateLimited(after_s=_after_s(reply), status=status)
    if status in {401, 403}:
        raise AuthExpired(status=status)
    if status in {408, 425} or status >= 500:
        raise Unavailable(status=status)
    if status >= 300:
        raise Refused("Slack refused the call", status=status)


def _after_s(reply: Reply) -> float:
    try:
        after_s = float(reply.headers.get("retry-after", _RETRY_S))
    except ValueError:
        after_s = _RETRY_S
    return min(max(after_s, 0.0), _RETRY_S_MAX) if after_s == after_s else _RETRY_S  # noqa: PLR0124 - not a number


def _word(error: str) -> str:
    """Return the vendor's word; longer texts may repeat what was sent."""
    return error if error.replace("_", "").isalnum() and len(error) <= 60 else "another word"


def budget(reply: Reply) -> Budget | None:
    """Return None: Slack tells of its limits only once they are reached."""
    del reply
    return None


def check_request() -> Request:
    """Return a harmless call that proves the token."""
    return Request(method="GET", path="/auth.test")


def checked(reply: Reply) -> Mapping[str, str]:
    """Return what the check learnt: the workspace, our user, and scopes that are missing.

    Raises:
        Unavailable: Slack could not say.
        ContractBroken: the reply lacks the workspace.
    """
    answer = answer_of(reply)
    if not answer.ok:
        raise Unavailable("Slack could not say whose token it is", slack_error=answer.error)
    if not answer.team or not answer.team_id:
        raise ContractBroken("Slack did not name the workspace")
    learnt = {"account": answer.team, "account_ref": answer.team_id}
    granted = reply.headers.get("x-oauth-scopes")
    if granted is not None:
        known = {scope.strip() for scope in granted.split(",")}
        if missing := [scope for scope in SCOPES if scope not in known]:
            learnt["missing_scopes"] = ", ".join(missing)
    return learnt
