"""Hold requests and replies against a vendor's published OpenAPI (3.x) or Swagger (2.0) document.

`problems` says what a vendor would refuse in a request of ours, `reply_problems` where a simulated
vendor answers otherwise than the real one says it does. An empty list means: nothing to object to.
The JSON-Schema part is openapi-schema-validator's; finding the operation, reading parameters by
their style and form bodies with brackets is ours.
"""

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml
from jsonschema import Draft4Validator, exceptions, validators
from openapi_schema_validator import (
    OAS30ReadValidator,
    OAS30WriteValidator,
    OAS31Validator,
    oas30_format_checker,
    oas31_format_checker,
)
from referencing import Registry, Resource, Specification

from tests.support.openapi_values import coerce, nested, pairs_of, parameter_value
from trueup.contract.connector import Reply, Request

_ROOT = "urn:document"
_NUMBER_OF_MESSAGES_MAX = 40
_CHOICES = frozenset(("anyOf", "oneOf", "allOf"))
_NULL = {"type": "string", "nullable": True, "enum": [None]}
# OpenAPI describes these by other means than parameters.
_HEADERS_APART = frozenset({"accept", "content-type", "authorization"})


@lru_cache(maxsize=64)
def load_document(path: Path | str) -> dict[str, Any]:
    """Read a document in JSON or YAML, compressed or not; keys are text, dates stay text."""
    path = Path(path)
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    name = path.name.removesuffix(".gz")
    loaded = json.loads(raw) if name.endswith(".json") else yaml.load(raw, _Yaml)  # noqa: S506 - a safe loader
    assert isinstance(loaded, dict), f"{path} holds no document"
    return _text_keys(loaded)


def problems(document: dict[str, Any], request: Request, *, base: str = "") -> list[str]:
    """Return what the document objects to in a request.

    Args:
        document: as `load_document` gives it.
        request: as it would be sent; authorised, where headers matter.
        base: what stands before the document's paths in the request's ("/api/v2"). Without it the
            paths of the document's own servers are tried, and none.
    """
    spec = _spec(document)
    parts = urlsplit(request.path)
    operation = spec.operation(request.method, parts.path, base)
    if operation is None:
        return [f"no operation {request.method} {parts.path}"]
    found = [*_parameter_problems(spec, operation, request, parts.query)]
    found += _body_problems(spec, operation, request)
    return found[:_NUMBER_OF_MESSAGES_MAX]


def reply_problems(
    document: dict[str, Any], request: Request, reply: Reply, *, base: str = ""
) -> list[str]:
    """Return where a reply is not what the document says of this call; as `problems`."""
    spec = _spec(document)
    path = urlsplit(request.path).path
    operation = spec.operation(request.method, path, base)
    if operation is None:
        return [f"no operation {request.method} {path}"]
    responses = f"{operation.pointer}/responses"
    names = spec.at(responses)
    status = str(reply.status)
    name = next((n for n in (status, f"{status[0]}XX", "default") if n in names), None)
    if name is None:
        return [f"status {status} is not described; described: {', '.join(names)}"]
    pointer = spec.follow(f"{responses}/{name}")
    schema = spec.content(pointer, reply.headers.get("content-type", "")) or (
        f"{pointer}/schema" if "schema" in spec.at(pointer) else None
    )
    if schema is None:
        return []
    try:
        value = json.loads(reply.body)
    except ValueError as fault:
        return [f"the body is not JSON: {fault}"]
    found = [f"body{text}" for text in spec.errors(schema, value, reading=True)]
    return found[:_NUMBER_OF_MESSAGES_MAX]


@lru_cache(maxsize=1)
def _specs() -> dict[int, "Spec"]:
    return {}


def _spec(document: dict[str, Any]) -> "Spec":
    """Return the document made ready, once: each holds its document, so that ids stay unique."""
    known = _specs()
    if id(document) not in known:
        known[id(document)] = Spec(document)
    return known[id(document)]


class Operation:
    """Where an operation stands in the document, and what the path's placeholders are."""

    def __init__(self, template: str, pointer: str, values: Mapping[str, str]) -> None:
        self.template, self.pointer, self.values = template, pointer, values


