"""Nothing is left behind that does not belong: other people's text, forgotten notes, no licence."""

import hashlib
import re

import pytest

from tests.support.leftout import SHARED
from tests.tidy.tree import ROOT, files, name_of, python_files, tracked

_COPY_BYTES_MIN = 64


def test_licence_is_there() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0" in text


def test_a_note_to_do_something_names_an_issue() -> None:
    note = re.compile(r"\b(TODO|FIXME|HACK)\b(?!.*#\d)")
    found = [
        f"{name_of(path)}:{number}: {line.strip()}"
        for path in (*files(".py", "src"), *files(".sql", "src"), *python_files("tests"))
        if path.name != "test_left_behind.py"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if note.search(line)
    ]
    assert not found, "say which issue: TODO #12: ...\n" + "\n".join(found)


def test_no_file_is_a_link() -> None:
    """A link points into one machine; in a fresh clone it stands where a real thing has to be."""
    found = [name_of(path) for path in tracked() if path.is_symlink()]
    assert not found, f"git rm --cached {' '.join(found)}, and put the name into .gitignore"


@pytest.mark.shared
def test_nothing_of_the_shared_folder_was_copied() -> None:
    """No file of ours equals one of the reference files, byte for byte."""
    theirs: dict[str, str] = {}
    sizes: set[int] = set()
    for path in SHARED.parent.rglob("*"):
        if path.is_file() and path.stat().st_size >= _COPY_BYTES_MIN:
            sizes.add(path.stat().st_size)
            theirs[hashlib.sha256(path.read_bytes()).hexdigest()] = path.name
    copied = [
        f"{name_of(path)} is {theirs[digest]}"
        for path in files()
        if path.stat().st_size in sizes
        and (digest := hashlib.sha256(path.read_bytes()).hexdigest()) in theirs
    ]
    licence = [line for line in copied if line.startswith("LICENSE ")]
    assert sorted(set(copied) - set(licence)) == []
