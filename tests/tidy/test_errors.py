"""The drawing at the top of errors.py is the tree below it."""

import ast
import re

from tests.tidy.tree import SOURCE, check, name_of, python_files, syntax
from trueup import errors

_LINE = re.compile(r"^(?P<branch>[│├└─ ]*)(?P<name>[A-Z]\w+)(?: +(?P<code>[a-z_]+\.[a-z_*]+))?")


def _drawn() -> dict[str, tuple[str, str]]:
    """Return (parent, code) of each drawn error."""
    drawn: dict[str, tuple[str, str]] = {}
    above: list[str] = []
    drawing = (errors.__doc__ or "").split("HubError\n", 1)[1].split("\n\n", 1)[0]
    for line in ["HubError", *drawing.splitlines()]:
        match = _LINE.match(line)
        assert match, f"not a line of the tree: {line!r}"
        depth = len(match["branch"]) // 4
        above[depth:] = [match["name"]]
        drawn[match["name"]] = (above[depth - 1] if depth else "", match["code"] or "")
    return drawn


def _classes(root: type[errors.HubError]) -> dict[str, type[errors.HubError]]:
    found = {root.__name__: root}
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            found |= _classes(child)
    return found


def test_the_drawn_tree_is_the_tree() -> None:
    drawn = _drawn()
    classes = _classes(errors.HubError)
    assert drawn.keys() == classes.keys()
    for name, (parent, code) in drawn.items():
        bases = [base.__name__ for base in classes[name].__bases__]
        assert not parent or parent in bases, f"{name} is drawn below {parent}, and is {bases}"
        if code and not code.endswith("*"):
            assert code == classes[name].code
        elif code:
            assert classes[name].code.startswith(code.removesuffix("*"))


def test_codes_are_unique() -> None:
    codes = [error.code for error in _classes(errors.HubError).values()]
    assert len(codes) == len(set(codes))


def test_every_error_says_something_by_itself() -> None:
    for name, error in _classes(errors.HubError).items():
        first = (error.__doc__ or "").strip().splitlines()[0]
        assert len(first) > 10, f"{name} needs a docstring: it is the default message"


def test_the_whole_tree_is_in_one_file() -> None:
    """No class derives from an error of ours anywhere else, so the drawing is all there is."""
    known = _classes(errors.HubError).keys()
    found = {
        f"{name_of(path)}:{node.name}": "an error outside of errors.py"
        for path in python_files("src")
        if path != SOURCE / "errors.py"
        for node in ast.walk(syntax(path))
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id in known for base in node.bases)
    }
    check("error_classes", found, "Put it into errors.py, and into its drawing.")
