"""WooCommerce's reference: which calls it describes with which parameters, and its sample bodies."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from tests.support.leftout import SHARED
from trueup.contract.connector import Request

FOLDER = SHARED / "specs" / "woocommerce" / "wp-api-v3"
_SECTION = re.compile(r"(?m)^## ")
_PARTS = re.compile(r'<i class="label label-(\w+)">\w+</i>\s*<h6>([^<]+(?:&lt;[^<]*)*)</h6>')
_ROW = re.compile(r"(?m)^\|\s*`([^`]+)`\s*\|[^|]*\|([^\n]*)\|\s*$")
# Of WordPress itself, on every route: its own handbook describes it.
_EVERYWHERE = frozenset(("_fields",))


class Described(msgspec.Struct, frozen=True):
    """One call of the reference; parameters with their choices, where it lists them."""

    method: str
    path: re.Pattern[str]
    parameters: dict[str, frozenset[str]]


def described() -> list[Described]:
    """Read every call that the reference describes."""
    found = []
    for path in sorted(FOLDER.glob("_*.md")):
        text = path.read_text(encoding="utf-8")
        for section in _SECTION.split(text):
            _, _, table = section.partition("#### Available parameters ####")
            parameters = {name: _choices(row) for name, row in _ROW.findall(table)}
            found += [
                Described(method.upper(), _pattern(route), parameters)
                for method, route in _PARTS.findall(section)
            ]
    return found


def problems(calls: list[Described], request: Request) -> list[str]:
    """Return what the reference does not describe of a request."""
    parts = urlsplit(request.path)
    fitting = [
        call
        for call in calls
        if call.method == request.method and call.path.fullmatch(f"/wp-json{parts.path}")
    ]
    if not fitting:
        return [f"no call {request.method} {parts.path}"]
    known = fitting[0].parameters
    found = []
    for name, value in parse_qsl(parts.query):
        if name in _EVERYWHERE or (request.method == "DELETE" and name == "force"):
            continue
        if name not in known:
            found.append(f"no parameter {name}")
        elif known[name] and value not in known[name]:
            found.append(f"{name} is {value}, and not one of {sorted(known[name])}")
    return found


def bodies(*names: str) -> Iterator[dict[str, Any]]:
    """Give every object that the samples of these pages answer with; lists one by one."""
    for name in names:
        text = (FOLDER / f"_{name}.md").read_text(encoding="utf-8")
        for sample in re.findall(r"```json\n(.*?)```", text, re.DOTALL):
            yield from _objects(json.loads(sample))


def _objects(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for each in value:
            yield from _objects(each)
    elif isinstance(value, dict) and "id" in value:
        yield value
    elif isinstance(value, dict):
        for name in ("create", "update", "delete"):
            yield from _objects(value.get(name, []))


def _pattern(route: str) -> re.Pattern[str]:
    parts = re.split(r"&lt;\w+&gt;", route.strip())
    return re.compile("[^/]+".join(re.escape(part) for part in parts))


def _choices(row: str) -> frozenset[str]:
    _, found, options = row.partition("Options:")
    if not found:
        return frozenset()
    return frozenset(re.findall(r"`([^`]+)`", options.partition("Default")[0]))
