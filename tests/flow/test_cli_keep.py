"""Commands that keep the hub right: stock, dead letters, doctor, replay, backups."""

from pathlib import Path

import psycopg
import pytest

from tests.flow.command import Commands
from tests.flow.shop import SAMPLES
from tests.support.database import fresh_database
from trueup import __version__


@pytest.fixture
def trueup(tmp_path: Path, database_url: str) -> Commands:
    return Commands(tmp_path, database_url)


def test_version_help_and_usage(trueup: Commands) -> None:
    assert trueup.run("--version") == (0, f"trueup {__version__}\n")
    assert trueup.run("nonsense")[0] == 2
    assert trueup.run("ingest", "shopify")[0] == 2
    for command in ("ingest", "connect", "stock", "dead", "reconcile", "doctor", "restore"):
        status, text = trueup.run(command, "--help")
        assert (status, "Usage" in text) == (0, True)


def test_a_database_that_is_away_ends_with_3(tmp_path: Path) -> None:
    trueup = Commands(tmp_path, "postgresql://u:hunter2@127.0.0.1:1/d")
    told = trueup.json("issues", status=3)
    assert told["error"]["code"] == "database.unavailable"
    assert "hunter2" not in str(told)


def test_stock_is_booked_once_per_ref(trueup: Commands) -> None:
    """
    receive 5 TEE, again under the same ref: nothing; then found 2, counted 4, moved 1, set aside 1
    """
    told = trueup.json("stock", "receive", "TEE", 5, "--ref", "note-1")
    assert (told["repeated"], told["balance"]["on_hand"]) == (False, 5)
    again = trueup.json("stock", "receive", "TEE", 5, "--ref", "note-1")
    assert (again["repeated"], again["balance"]["on_hand"]) == (True, 5)
    other = trueup.json("stock", "receive", "TEE", 6, "--ref", "note-1", status=1)
    assert other["error"]["code"] == "ledger.key_reused"
    assert trueup.json("stock", "adjust", "TEE", 4)["balance"]["on_hand"] == 9
    assert trueup.json("stock", "adjust", "TEE", -2)["balance"]["on_hand"] == 7
    counted = trueup.json("stock", "count", "TEE", 4)["balance"]
    assert (counted["on_hand"], counted["loss"]) == (4, 1)
    moved = trueup.json("stock", "transfer", "TEE", 1, "--to", "berlin")["balance"]
    assert moved["on_hand"] == 4
    aside = trueup.json("stock", "quarantine", "TEE", 1)["balance"]
    assert (aside["on_hand"], aside["quarantine"]) == (3, 1)
    refused = trueup.json("stock", "quarantine", "TEE", -2, status=1)
    assert refused["error"]["code"] == "ledger.insufficient_stock"
    assert trueup.json("stock", "quarantine", "TEE", -1, "--ref", "q")["balance"]["quarantine"] == 0
    again = trueup.json("stock", "quarantine", "TEE", -1, "--ref", "q")
    assert (again["repeated"], again["balance"]["quarantine"]) == (True, 0)
    trueup.json("stock", "quarantine", "TEE", 1)
    sites = trueup.json("show", "sku", "TEE")["found"][0]["sites"]
    assert {site["site"]: site["on_hand"] for site in sites} == {"main": 2, "berlin": 1}
    assert trueup.json("reconcile", "ledger")["matched"] == 8
    replayed = trueup.json("replay")
    assert (replayed["differing"], replayed["skipped"]) == (0, 1)


def test_parked_events_are_retried_or_given_up(trueup: Commands, tmp_path: Path) -> None:
    broken = []
    for number in range(3):
        path = tmp_path / f"{number}.json"
        path.write_text(f'{{"id": {number}, "oops"')
        broken.append(path)
    trueup.json("ingest", "shopify", "orders/create", *broken, status=1)
    listed = trueup.json("dead", "list", status=1)
    assert sum(each["events"] for each in listed["clusters"]) == 3
    cluster = listed["clusters"][0]["cluster"]
    assert trueup.json("dead", "retry", status=2)
    retried = trueup.json("dead", "retry", "--cluster", cluster)["retried"]
    assert retried["events"] == listed["clusters"][0]["events"]
    left = 3 - retried["events"]
    assert trueup.json("dead", "discard", "--all")["discarded"] == {"events": left, "commands": 0}
    assert trueup.json("dead", "list")["clusters"] == []


