"""One word per concept: names of files and identifiers, held against the glossary."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.tidy.tree import ROOT, SOURCE, check, files, name_of, python_files, syntax

BANNED_FILE_WORDS = {
    *("util", "utils", "helper", "helpers", "manager", "managers", "data", "info"),
    *("common", "misc", "stuff"),
}

# Vendors' words end where a connector's mapping ends; a simulated vendor speaks like the vendor.
_VENDOR_FOLDERS = (SOURCE / "connectors", SOURCE / "sandbox")

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SQL_NAME = re.compile(r"\b[a-z][a-z0-9_]*\b")
_ROW = re.compile(r"^\| \*\*(?P<word>[^*|]+)\*\* \|(?P<meaning>.*)\|(?P<rather>[^|]*)\|$")


def forbidden_words() -> dict[str, str]:
    """Return each forbidden synonym of the glossary with the word that stands for it."""
    words: dict[str, str] = {}
    for line in (ROOT / "GLOSSARY.md").read_text(encoding="utf-8").splitlines():
        if row := _ROW.match(line):
            for synonym in re.findall(r"`([a-z_]+)`", row["rather"]):
                assert synonym not in words, f"{synonym} is forbidden twice in GLOSSARY.md"
                words[synonym] = row["word"]
    return words


def words_of(identifier: str) -> list[str]:
    """Split `OrderLineQty` and `order_line_qty` into their words, in lower case."""
    return [word.lower() for word in _WORDS.findall(identifier)]


def test_no_file_is_named_after_nothing() -> None:
    found = {
        name_of(path): "a name that says nothing"
        for path in files("", "src") + files("", "tests")
        if BANNED_FILE_WORDS & set(words_of(path.name.split(".")[0]))
    }
    check("file_names", found, "Name a file after the one concept it holds.")


def test_glossary_forbids_something_and_nothing_it_says_itself() -> None:
    forbidden = forbidden_words()
    assert len(forbidden) >= 20
    own = {"_".join(words_of(word)) for word in forbidden.values()}
    assert not own & forbidden.keys(), "a word of the glossary is forbidden by another one"


def test_identifiers_use_the_glossary() -> None:
    forbidden = forbidden_words()
    found: dict[str, str] = {}
    for path, identifier in _identifiers():
        joined = f"_{'_'.join(words_of(identifier))}_"
        for synonym, word in forbidden.items():
            if f"_{synonym}_" in joined:
                found[f"{name_of(path)}:{identifier}"] = f"{synonym} (say {word})"
    check("glossary", found, "One word per concept: see GLOSSARY.md.")


def test_words_are_split_right() -> None:
    assert words_of("OrderLineQty") == ["order", "line", "qty"]
    assert words_of("HTTPReply2") == ["http", "reply", "2"]
    assert words_of("_due_at") == ["due", "at"]


def _identifiers() -> Iterator[tuple[Path, str]]:
    for path in python_files("src"):
        if not any(path.is_relative_to(folder) for folder in _VENDOR_FOLDERS):
            for identifier in _defined(syntax(path)):
                yield path, identifier
    for path in files(".sql", "src"):
        text = re.sub(r"--.*|'[^']*'", "", path.read_text(encoding="utf-8"))
        for identifier in set(_SQL_NAME.findall(text)):
            yield path, identifier


def _defined(tree: ast.AST) -> set[str]:
    """Return the names that a file gives: what it only uses may be another library's."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.attr)
    return names
