"""The carriers' connectors against simulated carriers: journeys, faults, pages, tokens, hooks."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.support.carrier_hub import CarrierHub, distinct
from trueup.canon.link import LinkSpace
from trueup.canon.parcel import ParcelStatus
from trueup.connectors.delhivery import pull as delhivery_pull
from trueup.connectors.easypost import hooks
from trueup.connectors.easypost import pull as easypost_pull
from trueup.contract.connector import Fetch
from trueup.errors import AuthExpired, Refused
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.delhivery.account import Delhivery
from trueup.sandbox.easypost.account import EasyPost
from trueup.sandbox.faults import ApiFault, ApiFaultKind, WebhookFaults
from trueup.sandbox.journey import CarrierTwin, Story, Travelling
from trueup.sandbox.shiprocket.account import Shiprocket

pytestmark = pytest.mark.anyio

SECRET = "sandbox-secret-of-the-webhook"
ENDS: dict[Story, tuple[ParcelStatus, int, bool]] = {
    "straight": (ParcelStatus.DELIVERED, 0, False),
    "second_try": (ParcelStatus.DELIVERED, 1, False),
    "returned": (ParcelStatus.RETURNED, 2, True),
    "unheard_of": (ParcelStatus.DELIVERED, 0, False),
}
STORIES = tuple(ENDS)


def open_easypost(**chances: float) -> CarrierHub:
    twin = EasyPost(ManualClock(), seed=5, **chances)
    return CarrierHub("easypost", twin, {"api_key": EasyPost.api_key, "webhook_secret": SECRET})


def open_delhivery(**chances: float) -> CarrierHub:
    twin = Delhivery(ManualClock(), seed=5, **chances)
    return CarrierHub("delhivery", twin, {"api_token": Delhivery.api_token})


def open_shiprocket(**chances: float) -> CarrierHub:
    twin = Shiprocket(ManualClock(), seed=5, **chances)
    user = {"email": Shiprocket.email, "password": Shiprocket.password}
    return CarrierHub("shiprocket", twin, user)


Open = Callable[..., CarrierHub]
OPEN: dict[str, Open] = {
    "easypost": open_easypost,
    "delhivery": open_delhivery,
    "shiprocket": open_shiprocket,
}
TOPICS = {"easypost": "*", "delhivery": "scan", "shiprocket": "tracking"}


@pytest.fixture(params=sorted(OPEN))
def vendor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def heal(hub: CarrierHub, numbers: list[str]) -> None:
    """Poll; a carrier without a list is asked for what the shops' shipments name."""
    hub.wanted.clear()
    await hub.poll()
    if hub.folder.id == "delhivery":
        for fetch in delhivery_pull.batches(numbers):
            await hub.read(fetch)
    await hub.read_wanted()


def ship(twin: CarrierTwin, count: int) -> list[tuple[Story, Travelling]]:
    return [
        (story, twin.ship(f"#{1000 + number}", story))
        for number, story in enumerate(STORIES[n % len(STORIES)] for n in range(count))
    ]


def check_end(hub: CarrierHub, shipped: list[tuple[Story, Travelling]]) -> None:
    for story, truth in shipped:
        parcel = hub.parcel(truth.number)
        assert (parcel.status, parcel.attempts, parcel.returning) == ENDS[story], story
        assert len(parcel.scans) == len({moment.at for moment in truth.scans})
        assert [s.occurred_at for s in parcel.scans] == sorted({m.at for m in truth.scans})
        assert (parcel.delivered_at is not None) == (parcel.status is ParcelStatus.DELIVERED)
        assert (ParcelStatus.UNKNOWN in {s.status for s in parcel.scans}) == (story == "unheard_of")


async def test_journeys_end_alike_over_a_bad_line(vendor: str) -> None:
    """Drop, repeat, reorder, delay and corrupt webhooks, then poll: every history is whole."""
    hub = OPEN[vendor](late=0.2, twice=0.2)
    twin = hub.twin
    twin.subscribe(TOPICS[vendor], "http://hub/hooks/carrier")
    twin.desk.faults = WebhookFaults(
        drop=0.1, repeat=0.1, reorder=0.3, delay=0.1, corrupt=0.05, delay_s_max=30_000
    )
    shipped = ship(twin, 24)
    for _ in range(170):
        twin.travel(1)
        await hub.deliver()
        await hub.read_wanted()
    while twin.desk.waiting():
        twin.clock.advance(3600)
        await hub.deliver()
    await heal(hub, [truth.number for _, truth in shipped])
    check_end(hub, shipped)
    assert twin.desk.counters["dropped"] > 5
    assert hub.counts["repeated"] > 5
    assert hub.counts["refused"] > 0
    assert set(hub.issues) <= {f"{vendor}.scan_unknown", "easypost.return_delivered"}
    assert hub.issues[f"{vendor}.scan_unknown"] > 0


