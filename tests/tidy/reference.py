"""The parts of the papers that are written from the code.

`make docs` writes them, `test_reference.py` fails where they are out of date. A part stands between
`<!-- written: name -->` and `<!-- end -->`; what stands around it is a person's.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
import typer.main

from tests.tidy.tree import ROOT
from trueup import errors
from trueup.cli.main import main
from trueup.config import ENVIRONMENT_PREFIX, Amounts, Config, render_default
from trueup.contract.loader import find_connectors
from trueup.contract.signature_scheme import (
    Asymmetric,
    BodyHmac,
    JoinedHmac,
    QueuePull,
    StaticToken,
    Unsigned,
    UrlParams,
)
from trueup.contract.vendor_signature import VENDOR_SIGNATURES
from trueup.decisions.contact.settings import ContactSettings
from trueup.decisions.contact.texts import read_texts
from trueup.decisions.rules import find_rules

FOLDER = ROOT / "docs" / "reference"

_PART = re.compile(r"(<!-- written: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

_FAMILIES = {
    BodyHmac: "HMAC of the body",
    JoinedHmac: "HMAC of several parts joined",
    Asymmetric: "the vendor's private key",
    UrlParams: "HMAC of our address and the sorted fields",
    StaticToken: "a fixed token",
    Unsigned: "nothing is signed",
    QueuePull: "pulled from a queue",
}


def fields_of(struct: type[msgspec.Struct], prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield (dotted name, type, default) of every field of the configuration."""
    for field in msgspec.structs.fields(struct):
        if isinstance(field.default, msgspec.Struct):
            yield from fields_of(type(field.default), f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", field.type, _default(field)


def write_config() -> str:
    rows = [
        f"| `{name}` | `{ENVIRONMENT_PREFIX}{name.upper().replace('.', '_')}` | {_kind(kind)} "
        f"| {'none' if default is None else f'`{default}`'} |"
        for name, kind, default in fields_of(Config)
        if name not in {"decisions", "contact", "texts"}  # read where they are used
    ]
    rows += [
        f"| `contact.{name}` | | {_kind(kind)} | {'none' if default is None else f'`{default}`'} |"
        for name, kind, default in fields_of(ContactSettings)
    ]
    rows += [
        f"| `decisions.{rule}.{name}` | | {_kind(kind)} | `{default}` |"
        for rule, each in find_rules().items()
        for name, kind, default in fields_of(each.settings)
    ]
    table = ["| field | environment | what it takes | default |", "|---|---|---|---|", *rows]
    return "\n".join(table) + f"\n\n```toml\n{render_default()}```\n"


def write_texts() -> str:
    """Return every text that customers are told, with what it may name."""
    parts = []
    for name, named in read_texts({}).items():
        fields = ", ".join(f"`${field}`" for field in named.fields)
        parts.append(f"## {name}\n\n{named.says} It may name {fields}.\n")
        for language, text in named.languages.items():
            variables = ", ".join(f"`{field}`" for field in text.variables)
            template = f"Template `{text.template}`, its variables {variables}, in this order."
            parts.append(
                f"**{language}**: {text.subject}\n\n```text\n{text.text.strip()}\n```\n\n"
                f"Short, and the words of the WhatsApp template: {text.short}\n\n{template}\n"
            )
    return "\n".join(parts) + "\n"


def _default(field: Any) -> Any:
    """Return the default of a field; of a table that is not empty only the names in it."""
    if field.default is not msgspec.NODEFAULT:
        return field.default
    made = field.default_factory()
    return ", ".join(made) if isinstance(made, dict) and made else made


def _kind(kind: Any) -> str:
    """Say in words what a field takes."""
    origin = get_origin(kind)
    if origin is tuple:
        return f"list of {_kind(get_args(kind)[0])}"
    if origin in {dict, Mapping}:
        return f"table of {_kind(get_args(kind)[1])}"
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    if origin in {UnionType, Union}:
        return " or ".join(_kind(part) for part in get_args(kind) if part is not type(None))
    if origin is Annotated:
        inner, *metas = get_args(kind)
        bounds = [
            f"{sign} {getattr(meta, name)}"
            for meta in metas
            for name, sign in (("ge", "≥"), ("le", "≤"))
            if getattr(meta, name, None) is not None
        ]
        return " ".join([_kind(inner), *([f"({', '.join(bounds)})"] if bounds else [])])
    words = {int: "whole number", float: "number", str: "text", bool: "flag"}
    words |= {Path: "path", date: "day", Amounts: "table of amounts by currency"}
    return "table" if issubclass(kind, msgspec.Struct) else words[kind]


def write_signatures() -> str:
    rows = []
    for name, known in sorted(VENDOR_SIGNATURES.items()):
        scheme = known.scheme
        header = getattr(scheme, "header", "")
        signed = getattr(scheme, "join", "") or ("{body}" if isinstance(scheme, BodyHmac) else "")
        stamp = getattr(scheme, "stamp", None)
        window = f"-{stamp.past_s} s to +{stamp.future_s} s" if stamp is not None else ""
        algorithm = getattr(scheme, "algorithm", "")
        coded = getattr(scheme, "encoding", "")
        rows.append(
            f"| `{name}` | {_FAMILIES[type(scheme)]} | {_code(header)} | {_code(signed)} "
            f"| {' '.join(filter(None, [algorithm, coded]))} | {window} | {known.evidence} |"
        )
    head = "| name | family | header | signed bytes | how | window | evidence |"
    return "\n".join([head, "|---|---|---|---|---|---|---|", *rows]) + "\n"


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`" if text else ""


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command of `trueup` with its full name."""

    def walk(command: Any, name: str) -> Iterator[tuple[str, Any]]:
        if not hasattr(command, "list_commands"):
            yield name, command
            return
        for child in command.list_commands(None):
            yield from walk(command.get_command(None, child), f"{name} {child}")

    yield from walk(typer.main.get_command(main), "trueup")


def write_commands() -> str:
    rows = []
    for name, command in sorted(commands()):
        usage = [name]
        options = []
        for param in command.params:
            if getattr(param, "hidden", False):
                continue
            if param.param_type_name == "argument":
                word = str(param.name).replace("_", "-")
                usage.append(f"<{word}>" if param.required else f"[{word}]")
            else:
                options.append(f"`{max(param.opts, key=len)}`")
        words = (command.help or "").strip().split("\n\n")[0].replace("\n", " ").replace("|", "\\|")
        rows.append(f"| `{' '.join(usage)}` | {words} | {' '.join(options)} |")
    head = ["| command | what it does | options |", "|---|---|---|"]
    return "\n".join(head + sorted(rows)) + "\n"


def errors_of(root: type[errors.HubError] = errors.HubError) -> list[type[errors.HubError]]:
    """Return the errors of the tree, parents first."""
    children = [c for c in root.__subclasses__() if c.__module__ == errors.__name__]
    return [root, *(error for child in children for error in errors_of(child))]


def write_errors() -> str:
    rows = [
        f"| `{error.code}` | {(error.__doc__ or '').strip().splitlines()[0]} | {error.fate} |"
        for error in errors_of()
    ]
    return "\n".join(["| code | says by itself | fate |", "|---|---|---|", *rows]) + "\n"


def write_connectors() -> str:
    """Return what each connector reads, hears and does, and the level below which it may not fall."""
    floors = tomllib.loads((ROOT / "tests/contract/levels.toml").read_text(encoding="utf-8"))
    rows = []
    for folder in find_connectors().values():
        manifest = folder.manifest
        heard = "" if manifest.webhook is None else _heard(manifest.webhook)
        reads = ", ".join(each.resource.replace("_", " ") for each in manifest.pull)
        files = ", ".join(f"`{each.format}`" for each in manifest.files)
        does = "<br>".join(
            f"`{each.name}` ({_ONCE[each.idempotency]})" for each in manifest.actions
        )
        until = f", until {manifest.api.sunset_on}" if manifest.api.sunset_on else ""
        rows.append(
            f"| [{manifest.name}](../../src/trueup/connectors/{folder.id}/README.md) "
            f"| {manifest.kind} | {floors.get(folder.id, '')} | {reads or files} | {heard} | {does} "
            f"| {manifest.api.version}{until} |"
        )
    head = "| system | kind | level | reads | hears | does | interface |"
    return "\n".join([head, "|---|---|---|---|---|---|---|", *rows]) + "\n"


def _heard(webhook: Any) -> str:
    schemes = (
        webhook.signature if isinstance(webhook.signature, list | tuple) else [webhook.signature]
    )
    names = [each if isinstance(each, str) else _FAMILIES[type(each)] for each in schemes]
    return ", ".join(f"`{name}`" for name in names)


_ONCE = {
    "key": "the vendor keeps our key",
    "absolute": "sets a value",
    "compare": "the vendor compares first",
    "lookup": "looked for before a repeat",
    "none": "never repeated by itself",
}


PARTS: dict[str, Callable[[], str]] = {
    "config": write_config,
    "texts": write_texts,
    "signatures": write_signatures,
    "commands": write_commands,
    "errors": write_errors,
    "connectors": write_connectors,
}


def written(text: str) -> str:
    """Return a page with its parts written anew."""
    return _PART.sub(lambda match: match[1] + "\n" + PARTS[match[2]]() + "\n" + match[3], text)


def pages() -> list[Path]:
    return sorted(FOLDER.glob("*.md"))


if __name__ == "__main__":
    for page in pages():
        text = page.read_text(encoding="utf-8")
        if (fresh := written(text)) != text:
            page.write_text(fresh, encoding="utf-8")
            print(f"wrote {page.relative_to(ROOT)}")
