"""Imports go one way, and no module stands outside of that."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from tests.tidy.tree import ROOT, SOURCE


def _contracts() -> list[dict[str, Any]]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts: list[dict[str, Any]] = config["tool"]["importlinter"]["contracts"]
    return contracts


def test_imports_go_one_way() -> None:
    """Run import-linter itself, as `make layers` does."""
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(program), "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_room_stands_in_a_layer() -> None:
    outside = _present() - {name for layer in _layers() for name in layer}
    assert not outside, f"give these a layer in pyproject.toml: {sorted(outside)}"


def test_leaves_stand_below_every_room() -> None:
    """Connectors and simulated vendors know the language and the contract alone."""
    at = next(n for n, layer in enumerate(_layers()) if "connectors" in layer)
    assert _layers()[at] == {"connectors", "sandbox"}
    below = {name for layer in _layers()[at + 1 :] for name in layer}
    assert below == {"errors", "kernel", "canon", "contract"}


def test_no_stage_is_forgotten_where_leaves_are_forbidden() -> None:
    forbidding = next(c for c in _contracts() if c["type"] == "forbidden")
    sources = {name.removeprefix("trueup.") for name in forbidding["source_modules"]}
    assert {path.parent.name for path in SOURCE.glob("*/queries.sql")} <= sources


def _present() -> set[str]:
    """Return the rooms and modules right below the package."""
    return {
        path.stem
        for path in SOURCE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    } - {"__init__"}


def _layers() -> list[set[str]]:
    """Return the names in each layer, highest first."""
    layers = next(contract["layers"] for contract in _contracts() if contract["type"] == "layers")
    return [
        {name.strip("() ").removeprefix("trueup.") for name in re.split("[|:]", layer)}
        for layer in layers
    ]
