"""Goal: what a vendor would refuse is found in a request, and what is right passes."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.openapi import load_document, problems, reply_problems
from trueup.contract.connector import Reply, Request

FORM = (("content-type", "application/x-www-form-urlencoded"),)
JSON = (("Content-Type", "application/json; charset=utf-8"),)

PLUM = {
    "openapi": "3.0.3",
    "servers": [{"url": "https://plum.example/shops/{shop}/v3"}],
    "paths": {
        "/crates": {
            "parameters": [{"$ref": "#/components/parameters/Edition"}],
            "get": {
                "parameters": [
                    {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 9}},
                    {
                        "name": "picked",
                        "in": "query",
                        "style": "deepObject",
                        "schema": {
                            "type": "object",
                            "properties": {"gte": {"type": "integer"}},
                            "additionalProperties": False,
                        },
                    },
                    {
                        "name": "ids",
                        "in": "query",
                        "explode": False,
                        "schema": {"type": "array", "items": {"type": "integer"}},
                    },
                    {
                        "name": "page[size]",
                        "in": "query",
                        "required": True,
                        "schema": {"type": "integer"},
                    },
                ],
                "responses": {
                    "200": {
                        "description": "crates",
                        "content": {
                            "application/json": {
                                "schema": {"$ref": "#/components/schemas/Crate", "title": "x"}
                            }
                        },
                    },
                    "4XX": {"description": "no"},
                },
            },
            "post": {
                "requestBody": {"$ref": "#/components/requestBodies/NewCrate"},
                "responses": {"201": {"description": "made"}},
            },
        },
        "/crates/{id}": {
            "get": {
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}
                ],
                "responses": {"200": {"description": "one"}},
            }
        },
        "/crates/empty": {"get": {"responses": {"200": {"description": "the empty ones"}}}},
    },
    "components": {
        "parameters": {
            "Edition": {
                "name": "X-Edition",
                "in": "header",
                "required": True,
                "schema": {"type": "string", "pattern": "^20"},
            }
        },
        "requestBodies": {
            "NewCrate": {
                "required": True,
                "content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/Crate"}},
                    "application/x-www-form-urlencoded": {
                        "schema": {
                            "type": "object",
                            "required": ["plums"],
                            "additionalProperties": False,
                            "properties": {
                                "plums": {"type": "integer"},
                                "ripe": {"type": "boolean"},
                                "expand": {"type": "array", "items": {"type": "string"}},
                                "notes": {
                                    "anyOf": [
                                        {
                                            "type": "object",
                                            "additionalProperties": {"type": "string"},
                                        },
                                        {"type": "string", "enum": [""]},
                                    ]
                                },
                                "rows": {
                                    "type": "array",
                                    "items": {
                                        "type": "object",
                                        "properties": {"qty": {"type": "integer"}},
                                    },
                                },
                            },
                        }
                    },
                },
            }
        },
        "schemas": {
            "Crate": {
                "type": "object",
                "required": ["plums"],
                "properties": {
                    "id": {"type": "integer", "readOnly": True},
                    "plums": {"type": "integer"},
                    "owner": {"type": "string", "nullable": True},
                    "picked_at": {"type": "string", "format": "date-time"},
                    "elsewhere": {"$ref": "#/components/schemas/CutAway"},
                    "twin": {
                        "nullable": True,
                        "anyOf": [{"type": "string"}, {"$ref": "#/components/schemas/Crate"}],
                    },
                    "kind": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
                },
            }
        },
    },
}

SWAGGER = {
    "swagger": "2.0",
    "basePath": "/old",
    "consumes": ["application/json"],
    "paths": {
        "/quinces": {
            "get": {
                "parameters": [
                    {
                        "name": "colours",
                        "in": "query",
                        "type": "array",
                        "required": True,
                        "items": {"type": "string", "enum": ["green", "yellow"]},
                    },
                    {
                        "name": "many",
                        "in": "query",
                        "type": "array",
                        "collectionFormat": "multi",
                        "items": {"type": "integer"},
                    },
                ],
                "responses": {"200": {"schema": {"$ref": "#/definitions/Quince"}}},
            },
            "post": {
                "parameters": [
                    {
                        "name": "body",
                        "in": "body",
                        "required": True,
                        "schema": {"$ref": "#/definitions/Quince"},
                    }
                ],
                "responses": {"200": {"description": "made"}},
            },
        },
        "/token": {
            "post": {
                "consumes": ["application/x-www-form-urlencoded"],
                "parameters": [
                    {"name": "grant", "in": "formData", "type": "string", "required": True},
                    {"name": "days", "in": "formData", "type": "integer"},
                ],
                "responses": {"200": {"description": "a token"}},
            }
        },
    },
    "definitions": {
        "Quince": {
            "type": "object",
            "required": ["grams"],
            "properties": {
                "grams": {"type": "number"},
                "label": {"type": "string", "x-nullable": True},
            },
        }
    },
}

EDITION = (("x-edition", "2026"),)


def get(path: str, headers: tuple[tuple[str, str], ...] = EDITION) -> Request:
    return Request(method="GET", path=path, headers=headers)


def post(path: str, body: bytes, headers: tuple[tuple[str, str], ...]) -> Request:
    return Request(method="POST", path=path, headers=(*EDITION, *headers), body=body)


def the_one(found: list[str], part: str) -> None:
    assert len(found) == 1, found
    assert part in found[0]


@pytest.mark.parametrize(
    "path",
    [
        "/crates?page%5Bsize%5D=3",
        "/crates?page[size]=3&limit=9&picked[gte]=17&ids=1,2,3",
        "/shops/north/v3/crates?page[size]=3",
        "https://plum.example/shops/north/v3/crates?page[size]=3",
        "/crates/17",
        "/crates/empty",
    ],
)
def test_a_right_query_passes(path: str) -> None:
    assert problems(PLUM, get(path)) == []


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/crates", "query parameter page[size] is missing"),
        ("/crates?page[size]=x", "not of type 'integer'"),
        ("/crates?page[size]=1&limit=10", "greater than the maximum"),
        ("/crates?page[size]=1&lmit=1", "unknown query parameter lmit"),
        ("/crates?page[size]=1&picked[gt]=1", "'gt' was unexpected"),
        ("/crates?page[size]=1&picked[gte]=x", "not of type 'integer'"),
        ("/crates?page[size]=1&ids=1,x", "not of type 'integer'"),
        ("/crates?page[size]=1&limit=1&limit=2", "not of type 'integer'"),
        ("/crates/x", "path parameter id"),
        ("/crates/17/plums", "no operation GET /crates/17/plums"),
        ("/boxes", "no operation"),
    ],
)
def test_a_wrong_query_is_found(path: str, part: str) -> None:
    the_one(problems(PLUM, get(path)), part)


def test_headers_are_held() -> None:
    the_one(
        problems(PLUM, get("/crates?page[size]=1", ())), "header parameter X-Edition is missing"
    )
    the_one(problems(PLUM, get("/crates?page[size]=1", (("X-EDITION", "1999"),))), "does not match")


def test_a_base_given_is_the_only_one() -> None:
    assert problems(PLUM, get("/api/crates/1"), base="/api") == []
    the_one(problems(PLUM, get("/crates/1"), base="/api"), "no operation")


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b'{"plums": 3, "owner": null, "picked_at": "2026-01-01T00:00:00Z"}', ""),
        (b'{"plums": 3, "elsewhere": {"any": "thing"}}', ""),
        (b'{"plums": 3, "twin": null}', ""),
        (b'{"plums": 3, "twin": {"plums": 1}}', ""),
        (b'{"plums": 3, "twin": 7}', "body.twin"),
        (b'{"plums": "3"}', "body.plums: '3' is not of type 'integer'"),
        (b'{"owner": "a"}', "'plums' is a required property"),
        (b'{"plums": 3, "picked_at": "yesterday"}', "is not a 'date-time'"),
        (b'{"plums": 3, "id": 7}', "body"),
        (b'{"plums": 3, "kind": []}', "body.kind"),
        (b'{"plums": 3', "the body is not JSON"),
    ],
)
def test_json_bodies_are_held(body: bytes, part: str) -> None:
    found = problems(PLUM, post("/crates", body, JSON))
    if part:
        the_one(found, part)
    else:
        assert found == []


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"plums=3&ripe=true&expand[]=a&expand[]=b&notes[a]=1&rows[0][qty]=2", ""),
        (b"plums=3&notes=", ""),
        (b"plums=3.5", "not of type 'integer'"),
        (b"plums=3&ripe=yes", "not of type 'boolean'"),
        (b"plums=3&notes=x", "body.notes"),
        (b"plums=3&rows[0][qty]=x", "body.rows[0].qty"),
        (b"plums=3&plumbs=4", "'plumbs' was unexpected"),
        (b"ripe=true", "'plums' is a required property"),
    ],
)
def test_form_bodies_are_held(body: bytes, part: str) -> None:
    found = problems(PLUM, post("/crates", body, FORM))
    if part:
        the_one(found, part)
    else:
        assert found == []


def test_a_body_needs_a_content_type_that_is_described() -> None:
    the_one(problems(PLUM, post("/crates", b"<a/>", (("content-type", "text/xml"),))), "text/xml")
    the_one(problems(PLUM, post("/crates", b'{"plums": 3}', ())), "content-type 'none'")


def test_a_body_where_none_is_taken_is_found() -> None:
    request = Request(method="GET", path="/crates/1", headers=(*EDITION, *JSON), body=b"{}")
    the_one(problems(PLUM, request), "takes no body")


def test_what_is_closed_beside_a_reference_stays_closed() -> None:
    """Documents that a tool cut up have `additionalProperties: false` beside the reference."""
    document: dict[str, Any] = json.loads(json.dumps(PLUM))
    content = document["components"]["requestBodies"]["NewCrate"]["content"]
    content["application/json"]["schema"]["additionalProperties"] = False
    assert problems(document, post("/crates", b'{"plums": 3}', JSON)) == []
    the_one(
        problems(document, post("/crates", b'{"plums": 3, "x": 1}', JSON)), "'x' was unexpected"
    )


@pytest.mark.parametrize(
    ("status", "body", "part"),
    [
        (200, b'{"id": 1, "plums": 3}', ""),
        (404, b"gone", ""),
        (200, b'{"id": "1", "plums": 3}', "body.id"),
        (200, b'{"id": 1}', "'plums' is a required property"),
        (200, b"nothing", "not JSON"),
        (301, b"", "status 301 is not described"),
    ],
)
def test_replies_are_held(status: int, body: bytes, part: str) -> None:
    reply = Reply(status=status, headers={"content-type": "application/json"}, body=body)
    found = reply_problems(PLUM, get("/crates"), reply)
    if part:
        the_one(found, part)
    else:
        assert found == []


@pytest.mark.parametrize(
    ("request_", "part"),
    [
        (get("/old/quinces?colours=green,yellow&many=1&many=2"), ""),
        (get("/quinces?colours=green"), ""),
        (get("/quinces?colours=green,blue"), "'blue' is not one of"),
        (get("/quinces?colours=green&many=x"), "not of type 'integer'"),
        (get("/quinces"), "query parameter colours is missing"),
        (post("/quinces", b'{"grams": 1.5, "label": null}', JSON), ""),
        (post("/quinces", b'{"grams": "1"}', JSON), "body.grams"),
        (post("/quinces", b"", ()), "the body is missing"),
        (post("/quinces", b'{"grams": 1}', FORM), "is not described"),
        (post("/token", b"grant=code&days=3", FORM), ""),
        (post("/token", b"days=3", FORM), "body field grant is missing"),
        (post("/token", b"grant=code&days=x", FORM), "not of type 'integer'"),
        (post("/token", b"grant=code&dayz=3", FORM), "unknown body field dayz"),
    ],
)
def test_swagger_is_held(request_: Request, part: str) -> None:
    found = problems(SWAGGER, request_)
    if part:
        the_one(found, part)
    else:
        assert found == []


def test_swagger_replies_are_held() -> None:
    right = Reply(status=200, headers={}, body=b'{"grams": 2, "label": null}')
    wrong = Reply(status=200, headers={}, body=b'{"grams": null}')
    assert reply_problems(SWAGGER, get("/quinces"), right) == []
    the_one(reply_problems(SWAGGER, get("/quinces"), wrong), "body.grams")


def test_openapi_3_1_knows_types_in_lists() -> None:
    schema = {"type": "object", "properties": {"a": {"type": ["integer", "null"]}}}
    document = {
        "openapi": "3.1.0",
        "paths": {
            "/a": {
                "post": {
                    "requestBody": {"content": {"application/json": {"schema": schema}}},
                    "responses": {},
                }
            }
        },
    }
    assert problems(document, post("/a", b'{"a": null}', JSON)) == []
    the_one(problems(document, post("/a", b'{"a": "x"}', JSON)), "body.a")


def test_documents_are_read_in_both_notations_compressed_or_not(tmp_path: Path) -> None:
    text = json.dumps(PLUM)
    (tmp_path / "a.json").write_text(text)
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(text.encode()))
    yml = (
        "openapi: 3.0.0\ninfo: {version: 2026-01-01}\npaths:\n  /a: {get: {responses: {200: {}}}}\n"
    )
    (tmp_path / "c.yml").write_text(yml)
    assert load_document(tmp_path / "a.json") == PLUM
    assert load_document(tmp_path / "b.json.gz") == PLUM
    loaded = load_document(tmp_path / "c.yml")
    assert loaded["info"]["version"] == "2026-01-01"
    assert list(loaded["paths"]["/a"]["get"]["responses"]) == ["200"]


def test_references_that_lead_in_a_circle_end() -> None:
    document = {
        "openapi": "3.0.0",
        "paths": {
            "/a": {
                "post": {
                    "requestBody": {
                        "content": {"application/json": {"schema": {"$ref": "#/components/t"}}}
                    },
                    "responses": {},
                }
            }
        },
        "components": {"t": {"type": "object", "properties": {"next": {"$ref": "#/components/t"}}}},
    }
    assert problems(document, post("/a", b'{"next": {"next": {}}}', JSON)) == []
    the_one(problems(document, post("/a", b'{"next": {"next": 1}}', JSON)), "body.next.next")
