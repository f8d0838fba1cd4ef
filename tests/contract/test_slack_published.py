"""Slack's own documents: every request is one it describes, and its events map without a rest."""

import json
from collections import Counter
from typing import Any

import msgspec
import pytest

from tests.support.leftout import SHARED
from tests.support.openapi import load_document, problems
from tests.unit.connectors.slack.posts import WANTED_AT, command
from trueup.connectors.slack import api, commands, mapping, webhook
from trueup.contract.connector import Request, Source

pytestmark = pytest.mark.shared
FOLDER = SHARED / "specs" / "slack"
# Of the document, which Slack archived in 2021; both are on its pages of today.
LATER = ("metadata", "include_all_metadata")


def described(request: Request) -> list[str]:
    """Return what the document objects to, besides what came after it."""
    sent = api.authorise(request, {"bot_token": "xoxb-1"})
    # The document of 2021 has the token in a header or query of this name; we use Bearer.
    sent = msgspec.structs.replace(sent, headers=(*sent.headers, ("token", "xoxb-1")))
    document = load_document(FOLDER / "web-api" / "slack_web_openapi_v2.json.gz")
    found = problems(document, sent)
    return [each for each in found if not any(name in each for name in LATER)]


def test_every_request_is_one_that_slack_describes() -> None:
    full = {
        "subject": "Low stock",
        "template": "decision",
        "variables": ("https://hub.example/d/7",),
        "reply_to_ref": "C07ORDERS:1772532000.000100",
    }
    sent = [
        api.check_request(),
        commands.command_request(command(), "key"),
        commands.command_request(command(**full), "key"),
        commands.find_request(command(), "key"),
        commands.find_request(command(**full), "key"),
    ]
    assert {request.path: described(request) for request in sent} == {
        request.path: [] for request in sent
    }
    wrong = msgspec.structs.replace(sent[1], body=b"text=x&link_names=perhaps")
    assert described(wrong)


def example(document: Any, schema: Any, name: str = "") -> Any:
    """Return the plainest value of a schema."""
    schema = schema if isinstance(schema, dict) else {}
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].split("/")[-1]]
    kinds = schema.get("type", "object" if "properties" in schema else "string")
    kind = kinds[0] if isinstance(kinds, list) else kinds
    if schema.get("enum"):
        return schema["enum"][0]
    if kind == "object":
        parts = schema.get("properties", {})
        return {key: example(document, value, key) for key, value in parts.items()}
    if kind == "array":
        return [example(document, schema.get("items", {}), name)]
    if name in {"ts", "event_ts", "deleted_ts", "thread_ts"}:
        return "1512085950.000216"
    plain = {"integer": 1512085950, "number": 1, "boolean": True, "null": None}
    return plain.get(kind, "C0EXAMPLE")


def body_of(document: Any, name: str) -> bytes:
    """Return an event of a topic; what the document leaves open about a message is filled in."""
    body = example(document, document["topics"][name]["subscribe"]["payload"])
    event = body["event"] if isinstance(body.get("event"), dict) else {}
    is_message = name.startswith("message")
    event["type"] = "message" if is_message else name.replace(".", "_")
    if is_message:
        event |= {"channel": "C0EXAMPLE", "event_ts": "1512085950.000216"}
        event.setdefault("ts", "1512085950.000216")
        event.pop("subtype", None)
        if "deleted_ts" in event:
            event["subtype"] = "message_deleted"
    return json.dumps(body | {"event": event}).encode()


def test_every_event_of_the_document_is_handled() -> None:
    document = json.loads((FOLDER / "events-api" / "slack_events_api_async_v1.json").read_bytes())
    counted: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    for name in sorted(document["topics"]):
        raw = body_of(document, name)
        found = webhook.identify({}, raw)
        source = Source(topic=found.topic, body=raw, received_at=WANTED_AT)
        mapped = mapping.map_source(source)
        codes.update(issue.code for issue in mapped.issues)
        told = "mapped" if mapped.records else "issue" if mapped.issues else "ignored"
        counted[told if mapped.records or mapped.issues or mapped.ignored else "unhandled"] += 1
        for record in mapped.records:
            assert record.entity() == found.entity
    print(f"\nvendor  bodies  {'  '.join(counted)}  issues by code  unhandled")
    print(f"slack   {sum(counted.values())}      {dict(counted)}  {dict(codes)}  0")
    assert counted["unhandled"] == 0
    assert counted["mapped"] >= 5
    assert set(codes) <= {"connection.uninstalled", "slack.subtype_unknown"}
