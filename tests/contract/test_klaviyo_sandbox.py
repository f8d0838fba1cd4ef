"""The connector against the simulated Klaviyo: every way in, both ways out, faults and limits."""

import random
from datetime import timedelta
from decimal import Decimal

import httpx
import pytest

from tests.support.klaviyo_hub import KlaviyoHub, opened, told
from trueup.canon.activity import Activity
from trueup.canon.command import ChangeLists, ChangeProfile, CommandContent, NoteActivity
from trueup.canon.customer import Customer
from trueup.connectors.klaviyo import api, hooks, pull
from trueup.connectors.klaviyo.event import TOPICS
from trueup.contract.connector import Command, Fetch, ReceiptState
from trueup.contract.delivery import Delivery, Secret
from trueup.contract.signature import verify
from trueup.contract.vendor_signature import VENDOR_SIGNATURES
from trueup.errors import AuthExpired, RateLimited, Refused, SignatureInvalid, Unavailable
from trueup.kernel.money import Money
from trueup.sandbox.faults import ApiFault, WebhookFaults
from trueup.sandbox.klaviyo.vendor import KlaviyoVendor

pytestmark = pytest.mark.anyio

EMAIL = "mara@buyers.example"


def command(vendor: KlaviyoVendor, content: CommandContent, ref: str = "cmd-1") -> Command:
    return Command(kind=content.command, key="k", ref=ref, content=content, wanted_at=vendor.now())


def consent(vendor: KlaviyoVendor, *, wanted: bool = True) -> ChangeProfile:
    since = vendor.now() - timedelta(days=1) if wanted else None
    return ChangeProfile(email=EMAIL, consents=(("email", wanted, since),))


def note(vendor: KlaviyoVendor) -> NoteActivity:
    return NoteActivity(
        name="Parcel Delivered",
        occurred_at=vendor.now(),
        email=EMAIL,
        value=Money(Decimal("118.40"), "EUR"),
        properties=(("order_number", "P-1"),),
    )


def live(vendor: KlaviyoVendor, people: int = 12) -> None:
    """Let people come, agree, disagree, order, and become out of reach."""
    account = vendor.account
    for number in range(people):
        vendor.clock.advance(31)
        who = {"email": f"b{number}@buyers.example", "phone_number": f"+4917000{number:05}"}
        profile, _ = account.upsert(who | {"external_id": f"C{number}"})
        wanted = number % 3 != 0
        word = "SUBSCRIBED" if wanted else "UNSUBSCRIBED"
        channels = {name: {"marketing": {"consent": word}} for name in ("email", "sms")}
        job = {"profiles": {"data": [{"attributes": who | {"subscriptions": channels}}]}}
        account.take_job(job, subscribing=wanted)
        account.settle()
        value = {"$value": number + 1, "$value_currency": "EUR", "OrderNumber": f"#{number}"}
        account.record(profile["id"], "Placed Order", value)
        if number % 4 == 1:
            account.suppress(profile["id"], "HARD_BOUNCE")
        if number % 4 == 2:
            account.record(profile["id"], "Sent SMS", {"Message Body": "on its way"})


async def test_a_backfill_reads_every_page() -> None:
    vendor, hub = opened()
    live(vendor, 230)
    assert await hub.poll("profiles") == 230
    assert await hub.poll("events") == len(vendor.account.events) > 500
    assert hub.issues == []
    assert len(hub.of("customer")) == 230
    assert len(hub.of("activity")) == len(vendor.account.events)
    orders = [a for a in hub.of("activity").values() if isinstance(a, Activity) and a.value]
    assert sum((a.value.amount for a in orders if a.value), Decimal(0)) == sum(range(1, 231))
    assert vendor.over_limit == hub.waits


