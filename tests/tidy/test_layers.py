"""Imports go one way, and no module stands outside of that."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from tests.tidy.tree import ROOT, SOURCE

# Modules that stand in no layer, each held by a contract of its own.
_LEAVES = {"connectors", "sandbox"}
_LANGUAGE = {"errors", "kernel", "canon", "contract"}


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


def test_every_room_stands_in_a_layer_or_is_a_leaf() -> None:
    outside = _present() - _layered() - _LEAVES
    assert not outside, f"give these a layer in pyproject.toml: {sorted(outside)}"


def test_leaves_are_forbidden_everything_but_the_language() -> None:
    for leaf in _LEAVES:
        forbidden = {
            str(module).removeprefix("trueup.")
            for contract in _contracts()
            if contract["type"] == "forbidden" and contract["source_modules"] == [f"trueup.{leaf}"]
            for module in contract["forbidden_modules"]
        }
        open_to_it = _present() - _LANGUAGE - {leaf} - forbidden
        assert not open_to_it, f"forbid {leaf} these in pyproject.toml: {sorted(open_to_it)}"


def _present() -> set[str]:
    """Return the rooms and modules right below the package."""
    return {
        path.stem
        for path in SOURCE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    } - {"__init__"}


def _layered() -> set[str]:
    """Return what has a layer."""
    layers = next(contract["layers"] for contract in _contracts() if contract["type"] == "layers")
    names = (name for layer in layers for name in re.split("[|:]", layer))
    return {name.strip("() ").removeprefix("trueup.") for name in names}