class Spec:
    """A document that can be walked by JSON pointers."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.source = document
        self.document = document if _is_31(document) else _settled(document, document)
        self.is_swagger = str(document.get("swagger", "")).startswith("2")
        self.is_31 = _is_31(document)
        # Opaque: an `id` inside the document is a property's name, never a schema's address.
        resource = Resource(contents=self.document, specification=Specification.OPAQUE)
        self.registry = Registry().with_resource(_ROOT, resource)

    def at(self, pointer: str) -> Any:
        """Return what stands at a pointer."""
        return _at(self.document, pointer)

    def follow(self, pointer: str) -> str:
        """Return the pointer at the end of a chain of references."""
        for _ in range(20):
            node = self.at(pointer)
            if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
                return pointer
            pointer = node["$ref"].removeprefix("#")
        raise AssertionError(f"references run in a circle at {pointer}")

    def errors(self, pointer: str, value: Any, *, reading: bool = False) -> Iterator[str]:
        """Give what the schema at a pointer objects to in a value."""
        if self.is_swagger:
            kind, formats = _SwaggerValidator, oas30_format_checker
        elif self.is_31:
            kind, formats = OAS31Validator, oas31_format_checker
        else:
            kind = OAS30ReadValidator if reading else OAS30WriteValidator
            formats = oas30_format_checker
        schema = {"$ref": f"{_ROOT}#{pointer}"}
        validator = kind(schema, registry=self.registry, format_checker=formats)
        for error in validator.iter_errors(value):
            deepest = exceptions.best_match([error]) or error
            yield f"{deepest.json_path.removeprefix('$')}: {deepest.message[:300]}"

    def is_valid(self, pointer: str, value: Any) -> bool:
        """Tell whether a value fits the schema at a pointer."""
        return next(self.errors(pointer, value), None) is None

    def operation(self, method: str, path: str, base: str) -> Operation | None:
        """Find the operation with the fewest placeholders that a call can mean."""
        found: list[tuple[int, Operation]] = []
        for prefix in [base] if base else self._bases():
            start = re.match(prefix, path) if not base else re.match(re.escape(base), path)
            if start is None:
                continue
            rest = path[start.end() :]
            for template, item in self.document.get("paths", {}).items():
                match = _template(template).fullmatch(rest)
                if match is None or method.lower() not in item:
                    continue
                pointer = f"/paths/{_escaped(template)}/{method.lower()}"
                names = re.findall(r"\{([^}]+)\}", template)
                values = dict(zip(names, map(unquote, match.groups()), strict=True))
                found.append((len(names), Operation(template, pointer, values)))
        return min(found, key=lambda pair: pair[0])[1] if found else None

    def parameters(self, operation: Operation) -> list[tuple[str, dict[str, Any]]]:
        """Return pointer and content of each parameter; the operation's win over the path's."""
        by_name: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {}
        for place in (operation.pointer.rpartition("/")[0], operation.pointer):
            for index in range(len(self.at(place).get("parameters", ()))):
                pointer = self.follow(f"{place}/parameters/{index}")
                parameter = self.at(pointer)
                by_name[parameter["in"], parameter["name"]] = (pointer, parameter)
        return list(by_name.values())

    def content(self, pointer: str, media_type: str) -> str | None:
        """Return the schema's pointer for a media type of a body or a response."""
        described = self.at(pointer).get("content", {})
        exact = media_type.partition(";")[0].strip().lower()
        ranges = [exact, f"{exact.partition('/')[0]}/*", "*/*"]
        for name in described:
            if name.partition(";")[0].strip().lower() in ranges and "schema" in described[name]:
                return f"{pointer}/content/{_escaped(name)}/schema"
        return None

    def _bases(self) -> list[str]:
        """Return patterns of what may stand before a path: what the servers say, and nothing."""
        servers = [str(server.get("url", "")) for server in self.document.get("servers", ())]
        paths = [re.sub(r"^[a-z]+://[^/]*", "", url) for url in servers]
        paths.append(str(self.document.get("basePath", "")))
        cut = {path.rstrip("/") for path in paths}
        return ["", *(_template(path).pattern for path in sorted(cut) if path)]


def _parameter_problems(
    spec: Spec, operation: Operation, request: Request, query: str
) -> Iterator[str]:
    given = {
        "query": pairs_of(query),
        "path": list(operation.values.items()),
        "header": [(name.lower(), value) for name, value in request.headers],
    }
    if any(name.lower() == "content-type" for name, _ in request.headers) and not request.body:
        yield "a content-type without a body"
    known: set[str] = set()
    for pointer, parameter in spec.parameters(operation):
        place, name = parameter["in"], parameter["name"]
        if place not in given or (place == "header" and name.lower() in _HEADERS_APART):
            continue
        wanted = name.lower() if place == "header" else name
        whole = parameter
        if "schema" in parameter:  # it may stand elsewhere in the document
            whole = parameter | {"schema": spec.at(spec.follow(f"{pointer}/schema"))}
        used, raw = parameter_value(whole, wanted, given[place], is_swagger=spec.is_swagger)
        known |= used if place == "query" else set()
        if raw is None:
            if parameter.get("required"):
                yield f"{place} parameter {name} is missing"
            continue
        schema = pointer if spec.is_swagger else f"{pointer}/schema"
        if not spec.is_swagger and "schema" not in parameter:
            continue  # described by a media type, which no vendor of ours uses
        value = coerce(spec, schema, raw)
        for text in spec.errors(schema, value):
            yield f"{place} parameter {name}{text}"
    yield from (
        f"unknown query parameter {name}"
        for name in dict.fromkeys(name for name, _ in given["query"])
        if name not in known
    )


