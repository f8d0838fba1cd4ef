"""The papers hold together: links lead somewhere, lists are whole, commands exist."""

import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tests.tidy.reference import commands
from tests.tidy.tree import ROOT, files, name_of
from trueup.canon.inventory import StockMovement
from trueup.canon.issue import Severity
from trueup.contract.connector import Source
from trueup.contract.delivery import Delivery, Secret
from trueup.contract.loader import load_connector
from trueup.contract.signature import verify
from trueup.contract.signing import sign
from trueup.errors import SignatureInvalid

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


def test_commands_that_papers_name_exist() -> None:
    """Every `make x` and `trueup x` of the papers is a target or a command."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    known = {name.removeprefix("trueup ") for name, _ in commands()}
    missing = []
    for paper in PAPERS:
        for line in _said(paper.read_text(encoding="utf-8")):
            if match := re.match(r"make ([a-z][a-z-]*)", line):
                is_known = match[1] in targets
            elif match := re.match(r"(?:\.venv/bin/)?trueup ((?:[a-z][a-z-]* ?)+)", line):
                words = match[1].split()
                named = {" ".join(words[:count]) for count in (1, 2, 3)}
                is_known = bool(named & known) or (
                    len(words) == 1 and any(name.startswith(f"{words[0]} ") for name in known)
                )
            else:
                continue
            missing += [] if is_known else [f"{name_of(paper)}: {line}"]
    assert not missing, "\n".join(missing)


def _said(text: str) -> list[str]:
    """Return what a paper shows as code, line by line."""
    said = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return said + [line for block in _FENCE.findall(text) for line in block.splitlines()]


def test_papers_of_the_makefile_explain_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.+?)\n\n", makefile, re.MULTILINE | re.DOTALL)
    assert phony
    declared = set(phony[1].replace("\\", "").split())
    explained = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    assert declared - explained == {"chromium"}, "only a step of others needs no words"


def test_the_connector_of_the_contributing_paper_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Write the example out as the paper says, load it, sign a delivery for it, and map it."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    manifest = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    modules = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    folder = tmp_path / "vendors_of_the_paper" / "fern"
    folder.mkdir(parents=True)
    for path in (folder.parent / "__init__.py", folder / "__init__.py"):
        path.touch()
    (folder / "manifest.toml").write_text(manifest[0])
    for name, source in zip(("webhook", "mapping"), modules, strict=True):
        (folder / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    connector = load_connector(folder, "vendors_of_the_paper")
    assert connector.manifest.webhook is not None

    at = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    body = b'{"id": "7", "sku": "A-1", "pieces": 12, "at": "2026-11-21T11:59:00Z"}'
    headers = {"x-fern-topic": "counted", "x-fern-delivery": "d-1"}
    delivery = Delivery(method="POST", url="https://hub.example/", headers=headers, body=body)
    secret = Secret(value=b"not-a-real-one")
    scheme = connector.manifest.webhook.scheme
    signed = {**headers, **sign(scheme, delivery, secret, at)}
    verify(scheme, msgspec.structs.replace(delivery, headers=signed), (secret,), at)
    with pytest.raises(SignatureInvalid):
        verify(scheme, msgspec.structs.replace(delivery, headers=signed, body=b"x"), (secret,), at)

    identified = connector.webhook.identify(signed, body)
    assert (identified.external_id, identified.topic) == ("d-1", "counted")
    mapped = connector.mapping.map_source(Source(topic="counted", body=body, received_at=at))
    assert not mapped.issues
    (movement,) = mapped.records
    assert isinstance(movement, StockMovement)
    assert (movement.sku, movement.quantity) == ("A-1", 12)
    assert movement.entity() == identified.entity
    for hostile in (b"", b"\xff", b"[]", b'{"id": "7", "sku": "A-1", "pieces": 1.5}'):
        assert connector.webhook.identify({}, hostile).topic == ""
        broken = connector.mapping.map_source(Source(topic="counted", body=hostile, received_at=at))
        assert [issue.severity for issue in broken.issues] == [Severity.ERROR]