def test_the_doctor_finds_what_is_wrong(trueup: Commands, database_url: str) -> None:
    checks = {each["check"]: each["verdict"] for each in trueup.json("doctor")["checks"]}
    assert set(checks.values()) == {"good"}
    assert {"database", "queue", "parked", "dead", "clock", "master key", "disk"} <= checks.keys()
    trueup.json("ingest", "shopify", "orders/create", SAMPLES / "order.json")
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(
            "INSERT INTO intake.queue (event_id, partition, due_at)"
            " VALUES (1, 0, now() - interval '1 hour')"
        )
    found = {each["check"]: each for each in trueup.json("doctor", status=1)["checks"]}
    assert found["queue"]["verdict"] == "bad"
    assert "trueup worker" in found["queue"]["how_to_fix"]


def test_replay_finds_what_was_changed_behind_the_log(trueup: Commands, database_url: str) -> None:
    trueup.json("ingest", "shopify", "orders/create", SAMPLES / "order.json")
    assert trueup.json("replay")["differing"] == 0
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute("UPDATE records.record SET digest = '\\x00' WHERE kind = 'order'")
        conn.execute("DELETE FROM records.record WHERE kind = 'refund'")
    found = trueup.json("replay", "--shadow", "--diff", status=1)
    assert {each["what"] for each in found["differences"]} >= {"record_differs", "record_missing"}


def test_a_backup_is_restored_into_an_empty_database_only(
    trueup: Commands, tmp_path: Path, server_url: str
) -> None:
    trueup.json("ingest", "shopify", "orders/create", SAMPLES / "order.json")
    dump = tmp_path / "one.dump"
    made = trueup.json("backup", dump)["manifest"]
    assert made["dump_bytes"] == dump.stat().st_size
    assert dump.stat().st_mode & 0o077 == 0
    assert (tmp_path / "master.key").read_text().strip().encode() not in dump.read_bytes()
    assert trueup.json("backup", dump, status=2)["error"]["code"] == "config.invalid"
    assert "not empty" in trueup.json("restore", dump, status=2)["error"]["message"]
    with fresh_database(server_url, template=None) as url:
        folder = tmp_path / "other"
        folder.mkdir()
        other = Commands(folder, url)
        other.json("restore", dump)
        order = other.json("show", "order", "7001")["found"][0]
        assert {each["kind"] for each in order["records"]} >= {"order", "refund"}
        assert other.json("replay")["differing"] == 0
        assert other.json("reconcile", "ledger")["discrepancies"] == []


def test_a_damaged_backup_or_another_key_is_refused(
    trueup: Commands, tmp_path: Path, server_url: str
) -> None:
    dump = tmp_path / "one.dump"
    trueup.json("issues")
    trueup.json("backup", dump)
    with fresh_database(server_url, template=None) as url:
        folder = tmp_path / "other"
        folder.mkdir()
        other = Commands(folder, url)
        (folder / "master.key").write_text("ab" * 32)
        assert "Another master key" in other.json("restore", dump, status=2)["error"]["message"]
        (folder / "master.key").write_text((tmp_path / "master.key").read_text())
        content = bytearray(dump.read_bytes())
        content[-1] ^= 1
        dump.write_bytes(bytes(content))
        assert "damaged" in other.json("restore", dump, status=2)["error"]["message"]


def test_connectors_are_listed(trueup: Commands) -> None:
    found = {each["id"]: each for each in trueup.json("connectors", "list")["connectors"]}
    assert found["manual"]["capabilities"] == ["files", "mapping"]
    assert "orders" in found["shopify"]["resources"]
