"""Goal: what is sent is exact, what can not be said is refused, and replies are judged soundly."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from trueup.canon.command import (
    ChangeLists,
    ChangeProfile,
    CommandContent,
    NoteActivity,
    SendMessage,
)
from trueup.connectors.klaviyo import api, commands, hooks, pull
from trueup.connectors.klaviyo.event import TOPICS
from trueup.contract.connector import Command, Fetch, ReceiptState, Reply
from trueup.errors import AuthExpired, ContractBroken, RateLimited, Refused, Unavailable
from trueup.kernel.money import Money

AT = datetime(2026, 11, 21, 10, 30, 15, 999, tzinfo=UTC)
EMAIL = "mara@buyers.example"
PHONE = "+494215550101"


def command(content: CommandContent, ref: str = "cmd-1") -> Command:
    return Command(kind=content.command, key="k", ref=ref, content=content, wanted_at=AT)


def sent(content: CommandContent) -> Any:
    request = commands.command_request(command(content), "key")
    assert request.writes
    return msgspec.json.decode(request.body)


def reply(status: int, body: object = b"", **headers: str) -> Reply:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Reply(status=status, headers=headers, body=raw)


def fault(code: str, pointer: str = "", status: int = 400) -> Reply:
    told = {"id": "1", "code": code, "title": "t", "detail": "d", "source": {"pointer": pointer}}
    return reply(status, {"errors": [told]})


def note(**more: Any) -> NoteActivity:
    content = NoteActivity(name="Parcel Delivered", occurred_at=AT, email=EMAIL)
    return msgspec.structs.replace(content, **more)


# -- commands ------------------------------------------------------------------------------------


def test_an_activity_is_sent_with_our_name_and_to_the_last_digit() -> None:
    content = note(value=Money(Decimal("0.10"), "EUR"), properties=(("order_number", "P-1"),))
    request = commands.command_request(command(content), "key")
    assert b'"value":0.10,' in request.body
    about = msgspec.json.decode(request.body)["data"]["attributes"]
    assert about["unique_id"] == "cmd-1"
    assert about["properties"] == {"order_number": "P-1", "trueup_ref": "cmd-1"}
    assert about["time"] == "2026-11-21T10:30:15Z"
    assert about["value_currency"] == "EUR"
    assert request.scope == "activity.note"
    assert request == commands.command_request(command(content), "another key")


def test_a_profile_is_set_with_what_is_given_alone() -> None:
    told = sent(ChangeProfile(external_ref="501", first_name="", properties=(("size", "M"),)))
    assert told["data"]["attributes"] == {
        "external_id": "501",
        "first_name": "",
        "properties": {"size": "M"},
    }
    named = sent(ChangeProfile(email=EMAIL, phone=PHONE, last_name="P"))
    assert named["data"]["attributes"] == {
        "email": EMAIL,
        "phone_number": PHONE,
        "last_name": "P",
    }


def test_consent_with_its_time_is_believed_at_once() -> None:
    since = AT - timedelta(days=1)
    consents = (("email", True, since), ("sms", True, since))
    told = sent(ChangeProfile(email=EMAIL, phone=PHONE, consents=consents))["data"]
    assert told["type"] == "profile-subscription-bulk-create-job"
    assert told["attributes"]["historical_import"] is True
    (profile,) = told["attributes"]["profiles"]["data"]
    marketing = {"consent": "SUBSCRIBED", "consented_at": "2026-11-20T10:30:15Z"}
    assert profile["attributes"]["subscriptions"] == {
        "email": {"marketing": marketing},
        "sms": {"marketing": marketing},
    }


def test_consent_without_a_time_leaves_it_to_the_account_to_ask() -> None:
    told = sent(ChangeProfile(email=EMAIL, consents=(("email", True, None),)))["data"]
    assert "historical_import" not in told["attributes"]
    assert "relationships" not in told


def test_to_unsubscribe_has_no_time_and_no_list() -> None:
    told = sent(ChangeProfile(phone=PHONE, consents=(("whatsapp", False, AT),)))["data"]
    assert told["type"] == "profile-subscription-bulk-delete-job"
    assert set(told["attributes"]) == {"profiles"}
    (profile,) = told["attributes"]["profiles"]["data"]
    wanted = {"whatsapp": {"marketing": {"consent": "UNSUBSCRIBED"}}}
    assert profile["attributes"]["subscriptions"] == wanted


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (SendMessage(to=EMAIL), "and notes activities"),
        (ChangeProfile(first_name="M"), "give one"),
        (ChangeLists(joined=("L1",)), "give one"),
        (ChangeLists(email='a"b@c.example', joined=("L1",)), "quotes"),
        (ChangeLists(email=EMAIL, joined=("a/b",)), "none of Klaviyo's"),
        (ChangeLists(email=EMAIL, left=("",)), "none of Klaviyo's"),
        (ChangeProfile(phone="0421 555"), "E.164"),
        (ChangeProfile(email='a"b@c.example'), "quotes"),
        (ChangeProfile(email="a\n@c.example"), "quotes"),
        (ChangeProfile(email=EMAIL, properties=(("$value", "1"),)), "keeps for itself"),
        (ChangeProfile(email=EMAIL, properties=(("trueup_ref", "1"),)), "keeps for itself"),
        (ChangeProfile(email=EMAIL, properties=(("a", "x" * 50_001),)), "longer"),
        (
            ChangeProfile(email=EMAIL, properties=tuple((f"p{n}", "") for n in range(391))),
            "at most",
        ),
        (ChangeProfile(email=EMAIL, first_name="M", consents=(("email", True, AT),)), "fields"),
        (
            ChangeProfile(
                email=EMAIL, phone=PHONE, consents=(("email", True, AT), ("sms", False, AT))
            ),
            "different jobs",
        ),
        (
            ChangeProfile(
                email=EMAIL, phone=PHONE, consents=(("email", True, AT), ("sms", True, None))
            ),
            "each medium",
        ),
        (ChangeProfile(email=EMAIL, consents=(("fax", True, AT),)), "takes consent for"),
        (ChangeProfile(email=EMAIL, consents=(("sms", True, AT),)), "needs its phone_number"),
        (note(email=None), "by e-mail or phone"),
        (note(name="  "), "has a name"),
        (note(occurred_at=datetime(1999, 12, 31, tzinfo=UTC)), "year 2000"),
        (note(occurred_at=AT + timedelta(days=366)), "a year from now"),
        (note(value=Money(Decimal(1), "euro")), "ISO 4217"),
    ],
)
def test_what_can_not_be_said_is_refused(content: CommandContent, why: str) -> None:
    with pytest.raises(Refused, match=why):
        commands.command_request(command(content), "key")


CONSENT = ChangeProfile(email=EMAIL, consents=(("email", True, AT),))
FIELDS = ChangeProfile(email=EMAIL, first_name="Mara")
PROFILE = {"data": {"type": "profile", "id": "01P", "attributes": {}}}


@pytest.mark.parametrize(
    ("content", "answer", "state", "ref"),
    [
        (CONSENT, reply(202), ReceiptState.SUBMITTED, "cmd-1"),
        (note(), reply(202), ReceiptState.SUBMITTED, "cmd-1"),
        (note(), reply(200, {}), ReceiptState.UNKNOWN, None),
        (FIELDS, reply(200, PROFILE), ReceiptState.DONE, "01P"),
        (FIELDS, reply(201, PROFILE), ReceiptState.DONE, "01P"),
        (FIELDS, reply(200, b"<html>"), ReceiptState.UNKNOWN, None),
        (FIELDS, reply(400, b"<html>"), ReceiptState.UNKNOWN, None),
        (FIELDS, fault("duplicate_profile", status=409), ReceiptState.REFUSED, None),
        (note(), fault("invalid", "/data/attributes/profile"), ReceiptState.REFUSED, None),
        (note(), fault("never_heard_of"), ReceiptState.REFUSED, None),
    ],
)
def test_a_reply_says_what_came_of_it(
    content: CommandContent, answer: Reply, state: ReceiptState, ref: str | None
) -> None:
    receipt = commands.command_receipt(command(content), answer)
    assert (receipt.state, receipt.vendor_ref) == (state, ref)
    if state is ReceiptState.REFUSED:
        assert receipt.code
        assert receipt.message


def found(*words: str | None) -> Reply:
    profiles = [
        {
            "id": f"01P{number}",
            "attributes": {
                "subscriptions": {"email": {"marketing": {"consent": word}}} if word else None
            },
        }
        for number, word in enumerate(words)
    ]
    return reply(200, {"data": profiles})


@pytest.mark.parametrize(
    ("answer", "ref"),
    [
        (found("SUBSCRIBED"), "01P0"),
        (found(None, "SUBSCRIBED"), "01P1"),
        (found("UNSUBSCRIBED"), None),
        (found("NEVER_SUBSCRIBED"), None),
        (found(), None),
        (reply(200, {"data": [{"id": "01P", "attributes": {"subscriptions": {}}}]}), None),
        (reply(200, b"nonsense"), None),
        (fault("invalid"), None),
    ],
)
def test_consent_is_done_once_it_stands(answer: Reply, ref: str | None) -> None:
    receipt = commands.confirmed(command(CONSENT), answer)
    wanted = (ReceiptState.DONE, ref) if ref else (ReceiptState.SUBMITTED, "cmd-1")
    assert (receipt.state, receipt.vendor_ref) == wanted


def test_consent_is_asked_for_by_what_names_the_profile() -> None:
    by_email = commands.confirm_request(command(CONSENT), "cmd-1")
    assert "equals%28email%2C%22mara%40buyers.example%22%29" in by_email.path
    content = ChangeProfile(phone=PHONE, consents=(("sms", False, None),))
    by_phone = commands.confirm_request(command(content), "cmd-1")
    assert "equals%28phone_number%2C%22%2B494215550101%22%29" in by_phone.path
    assert "mara" not in repr(by_email)


@pytest.mark.parametrize(
    ("properties", "ref"),
    [
        ({"trueup_ref": "cmd-1"}, "E1"),
        ({"trueup_ref": "cmd-2"}, None),
        ({"trueup_ref": 7}, None),
        ({}, None),
        ("text", None),
    ],
)
def test_an_event_is_found_by_our_name(properties: object, ref: str | None) -> None:
    listed = {"data": [{"id": "E1", "attributes": {"event_properties": properties}}]}
    receipt = commands.confirmed(command(note()), reply(200, listed))
    wanted = (ReceiptState.DONE, ref) if ref else (ReceiptState.SUBMITTED, "cmd-1")
    assert (receipt.state, receipt.vendor_ref) == wanted
    bare = commands.confirmed(command(note()), reply(200, {"data": [{"id": "E1"}]}))
    assert bare.state is ReceiptState.SUBMITTED


LISTED = ChangeLists(email=EMAIL, joined=("L1", "L2"), left=("L3",))


def page(kind: str, *refs: str) -> Reply:
    return reply(200, {"data": [{"type": kind, "id": ref} for ref in refs]})


def test_lists_are_looked_at_and_only_what_differs_is_written() -> None:
    found, held, done = page("profile", "01P"), page("list", "L2", "L3", "L9"), reply(204)
    replies: list[Reply] = []
    told = []
    for answer in (found, held, done, done, page("list", "L1", "L2", "L9")):
        following = commands.next_request(command(LISTED), "key", replies) if replies else None
        request = following or commands.command_request(command(LISTED), "key")
        told.append((request.method, request.path.partition("?")[0], request.scope))
        assert request.writes == (request.method != "GET")
        replies.append(answer)
    assert told == [
        ("GET", "/api/profiles", "profiles"),
        ("GET", "/api/profiles/01P/relationships/lists", "list.change"),
        ("POST", "/api/lists/L1/relationships/profiles", "list.change"),
        ("DELETE", "/api/lists/L3/relationships/profiles", "list.change"),
        ("GET", "/api/profiles/01P/relationships/lists", "list.change"),
    ]
    assert commands.next_request(command(LISTED), "key", replies) is None
    receipt = commands.command_receipt(command(LISTED), replies[-1])
    assert (receipt.state, receipt.vendor_ref) == (ReceiptState.DONE, "L1")
    assert commands.next_request(command(note()), "key", [reply(202)]) is None


@pytest.mark.parametrize("answer", [reply(200, b"<html>"), reply(200, {"data": [{}]})])
def test_lists_that_can_not_be_read_are_never_written(answer: Reply) -> None:
    for replies in ([answer], [page("profile"), answer], [page("profile", "01P"), answer]):
        with pytest.raises(ContractBroken):
            commands.next_request(command(LISTED), "key", replies)
    with pytest.raises(ContractBroken):
        commands.command_receipt(command(LISTED), answer)
    assert commands.next_request(command(LISTED), "key", [fault("not_found", status=404)]) is None


# -- the line ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply(401), AuthExpired),
        (reply(403), Refused),
        (reply(410), Refused),
        (reply(418), Refused),
        (reply(404, b"<html>"), Refused),
        (reply(408), Unavailable),
        (reply(503), Unavailable),
        (reply(429, **{"retry-after": "7"}), RateLimited),
    ],
)
def test_a_reply_as_a_whole_is_judged(answer: Reply, error: type[Exception]) -> None:
    with pytest.raises(error):
        api.judge(answer)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7.0), ("soon", 2.0), ("-1", 2.0), ("nan", 2.0), ("inf", 2.0), ("1e9", 3600.0)],
)
def test_the_wait_is_the_vendors_and_bounded(text: str, seconds: float) -> None:
    with pytest.raises(RateLimited) as caught:
        api.judge(reply(429, **{"retry-after": text}))
    assert caught.value.after_s == seconds


def test_what_klaviyo_explains_is_left_to_who_asked() -> None:
    api.judge(fault("not_found", status=404))
    api.judge(reply(202))
    assert api.budget(reply(200)) is None


def test_every_call_names_the_revision_and_refuses_another() -> None:
    headers = dict(api.authorise(api.check_request(), {"api_key": "pk_1"}).headers)
    assert headers["revision"] == "2026-07-15"
    assert headers["x-klaviyo-revision-fall-forward-opt-out"] == "1"
    assert headers["authorization"] == "Klaviyo-API-Key pk_1"
    assert api.base_url({}) == "https://a.klaviyo.com"
    assert api.base_url({"api_base": "http://twin/"}) == "http://twin"


def test_the_check_learns_the_account() -> None:
    about = {
        "contact_information": {"organization_name": "Plum"},
        "timezone": "Europe/Berlin",
        "preferred_currency": "EUR",
        "test_account": True,
    }
    learnt = api.checked(reply(200, {"data": [{"id": "PLUM", "attributes": about}]}))
    assert learnt == {
        "account": "Plum",
        "account_id": "PLUM",
        "mode": "test",
        "currency": "EUR",
        "time_zone": "Europe/Berlin",
    }
    with pytest.raises(Refused, match="no account"):
        api.checked(reply(200, {"data": []}))
    with pytest.raises(ContractBroken):
        api.checked(reply(200, {"data": [{}]}))


def test_the_secret_goes_into_the_call_that_makes_the_webhook_alone() -> None:
    request = hooks.create_request(next(iter(TOPICS)), "https://hub.example/hooks/k")
    assert b"a secret" not in request.body
    made = api.authorise(request, {"api_key": "pk_1", "webhook_secret": 'a secret "quoted"'})
    told = msgspec.json.decode(made.body)["data"]["attributes"]
    assert told["secret_key"] == 'a secret "quoted"'
    with pytest.raises(Refused, match="webhook_secret"):
        api.authorise(request, {"api_key": "pk_1"})


def webhook(ref: str, topics: list[str], *, enabled: bool = True) -> dict[str, Any]:
    return {
        "id": ref,
        "attributes": {"endpoint_url": "https://hub.example/h", "enabled": enabled},
        "relationships": {"webhook-topics": {"data": [{"id": topic} for topic in topics]}},
    }


def test_one_webhook_carries_all_topics() -> None:
    topics = list(TOPICS)
    whole = reply(200, {"data": [webhook("W1", [*topics, "event:api.more"])]})
    listed, cursor = hooks.listed(whole)
    assert [hook.topic for hook in listed] == topics
    assert cursor is None
    assert hooks.created(whole).ref == "W1"
    assert hooks.created(reply(201, {"data": webhook("W2", topics)})).ref == "W2"
    later = hooks.create_request(topics[-1], "https://hub.example/h")
    assert (later.method, later.writes) == ("GET", False)
    assert hooks.delete_request(listed[0]).path == "/api/webhooks/W1"


@pytest.mark.parametrize(
    "odd",
    [webhook("W1", ["event:klaviyo.sent_sms"]), webhook("W1", list(TOPICS), enabled=False)],
)
def test_a_webhook_that_is_off_or_lacks_a_topic_is_made_again(odd: dict[str, Any]) -> None:
    answer = reply(200, {"data": [odd]})
    assert [hook.topic for hook in hooks.listed(answer)[0]] == [hooks.INCOMPLETE]
    with pytest.raises(Refused, match="not made"):
        hooks.created(answer)


def test_a_refusal_names_klaviyos_word_and_no_text() -> None:
    with pytest.raises(Refused, match="invalid /data/x"):
        hooks.created(fault("invalid", "/data/x"))
    with pytest.raises(Refused, match="no reason given"):
        hooks.created(reply(400, b"<html>"))


# -- pages ---------------------------------------------------------------------------------------


def test_a_page_of_profiles_asks_for_consent_and_for_what_changed() -> None:
    path = pull.page_request("profiles", AT, "next==").path
    for part in (
        "additional-fields%5Bprofile%5D=subscriptions",
        "filter=greater-than%28updated%2C2026-11-21T10%3A30%3A14Z%29",
        "sort=updated",
        "page%5Bcursor%5D=next%3D%3D",
    ):
        assert part in path
    assert "filter" not in pull.page_request("profiles", None, None).path
    assert "filter" not in pull.page_request("events", None, None).path
    at = "filter=greater-or-equal%28datetime%2C2026-11-21T10%3A30%3A15Z%29"
    assert at in pull.page_request("events", AT, None).path


def event(ref: str, *, profile: str | None = "P1") -> dict[str, Any]:
    relations: dict[str, Any] = {"metric": {"data": {"id": "M1"}}}
    if profile:
        relations["profile"] = {"data": {"id": profile}}
    about = {"datetime": "2026-11-20T10:00:00+00:00"}
    return {"type": "event", "id": ref, "attributes": about, "relationships": relations}


def test_an_event_stands_beside_its_own_metric_and_profile() -> None:
    included = [
        {"type": "metric", "id": "M1", "attributes": {"name": "Opened Email"}},
        {"type": "profile", "id": "P1", "attributes": {"email": EMAIL}},
    ]
    bare = event("E3")
    del bare["relationships"]
    data = [event("E1"), event("E2", profile="P2"), bare]
    page = pull.page("events", reply(200, {"data": data, "included": included}))
    told = [msgspec.json.decode(piece.body) for piece in page.pieces]
    assert [each["event"]["id"] for each in told] == ["E1", "E2", "E3"]
    assert [bool(each["metric"]) for each in told] == [True, True, False]
    assert [bool(each["profile"]) for each in told] == [True, False, False]
    assert page.latest_at == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert page.next_cursor is None
    single = pull.fetched(
        Fetch(resource="events", ref="E1"), reply(200, {"data": event("E1"), "included": included})
    )
    assert [piece.topic for piece in single.pieces] == ["fetch/event"]


def test_the_next_page_is_a_place_and_not_an_address() -> None:
    links = {"next": "https://evil.example/api/events/?page%5Bcursor%5D=abc%3D&sort=x"}
    page = pull.page("events", reply(200, {"data": [], "links": links}))
    assert page.next_cursor == "abc="
    assert page.latest_at is None
    odd = {"data": [], "links": {"next": "https://a.klaviyo.com/api/events/"}}
    with pytest.raises(ContractBroken, match="no cursor"):
        pull.page("events", reply(200, odd))


@pytest.mark.parametrize("body", [{"data": [{}]}, {"data": [7]}, {}, b"nonsense"])
def test_a_list_of_something_else_breaks_the_contract(body: object) -> None:
    for resource in ("profiles", "events"):
        with pytest.raises(ContractBroken):
            pull.page(resource, reply(200, body))


def test_what_is_gone_gives_no_piece_and_nothing_is_counted() -> None:
    gone = fault("not_found", status=404)
    assert pull.fetched(Fetch(resource="profiles", ref="01P"), gone).pieces == ()
    assert pull.count_request("profiles", None) is None
    with pytest.raises(Refused, match="does not count"):
        pull.count("profiles", reply(200))
    path = pull.fetch_request(Fetch(resource="profiles", ref="a/b")).path
    assert path.startswith("/api/profiles/a%2Fb?")
    assert pull.fetch_request(Fetch(resource="events", ref="E1")).scope == "all"
