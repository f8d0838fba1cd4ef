"""What the papers say of configuration, commands, dependencies and codes is what the code says."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.tidy.issue_codes import codes_in_papers, codes_in_source
from tests.tidy.reference import PARTS, errors_of, pages, written
from tests.tidy.tree import ROOT


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.name))
def test_written_parts_are_fresh(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert written(text) == text, "out of date: make docs"


def test_every_part_stands_on_one_page() -> None:
    texts = "".join(page.read_text(encoding="utf-8") for page in pages())
    assert sorted(re.findall(r"<!-- written: (\w+) -->", texts)) == sorted(PARTS)


def test_a_stale_part_is_noticed() -> None:
    """The freshness test can fail: a part with other content is written anew."""
    stale = "<!-- written: config -->\nold\n<!-- end -->\n"
    assert "database.url" in written(stale)


def test_every_dependency_has_its_paragraph() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for extra in project["optional-dependencies"].values() for line in extra]
    lines = [*project["dependencies"], *extras]
    names = {re.split(r"[\[>=<;~! ]", line, maxsplit=1)[0] for line in lines}
    text = (ROOT / "docs" / "reference" / "dependencies.md").read_text(encoding="utf-8")
    sections = dict(
        re.findall(r"^## ([\w-]+)\n\n(.+?)(?=\n## |\Z)", text, re.MULTILINE | re.DOTALL)
    )
    assert set(sections) == names
    for name, section in sections.items():
        assert "Looked at:" in section, f"{name}: say what else was looked at"
        assert len(section) > 120, f"{name}: say what for, and why it"


def test_every_code_has_its_page() -> None:
    explained = codes_in_papers()
    assert len(explained) == len(set(explained)), "a code is explained twice in docs/issues.md"
    said = codes_in_source()
    unexplained = {code for code in said if not any(_fits(code, each) for each in explained)}
    assert not unexplained, "explain these in docs/issues.md"
    # An issue may carry the code of the error that it tells of.
    known = said | {error.code for error in errors_of()}
    gone = {each for each in explained if not any(_fits(code, each) for code in known)}
    assert not gone, "docs/issues.md explains what nothing says"


def _fits(code: str, explained: str) -> bool:
    """Tell whether a page is about a code; `<field>` in either stands for any word."""
    return bool(_pattern(code).fullmatch(explained) or _pattern(explained).fullmatch(code))


def _pattern(code: str) -> re.Pattern[str]:
    return re.compile("[a-z0-9_<>]+".join(map(re.escape, re.split(r"<\w+>", code))))


def test_every_code_says_what_why_and_how() -> None:
    text = (ROOT / "docs" / "issues.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## `([^`]+)`\n(.+?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    for code, section in sections:
        for word in ("**Means.**", "**Matters.**", "**Do.**"):
            assert word in section, f"docs/issues.md: {code} lacks {word}"
