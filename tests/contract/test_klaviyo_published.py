"""Every call that the connector can make is one that Klaviyo publishes, and the twin answers so."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.support.klaviyo_hub import SECRETS, URL, opened
from tests.support.leftout import SHARED
from tests.support.openapi import load_document, problems, reply_problems
from trueup.canon.command import ChangeLists, ChangeProfile, CommandContent, NoteActivity
from trueup.connectors.klaviyo import api, commands, hooks, pull
from trueup.connectors.klaviyo.call import REVISION
from trueup.connectors.klaviyo.event import TOPICS
from trueup.contract.connector import Command, Fetch, Hook, Request
from trueup.contract.loader import find_connectors
from trueup.contract.manifest import load_manifest
from trueup.kernel.money import Money

pytestmark = [pytest.mark.anyio, pytest.mark.shared]

SINCE = datetime(2026, 11, 1, tzinfo=UTC)
HOOK = Hook(ref="01H", topic="event:klaviyo.sent_sms", url=URL)
EMAIL, PHONE = "mara@buyers.example", "+494215550101"
CONTENTS: tuple[CommandContent, ...] = (
    ChangeProfile(
        email=EMAIL,
        phone=PHONE,
        external_ref="501",
        first_name="Mara",
        last_name="P",
        properties=(("size", "M"),),
    ),
    *(
        ChangeProfile(
            email=EMAIL,
            phone=PHONE,
            consents=tuple((medium, wanted, since) for medium in ("email", "sms", "whatsapp")),
        )
        for wanted, since in ((True, SINCE), (True, None), (False, None))
    ),
    NoteActivity(
        name="Parcel Delivered",
        occurred_at=SINCE,
        email=EMAIL,
        phone=PHONE,
        value=Money(Decimal("118.40"), "EUR"),
        properties=(("order_number", "P-1"),),
    ),
)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return load_document(SHARED / "specs/klaviyo/stable.json.gz")


def command(content: CommandContent) -> Command:
    return Command(kind=content.command, key="k", ref="cmd-1", content=content, wanted_at=SINCE)


def every_request() -> list[Request]:
    found = [api.check_request(), hooks.list_request(None), hooks.delete_request(HOOK)]
    found += [hooks.create_request(topic, URL) for topic in TOPICS]
    for resource in ("profiles", "events"):
        for since, cursor in ((None, None), (SINCE, None), (SINCE, "bmV4dA==")):
            found.append(pull.page_request(resource, since, cursor))
        found.append(pull.fetch_request(Fetch(resource=resource, ref="01P")))
    for content in CONTENTS:
        found.append(commands.command_request(command(content), "key"))
        if not isinstance(content, ChangeProfile) or content.consents:
            found.append(commands.confirm_request(command(content), "cmd-1"))
    return [api.authorise(request, SECRETS) for request in found]


def test_the_revision_is_the_published_one(document: dict[str, Any]) -> None:
    folder = find_connectors()["klaviyo"].folder
    assert document["info"]["version"] == REVISION
    assert load_manifest(folder / "manifest.toml").api.version == REVISION


def test_every_request_is_one_that_klaviyo_publishes(document: dict[str, Any]) -> None:
    requests = every_request()
    wrong = {f"{r.method} {r.path}": found for r in requests if (found := problems(document, r))}
    paths = {(r.method, r.path.partition("?")[0]) for r in requests}
    print(f"\n{len(requests)} requests of {len(paths)} operations")
    assert wrong == {}


def test_a_wrong_request_would_be_found(document: dict[str, Any]) -> None:
    request = commands.command_request(command(CONTENTS[-1]), "key")
    body = request.body.replace(b'"value":118.40', b'"value":"118.40"')
    spoilt = api.authorise(msgspec.structs.replace(request, body=body), SECRETS)
    assert len(problems(document, spoilt)) == 1
    page = pull.page_request("profiles", SINCE, None)
    sorted_by = page.path.replace("sort=updated", "sort=changed")
    spoilt = api.authorise(msgspec.structs.replace(page, path=sorted_by), SECRETS)
    assert len(problems(document, spoilt)) == 1


async def test_the_twin_answers_in_the_published_shape(document: dict[str, Any]) -> None:
    vendor, hub = opened()
    await hub.ask(api.check_request())
    await hub.subscribe()
    for content in CONTENTS:
        await hub.carry_out(command(content))
        vendor.account.settle()
    profile, _ = vendor.account.upsert({"email": "jon@buyers.example"})
    vendor.account.suppress(profile["id"], "HARD_BOUNCE")
    for resource in ("profiles", "events"):
        await hub.poll(resource)
        await hub.ask(pull.fetch_request(Fetch(resource=resource, ref="01GONE")))
    for content in CONTENTS[1:]:
        await hub.confirm(command(content))
    await hub.ask(pull.fetch_request(Fetch(resource="profiles", ref=profile["id"])))
    await hub.ask(
        pull.fetch_request(Fetch(resource="events", ref=next(iter(vendor.account.events))))
    )
    refused = ChangeProfile(email="mara@nowhere", first_name="M")
    await hub.carry_out(command(refused))
    one, other = (vendor.account.new_list() for _ in range(2))
    for email, joined, left in (
        *((EMAIL, one, other), (EMAIL, other, one)),
        *(("new@buyers.example", one, other), (EMAIL, "GONE01", one)),
    ):
        await hub.steps(command(ChangeLists(email=email, joined=(joined,), left=(left,))))
    listed, _ = hooks.listed(await hub.ask(hooks.list_request(None)))
    await hub.ask(hooks.delete_request(listed[0]))
    wrong: dict[str, list[str]] = {}
    for request, reply in hub.asked:
        assert problems(document, request) == []
        if found := reply_problems(document, request, reply):
            wrong[f"{request.method} {request.path} {reply.status}"] = found
    print(f"\n{len(hub.asked)} replies held; statuses {sorted({r.status for _, r in hub.asked})}")
    assert wrong == {}
    paths = {request.path.partition("?")[0] for request, _ in hub.asked}
    assert any(path.endswith("/relationships/profiles") for path in paths)
    assert {200, 201, 202, 204, 400, 404} <= {reply.status for _, reply in hub.asked}
