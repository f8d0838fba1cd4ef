"""The whole folder runs on the embedded server and, where installed, on Debian's PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.database import SYSTEM_BIN_DIR, ensure_template, run_server


@pytest.fixture(
    scope="session",
    params=["embedded", pytest.param("system", marks=pytest.mark.system_postgres)],
)
def server_url(request: pytest.FixtureRequest, run_dir: Path) -> Iterator[str]:
    """Run an own cluster of each PostgreSQL on a socket."""
    system = request.param == "system"
    if system and not (SYSTEM_BIN_DIR / "postgres").exists():
        pytest.skip(f"no PostgreSQL in {SYSTEM_BIN_DIR}: apt-get install postgresql")
    server = run_server(
        run_dir / "server" / request.param, bin_dir=SYSTEM_BIN_DIR if system else None
    )
    with server as conninfo:
        ensure_template(conninfo)
        yield conninfo


@pytest.fixture(
    params=["embedded", pytest.param("system", marks=pytest.mark.system_postgres)],
)
def bin_dir(request: pytest.FixtureRequest) -> Path | None:
    """Give the programs for a server of the test's own; None are those of the wheel."""
    if request.param == "embedded":
        return None
    if not (SYSTEM_BIN_DIR / "postgres").exists():
        pytest.skip(f"no PostgreSQL in {SYSTEM_BIN_DIR}: apt-get install postgresql")
    return SYSTEM_BIN_DIR
