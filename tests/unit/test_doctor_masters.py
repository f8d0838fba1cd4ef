"""What `trueup doctor` says of masters."""

import msgspec
import pytest

from trueup.cli.doctor import Verdict, judge_masters
from trueup.config import MasterConfig
from trueup.contract.loader import find_connectors
from trueup.govern.vault import Vault
from trueup.hub import Hub
from trueup.intake.model import Connection


def hub() -> Hub:
    def connected(number: int, name: str, connector: str, sites: str) -> Connection:
        return Connection(
            connection_id=number,
            name=name,
            connector=connector,
            settings={"location_sites": sites},
            state="active",
        )

    return Hub(
        Vault(bytes(32)),
        find_connectors(),
        [
            connected(1, "erp", "odoo", "8=main"),
            connected(2, "river", "amazon", "FBA-X=fba"),
            connected(3, "desk", "gorgias", "1=main"),
        ],
    )


def test_channels_that_would_sell_what_amazon_keeps_are_named() -> None:
    shop = Connection(
        connection_id=4,
        name="shop",
        connector="shopify",
        settings={"stock_location": "1"},
        state="active",
    )
    free = [MasterConfig(site="fba", connection="river", basis="available")]
    known = hub()
    known.use_connections([*known.connections.values(), shop])
    [found] = judge_masters(free, known)
    assert found.verdict is Verdict.WARN
    assert "shop sell from every site" in found.found
    apart = msgspec.structs.replace(shop, settings={**shop.settings, "sell_sites": "main"})
    known.use_connections([*known.connections.values(), apart])
    [found] = judge_masters(free, known)
    assert found.verdict is Verdict.GOOD


@pytest.mark.parametrize(
    ("masters", "verdict", "said"),
    [
        ([("main", "erp", ("*",))], Verdict.GOOD, "erp owns *"),
        ([("fba", "river", ("*",))], Verdict.GOOD, "river owns *"),
        ([("main", "gone", ("*",))], Verdict.BAD, "there is no connection 'gone'"),
        ([("main", "desk", ("*",))], Verdict.BAD, "gorgias tells no levels"),
        ([("shop", "erp", ("*",))], Verdict.BAD, "no location of erp is mapped to shop"),
        (
            [("main", "erp", ("A*",)), ("main", "erp", ("A*", "B"))],
            Verdict.BAD,
            "two masters own A*",
        ),
    ],
)
def test_what_is_wrong_with_a_master_is_named(
    masters: list[tuple[str, str, tuple[str, ...]]], verdict: Verdict, said: str
) -> None:
    configured = [MasterConfig(site=s, connection=c, skus=skus) for s, c, skus in masters]
    found = judge_masters(configured, hub())
    assert found[-1].verdict is verdict
    assert said in found[-1].found
    assert (found[-1].how_to_fix == "") == (verdict is Verdict.GOOD)