async def test_webhooks_and_polls_tell_the_same(vendor: str) -> None:
    """Without any webhook the polls alone end in the same parcels."""
    by_hook, by_poll = OPEN[vendor](), OPEN[vendor]()
    for hub in (by_hook, by_poll):
        hub.twin.subscribe(TOPICS[vendor], "http://hub/hooks/carrier")
        shipped = ship(hub.twin, 8)
        hub.twin.travel(160)
        if hub is by_hook:
            await hub.deliver()
            await hub.read_wanted()
        else:
            await heal(hub, [truth.number for _, truth in shipped])
        check_end(hub, shipped)
    for _, truth in shipped:
        left, right = by_hook.parcel(truth.number), by_poll.parcel(truth.number)
        assert distinct(left) == distinct(right)
        assert left.status is right.status


async def test_an_unheard_of_scan_is_unknown_and_never_in_transit(vendor: str) -> None:
    hub = OPEN[vendor](late=0.0, twice=0.0)
    truth = hub.twin.ship("#1", "unheard_of")
    hub.twin.subscribe(TOPICS[vendor], "http://hub/hooks/carrier")
    hub.twin.travel(31)
    await hub.deliver()
    await hub.read_wanted()
    parcel = hub.parcel(truth.number)
    assert parcel.status is ParcelStatus.UNKNOWN
    assert hub.issues[f"{vendor}.scan_unknown"] >= 1
    hub.twin.travel(30)
    await hub.deliver()
    await hub.read_wanted()
    assert hub.parcel(truth.number).status is ParcelStatus.DELIVERED


async def test_the_newest_scan_decides_though_an_older_one_comes_last(vendor: str) -> None:
    hub = OPEN[vendor](late=0.0, twice=0.0)
    truth = hub.twin.ship("#1", "straight")
    hub.twin.subscribe(TOPICS[vendor], "http://hub/hooks/carrier")
    # The second hub's scan is told only after the parcel was delivered.
    (at, late), *_ = [entry for entry in truth.coming if entry[1].what == "hub"][1:]
    truth.coming.remove((at, late))
    truth.coming.append((at + timedelta(hours=20), late))
    hub.twin.travel(80)
    assert truth.scans[-1].what == "hub"
    await hub.deliver()
    await hub.read_wanted()
    parcel = hub.parcel(truth.number)
    assert parcel.status is ParcelStatus.DELIVERED
    assert parcel.scans[-1].status is ParcelStatus.DELIVERED
    assert len(parcel.scans) == 6


async def test_a_parcel_names_its_order(vendor: str) -> None:
    hub = OPEN[vendor](late=0.0, twice=0.0)
    hub.twin.subscribe(TOPICS[vendor], "http://hub/hooks/carrier")
    truth = hub.twin.ship("#1001", "straight")
    hub.twin.travel(20)
    await hub.deliver()
    await hub.read_wanted()
    links = {(link.namespace, link.value) for link in hub.parcel(truth.number).links}
    assert links == {(LinkSpace.TRACKING, truth.number), (LinkSpace.ORDER, "#1001")}


@pytest.mark.parametrize("kind", ["reset", "timeout", "reset_after_work", "status", "throttled"])
async def test_a_reading_survives_a_fault(vendor: str, kind: ApiFaultKind) -> None:
    hub = OPEN[vendor]()
    shipped = ship(hub.twin, 4)
    hub.twin.travel(160)
    await hub.send(hub.folder.api.check_request())
    hub.twin.strike(ApiFault(kind=kind, next_calls=2, status=503))
    await heal(hub, [truth.number for _, truth in shipped])
    check_end(hub, shipped)
    assert hub.counts["down"] + hub.counts["limited"] >= 2


async def test_wrong_credentials_ask_the_human(vendor: str) -> None:
    hub = OPEN[vendor]()
    hub.secrets |= {"api_key": "wrong", "api_token": "wrong", "access_token": "wrong"}
    with pytest.raises(AuthExpired):
        await hub._once(hub.folder.api.check_request())


async def test_the_limit_is_waited_out(vendor: str) -> None:
    hub = OPEN[vendor](late=0.0, twice=0.0)
    truth = hub.twin.ship("#1", "straight")
    hub.twin.travel(60)
    for bucket in hub.twin.buckets.values():
        bucket.capacity, bucket.refill_per_s = 2, 0.5
    for number in range(6):
        hub.heard.clear()
        await hub.poll() if number % 2 else await heal(hub, [truth.number])
    assert hub.counts["limited"] > 0
    assert hub.parcel(truth.number).status is ParcelStatus.DELIVERED


# -- EasyPost alone ----------------------------------------------------------------------------------


