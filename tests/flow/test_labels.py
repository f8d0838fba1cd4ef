"""Goal: a label is bought once, for no more than was allowed, whatever breaks between.

Method: the hub's own commander against a simulated EasyPost over sockets; what was paid is read off
the account's own books, and the label out of the hub's records.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from tests.support.brand import HUB_URL, Brand, open_brand
from trueup.canon.command import BuyLabel, CommandContent, VoidLabel
from trueup.canon.customer import Address
from trueup.canon.parcel import Parcel
from trueup.canon.record import decode
from trueup.connectors.easypost import label as labels
from trueup.kernel.money import Money
from trueup.outbox.command import list_commands
from trueup.outbox.followed import BoughtLabel, label_of
from trueup.records.reads import find_records
from trueup.sandbox.easypost.account import EasyPost
from trueup.sandbox.faults import ApiFault, ApiFaultKind

pytestmark = pytest.mark.anyio
CUTS: list[tuple[ApiFaultKind, str]] = [
    ("reset", "label_buy"),
    ("timeout", "label_buy"),
    ("reset_after_work", "label_make"),
    ("timeout_after_work", "label_make"),
    ("timeout_after_work", "label_buy"),
]
NAME = "easypost"
BRAND = Address(
    company="Example Atelier",
    lines=("1 Mill Road",),
    city="Reno",
    province="NV",
    postcode="89501",
    country="US",
)
INES = Address(
    name="Ines Example",
    lines=("7 Linden Street", "Back house"),
    city="Boise",
    province="ID",
    postcode="83702",
    country="US",
    phone="+12085550100",
)


def buy(**other: Any) -> BuyLabel:
    given: dict[str, Any] = {
        "number": "#1001",
        "sender": BRAND,
        "recipient": INES,
        "weight_g": 450,
        "price_max": Money(Decimal("12.00"), "USD"),
    }
    return BuyLabel(**(given | other))


@asynccontextmanager
async def carrier(url: str) -> AsyncIterator[tuple[Brand, EasyPost]]:
    async with open_brand(url) as brand:
        twin = EasyPost(brand.clock, seed=7, late=0, twice=0)
        twin.subscribe("*", f"{HUB_URL}/hooks/{NAME}")
        secrets = {"api_key": EasyPost.api_key, "webhook_secret": twin.webhook_secret}
        settings = {"call_timeout_s": "0.3"}
        await brand.connect(NAME, twin, settings=settings, secrets=secrets)
        yield brand, twin


async def carried(brand: Brand, ref: str, content: CommandContent) -> tuple[str, str | None]:
    """Order a command and carry it out until its end; returns its state and code."""
    await brand.order(NAME, ref, content, key=ref)
    state = await brand.settle(NAME, ref)
    (row,) = await list_commands(brand.conn, ref=ref)
    return state, row["code"]


async def bought(brand: Brand, ref: str) -> BoughtLabel:
    await brand.apply()
    found = await label_of(brand.conn, brand.hub.vault, ref)
    assert found is not None
    return found


async def parcel(brand: Brand, ref: str) -> Parcel:
    await brand.apply()
    (row,) = await find_records(brand.conn, Parcel.kind, ref)
    found = decode(Parcel.kind, row["body"])
    assert isinstance(found, Parcel)
    return found


def paid(twin: EasyPost) -> int:
    return sum(label.paid is not None for label in twin.labels.values())


async def links(brand: Brand) -> set[tuple[str, str]]:
    """Return each namespace by which a parcel is linked, with the record's ref."""
    return set(
        await brand.rows(
            "SELECT l.namespace, r.ref FROM records.link l JOIN records.record r USING (record_id)"
            " WHERE r.kind = 'parcel'"
        )
    )