async def test_consent_is_as_it_stands_at_klaviyo() -> None:
    vendor, hub = opened()
    live(vendor)
    await hub.poll("profiles")
    states = {
        int((c.person.email if c.person else "").removeprefix("b").partition("@")[0]): {
            each.medium: each.state for each in c.consents
        }
        for c in hub.of("customer").values()
        if isinstance(c, Customer) and c.person and c.person.email
    }
    for number, told_ in states.items():
        plain = "unsubscribed" if number % 3 == 0 else "subscribed"
        assert told_["sms"] == plain
        assert told_["email"] == ("invalid" if number % 4 == 1 else plain)


@pytest.mark.parametrize("seed", range(8))
async def test_hooks_in_any_bundle_and_order_end_where_polls_end(seed: int) -> None:
    vendor, by_hooks = opened(seed)
    by_polls = KlaviyoHub(vendor)
    assert await by_hooks.subscribe() == len(TOPICS)
    chance = random.Random(seed)
    vendor.bundle = chance.randint(1, 7)
    vendor.desk.faults = WebhookFaults(repeat=0.3, reorder=0.5, corrupt=0.2, delay_s_max=600)
    live(vendor)
    vendor.flush()
    tries = 0
    while vendor.desk.waiting():
        vendor.clock.advance(60)
        tries += await by_hooks.hear()
    await by_hooks.read_hints()
    assert tries > 0
    heard = set(by_hooks.records)
    hooked = {"Sent SMS", "Bounced Email"}
    events = {r for k, r in heard if k == "activity"}
    names = {by_hooks.records["activity", ref].name for ref in events}  # type: ignore[attr-defined]
    assert hooked <= names
    assert {r for k, r in heard if k == "customer"}  # consent was read anew
    for hub in (by_hooks, by_polls):
        await hub.poll("profiles")
        await hub.poll("events")
    # A late repeat of what was read does not undo it.
    assert told(by_hooks) == told(by_polls)


async def test_a_dropped_delivery_is_healed_by_the_poll() -> None:
    vendor, hub = opened()
    await hub.subscribe()
    vendor.desk.faults = WebhookFaults(drop=1.0)
    since = vendor.now()
    live(vendor, 5)
    vendor.flush()
    assert await hub.hear() == 0
    await hub.poll("events", since)
    assert len(hub.of("activity")) == len(vendor.account.events)


async def test_a_change_that_is_listed_late_is_found_by_the_overlap() -> None:
    vendor, hub = opened()
    vendor.listing_lag_s = 900
    profile, _ = vendor.account.upsert({"email": EMAIL})
    vendor.clock.advance(60)
    assert await hub.poll("profiles", vendor.now() - timedelta(hours=1)) == 0
    vendor.clock.advance(1800)
    resource = next(r for r in hub.folder.manifest.pull if r.resource == "profiles")
    assert resource.overlap_s > vendor.listing_lag_s
    since = vendor.now() - timedelta(seconds=resource.overlap_s)
    assert await hub.poll("profiles", since) == 1
    assert ("customer", profile["id"]) in hub.records


async def test_a_profile_that_changed_in_the_second_of_the_cursor_is_read() -> None:
    vendor, hub = opened()
    vendor.account.upsert({"email": EMAIL})
    assert await hub.poll("profiles", vendor.now().replace(microsecond=0)) == 1


# -- the door ------------------------------------------------------------------------------------


