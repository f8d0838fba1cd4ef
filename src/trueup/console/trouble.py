"""Trouble: why an account could not be connected, in plain words, and what to do about it."""

from typing import Final

import msgspec

from trueup.console.words import mark, say
from trueup.contract.loader import ConnectorFolder
from trueup.errors import (
    AuthExpired,
    ContractBroken,
    HubError,
    RateLimited,
    Refused,
    Unavailable,
)
from trueup.pull.draft import Draft

_SHORTEST_SECRET: Final = 4
_GRANTED: Final = "has not granted"
_AWAY: Final = mark(
    "Nothing is wrong with what you typed, as far as anybody can tell. Try again in a while."
)
_AWAY_SANDBOX: Final = mark("See that the sandbox runs, and that its address and port are right.")
_OUTWARD: Final = mark(
    "The hub calls vendors on the public internet, by https. It does not call addresses of the "
    "network that it stands in."
)


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Why it did not work.

    Attributes:
        code: of the error; for programs.
        said: what happened.
        mend: what to do about it.
        field: whose value is wrong; empty where none is alone.
    """

    code: str
    said: str
    mend: str = ""
    field: str = ""


def explain(error: HubError | TimeoutError, folder: ConnectorFolder, draft: Draft) -> Trouble:
    """Return an error of trying a draft in plain words; no secret is in them. Pure.

    Args:
        error: of `try_draft` or of what comes before it.
        folder: the connector.
        draft: what was tried.
    """
    name = folder.manifest.name
    if isinstance(error, TimeoutError):
        said = say("%(vendor)s takes too long to answer.", vendor=name)
        return Trouble(code=Unavailable.code, said=said, mend=say(_AWAY))
    said = _without(error.message, draft)
    match error:
        case AuthExpired():
            return _not_let_in(said, folder, draft)
        case Unavailable():
            return _away(error, folder, draft)
        case RateLimited():
            wait = say("Try again in %(seconds)s seconds.", seconds=max(1, round(error.after_s)))
            slow = say("%(vendor)s wants to be asked less often.", vendor=name)
            return Trouble(code=error.code, said=slow, mend=wait)
        case Refused() | ContractBroken():
            return _refused(error, said, folder)
        case _:
            field = str(error.context.get("field", ""))
            return Trouble(code=error.code, said=f"{said}.", mend=_mend(said, name), field=field)


def _not_let_in(said: str, folder: ConnectorFolder, draft: Draft) -> Trouble:
    mend = say(
        "Copy %(secrets)s anew and whole: of this account, and not revoked. What the app may do "
        "there counts as well.",
        secrets=_secrets(folder, draft),
    )
    if said != AuthExpired().message.rstrip("."):
        back = say("What came back: %(said)s.", said=said)
        mend = f"{mend} {back}"
    return Trouble(
        code=AuthExpired.code,
        said=say(
            "%(vendor)s does not let us in with these credentials.", vendor=folder.manifest.name
        ),
        mend=mend,
    )


def _away(error: Unavailable, folder: ConnectorFolder, draft: Draft) -> Trouble:
    name, status = folder.manifest.name, error.context.get("status")
    if status:
        told = say("%(vendor)s answers that it is down (%(status)s).", vendor=name, status=status)
    else:
        told = say("%(vendor)s does not answer.", vendor=name)
    sandbox = bool(draft.settings.get("api_base")) and not status
    return Trouble(code=error.code, said=told, mend=say(_AWAY_SANDBOX if sandbox else _AWAY))


def _refused(error: Refused | ContractBroken, said: str, folder: ConnectorFolder) -> Trouble:
    """Return what a vendor, or our own policy, will not do."""
    name = folder.manifest.name
    if error.context.get("reason") == "egress":
        mend = say(_OUTWARD)
    elif isinstance(error, ContractBroken):
        said = say(
            "What answers there does not answer as %(vendor)s does: %(said)s",
            vendor=name,
            said=said,
        )
        mend = say("See that the address is right, and that nothing stands between.")
    elif error.context.get("status") == 404:
        mend = say("See that the address names the account that you mean.")
    else:
        mend = say("Mend it at %(vendor)s, and try again.", vendor=name)
        return Trouble(code=error.code, said=f"{said}.", mend=mend)
    return Trouble(code=error.code, said=f"{said}.", mend=mend, field=_address(folder))


def _mend(said: str, name: str) -> str:
    if _GRANTED in said:
        return say(
            "Grant what is missing to the app at %(vendor)s, install it anew, and try again.",
            vendor=name,
        )
    return ""


def _address(folder: ConnectorFolder) -> str:
    """Return the field that says where the account is; empty where none does."""
    keys = [field.key for field in folder.manifest.config]
    return next((each for each in ("shop_domain", "shop_url", "url") if each in keys), "")


def _secrets(folder: ConnectorFolder, draft: Draft) -> str:
    labels = [
        f"“{field.label}”"
        for field in folder.manifest.config
        if field.is_secret and draft.secrets.get(field.key)
    ]
    return ", ".join(labels) or say("the secrets")


def _without(text: str, draft: Draft) -> str:
    """Return a text in which no secret stands, whatever a vendor repeats; without its full stop."""
    for value in draft.secrets.values():
        if len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, "…")
    return text.strip().rstrip(".")