async def test_the_cheapest_label_is_bought_and_its_parcel_is_known_at_once(
    database_url: str,
) -> None:
    async with carrier(database_url) as (brand, twin):
        assert await label_of(brand.conn, brand.hub.vault, "out") is None
        assert await carried(brand, "out", buy()) == ("done", None)
        (made,) = twin.labels.values()
        assert (made.reference, made.wish["is_return"]) == (labels.name_of("out"), False)
        assert made.wish["from_address"]["company"] == "Example Atelier"
        assert made.wish["to_address"]["street2"] == "Back house"
        assert made.wish["parcel"] == {"weight": 15.9}
        assert made.paid is not None
        assert made.parcel is not None
        label = await bought(brand, "out")
        assert (label.carrier, label.price) == ("USPS", Money(Decimal("6.07"), "USD"))
        assert label.tracking_number == made.parcel.number
        assert label.label_url == f"https://labels.example/{made.id}.pdf"
        assert await links(brand) == {("tracking", label.parcel_ref), ("order", label.parcel_ref)}
        # What the carrier tells later adds to it, and takes nothing of it away.
        twin.travel(60)
        while await brand.deliver():
            pass
        await brand.work(NAME)
        known = await parcel(brand, label.parcel_ref)
        assert len(known.scans) > 1
        assert known.postage == label.price
        assert (await bought(brand, "out")).label_url == label.label_url


async def test_a_return_goes_the_way_it_was_told_and_is_no_parcel_of_its_order(
    database_url: str,
) -> None:
    async with carrier(database_url) as (brand, twin):
        back = buy(number="#1001-R1", sender=INES, recipient=BRAND, is_return=True)
        assert await carried(brand, "back", back) == ("done", None)
        (made,) = twin.labels.values()
        told = made.body()  # EasyPost turns round what it was given
        assert told["from_address"]["name"] == "Ines Example"
        assert told["to_address"]["company"] == "Example Atelier"
        ref = (await bought(brand, "back")).parcel_ref
        assert await links(brand) == {("tracking", ref), ("return", ref)}


@pytest.mark.parametrize(("kind", "scope"), CUTS)
async def test_a_cut_line_ends_in_one_label(
    database_url: str, kind: ApiFaultKind, scope: str
) -> None:
    async with carrier(database_url) as (brand, twin):
        twin.strike(ApiFault(kind=kind, next_calls=1, operation=scope))
        assert await carried(brand, "out", buy()) == ("done", None)
        assert (paid(twin), twin.balance) == (1, Decimal("993.93"))
        assert (await bought(brand, "out")).price == Money(Decimal("6.07"), "USD")


@pytest.mark.parametrize("newest", [False, True])
async def test_two_shipments_of_one_name_are_paid_for_once(
    database_url: str, *, newest: bool
) -> None:
    """A call that timed out may make a second shipment of our name, late, and either is found."""
    async with carrier(database_url) as (brand, twin):
        await brand.order(NAME, "out", buy())
        wish = {"reference": labels.name_of("out"), "parcel": {"weight": 15.9}}
        sides = {"street1": "1 Mill Road", "city": "Reno", "zip": "89501", "country": "US"}
        wish |= {"from_address": sides, "to_address": sides}
        late, twin.names_newest = twin.new_label(wish), newest
        second = twin.new_label(wish)
        twin.pay(late if newest else second, (late if newest else second).rates[2])
        for _ in range(120):  # others are bought meanwhile: ours is not on the first page
            other = twin.new_label({**wish, "reference": "other"})
            twin.pay(other, other.rates[2])
        twin.balance = Decimal(100)
        assert await brand.settle(NAME, "out") == "done"
        assert (paid(twin), twin.balance) == (121, Decimal(100))
        assert (await bought(brand, "out")).price == Money(Decimal("6.07"), "USD")


async def test_among_too_many_labels_a_person_is_asked(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "PAGES_MAX", 1)
    async with carrier(database_url) as (brand, twin):
        await brand.order(NAME, "out", buy())
        sides = {"street1": "1 Mill Road", "city": "Reno", "zip": "89501", "country": "US"}
        wish = {"parcel": {"weight": 15.9}, "from_address": sides, "to_address": sides}
        twin.new_label({**wish, "reference": labels.name_of("out")})
        for _ in range(101):
            other = twin.new_label(wish)
            twin.pay(other, other.rates[2])
        await brand.settle(NAME, "out", hours=1)
        (row,) = await list_commands(brand.conn, ref="out")
        assert (row["state"], row["code"]) == ("unknown", "too_many_labels")
        assert paid(twin) == 101