async def test_only_what_klaviyo_signed_is_let_in() -> None:
    vendor, hub = opened()
    await hub.subscribe()
    vendor.bundle = 2
    live(vendor, 3)
    vendor.flush()
    scheme = VENDOR_SIGNATURES["klaviyo"].scheme
    secret = [Secret(value=hub.secrets["webhook_secret"].encode())]
    (first, *_) = vendor.desk.due(vendor.now(), 10)
    headers = vendor.delivery_headers(first)
    body = first.event.body
    url = first.subscription.uri

    def check(headers: dict[str, str], body: bytes) -> None:
        verify(
            scheme,
            Delivery(method="POST", url=url, headers=headers, body=body),
            secret,
            vendor.now(),
        )

    check(headers, body)
    # Neither the header of the webhook's id nor the content type is signed.
    check(headers | {"klaviyo-webhook-id": "another"}, body)
    unsigned = {k: v for k, v in headers.items() if not k.startswith("klaviyo-")}
    with pytest.raises(SignatureInvalid):
        check(unsigned, b'{"email":"a@b.example"}')  # as a flow's webhook comes
    chance, accepted = random.Random(7), 0
    for _ in range(1_000):
        spoilt, changed = bytearray(body), dict(headers)
        way = chance.randrange(4)
        if way == 0:
            spoilt[chance.randrange(len(spoilt))] ^= 1 << chance.randrange(8)
        elif way == 1:
            spoilt = spoilt[: chance.randrange(len(spoilt))]
        elif way == 2:
            at = vendor.now() + timedelta(seconds=chance.choice((-9, 7, -400, 400)))
            changed["klaviyo-timestamp"] = at.strftime("%a, %d %b %Y %H:%M:%S GMT")
        else:
            digits = list(changed["klaviyo-signature"])
            place = chance.randrange(len(digits))
            digits[place] = chance.choice([d for d in "0123456789abcdef" if d != digits[place]])
            changed["klaviyo-signature"] = "".join(digits)
        try:
            check(changed, bytes(spoilt))
        except SignatureInvalid:
            continue
        accepted += 1
    assert accepted == 0


async def test_a_webhook_is_made_once_and_made_again_once_it_is_gone() -> None:
    vendor, hub = opened()
    assert await hub.subscribe() == 8
    assert len(vendor.webhooks) == 1
    (ref,) = vendor.webhooks
    vendor.webhooks[ref]["attributes"]["enabled"] = False
    (hook,), _ = hooks.listed(await hub.ask(hooks.list_request(None)))
    assert hook.topic == hooks.INCOMPLETE
    await hub.ask(hooks.delete_request(hook))
    assert await hub.subscribe() == 8
    assert len(vendor.webhooks) == 1


async def test_a_plan_without_webhooks_is_a_refusal_and_polls_go_on() -> None:
    vendor, hub = opened()
    vendor.hooks_denied = True
    with pytest.raises(Refused, match="plan"):
        await hub.subscribe()
    live(vendor, 2)
    assert await hub.poll("profiles") == 2


# -- commands ------------------------------------------------------------------------------------


async def test_submitted_is_not_applied() -> None:
    vendor, hub = opened()
    ordered = command(vendor, consent(vendor))
    receipt = await hub.carry_out(ordered)
    assert (receipt.state, receipt.vendor_ref) == (ReceiptState.SUBMITTED, "cmd-1")
    assert (await hub.confirm(ordered)).state is ReceiptState.SUBMITTED
    vendor.clock.advance(vendor.account.work_s + 1)
    done = await hub.confirm(ordered)
    assert (done.state, done.vendor_ref) == (ReceiptState.DONE, next(iter(vendor.account.profiles)))
    ended = command(vendor, consent(vendor, wanted=False), "cmd-2")
    await hub.carry_out(ended)
    assert (await hub.confirm(ended)).state is ReceiptState.SUBMITTED
    vendor.account.settle()
    assert (await hub.confirm(ended)).state is ReceiptState.DONE


async def test_a_double_opt_in_waits_for_the_customer() -> None:
    vendor, hub = opened()
    vendor.account.double_opt_in = True
    content = ChangeProfile(email=EMAIL, consents=(("email", True, None),))
    ordered = command(vendor, content)
    await hub.carry_out(ordered)
    vendor.account.settle()
    assert (await hub.confirm(ordered)).state is ReceiptState.SUBMITTED
    vendor.account.confirm()
    assert (await hub.confirm(ordered)).state is ReceiptState.DONE


