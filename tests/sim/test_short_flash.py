"""World flash: one sale under every policy, of which the table and chart of the papers are made."""

import asyncio

import pytest

from tests.sim.flash.report import NAMES, play, table


@pytest.mark.timeout(240)
def test_shares_set_before_a_sale_save_most_of_it(server_url: str) -> None:
    found = asyncio.run(play(server_url, [1]))
    outcomes = {name: outcome for name, (outcome,) in found.items()}
    assert list(outcomes) == list(NAMES)
    assert outcomes["c-shares"].oversold < outcomes["c-lowers"].oversold < outcomes["a"].oversold
    assert outcomes["c-shares"].parity_s < outcomes["c-compare"].parity_s < outcomes["a"].parity_s
    assert all(line.count("|") == 6 for line in table(found).splitlines())