async def test_pages_are_walked_while_parcels_are_made() -> None:
    """What is made during the walk moves no page: the cursor is an id, not a number."""
    hub = open_easypost(late=0.0, twice=0.0)
    for number in range(230):
        hub.twin.ship(f"#{number}", "straight")
    first = easypost_pull.page(
        "parcel", await hub.send(easypost_pull.page_request("parcel", None, None))
    )
    for number in range(5):
        hub.twin.ship(f"#late-{number}", "straight")
    assert first.next_cursor is not None
    ids = {piece.body for piece in first.pieces}
    cursor: str | None = first.next_cursor
    while cursor is not None:
        request = easypost_pull.page_request("parcel", None, cursor)
        page = easypost_pull.page("parcel", await hub.send(request))
        assert not ids.intersection(piece.body for piece in page.pieces)
        ids |= {piece.body for piece in page.pieces}
        cursor = page.next_cursor
    assert len(ids) == 230
    assert await hub.poll() == 235


async def test_a_poll_looks_back_as_long_as_a_parcel_travels() -> None:
    """A parcel that was made weeks ago and moved today is found: the list goes by its making."""
    hub = open_easypost(late=0.0, twice=0.0)
    made_at = hub.twin.now()
    truth = hub.twin.ship("#1", "returned")
    await hub.poll()
    hub.twin.travel(150)
    (resource,) = hub.folder.manifest.pull
    await hub.poll(since=made_at - timedelta(seconds=resource.overlap_s))
    assert hub.parcel(truth.number).status is ParcelStatus.RETURNED


async def test_parcels_are_found_by_their_numbers() -> None:
    hub = open_easypost(late=0.0, twice=0.0)
    shipped = [hub.twin.ship(f"#{number}", "straight") for number in range(130)]
    hub.twin.travel(60)
    numbers = [truth.number for truth in shipped]
    assert [len(f.ref.split(",")) for f in easypost_pull.batches([*numbers, numbers[0]])] == [
        100,
        30,
    ]
    await hub.read(Fetch(resource="parcel", ref=",".join(numbers)))
    assert len(hub.kept) == 130
    assert hub.twin.worked("all") == 2


async def test_the_webhook_is_made_listed_and_removed() -> None:
    hub = open_easypost(late=0.0, twice=0.0)
    url = "http://hub/hooks/easypost"
    made = hooks.created(await hub.send(hooks.create_request(hooks.TOPIC, url)))
    assert hub.twin.webhook_secret == SECRET
    assert hooks.listed(await hub.send(hooks.list_request(None))) == ((made,), None)
    hub.twin.ship("#1", "straight")
    assert await hub.deliver() == 1
    assert hub.counts["refused"] == 0
    await hub.send(hooks.delete_request(made))
    assert hooks.listed(await hub.send(hooks.list_request(None))) == ((), None)
    with pytest.raises(Refused):
        hooks.create_request("batch.updated", url)


# -- Delhivery and Shiprocket alone --------------------------------------------------------------------


async def test_waybills_are_asked_for_in_batches_of_fifty() -> None:
    hub = open_delhivery(late=0.0, twice=0.0)
    numbers = [hub.twin.ship(f"#{number}", "straight").number for number in range(120)]
    fetches = delhivery_pull.batches([*numbers, "19999999999999"])
    assert [len(fetch.ref.split(",")) for fetch in fetches] == [50, 50, 21]
    # One fetch with all of them takes three calls, one after the other.
    await hub.read(Fetch(resource="parcel", ref=",".join(numbers)))
    assert len(hub.kept) == 120
    assert hub.twin.worked("all") == 3
    await hub.read(Fetch(resource="parcel", ref="19999999999999"))
    assert len(hub.kept) == 120


async def test_the_token_of_ten_days_is_renewed() -> None:
    hub = open_shiprocket(late=0.0, twice=0.0)
    truth = hub.twin.ship("#1", "returned")
    await hub.poll()
    assert hub.counts["signed_in"] == 1
    hub.twin.travel(24 * 11)
    await heal(hub, [])
    assert hub.counts["signed_in"] == 2
    assert hub.parcel(truth.number).status is ParcelStatus.RETURNED


async def test_shiprocket_counts_and_pages_its_shipments() -> None:
    hub = open_shiprocket(late=0.0, twice=0.0)
    for number in range(230):
        hub.twin.ship(f"#{number}", "straight")
    pull = hub.folder.pull
    request = pull.count_request("parcel", None)
    assert request is not None
    assert pull.count("parcel", await hub.send(request)) == 230
    assert await hub.poll() == 230
    assert len(hub.wanted) == 230


async def test_a_poll_after_webhooks_loses_no_order(vendor: str) -> None:
    """What was read before comes again as the same event, so nothing may have replaced it."""
    hub = OPEN[vendor](late=0.0, twice=0.0)
    hub.twin.subscribe(TOPICS[vendor], "http://hub/hooks/carrier")
    truth = hub.twin.ship("#1001", "straight")
    for _ in range(3):
        hub.twin.travel(20)
        await hub.deliver()
        await hub.read_wanted()
        for _ in range(2):
            hub.twin.clock.advance(60)
            await heal(hub, [truth.number])
            links = {(link.namespace, link.value) for link in hub.parcel(truth.number).links}
            assert (LinkSpace.ORDER, "#1001") in links
            assert len(hub.parcel(truth.number).scans) == len(truth.scans)