@pytest.mark.parametrize("kind", ["reset", "reset_after_work", "timeout_after_work", "status"])
@pytest.mark.parametrize("times", [1, 2])
async def test_an_event_is_noted_once_whatever_breaks(kind: str, times: int) -> None:
    vendor, hub = opened()
    vendor.strike(ApiFault(kind=kind, status=503, next_calls=times))  # type: ignore[arg-type]
    ordered = command(vendor, note(vendor))
    assert (await hub.carry_out(ordered)).state is ReceiptState.SUBMITTED
    vendor.account.settle()
    assert (await hub.confirm(ordered)).state is ReceiptState.DONE
    assert len(vendor.account.events) == 1
    await hub.poll("events")
    (activity,) = hub.of("activity").values()
    assert isinstance(activity, Activity)
    assert activity.value == Money(Decimal("118.40"), "EUR")


async def test_a_profile_is_set_at_once_and_again_without_harm() -> None:
    vendor, hub = opened()
    content = ChangeProfile(email=EMAIL, external_ref="501", first_name="Mara")
    vendor.strike(ApiFault(kind="reset_after_work", next_calls=1))
    receipt = await hub.carry_out(command(vendor, content))
    assert receipt.state is ReceiptState.DONE
    assert list(vendor.account.profiles) == [receipt.vendor_ref]
    kept = vendor.account.profiles[receipt.vendor_ref or ""]["attributes"]
    assert (kept["external_id"], kept["first_name"], kept["last_name"]) == ("501", "Mara", None)


async def test_a_refusal_names_the_word_and_the_place() -> None:
    vendor, hub = opened()
    vendor.account.upsert({"email": EMAIL})
    vendor.account.upsert({"phone_number": "+494215550101"})
    two = ChangeProfile(email=EMAIL, phone="+494215550101", first_name="M")
    receipt = await hub.carry_out(command(vendor, two))
    assert (receipt.state, receipt.code) == (ReceiptState.REFUSED, "duplicate_profile")
    bad = NoteActivity(name="X", occurred_at=vendor.now(), email="mara@nowhere")
    receipt = await hub.carry_out(command(vendor, bad))
    assert (receipt.state, receipt.code) == (ReceiptState.REFUSED, "invalid")
    assert "email" in (receipt.message or "")
    assert "mara" not in (receipt.message or "")


@pytest.mark.parametrize(("broken", "left_over"), [(2, 1), (3, 0)])
async def test_a_move_between_lists_is_begun_anew_where_a_write_broke(
    broken: int, left_over: int
) -> None:
    vendor, hub = opened()
    account = vendor.account
    mara, _ = account.upsert({"email": EMAIL})
    best, kept, left = (account.new_list() for _ in range(3))
    account.lists[kept].add(mara["id"])
    account.lists[left].add(mara["id"])
    ordered = command(vendor, ChangeLists(email=EMAIL, joined=(best, kept), left=(left,)))
    cut = ApiFault(kind="reset_after_work", next_calls=1)
    with pytest.raises(Unavailable):
        await hub.steps(ordered, lambda at: at == broken and vendor.strike(cut))
    receipt, writes = await hub.steps(ordered)
    assert (receipt.state, receipt.vendor_ref) == (ReceiptState.DONE, best)
    assert [mara["id"] in account.lists[each] for each in (best, kept, left)] == [True, True, False]
    assert writes == left_over, "what stands is not written again"
    assert (await hub.steps(ordered))[1] == 0, "a repeat changes nothing"


async def test_who_has_no_profile_gets_one_to_join_and_none_to_leave() -> None:
    vendor, hub = opened()
    best = vendor.account.new_list()
    leaves = ChangeLists(phone="+494215550101", left=(best,))
    assert (await hub.steps(command(vendor, leaves)))[0].state is ReceiptState.DONE
    assert vendor.account.profiles == {}
    joins = ChangeLists(external_ref="501", joined=(best,))
    assert (await hub.steps(command(vendor, joins)))[0].state is ReceiptState.DONE
    (ref,) = vendor.account.profiles
    assert vendor.account.lists[best] == {ref}
    assert vendor.account.profiles[ref]["attributes"]["external_id"] == "501"


