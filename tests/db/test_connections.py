"""Connections and their secrets."""

import pytest

from tests.support.spine import Spine, open_spine
from trueup.errors import ConfigError
from trueup.govern.vault import Vault
from trueup.intake.connections import (
    change_connection,
    create_connection,
    find_account,
    load_accounts,
    rotate_secret,
)

pytestmark = pytest.mark.anyio


async def make(spine: Spine, name: str) -> int:
    return await create_connection(
        spine.conn,
        spine.hub.vault,
        name=name,
        connector="shopify",
        settings={"a": "b"},
        secrets={"token": "one", "secret": "two"},
    )


async def test_a_secret_lies_sealed_and_opens_again(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        number = await make(spine, "west")
        account = await find_account(spine.conn, spine.hub.vault, "west")
        assert account.connection.connection_id == number
        assert account.connection.settings == {"a": "b"}
        assert account.secret_values() == {"token": "one", "secret": "two"}
        assert "one" not in repr(account)
        assert "one" not in repr(account.secrets)
        sealed = await spine.rows("SELECT sealed FROM intake.connection_secret")
        assert not any(b"one" in each for (each,) in sealed)


async def test_an_old_secret_stays_good_beside_the_new_one(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        number = await make(spine, "west")
        for value in ("three", "four"):
            await rotate_secret(spine.conn, spine.hub.vault, number, "token", value)
        account = await find_account(spine.conn, spine.hub.vault, "west")
        live = [(s.value, s.not_after is None) for s in account.secrets if s.name == "token"]
        assert live == [("four", True), ("three", False), ("one", False)]
        assert account.secret_values() == {"token": "four", "secret": "two"}
        await spine.rows(
            "UPDATE intake.connection_secret SET not_after = now() - interval '1 s'"
            " WHERE not_after IS NOT NULL RETURNING 1"
        )
        account = await find_account(spine.conn, spine.hub.vault, "west")
        assert [s.value for s in account.secrets if s.name == "token"] == ["four"]


@pytest.mark.parametrize("name", ["", "North", "a b", "-a", "a" * 64, "a/b", "é", "a\n"])
async def test_a_name_that_can_not_stand_in_an_address(database_url: str, name: str) -> None:
    async with open_spine(database_url) as spine:
        with pytest.raises(ConfigError, match="can not name"):
            await make(spine, name)
        assert await spine.one("SELECT count(*) FROM intake.connection") == 2


async def test_a_name_is_taken_once(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        with pytest.raises(ConfigError, match="already"):
            await make(spine, "north")
        with pytest.raises(ConfigError, match="north"):
            await find_account(spine.conn, spine.hub.vault, "nobody")


async def test_another_master_key_says_what_to_do(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        with pytest.raises(ConfigError, match="master key"):
            await load_accounts(spine.conn, Vault(bytes(32)))


async def test_a_removed_connection_is_gone_and_its_number_is_not_used_again(
    database_url: str,
) -> None:
    async with open_spine(database_url) as spine:
        connection = spine.hub.connections[spine.numbers["north"]]
        await change_connection(spine.conn, connection, state="removed")
        names = [a.connection.name for a in await load_accounts(spine.conn, spine.hub.vault)]
        assert names == ["own"]
        assert await make(spine, "west") > max(spine.numbers.values())