def _body_problems(spec: Spec, operation: Operation, request: Request) -> Iterator[str]:
    headers = {name.lower(): value for name, value in request.headers}
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if spec.is_swagger:
        yield from _swagger_body_problems(spec, operation, request, media_type)
        return
    if "requestBody" not in spec.at(operation.pointer):
        if request.body:
            yield "the operation takes no body"
        return
    pointer = spec.follow(f"{operation.pointer}/requestBody")
    if not request.body and not spec.at(pointer).get("required"):
        return
    schema = spec.content(pointer, media_type)
    if schema is None:
        described = ", ".join(spec.at(pointer).get("content", {}))
        yield f"content-type {media_type or 'none'!r} is not described; described: {described}"
        return
    if media_type == "application/x-www-form-urlencoded":
        value = coerce(spec, schema, nested(pairs_of(request.body.decode())))
    else:
        try:
            value = json.loads(request.body)
        except ValueError as fault:
            yield f"the body is not JSON: {fault}"
            return
    for text in spec.errors(schema, value):
        yield f"body{text}"


def _swagger_body_problems(
    spec: Spec, operation: Operation, request: Request, media_type: str
) -> Iterator[str]:
    consumes = spec.at(operation.pointer).get("consumes", spec.document.get("consumes", []))
    if request.body and consumes and media_type not in [name.lower() for name in consumes]:
        yield f"content-type {media_type or 'none'!r} is not described; described: {consumes}"
    parameters = spec.parameters(operation)
    fields = [(p, q) for p, q in parameters if q["in"] == "formData"]
    bodies = [(p, q) for p, q in parameters if q["in"] == "body"]
    if bodies:
        pointer, parameter = bodies[0]
        if not request.body:
            if parameter.get("required"):
                yield "the body is missing"
            return
        try:
            value = json.loads(request.body)
        except ValueError as fault:
            yield f"the body is not JSON: {fault}"
            return
        for text in spec.errors(f"{pointer}/schema", value):
            yield f"body{text}"
    elif fields:
        yield from _field_problems(spec, fields, pairs_of(request.body.decode()))
    elif request.body:
        yield "the operation takes no body"


def _field_problems(
    spec: Spec, fields: list[tuple[str, dict[str, Any]]], given: list[tuple[str, str]]
) -> Iterator[str]:
    known: set[str] = set()
    for pointer, field in fields:
        used, raw = parameter_value(field, field["name"], given, is_swagger=True)
        known |= used
        if raw is None:
            if field.get("required"):
                yield f"body field {field['name']} is missing"
            continue
        for text in spec.errors(pointer, coerce(spec, pointer, raw)):
            yield f"body field {field['name']}{text}"
    yield from (f"unknown body field {name}" for name, _ in given if name not in known)


def _template(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^}]+\}", template)
    return re.compile("([^/]+)".join(map(re.escape, parts)))


def _escaped(key: str) -> str:
    """Write a key as one token of a JSON pointer inside an address."""
    return key.replace("~", "~0").replace("/", "~1").replace("%", "%25").replace(" ", "%20")


def _is_31(document: dict[str, Any]) -> bool:
    return str(document.get("openapi", "")).startswith("3.1")


def _at(document: Any, pointer: str) -> Any:
    for token in pointer.split("/")[1:]:
        key = unquote(token).replace("~1", "/").replace("~0", "~")
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document


def _settled(node: Any, document: dict[str, Any]) -> Any:
    """Return a part of a document before 3.1 in which each reference stands alone and leads on.

    Beside a reference nothing counts, by the standard; but where a tool cut a large document up
    it left `additionalProperties: false` there, which we mean to hold. A reference that leads out
    of a cut document becomes a schema that accepts everything. `nullable` beside a choice counts
    for nothing either without a type; those who write it mean it.
    """
    if isinstance(node, list):
        return [_settled(item, document) for item in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("$ref"), str):
        return _lone_reference(node, document)
    settled = {key: _settled(value, document) for key, value in node.items()}
    if settled.get("nullable") is True and _CHOICES & settled.keys() and "type" not in settled:
        return {"anyOf": [settled, _NULL]}
    return settled


def _lone_reference(node: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    reference = str(node["$ref"])
    try:
        target = _at(document, reference.removeprefix("#"))
    except (KeyError, IndexError, ValueError):
        return {}
    if node.get("additionalProperties") is False and "properties" in target:
        return {**_settled(target, document), "additionalProperties": False}
    return {"$ref": reference}


def _text_keys(node: Any) -> Any:
    if isinstance(node, dict):
        return {str(key): _text_keys(value) for key, value in node.items()}
    return [_text_keys(value) for value in node] if isinstance(node, list) else node


class _Yaml(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML in which a date is the text that stands there."""


_Yaml.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in _Yaml.yaml_implicit_resolvers.items()
}


def _swagger_type(validator: Any, types: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if (instance is None and schema.get("x-nullable")) or types == "file":
        return
    yield from Draft4Validator.VALIDATORS["type"](validator, types, instance, schema)


def _swagger_enum(validator: Any, enum: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if instance is None and schema.get("x-nullable"):
        return
    yield from Draft4Validator.VALIDATORS["enum"](validator, enum, instance, schema)


def _swagger_required(validator: Any, required: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if isinstance(required, list):  # a parameter's `required = true` is not a schema's word
        yield from Draft4Validator.VALIDATORS["required"](validator, required, instance, schema)


_SwaggerValidator = validators.extend(
    Draft4Validator,
    {"type": _swagger_type, "enum": _swagger_enum, "required": _swagger_required},
)