async def test_a_list_that_is_gone_is_refused_and_undone_is_looked_at_again() -> None:
    vendor, hub = opened()
    best = vendor.account.new_list()
    gone = command(vendor, ChangeLists(email=EMAIL, joined=("GONE01",)))
    receipt, _ = await hub.steps(gone)
    assert (receipt.state, receipt.code) == (ReceiptState.REFUSED, "not_found")
    joins = command(vendor, ChangeLists(email=EMAIL, joined=(best,)))

    def undone(at: int) -> None:
        if at == 3:  # somebody takes them out again before it is read back
            vendor.account.lists[best].clear()

    receipt, _ = await hub.steps(joins, undone)
    assert (receipt.state, receipt.code) == (ReceiptState.UNKNOWN, "not_as_written")


# -- the line ------------------------------------------------------------------------------------


async def test_a_minutes_window_is_waited_for_as_klaviyo_says() -> None:
    vendor, hub = opened()
    for _ in range(15):
        vendor.clock.advance(1)
        await hub.send(api.check_request())
    vendor.clock.advance(1)
    with pytest.raises(RateLimited) as caught:
        await hub.send(api.check_request())
    assert 1 < caught.value.after_s <= 60
    vendor.clock.advance(caught.value.after_s)
    await hub.send(api.check_request())


async def test_the_declared_limits_keep_within_both_windows() -> None:
    vendor, hub = opened()
    manifest = hub.folder.manifest
    endpoints = {
        "all": ("accounts", "webhooks", "hook", "event"),
        "profiles": ("profiles", "profile"),
        "events": ("events",),
        "profile.change": ("import", "subscribe", "unsubscribe"),
        "list.change": ("lists", "members"),
        "activity.note": ("note",),
    }
    assert {limit.scope for limit in manifest.limits} == set(endpoints)
    for limit in manifest.limits:
        for endpoint in endpoints[limit.scope]:
            windows = vendor.buckets[endpoint]
            burst, steady = windows.capacity, windows.refill_per_s * 60
            assert limit.capacity + limit.refill_per_s <= max(burst, 1.25)
            assert limit.capacity + limit.refill_per_s * 60 <= steady


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (ApiFault(kind="status", status=401, next_calls=1), AuthExpired),
        (ApiFault(kind="status", status=403, next_calls=1), Refused),
        (ApiFault(kind="status", status=503, next_calls=1), Unavailable),
        (ApiFault(kind="status", status=429, next_calls=1, retry_after_s=7), RateLimited),
        (ApiFault(kind="throttled", next_calls=1), RateLimited),
        (ApiFault(kind="reset", next_calls=1), Unavailable),
    ],
)
async def test_faults_on_the_line_are_told_apart(fault: ApiFault, error: type[Exception]) -> None:
    vendor, hub = opened()
    vendor.strike(fault)
    with pytest.raises(error):
        await hub.send(pull.page_request("profiles", None, None))
    await hub.send(pull.page_request("profiles", None, None))


async def test_what_is_gone_is_read_as_gone() -> None:
    _, hub = opened()
    hub.fetches.append(Fetch(resource="profiles", ref="01GONE"))
    await hub.read_hints()
    assert hub.records == {}


async def test_a_call_of_another_revision_fails_and_means_nothing_else() -> None:
    vendor, _ = opened()
    ready = api.authorise(api.check_request(), {"api_key": "pk_sandbox_00000000"})
    headers = dict(ready.headers) | {"revision": "2023-02-22"}
    async with httpx.AsyncClient(transport=vendor.transport()) as client:
        answer = await client.get(f"http://twin{ready.path}", headers=headers)
    assert answer.status_code == 410
