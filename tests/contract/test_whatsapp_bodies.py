"""WhatsApp's bodies: each ends in records, named issues or a reason; templates are filled whole."""

import json
import re
from collections import Counter
from typing import Any

import pytest

from tests.support.whatsapp_bodies import deliveries, templates
from tests.unit.connectors.whatsapp.texts import WANTED_AT, command
from trueup.canon.issue import Severity
from trueup.canon.message import Message
from trueup.connectors.whatsapp import commands, mapping, webhook
from trueup.contract.connector import Source

pytestmark = pytest.mark.shared
_PLACE = re.compile(r"\{\{\w+\}\}")


def test_every_body_is_handled() -> None:
    counted: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    bodies = 0
    for name, body in deliveries():
        bodies += 1
        whole = webhook.identify({}, body)
        for piece in webhook.split(whole.topic, body):
            found = webhook.identify_piece(piece)
            source = Source(topic=piece.topic, body=piece.body, received_at=WANTED_AT)
            mapped = mapping.map_source(source)
            codes.update(issue.code for issue in mapped.issues)
            parked = any(issue.severity is Severity.ERROR for issue in mapped.issues)
            fates = (
                ("parked", parked),
                ("mapped", bool(mapped.records)),
                ("news", bool(mapped.issues)),
                ("ignored", mapped.ignored is not None),
            )
            counted[next((fate for fate, holds in fates if holds), "unhandled")] += 1
            for record in mapped.records:
                assert isinstance(record, Message)
                assert record.entity() == found.entity, name
    print("\nvendor    bodies  fates  issues by code  unhandled")
    print(f"whatsapp  {bodies}  {dict(counted)}  {dict(codes)}  {counted['unhandled']}")
    assert bodies >= 60
    assert counted["unhandled"] == 0
    assert counted["parked"] == 0


def places(template: dict[str, Any], kind: str) -> int:
    """Count the placeholders of a template's part."""
    parts = [part for part in template["components"] if part["type"] == kind]
    return sum(len(_PLACE.findall(part.get("text", ""))) for part in parts)


def button_places(template: dict[str, Any]) -> list[str]:
    """Return the numbers of the buttons whose address has a placeholder, as they are sent."""
    rows = [part["buttons"] for part in template["components"] if part["type"] == "BUTTONS"]
    return [
        str(number)
        for buttons in rows
        for number, button in enumerate(buttons)
        if _PLACE.search(str(button.get("url", "")))
    ]


def test_the_templates_of_the_examples_are_filled_as_they_are_made() -> None:
    filled = 0
    for name, template in templates():
        kinds = {part["type"] for part in template["components"]}
        if kinds - {"HEADER", "BODY", "FOOTER", "BUTTONS"}:
            continue  # carousels and offers have parts of their own, which are not sent
        variables = [
            *("header:x" for _ in range(places(template, "HEADER"))),
            *("x" for _ in range(places(template, "BODY"))),
            *(f"button{number}:x" for number in button_places(template)),
        ]
        sent = command(
            template=template["name"], language=template["language"], variables=tuple(variables)
        )
        body = json.loads(commands.command_request(sent, "key").body)["template"]
        parts = body.get("components", [])
        found = {
            kind: sum(len(part["parameters"]) for part in parts if part["type"] == kind)
            for kind in ("header", "body")
        }
        assert found == {"header": places(template, "HEADER"), "body": places(template, "BODY")}
        buttons = [part["index"] for part in parts if part["type"] == "button"]
        assert buttons == button_places(template), name
        assert (body["name"], body["language"]) == (
            template["name"],
            {"code": template["language"]},
        )
        filled += 1
    print(f"\nwhatsapp  {filled} templates filled")
    assert filled >= 3
