"""Imports go one way, and no module stands outside of that."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.tidy.tree import ROOT, SOURCE

# Modules that stand in no layer, each held by a contract of its own.
_LEAVES = {"connectors", "sandbox"}


def _contracts() -> list[dict[str, object]]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts: list[dict[str, object]] = config["tool"]["importlinter"]["contracts"]
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
    layers = next(contract["layers"] for contract in _contracts() if contract["type"] == "layers")
    assert isinstance(layers, list)
    named = {
        name.strip("() ").removeprefix("trueup.")
        for layer in layers
        for name in re.split("[|:]", layer)
    }
    present = {
        path.stem
        for path in SOURCE.iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").is_file())
    }
    outside = present - named - _LEAVES - {"__init__"}
    assert not outside, f"give these a layer in pyproject.toml: {sorted(outside)}"


def test_leaves_are_forbidden_the_rooms() -> None:
    """Each leaf has a contract that forbids it every stage room."""
    rooms = {f"trueup.{path.parent.name}" for path in SOURCE.glob("*/queries.sql")}
    for leaf in _LEAVES:
        forbidden = {
            str(module)
            for contract in _contracts()
            if contract["type"] == "forbidden" and contract["source_modules"] == [f"trueup.{leaf}"]
            for module in contract["forbidden_modules"]  # type: ignore[attr-defined]
        }
        assert rooms <= forbidden, f"{leaf} may reach {sorted(rooms - forbidden)}"