async def test_what_can_not_be_bought_is_refused_in_words(database_url: str) -> None:
    async with carrier(database_url) as (brand, twin):
        nowhere = Address(name="Ines", lines=("7 Linden Street",), city="Boise", country="US")
        for number, (content, code) in enumerate(
            (
                (buy(price_max=Money(Decimal("6.06"), "USD")), "too_dear"),
                (buy(price_max=Money(Decimal("99.00"), "EUR")), "wrong_currency"),
                (buy(carrier="UPSDAP", price_max=Money(Decimal("9.79"), "USD")), "too_dear"),
                (buy(carrier="DHL"), "no_such_service"),
                (buy(service="priority", carrier="UPSDAP"), "no_such_service"),
                (buy(recipient=Address(**_told(INES) | {"postcode": "00000"})), "no_rates"),
                (buy(recipient=Address(**_told(nowhere) | {"city": ""})), "connector.refused"),
                (buy(recipient=Address(**_told(INES) | {"lines": ()})), "connector.refused"),
                (buy(sender=Address(**_told(INES) | {"lines": ("a", "b", "c")})), None),
            )
        ):
            expected = ("refused", code or "connector.refused")
            assert await carried(brand, f"n{number}", content) == expected
        twin.balance = Decimal(5)
        assert await carried(brand, "poor", buy()) == ("refused", "connector.refused")
        assert paid(twin) == 0
        assert await label_of(brand.conn, brand.hub.vault, "poor") is None
        twin.balance = Decimal(50)
        dear = buy(carrier="upsdap", service="ground")
        assert await carried(brand, "ups", dear) == ("done", None)
        assert (await bought(brand, "ups")).price == Money(Decimal("9.80"), "USD")


@pytest.mark.parametrize("kind", ["reset", "timeout_after_work"])
async def test_a_label_is_taken_back_once_and_its_parcel_ends(
    database_url: str, kind: ApiFaultKind
) -> None:
    async with carrier(database_url) as (brand, twin):
        await carried(brand, "out", buy())
        ref = (await bought(brand, "out")).parcel_ref
        twin.strike(ApiFault(kind=kind, next_calls=1, operation="label_refund"))
        assert await carried(brand, "void", VoidLabel(parcel_ref=ref)) == ("done", None)
        assert [label.refund_status for label in twin.labels.values()] == ["submitted"]
        assert (await parcel(brand, ref)).status == "cancelled"
        assert await carried(brand, "again", VoidLabel(parcel_ref=ref)) == ("done", None)
        assert twin.worked("label_refund") == 1


async def test_what_a_carrier_has_is_not_taken_back(database_url: str) -> None:
    async with carrier(database_url) as (brand, twin):
        for name in ("out", "late"):
            await carried(brand, name, buy())
        ref = (await bought(brand, "out")).parcel_ref
        assert await carried(brand, "none", VoidLabel(parcel_ref="trk_404")) == (
            "refused",
            "NOT_FOUND",
        )
        elsewhere = twin.ship_elsewhere("#1")
        twin.fees.append(elsewhere.number)
        strange = VoidLabel(parcel_ref=f"trk_{elsewhere.number_of:032x}")
        assert await carried(brand, "strange", strange) == ("refused", "no_label")
        twin.refund_answer = "rejected"
        late = VoidLabel(parcel_ref=(await bought(brand, "late")).parcel_ref)
        assert await carried(brand, "rejected", late) == ("refused", "rejected")
        twin.refund_answer = "refunded"  # a carrier that said no may be asked again
        assert await carried(brand, "refunded", late) == ("done", None)
        twin.travel(10)
        assert await carried(brand, "void", VoidLabel(parcel_ref=ref)) == ("refused", "scanned")


def _told(address: Address) -> dict[str, Any]:
    return {name: getattr(address, name) for name in address.__struct_fields__}
