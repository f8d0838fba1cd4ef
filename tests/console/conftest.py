"""`site` is a console over a busy day; `bare_site` is one over an empty database."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.console.site import MASTER_KEY, Site, serving
from tests.console.world import play
from trueup.govern.vault import Vault


@pytest.fixture(scope="module")
def site(module_database_url: str) -> Iterator[Site]:
    world = asyncio.run(play(module_database_url, Vault(MASTER_KEY)))
    with serving(module_database_url, world) as running:
        yield running


@pytest.fixture
def bare_site(database_url: str) -> Iterator[Site]:
    with serving(database_url, None) as running:
        yield running
