"""Read the values of query strings and form bodies as an OpenAPI document means them."""

import re
from typing import Any, Protocol
from urllib.parse import parse_qsl

_SEPARATORS = {"csv": ",", "ssv": " ", "tsv": "\t", "pipes": "|"}


class Walked(Protocol):
    """What is needed of a document here."""

    def at(self, pointer: str) -> Any: ...
    def follow(self, pointer: str) -> str: ...
    def is_valid(self, pointer: str, value: Any) -> bool: ...


def pairs_of(text: str) -> list[tuple[str, str]]:
    """Return names and values in order; an empty value is one."""
    return parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))


def nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Return a form with brackets as values: `a[b]=1&c[]=2&c[]=3&d[0][e]=4`."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        head, *rest = re.findall(r"^[^\[]+|\[[^\]]*\]", name)
        keys = [head, *(key[1:-1] for key in rest)]
        node = root
        for place, key in enumerate(keys[:-1]):
            node = node.setdefault(key, {})
            assert isinstance(node, dict), f"{name} is both a value and a group ({keys[:place]})"
        last = keys[-1] or str(len(node))
        assert last not in node, f"{name} stands twice"
        node[last] = value
    return root


def parameter_value(
    parameter: dict[str, Any], name: str, given: list[tuple[str, str]], *, is_swagger: bool
) -> tuple[set[str], Any]:
    """Return the names that were used, and the raw value by the parameter's style (None: absent).

    A name with brackets that is declared as it stands ("page[size]") is a name like any other.
    """
    values = [value for key, value in given if key == name]
    if not values and not is_swagger and parameter.get("style") == "deepObject":
        group = [(key, value) for key, value in given if key.startswith(f"{name}[")]
        return {key for key, _ in group}, (nested(group)[name] if group else None)
    if not values:
        return set(), None
    schema = parameter if is_swagger else parameter.get("schema", {})
    if schema.get("type") != "array":
        # A name that stands twice is a list, to which a schema of one value will object.
        return {name}, values[0] if len(values) == 1 else values
    if is_swagger:
        way = parameter.get("collectionFormat", "csv")
        return {name}, values if way == "multi" else values[0].split(_SEPARATORS[way])
    explode = parameter.get("explode", parameter["in"] == "query")
    separator = {"spaceDelimited": " ", "pipeDelimited": "|"}.get(parameter.get("style", ""), ",")
    return {name}, values if explode else values[0].split(separator)


def coerce(spec: Walked, pointer: str, raw: Any) -> Any:
    """Return a value out of texts in the types that the schema at a pointer asks for.

    What can not be read as its type stays text, so that the schema objects to it.
    """
    pointer = spec.follow(pointer)
    schema = spec.at(pointer)
    for key in ("anyOf", "oneOf"):
        for index in range(len(schema.get(key, ()))):
            value = coerce(spec, f"{pointer}/{key}/{index}", raw)
            if spec.is_valid(f"{pointer}/{key}/{index}", value):
                return value
    for index in range(len(schema.get("allOf", ()))):
        raw = coerce(spec, f"{pointer}/allOf/{index}", raw)
    kinds = schema.get("type", "object" if "properties" in schema else "string")
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        value = _as_kind(spec, pointer, kind, raw)
        if value is not raw:
            return value
    return raw


def _as_kind(spec: Walked, pointer: str, kind: str, raw: Any) -> Any:
    if isinstance(raw, str):
        return _as_scalar(kind, raw)
    schema = spec.at(pointer)
    if kind == "array" and "items" in schema:
        items = list(raw.values()) if isinstance(raw, dict) else raw
        return [coerce(spec, f"{pointer}/items", item) for item in items]
    if kind == "object" and isinstance(raw, dict):
        return {key: _member(spec, pointer, key, value) for key, value in raw.items()}
    return raw


def _member(spec: Walked, pointer: str, key: str, raw: Any) -> Any:
    schema = spec.at(pointer)
    if key in schema.get("properties", {}):
        escaped = key.replace("~", "~0").replace("/", "~1")
        return coerce(spec, f"{pointer}/properties/{escaped}", raw)
    if isinstance(schema.get("additionalProperties"), dict):
        return coerce(spec, f"{pointer}/additionalProperties", raw)
    return raw


def _as_scalar(kind: str, raw: str) -> Any:
    if kind == "integer" and re.fullmatch(r"-?\d{1,20}", raw):
        return int(raw)
    if kind == "number" and re.fullmatch(r"-?\d{1,20}(\.\d{1,20})?", raw):
        return float(raw)
    if kind == "boolean" and raw in {"true", "false"}:
        return raw == "true"
    return raw
