"""What edges between two sides hold together."""

from collections.abc import Iterable

Group = tuple[tuple[str, ...], tuple[str, ...]]
"""Refs of the left and of the right, each sorted."""


def components(edges: Iterable[tuple[str, str]]) -> list[Group]:
    """Return the connected groups of a graph between two sides, sorted.

    Args:
        edges: pairs of a left and a right ref; a ref may stand on both sides and is two rows then.
    """
    beside: dict[tuple[bool, str], set[tuple[bool, str]]] = {}
    for left, right in edges:
        beside.setdefault((False, left), set()).add((True, right))
        beside.setdefault((True, right), set()).add((False, left))
    groups = []
    seen: set[tuple[bool, str]] = set()
    for start in sorted(beside):
        if start in seen:
            continue
        seen.add(start)
        reached, waiting = [start], [start]
        while waiting:
            fresh = beside[waiting.pop()] - seen
            seen |= fresh
            reached += fresh
            waiting += fresh
        groups.append(
            (
                tuple(sorted(ref for is_right, ref in reached if not is_right)),
                tuple(sorted(ref for is_right, ref in reached if is_right)),
            )
        )
    return groups
