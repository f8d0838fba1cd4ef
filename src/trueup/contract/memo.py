"""Names of other systems in a private note: words such as `order:#1001` or `payout:po_7`."""

import re

from trueup.canon.link import SPACES_OF_PEOPLE, Link, LinkSpace

_SPACES = "|".join(sorted(space.value for space in set(LinkSpace) - SPACES_OF_PEOPLE))
_NAMED = re.compile(rf"(?<![\w:])({_SPACES}):([^\s<>,;:]{{1,100}})")
_LINKS_MAX = 50


def links_in(memo: str | None) -> tuple[Link, ...]:
    """Return the links that a memo declares, each once; all other words are for people."""
    found = _NAMED.findall(memo or "")[:_LINKS_MAX]
    links = (Link(LinkSpace(space), value.rstrip(".)")) for space, value in found)
    return tuple(dict.fromkeys(link for link in links if link.value))
