"""The form that connects an account, made of the connector's facts; no secret is put into it."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from trueup.console.trouble import Trouble
from trueup.console.words import mark
from trueup.contract.loader import ConnectorFolder
from trueup.contract.manifest import ConfigField
from trueup.errors import ConfigError
from trueup.pull.draft import GENERAL, Draft
from trueup.pull.joining import worth_asking

_SANDBOX: Final = "api_base"
_THIS_MACHINE: Final = frozenset(("127.0.0.1", "localhost", "::1"))


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of the form.

    Attributes:
        type: text, secret, url, choice, number or flag.
        value: as it was typed; always empty for a secret.
        wrong: this field's value is what is wrong.
    """

    key: str
    label: str
    type: str
    required: bool
    help: str
    example: str
    choices: tuple[tuple[str, str], ...]
    value: str = ""
    wrong: bool = False


class ConnectPage(msgspec.Struct, frozen=True, kw_only=True):
    """The form that connects an account.

    Attributes:
        first, more: the fields that most need, and the others.
        trouble: why what was sent could not be connected.
        secrets_again: secrets were typed, and have to be typed anew.
    """

    connector: str
    vendor: str
    docs_url: str
    called: bool
    name: str
    first: tuple[Field, ...]
    more: tuple[Field, ...]
    files: tuple[tuple[str, str], ...]
    trouble: Trouble | None = None
    secrets_again: bool = False


def check_reach(folder: ConnectorFolder, draft: Draft) -> None:
    """Refuse addresses that a page may not lead the hub to. Pure.

    A sandbox's address is trusted, so a page could otherwise have the hub look around in the
    network that it stands in. Whoever may run commands on the hub's machine can do so anyway.

    Raises:
        ConfigError: `field` says which address.
    """
    base = draft.settings.get(_SANDBOX, "")
    if base and host_of(base) not in _THIS_MACHINE:
        raise ConfigError(
            "From these pages a sandbox can only be called on the hub's own machine, such as "
            "http://127.0.0.1:8089. One elsewhere is connected there: "
            f"trueup connect {folder.id} --set api_base=…",
            field=_SANDBOX,
        )
    public = draft.settings.get("public_url", "")
    if public and not host_of(public):
        message = "The hub's own address begins with https://, such as https://hub.example."
        raise ConfigError(message, field="public_url")


def draft_of(folder: ConnectorFolder, form: Mapping[str, str]) -> Draft:
    """Return what a form asks for; fields that the connector does not have are left out. Pure."""
    fields = {field.key: field.is_secret for field in folder.manifest.config}
    fields |= dict.fromkeys(GENERAL, False)
    given = {key: form.get(f"f-{key}", "") for key in fields}
    return Draft(
        name=form.get("name", ""),
        connector=folder.id,
        settings={key: value for key, value in given.items() if value and not fields[key]},
        secrets={key: value for key, value in given.items() if value and fields[key]},
    )


def form_page(
    folder: ConnectorFolder,
    form: Mapping[str, str],
    trouble: Trouble | None = None,
    places: Mapping[str, str] | None = None,
) -> ConnectPage:
    """Return the form with what was typed, but without any secret. Pure.

    Args:
        folder: the connector.
        form: what was typed; fields of the account begin with `f-`.
        trouble: why it could not be connected.
        places: where stock can be written, ref to name, once that is known.
    """
    manifest, wrong = folder.manifest, trouble.field if trouble else ""
    first: list[Field] = []
    more: list[Field] = []
    for field in manifest.config:
        shown = _field(field, form, wrong)
        early = worth_asking(field, signing_in=False) or field.type == "choice"
        (first if early or shown.wrong else more).append(shown)
    for shown in _general_fields(folder, form, wrong, places or {}):
        (first if shown.wrong or shown.key == "public_url" else more).append(shown)
    return ConnectPage(
        connector=folder.id,
        vendor=manifest.name,
        docs_url=manifest.api.docs_url,
        called=folder.has("api"),
        name=form.get("name", ""),
        first=tuple(first),
        more=tuple(more),
        files=tuple((entry.format, entry.help) for entry in manifest.files),
        trouble=trouble,
        secrets_again=trouble is not None
        and any(form.get(f"f-{each.key}") for each in manifest.config if each.is_secret),
    )


def free_name(folder: ConnectorFolder, taken: set[str]) -> str:
    """Return a name that no connection has, to begin with. Pure."""
    base = folder.id.replace("_", "-")
    names = (base, *(f"{base}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def typed_of(draft: Draft) -> dict[str, str]:
    """Return what had been typed into the form of a draft, but no secret. Pure."""
    return {"name": draft.name} | {f"f-{key}": value for key, value in draft.settings.items()}


def _field(field: ConfigField, form: Mapping[str, str], wrong: str) -> Field:
    return Field(
        key=field.key,
        label=field.label,
        type="secret" if field.is_secret else field.type,
        required=field.required,
        help=field.help,
        example=field.example,
        choices=tuple((each, each) for each in field.choices),
        value="" if field.is_secret else form.get(f"f-{field.key}", ""),
        wrong=field.key == wrong,
    )


def _general_fields(
    folder: ConnectorFolder, form: Mapping[str, str], wrong: str, places: Mapping[str, str]
) -> list[Field]:
    """Return the fields that every connection may have, as far as they mean something here."""
    manifest = folder.manifest
    writes = any(action.per_location for action in manifest.actions)
    apply = {
        "public_url": manifest.webhook is not None,
        "stock_location": writes,
        "default_site": writes,
        "sell_sites": writes,
    }
    return [
        Field(
            key=key,
            label=_GENERAL_LABELS[key],
            type="choice" if key == "stock_location" and places else "text",
            required=key == "stock_location" and bool(places),
            help=text,
            example="https://hub.example" if key == "public_url" else "",
            choices=tuple((ref, f"{name} ({ref})") for ref, name in places.items())
            if key == "stock_location"
            else (),
            value=form.get(f"f-{key}", ""),
            wrong=key == wrong,
        )
        for key, text in GENERAL.items()
        if apply[key] and all(field.key != key for field in manifest.config)
    ]


_GENERAL_LABELS: Final[Mapping[str, str]] = {
    "public_url": mark("Public address of this hub"),
    "stock_location": mark("Where the hub writes stock"),
    "default_site": mark("Site of all other locations"),
    "sell_sites": mark("Sites it sells from"),
}


def host_of(address: str) -> str:
    """Return the host of a web address; empty where it is none."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return ""
    return host if parts.scheme in {"http", "https"} else ""
