"""The GraphQL documents, each in its own file, put together with the fragments they name."""

import re
from functools import cache
from pathlib import Path

from trueup.errors import invariant

_FOLDER = Path(__file__).parent / "documents"
_SPREAD = re.compile(r"\.\.\.([A-Z]\w*)")
_NAME = re.compile(r"fragment (\w+) on")
_COMMENT = re.compile(r"^\s*#.*\n", re.MULTILINE)


def document(name: str) -> str:
    """Return the whole text of one document, its fragments included.

    Args:
        name: the file's name without its ending, such as "orders_page".
    """
    texts = _documents()
    invariant(name in texts, f"no document {name!r}; known: {sorted(texts)}")
    return texts[name]


def document_names() -> tuple[str, ...]:
    """Return the names of all documents in alphabetical order."""
    return tuple(sorted(_documents()))


@cache
def _documents() -> dict[str, str]:
    fragments = {}
    for path in sorted((_FOLDER / "fragments").glob("*.graphql")):
        text = _read(path)
        fragments[_NAME.findall(text)[0]] = text
    return {path.stem: _complete(_read(path), fragments) for path in _FOLDER.glob("*.graphql")}


def _read(path: Path) -> str:
    return _COMMENT.sub("", path.read_text(encoding="utf-8"))


def _complete(text: str, fragments: dict[str, str]) -> str:
    """Append every fragment that the text spreads, directly or through another fragment."""
    wanted = _SPREAD.findall(text)
    seen: list[str] = []
    while wanted:
        name = wanted.pop()
        if name not in seen:
            seen.append(name)
            wanted.extend(_SPREAD.findall(fragments[name]))
    return "\n".join([text, *(fragments[name] for name in sorted(seen))])
