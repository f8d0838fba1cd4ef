"""The tree as the tidy tests read it: files, syntax, and the list of what is allowed for now."""

import ast
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "trueup"
ALLOWED = ROOT / "tests" / "tidy" / "allowed.toml"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tracked() -> tuple[Path, ...]:
    """Return all that git knows or would take, links too; in a bare copy, all."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    ).stdout.decode()
    found = [ROOT / name for name in names.split("\0") if name]
    if not found:
        found = [path for path in ROOT.rglob("*") if ".venv" not in path.parts]
    return tuple(sorted(found))


@cache
def files(suffix: str = "", below: str = "") -> tuple[Path, ...]:
    """Return the project's files whose name ends so."""
    return tuple(
        path
        for path in tracked()
        if path.is_file() and path.name.endswith(suffix) and path.is_relative_to(ROOT / below)
    )


def python_files(below: str = "") -> tuple[Path, ...]:
    """Return the Python files of `src` and `tests`."""
    wanted = [below] if below else ["src", "tests"]
    return tuple(path for folder in wanted for path in files(".py", folder))


@cache
def syntax(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Yield every function of a tree with its dotted name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            yield f"{prefix}{node.name}", node
            yield from functions(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.ClassDef):
            yield from functions(node, f"{prefix}{node.name}.")
        else:
            yield from functions(node, prefix)


def name_of(path: Path) -> str:
    """Return a file's name below the root."""
    return path.relative_to(ROOT).as_posix()


@cache
def allowed(rule: str) -> dict[str, str]:
    """Return what may break a rule for now, each with its reason."""
    entries = tomllib.loads(ALLOWED.read_text(encoding="utf-8")).get(rule, {})
    return {str(name): str(reason) for name, reason in entries.items()}


def check(rule: str, found: dict[str, str], how_to_fix: str) -> None:
    """Fail for what breaks a rule and is not allowed, and for what is allowed and need not be.

    Args:
        rule: a table of `allowed.toml`, whose keys are names out of `found`.
        found: what breaks the rule, and how.
        how_to_fix: one sentence.
    """
    permitted = allowed(rule)
    new = [f"{name}: {how}" for name, how in sorted(found.items()) if name not in permitted]
    gone = sorted(permitted.keys() - found.keys())
    assert not new, f"{how_to_fix}\n  " + "\n  ".join(new)
    assert not gone, f"{ALLOWED.name} [{rule}] may shrink: take out {', '.join(gone)}"
