"""Rules about what the rooms do for every connector alike: held by the rooms' own tests, by name.

A program that is installed without its source tree can not look, and says so.
"""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Final

import trueup
from trueup.quality.rule import Verdict, exempt, verdict
from trueup.quality.subject import Subject

TESTS: Final = Path(trueup.__file__).parents[2] / "tests"


def held_by(*tests: str, root: Path = TESTS) -> Callable[[Subject], Verdict]:
    """Return a checker that looks for tests by name, such as `flow/test_lines.py::test_it`.

    They run with all others; whoever takes one away is told here which promise it held.
    """

    def look(subject: Subject) -> Verdict:
        del subject  # what a room does, it does for all
        if not root.is_dir():
            return exempt("there is no source tree to look for the tests in")
        missing = [test for test in tests if not _is_there(root, test)]
        return verdict([f"there is no {test}" for test in missing], f"{len(tests)} tests hold it")

    return look


def _is_there(root: Path, test: str) -> bool:
    file, _, name = test.partition("::")
    path = root / file
    if not path.is_file():
        return False
    functions = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return any(isinstance(node, kinds) and node.name == name for node in functions)
