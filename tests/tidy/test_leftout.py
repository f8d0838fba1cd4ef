"""A left-out test is said, and under CI one that needs ../shared/data is a failure."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import leftout

_MARKERS = "\n".join(f"  {marker}: for this test" for marker in leftout.NEEDS)
_TESTS = """
import pytest

@pytest.mark.shared
def test_shared(): pass

@pytest.mark.shared
def test_leaves_itself_out(): pytest.skip("no sample of this kind")

def test_plain(): pass
"""


def _run(folder: Path, *, ci: bool) -> str:
    """Run the plugin in a project of its own that has no ../shared/data."""
    support = folder / "project" / "tests" / "support"
    support.mkdir(parents=True, exist_ok=True)
    shutil.copy(str(leftout.__file__), support / "leftout.py")
    for package in (support, support.parent):
        (package / "__init__.py").touch()
    (support.parent / "conftest.py").write_text('pytest_plugins = ("tests.support.leftout",)\n')
    (support.parent / "test_them.py").write_text(_TESTS)
    ini = f"[pytest]\npythonpath = .\naddopts = -ra -p no:randomly\nmarkers =\n{_MARKERS}\n"
    (folder / "project" / "pytest.ini").write_text(ini)
    environment = {k: v for k, v in os.environ.items() if k != "CI" and "XDIST" not in k}
    environment |= {"CI": "true"} if ci else {}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests"],
        cwd=folder / "project",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def test_at_home_it_is_left_out_and_said(tmp_path: Path) -> None:
    said = _run(tmp_path, ci=False)
    assert "1 passed, 2 skipped" in said
    assert f"left out: there is no {tmp_path}/shared/data" in said


def test_under_ci_it_fails(tmp_path: Path) -> None:
    said = _run(tmp_path, ci=True)
    assert "1 passed, 2 errors" in said
    assert "under CI this test must not be left out" in said


def test_under_ci_a_test_that_leaves_itself_out_fails_too(tmp_path: Path) -> None:
    (tmp_path / "shared" / "data").mkdir(parents=True)
    said = _run(tmp_path, ci=True)
    assert "1 failed, 2 passed" in said
    assert "no sample of this kind" in said


@pytest.mark.parametrize("value", ["", "false", "0"])
def test_an_empty_ci_is_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CI", value)
    assert not leftout.is_ci()
