"""The papers hold together: links lead somewhere, lists are whole, commands exist."""

import re
from pathlib import Path

import pytest

from tests.tidy.reference import commands
from tests.tidy.tree import ROOT, files, name_of

DECISIONS = ROOT / "docs" / "decisions"
PAPERS = [path for path in files(".md") if "samples" not in path.parts]

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"```(?:bash|sh|console)\n(.*?)```", re.DOTALL)


def _without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def _anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("paper", PAPERS, ids=name_of)
def test_links_of_a_paper_lead_somewhere(paper: Path) -> None:
    broken = []
    for link in _LINK.findall(_without_code(paper.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (paper.parent / place).resolve() if place else paper
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize(
    "name",
    [
        *("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "GLOSSARY.md", "CHANGELOG.md"),
        *("SECURITY.md", "LICENSE", "docs/runbook.md", "docs/issues.md", "docs/benchmarks.md"),
    ],
)
def test_the_paper_is_there(name: str) -> None:
    assert (ROOT / name).is_file()


def test_papers_changelog_has_an_unreleased_section() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## \[Unreleased\]$", text, re.MULTILINE)


def test_papers_list_every_decision_once_and_in_order() -> None:
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[(\d{4})\]\((\d{4}-[a-z0-9-]+\.md)\) \| (.+) \|$", index, re.MULTILINE)
    present = sorted(path.name for path in DECISIONS.glob("[0-9]*.md"))
    assert [file for _, file, _ in rows] == present
    for number, file, title in rows:
        first = (DECISIONS / file).read_text(encoding="utf-8").splitlines()[0]
        assert first == f"# {number}: {title}"
    assert len({number for number, _, _ in rows}) == len(rows)


@pytest.mark.parametrize("paper", sorted(DECISIONS.glob("[0-9]*.md")), ids=lambda p: p.name[:4])
def test_papers_of_decisions_have_the_same_parts(paper: Path) -> None:
    text = paper.read_text(encoding="utf-8")
    parts = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert parts == ["Context", "Options", "Decision", "Consequences", "Revisit on"]
    assert re.search(r"^Status: (accepted|superseded by \d{4})\.$", text, re.MULTILINE)


@pytest.mark.parametrize("paper", PAPERS, ids=name_of)
def test_commands_of_a_paper_exist(paper: Path) -> None:
    """Every `make x` and `trueup x` of the papers is a target or a command."""
    text = paper.read_text(encoding="utf-8")
    said = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    said += [line for block in _FENCE.findall(text) for line in block.splitlines()]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    known = {name.removeprefix("trueup ") for name, _ in commands()}
    missing = []
    for line in said:
        if match := re.match(r"make ([a-z][a-z-]*)", line):
            missing += [line] if match[1] not in targets else []
        elif match := re.match(r"(?:\.venv/bin/)?trueup ((?:[a-z][a-z-]* ?)+)", line):
            words = match[1].split()
            if not {words[0], " ".join(words[:2])} & known:
                missing.append(line)
    assert not missing


def test_papers_of_the_makefile_explain_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.+?)\n\n", makefile, re.MULTILINE | re.DOTALL)
    assert phony
    declared = set(phony[1].replace("\\", "").split())
    explained = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    assert declared - explained == {"chromium"}, "only a step of others needs no words"
