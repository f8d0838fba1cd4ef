"""How many branches of a connector's code its tests take: measured, kept in a file, and judged.

`python -m trueup.quality.branches <id>` measures and prints the line for `branches.toml`. It needs
the package `coverage`, which nothing else does.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

import trueup
from trueup.errors import ConfigError
from trueup.quality.rule import Verdict, verdict
from trueup.quality.subject import Subject

SHARE_MIN: Final = 0.95
DAYS_MAX: Final = 365

_ROOT: Final = Path(trueup.__file__).parents[2]
_FILE: Final = Path(__file__).with_name("branches.toml")
_MEASURE_S_MAX: Final = 600
_OF_ALL: Final = frozenset(("test_quality.py", "test_quality_twin.py", "test_connectors.py"))


class Measured(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was measured of one connector, and when."""

    on: date
    taken: int
    branches: int

    @property
    def share(self) -> float:
        """How much of it is taken, 0 to 1."""
        return self.taken / self.branches if self.branches else 1.0


def branches_covered(subject: Subject) -> Verdict:
    """Read what was measured last."""
    return judge_measured(read_measured().get(subject.id), subject.today)


def judge_measured(measured: Measured | None, today: date) -> Verdict:
    """Judge a figure: high enough, and not older than a year."""
    if measured is None:
        return verdict(["nobody has measured it"], "")
    told = f"{measured.taken} of {measured.branches} branches, {measured.share:.1%}"
    faults = []
    if measured.share < SHARE_MIN:
        faults.append(f"{told}, wanted {SHARE_MIN:.0%}")
    if today - measured.on > timedelta(days=DAYS_MAX):
        faults.append(f"measured on {measured.on}, more than a year ago")
    return verdict(faults, f"{told}, measured on {measured.on}")


def read_measured(path: Path = _FILE) -> Mapping[str, Measured]:
    """Read the figures, by connector.

    Raises:
        msgspec.ValidationError: the file has another form.
    """
    return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), dict[str, Measured])


def measure(connector: str, root: Path = _ROOT) -> Measured:
    """Run a connector's own tests and count; those that run for all connectors do not count.

    Raises:
        ConfigError: it has no tests of its own.
        subprocess.CalledProcessError: a test fails, or `coverage` is not installed.
    """
    found = own_tests(connector, root)
    if not found:
        raise ConfigError("The connector has no tests of its own yet.", connector=connector)
    with tempfile.TemporaryDirectory() as folder:
        kept, told = f"--data-file={folder}/data", Path(folder) / "told.json"
        source = f"--source=src/trueup/connectors/{connector}"
        tests = [str(path.relative_to(root)) for path in found]
        run = ["run", "--branch", kept, source, "-m", "pytest", "-q", "-p", "no:randomly", *tests]
        for arguments in (run, ["json", "-q", kept, "-o", str(told)]):
            subprocess.run(  # noqa: S603 - our own tests, with our own arguments
                [sys.executable, "-m", "coverage", *arguments],
                cwd=root,
                timeout=_MEASURE_S_MAX,
                check=True,
                stdout=sys.stderr,
            )
        totals = json.loads(told.read_text(encoding="utf-8"))["totals"]
    return Measured(
        on=datetime.now(UTC).date(),
        taken=totals["covered_branches"],
        branches=totals["num_branches"],
    )


def own_tests(connector: str, root: Path = _ROOT) -> list[Path]:
    """Return a connector's own tests: its folder, and contract tests that name it."""
    folder = root / "tests" / "unit" / "connectors" / connector
    words = (f"connectors.{connector}", f"sandbox.{connector}", f'"{connector}"')
    named = [
        path
        for path in sorted((root / "tests" / "contract").glob("test_*.py"))
        if path.name not in _OF_ALL
        and any(word in path.read_text(encoding="utf-8") for word in words)
    ]
    return [folder, *named] if any(folder.glob("test_*.py")) else named


if __name__ == "__main__":
    for name in sys.argv[1:]:
        counted = measure(name)
        figures = f"taken = {counted.taken}, branches = {counted.branches}"
        sys.stdout.write(f"{name} = {{ on = {counted.on}, {figures} }}\n")
