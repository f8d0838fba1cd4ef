"""The vendor's rate limit: a bucket of points that refills, and what a request costs.

The rule for cost is taken from recorded replies of a real shop: an object costs one point,
money and page information nothing, a mutation ten, and a connection two points plus its
nodes, of which a page of n counts as max(1, floor(2 ln n)).
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)

__all__ = ["Budget", "CostMeter"]

_MUTATION_POINTS = 10
_COUNT_POINTS = 10
_FREE_TYPES = frozenset({"MoneyBag", "MoneyV2", "PageInfo", "Count"})
_PAGE_UNKNOWN = 50
# The vendor's default bucket holds twenty seconds of the slowest plan, ten of the others.
_BUCKET_SECONDS = {100: 20, 200: 20}


class Budget:
    """A bucket of points that refills with the clock."""

    def __init__(self, *, points_per_s: int, points_max: int | None, now: datetime) -> None:
        self.points_per_s = points_per_s
        self.points_max = points_max or points_per_s * _BUCKET_SECONDS.get(points_per_s, 10)
        self._points = float(self.points_max)
        self._at = now

    def available(self, now: datetime) -> int:
        """Return the whole points in the bucket at `now`."""
        passed_s = max(0.0, (now - self._at).total_seconds())
        self._points = min(self.points_max, self._points + passed_s * self.points_per_s)
        self._at = max(self._at, now)
        return int(self._points)

    def admit(self, points: int, now: datetime) -> bool:
        """Say whether a request of this cost may run now (it does not pay yet)."""
        return points <= self.available(now)

    def pay(self, points: int, now: datetime) -> None:
        """Take points out; the bucket never goes below empty."""
        self.available(now)
        self._points = max(0.0, self._points - points)

    def status(self, now: datetime) -> dict[str, int]:
        """Return the vendor's `throttleStatus`."""
        return {
            "maximumAvailable": self.points_max,
            "currentlyAvailable": self.available(now),
            "restoreRate": self.points_per_s,
        }


class CostMeter:
    """Counts what one operation costs, before it runs and after."""

    def __init__(
        self,
        root: GraphQLObjectType,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, object],
    ) -> None:
        self._root = root
        self._operation = operation
        self._fragments = fragments
        self._variables = variables

    def requested(self) -> int:
        """Return the cost as if every page came back full."""
        return self._operation_cost(None)

    def actual(self, data: Mapping[str, object] | None) -> int:
        """Return the cost of what did come back; `data` None costs the entry fee."""
        if data is None:
            return _MUTATION_POINTS if self._mutates() else 1
        return min(self._operation_cost(data), self.requested())

    def _mutates(self) -> bool:
        return self._operation.operation is OperationType.MUTATION

    def _operation_cost(self, data: Mapping[str, object] | None) -> int:
        if not self._mutates():
            return max(1, self._fields(self._operation.selection_set, self._root, data))
        total = 0
        for field in self._flat(self._operation.selection_set):
            total += _MUTATION_POINTS
            payload = get_named_type(self._root.fields[field.name.value].type)
            found = None if data is None else _entry(data, field)
            for inner in self._flat(field.selection_set):
                holder = _field_type(payload, inner)
                if holder is not None and inner.selection_set is not None:
                    part = None if found is None else _entry(found, inner)
                    if data is None or part is not None:
                        total += self._fields(inner.selection_set, holder, part)
        return total

    def _fields(self, chosen: SelectionSetNode | None, parent: object, data: object) -> int:
        total = 0
        for field in self._flat(chosen):
            kind = _field_type(parent, field)
            if kind is None or field.selection_set is None:
                continue
            part = None if data is None else _entry(data, field)
            if data is not None and part is None:
                total += 0 if field.name.value.endswith("Count") else 1
            elif field.name.value.endswith("Count") and parent is self._root:
                total += _COUNT_POINTS
            elif kind.name.endswith("Connection"):
                total += 2 + self._page(field, kind, part)
            else:
                own = 0 if kind.name in _FREE_TYPES else 1
                one = part[0] if isinstance(part, list) and part else part
                total += own + self._fields(field.selection_set, kind, one)
        return total

    def _page(self, field: FieldNode, kind: object, part: object) -> int:
        size = self._page_size(field)
        worth = 0
        for inner in self._flat(field.selection_set):
            nodes = None if part is None else _entry(part, inner)
            if inner.name.value not in {"nodes", "edges"}:
                continue
            if isinstance(nodes, list):
                size = len(nodes)
            node_type: object = _field_type(kind, inner)
            chosen = inner.selection_set
            if inner.name.value == "edges":
                node_type, chosen = self._edge_node(node_type, chosen)
            sample = nodes[0] if isinstance(nodes, list) and nodes else None
            if inner.name.value == "edges" and isinstance(sample, Mapping):
                sample = sample.get("node")
            worth = max(worth, 1 + self._fields(chosen, node_type, sample))
        return _nodes_counted(size) * worth

    def _edge_node(
        self, edge: object, chosen: SelectionSetNode | None
    ) -> tuple[object, SelectionSetNode | None]:
        for inner in self._flat(chosen):
            if inner.name.value == "node":
                return _field_type(edge, inner), inner.selection_set
        return None, None

    def _page_size(self, field: FieldNode) -> int:
        for argument in field.arguments or ():
            if argument.name.value not in {"first", "last"}:
                continue
            if isinstance(argument.value, IntValueNode):
                return int(argument.value.value)
            if isinstance(argument.value, VariableNode):
                given = self._variables.get(argument.value.name.value)
                return given if isinstance(given, int) else _PAGE_UNKNOWN
        return _PAGE_UNKNOWN

    def _flat(self, chosen: SelectionSetNode | None) -> Sequence[FieldNode]:
        if chosen is None:
            return []
        found: list[FieldNode] = []
        for node in chosen.selections:
            if isinstance(node, FieldNode):
                found.append(node)
            elif isinstance(node, InlineFragmentNode):
                found.extend(self._flat(node.selection_set))
            elif isinstance(node, FragmentSpreadNode):
                found.extend(self._flat(self._fragments[node.name.value].selection_set))
        return found


def _nodes_counted(size: int) -> int:
    return 0 if size == 0 else max(1, math.floor(2 * math.log(size)))


def _field_type(
    parent: object, field: FieldNode
) -> GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType | None:
    if not isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
        return None
    found = parent.fields.get(field.name.value)
    kind = None if found is None else get_named_type(found.type)
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType):
        return kind
    return None


def _entry(data: object, field: FieldNode) -> object:
    if isinstance(data, Mapping):
        name = field.alias.value if field.alias else field.name.value
        return data.get(name)
    return None
