"""Fixtures that any test may ask for.

`database_url` is a fresh, migrated database on a real server. Async tests carry
`pytestmark = pytest.mark.anyio` and run on asyncio.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.database import ensure_template, fresh_database, run_server

pytest_plugins = ("tests.support.leftout",)

# Memory as a file system: a copy of the template is 700 files, which a disk takes half a second
# to make and a tenth of that here.
RAM_DISK = Path("/dev/shm")  # noqa: S108 - pytest makes a folder of its own in it, by user
RAM_BYTES = 4 << 30

# How fast inputs are made says how busy the machine is, and nothing of the code.
settings.register_profile("trueup", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("trueup")


def pytest_configure() -> None:
    """Work in memory where there is room, unless the caller chose a place."""
    if os.access(RAM_DISK, os.W_OK) and shutil.disk_usage(RAM_DISK).free >= RAM_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(RAM_DISK))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove the server's 100 MB once nobody needs them: after the last parallel worker."""
    factory = getattr(session.config, "_tmp_path_factory", None)
    if factory is not None and "PYTEST_XDIST_WORKER" not in os.environ:
        shutil.rmtree(factory.getbasetemp() / "server", ignore_errors=True)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of this run, the same one for all parallel workers of it."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def server_url(run_dir: Path) -> Iterator[str]:
    """Run one embedded server for the whole run; parallel workers share it."""
    with run_server(run_dir / "server" / "embedded") as conninfo:
        ensure_template(conninfo)
        yield conninfo


@pytest.fixture
def database_url(server_url: str) -> Iterator[str]:
    """Give a fresh database with all migrations applied; dropped after the test."""
    with fresh_database(server_url) as conninfo:
        yield conninfo


@pytest.fixture(scope="module")
def module_database_url(server_url: str) -> Iterator[str]:
    """Give one fresh database for all tests of a module, where making one each would be slow."""
    with fresh_database(server_url) as conninfo:
        yield conninfo


@pytest.fixture
def empty_database_url(server_url: str) -> Iterator[str]:
    """Give a fresh database without any migration."""
    with fresh_database(server_url, template=None) as conninfo:
        yield conninfo
