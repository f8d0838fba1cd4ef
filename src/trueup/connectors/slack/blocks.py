"""Builds what a message looks like: a title, paragraphs, and for a decision the link to it."""

from typing import Any

from trueup.canon.command import SendMessage
from trueup.errors import Refused

DECISION = "decision"
"""The template of a decision: variables are the link's address, and what is written on it."""

TEXT_CHARS_MAX = 12_000
_TITLE_CHARS_MAX = 150
_SECTION_CHARS_MAX = 3_000
_LINK_CHARS_MAX = 2_000


def plain_text(content: SendMessage) -> str:
    """Return the message for notifications and screen readers."""
    title = (content.subject or "").strip()
    return escape(f"{title}\n{content.text}".strip() if title else content.text)


def blocks_of(content: SendMessage) -> list[dict[str, Any]]:
    """Return the blocks.

    Raises:
        Refused: something of it can not be shown by Slack; names what.
    """
    _check(content)
    blocks: list[dict[str, Any]] = []
    if title := (content.subject or "").strip():
        blocks.append({"type": "header", "text": {"type": "plain_text", "text": title}})
    blocks += [_section(part) for part in _parts(escape(content.text))]
    if content.template == DECISION:
        blocks.append(_section(_link(content.variables)))
    return blocks


def escape(text: str) -> str:
    """Return text in which nothing is a mention, a link or a command of Slack's."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _check(content: SendMessage) -> None:
    if not content.text.strip():
        raise _refused("text", "a text; an HTML text can not be shown")
    if len(content.text) > TEXT_CHARS_MAX:
        raise _refused("text", f"at most {TEXT_CHARS_MAX} characters")
    if len(content.subject or "") > _TITLE_CHARS_MAX:
        raise _refused("subject", f"at most {_TITLE_CHARS_MAX} characters")
    if content.attachments:
        raise _refused("attachments", "none: send a link to the file")
    if content.template not in {None, DECISION}:
        raise _refused("template", f"{DECISION!r}, or none")
    if content.variables and content.template is None:
        raise _refused("variables", "a template")
    if not f"{content.text}{content.subject or ''}".isascii():
        try:
            f"{content.text}{content.subject or ''}".encode()
        except UnicodeEncodeError as fault:
            raise _refused("text", "text that can be written in UTF-8") from fault


def _parts(text: str) -> list[str]:
    """Cut a long text where a line ends, else where it must be."""
    parts: list[str] = []
    while len(text) > _SECTION_CHARS_MAX:
        cut = text.rfind("\n", 1, _SECTION_CHARS_MAX)
        if cut < 1:
            cut = _SECTION_CHARS_MAX
            ampersand = text.rfind("&", cut - 4, cut)  # never in the middle of an escape
            if ampersand >= 0 and ";" not in text[ampersand:cut]:
                cut = ampersand
        parts.append(text[:cut])
        text = text[cut:].lstrip("\n")
    return [part for part in (*parts, text) if part.strip()]


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _link(variables: tuple[str, ...]) -> str:
    if len(variables) not in {1, 2}:
        raise _refused("variables", "the decision's address, and at most what is written on it")
    url, label = variables[0], variables[1] if len(variables) == 2 else "Look and decide"
    plain = url.isascii() and url.isprintable() and not set(url) & set(" <>|")
    if not url.startswith("https://") or not plain or len(url) > _LINK_CHARS_MAX:
        raise _refused("variables", "an address that begins with https://")
    if not label.strip() or not label.isprintable() or len(label) > _TITLE_CHARS_MAX:
        raise _refused("variables", "a label on one line")
    shown = escape(label).replace("|", "/")
    return f"<{url.replace('&', '&amp;')}|{shown}>"


def _refused(field: str, expected: str) -> Refused:
    return Refused(f"Slack can not show the message: {field} needs {expected}", field=field)
