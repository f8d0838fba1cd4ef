"""Bodies and files that a person hands in: what they become, and what is said of the others."""

from pathlib import Path

import msgspec
import pytest

from tests.flow.command import Commands
from tests.flow.shop import SAMPLES
from trueup.contract.loader import find_connectors

ORDER = SAMPLES / "order.json"
CSV = (
    "ref,movement,sku,quantity,site,occurred_at,reason\n"
    "n-1,receipt,LAMP-OAK,24,main,2026-03-04T08:30:00+01:00,note 118\n"
    "n-2,receipt,MUG-BLUE,10,main,2026-03-04T08:30:00+01:00,\n"
)


@pytest.fixture
def trueup(tmp_path: Path, database_url: str) -> Commands:
    return Commands(tmp_path, database_url)


def test_an_order_becomes_canonical_records(trueup: Commands) -> None:
    told = trueup.json("ingest", "shopify", "orders/create", ORDER)
    assert {"accepted", "duplicates", "records", "issues", "unhandled"} <= told.keys()
    assert (told["accepted"], told["duplicates"], told["unhandled"]) == (1, 0, 0)
    order = told["records"][0]
    assert (order["kind"], order["ref"], order["currency"]) == ("order", "7001", "EUR")
    assert order["lines"][0]["price"]["booked"] == {"amount": "85.00", "currency": "EUR"}
    assert order["person"]["email"] == "ines@buyers.example"


def test_the_same_body_again_is_a_duplicate_and_changes_nothing(trueup: Commands) -> None:
    first = trueup.json("ingest", "shopify", "orders/create", ORDER)
    again = trueup.json("ingest", "shopify", "orders/create", ORDER, ORDER)
    assert (again["accepted"], again["duplicates"]) == (0, 2)
    assert first["records"] == again["records"]
    stock = trueup.json("show", "sku", "LAMP-OAK")["found"][0]["balance"]
    assert stock["sequence"] == 1


def test_every_sample_is_explained(trueup: Commands) -> None:
    samples = sorted(path for path in SAMPLES.glob("*.json") if "expected" not in path.name)
    assert len(samples) >= 15
    code, _ = trueup.run("ingest", "shopify", "orders/updated", *samples)
    assert code in {0, 1}
    told = trueup.json("ingest", "shopify", "orders/updated", *samples, status=code)
    assert told["unhandled"] == 0
    assert {each["outcome"] for each in told["events"]} <= {"record", "parked", "ignored", "fetch"}
    assert all(each["reason"] for each in told["events"] if each["outcome"] != "record")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"[" * 5000, b"\xff\xfe", b'{"id": NaN}', b"null",
     b'{"id": 1e400}', b'{"note":"a\\u0000b","id":7}'],
)  # fmt: skip
def test_broken_bodies_are_parked_with_a_reason_and_end_with_1(
    trueup: Commands, tmp_path: Path, body: bytes
) -> None:
    path = tmp_path / "body.json"
    path.write_bytes(body)
    told = trueup.json("ingest", "shopify", "orders/create", path, status=1)
    assert told["unhandled"] == 0
    assert [each["outcome"] for each in told["events"]] == ["parked"]
    issue = told["issues"][0]
    assert issue["code"].startswith("shopify.")
    assert issue["how_to_fix"]
    dead = trueup.json("dead", "list", status=1)
    assert dead["clusters"][0]["events"] == 1


def test_a_body_beyond_all_bounds_is_refused_and_told(trueup: Commands, tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    path.write_bytes(b'{"id":1,"note":"' + b"x" * 6_000_000 + b'"}')
    told = trueup.json("ingest", "shopify", "orders/create", path, ORDER, status=1)
    assert (told["accepted"], told["unhandled"]) == (1, 0)
    assert told["issues"][-1]["code"] == "intake.body_too_large"


def test_what_can_not_be_read_takes_nothing(trueup: Commands, tmp_path: Path) -> None:
    error = trueup.json("ingest", "shopify", "orders/create", ORDER, tmp_path / "no", status=2)
    assert error["error"]["code"] == "config.invalid"
    told = trueup.json("ingest", "nobody", "t", ORDER, status=2)["error"]["message"]
    assert ", ".join(find_connectors()) in told
    assert trueup.json("show", "order", "7001", status=1)["error"]["code"] == "show.not_found"


def test_a_file_of_movements_opens_the_books(trueup: Commands, tmp_path: Path) -> None:
    path = tmp_path / "movements.csv"
    path.write_text(CSV)
    told = trueup.json("import", "stock-movements-csv", path)
    assert (told["accepted"], told["unhandled"]) == (2, 0)
    assert [record["kind"] for record in told["records"]] == ["stock_movement"] * 2
    balance = trueup.json("show", "sku", "LAMP-OAK")["found"][0]["balance"]
    assert (balance["on_hand"], balance["counted"]) == (24, True)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (CSV.replace("10,main", "ten,main"), "line 3, column 'quantity'"),
        (CSV.replace("receipt,MUG", "gift,MUG"), "line 3, column 'movement'"),
        (CSV.replace("n-2", "n-1"), "line 3, column 'ref'"),
        (CSV.replace("ref,", "id,", 1), "line 1, column 'ref'"),
        (CSV.replace("+01:00,\n", ",\n"), "line 3, column 'occurred_at'"),
    ],
)
def test_one_fault_in_a_file_and_nothing_of_it_is_taken(
    trueup: Commands, tmp_path: Path, wrong: str, words: str
) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text(CSV)
    bad.write_text(wrong)
    error = trueup.json("import", "stock-movements-csv", good, bad, status=2)["error"]
    assert words in error["message"]
    assert str(bad) in error["message"]
    assert trueup.json("show", "sku", "LAMP-OAK", status=1)


def test_movements_of_our_own_that_are_wrong_are_parked(trueup: Commands, tmp_path: Path) -> None:
    body = {"ref": "x", "movement": "transfer", "sku": "A", "quantity": 1, "site": "main"}
    path = tmp_path / "movement.json"
    path.write_bytes(msgspec.json.encode(body | {"occurred_at": "2026-03-04T08:30:00Z"}))
    told = trueup.json("ingest", "manual", "stock/movement", path, status=1)
    assert told["issues"][0]["pointer"] == "/to_site"


def test_show_masks_what_is_personal(trueup: Commands) -> None:
    trueup.json("ingest", "shopify", "orders/create", ORDER)
    open_ = trueup.run("show", "order", "7001", "--json")[1]
    masked = trueup.run("show", "order", "7001", "--masked", "--json")[1]
    event = trueup.run("show", "event", "1", "--masked", "--json")[1]
    assert "ines@buyers.example" in open_
    assert "ines@" not in masked
    assert "ines@" not in event
    assert "Lindenallee" not in masked + event


def test_an_erased_person_is_shown_as_erased(trueup: Commands, tmp_path: Path) -> None:
    trueup.json("ingest", "shopify", "orders/create", ORDER)
    order = msgspec.json.decode(ORDER.read_bytes())
    privacy = {
        "shop_id": 1,
        "shop_domain": "north.myshopify.com",
        "customer": {"id": order["customer"]["id"], "email": order["email"]},
        "orders_to_redact": [7001],
    }
    path = tmp_path / "redact.json"
    path.write_bytes(msgspec.json.encode(privacy))
    trueup.json("ingest", "shopify", "customers/redact", path)
    found = trueup.json("show", "order", "7001")["found"][0]["records"]
    assert {each.get("person", "erased") for each in found} == {"erased"}
    assert trueup.json("show", "event", "1")["found"][0]["body"] == "erased"
    assert trueup.json("replay")["dark"] >= 1
