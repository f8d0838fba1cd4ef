"""The drop folder: whole files are taken once, the others are put aside with the reason."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from tests.flow.shop import KEY
from tests.unit.connectors.bank.reading import camt, entry, statement
from trueup.contract.loader import find_connectors
from trueup.db.pool import connect
from trueup.dropping import Drop
from trueup.govern.vault import Vault
from trueup.hub import Hub
from trueup.intake.reads import list_issues

pytestmark = pytest.mark.anyio

WHOLE = camt(statement(entry()))


@pytest.fixture
async def conn(database_url: str) -> AsyncIterator[psycopg.AsyncConnection[object]]:
    async with await connect(database_url, application_name="test") as conn:
        yield conn


@pytest.fixture
def drop(tmp_path: Path, database_url: str) -> Drop:
    found = Drop(database_url, Hub(Vault(KEY), find_connectors()), tmp_path / "drop", settle_s=0)
    found._begin()
    return found


def put(drop: Drop, name: str, content: str, folder: str = "camt") -> Path:
    path = drop._root / folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def why(path: Path) -> str:
    return path.with_name(f"{path.name}.why.txt").read_text(encoding="utf-8")


async def test_a_whole_file_is_taken_once(
    drop: Drop, conn: psycopg.AsyncConnection[object]
) -> None:
    first = put(drop, "a.xml", WHOLE)
    assert await drop.look() == 1
    done = first.parent / "done" / "a.xml"
    assert why(done) == "a.xml: 2 taken, 0 known already\n"
    assert not first.exists()
    put(drop, "a.xml", WHOLE)
    assert await drop.look() == 1
    notes = sorted(path.name for path in done.parent.glob("*.why.txt"))
    assert len(notes) == 2
    assert "0 taken, 2 known already" in why(done.with_name(notes[0].removesuffix(".why.txt")))
    assert await drop.look() == 0
    assert await list_issues(conn) == []


async def test_a_file_at_fault_is_put_aside_with_its_place_and_an_issue(
    drop: Drop, conn: psycopg.AsyncConnection[object]
) -> None:
    path = put(drop, "a.xml", camt(statement(entry("1,00"))))
    await drop.look()
    assert "line 1, column" in why(path.parent / "refused" / "a.xml")
    (issue,) = await list_issues(conn)
    assert (issue["code"], issue["ref"]) == ("import.refused", "drop/camt/a.xml")
    put(drop, "a.xml", WHOLE)
    await drop.look()
    assert await list_issues(conn) == []


async def test_a_file_that_still_grows_waits(tmp_path: Path, database_url: str) -> None:
    hub = Hub(Vault(KEY), find_connectors())
    drop = Drop(database_url, hub, tmp_path / "drop", settle_s=0.2)
    drop._begin()
    path = put(drop, "a.xml", WHOLE[:100])
    assert await drop.look() == 0
    await asyncio.sleep(0.3)
    path.write_text(WHOLE)
    assert await drop.look() == 0
    await asyncio.sleep(0.3)
    assert await drop.look() == 1
    assert (path.parent / "done" / "a.xml").exists()


@pytest.mark.parametrize("name", [".hidden", "a.xml.part", "a.crdownload", "a.tmp"])
async def test_what_is_unfinished_by_its_name_is_left_alone(drop: Drop, name: str) -> None:
    path = put(drop, name, WHOLE)
    assert await drop.look() == 0
    assert path.exists()


async def test_a_link_is_not_followed(drop: Drop, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(WHOLE)
    folder = put(drop, "x.part", "").parent
    (folder / "a.xml").symlink_to(tmp_path / "secret")
    assert await drop.look() == 0


async def test_a_folder_names_a_connection_or_says_what_formats_there_are(drop: Drop) -> None:
    put(drop, "a.xml", WHOLE, folder="camt@bank-two")
    odd = put(drop, "a.xml", WHOLE, folder="camel")
    assert await drop.look() == 1
    assert "mt940" in (odd.parent / "not-a-format.why.txt").read_text()
    assert odd.exists()
    assert {each.name for each in drop._hub.connections.values()} == {"bank-two"}


async def test_a_file_waits_while_the_database_is_away(tmp_path: Path) -> None:
    hub = Hub(Vault(KEY), find_connectors())
    drop = Drop("postgresql://nobody@127.0.0.1:1/none", hub, tmp_path / "drop", settle_s=0)
    drop._begin()
    path = put(drop, "a.xml", WHOLE)
    stop = asyncio.Event()
    running = asyncio.create_task(drop.run(stop))
    await asyncio.sleep(0.5)
    stop.set()
    await running
    assert path.exists()


async def test_what_was_being_taken_when_the_process_died_comes_back(drop: Drop) -> None:
    path = put(drop, "a.xml", WHOLE)
    taking = path.parent / "taking"
    taking.mkdir()
    path.rename(taking / "a.xml")
    drop._begin()
    assert await drop.look() == 1
    assert (path.parent / "done" / "a.xml").exists()


async def test_two_processes_take_a_file_once(
    drop: Drop, tmp_path: Path, database_url: str
) -> None:
    other = Drop(database_url, Hub(Vault(KEY), find_connectors()), tmp_path / "drop", settle_s=0)
    for number in range(4):
        put(drop, f"{number}.xml", WHOLE.replace("R-1", f"R-{number}"))
    counts = await asyncio.gather(drop.look(), other.look())
    assert sum(counts) == 4
    assert len([*(drop._root / "camt" / "done").iterdir()]) == 8


async def test_the_folder_says_what_may_be_put_where(drop: Drop) -> None:
    text = (drop._root / "README.txt").read_text()
    assert "camt/" in text
    assert "amazon-settlement/" in text
