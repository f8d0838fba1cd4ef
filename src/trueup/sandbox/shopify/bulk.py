"""Bulk exports: a query over everything becomes lines of JSON, children naming their parent."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import msgspec
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    parse,
    validate,
)

from trueup.sandbox.shopify.model import BulkRun
from trueup.sandbox.shopify.shop import Shop, gid
from trueup.sandbox.shopify.view import Ask, Pick, View, listed, number_of

__all__ = ["BulkView", "cancel", "find", "finish_due", "jsonl", "listing", "newest", "run"]

_RUNS_AT_ONCE_MAX = 5
_CONNECTIONS_MAX = 5
_DEPTH_MAX = 2
Executor = Callable[[Ask, str], Mapping[str, Any]]


class BulkView(View[BulkRun]):
    """A bulk export."""

    typename = "BulkOperation"
    type = "QUERY"
    partial_data_url = None

    @property
    def status(self) -> str:
        """How far it is, by the sandbox's clock."""
        if self.it.cancelled:
            return "CANCELED"
        now = self.shop.now()
        if now < self.it.done_at:
            return "CREATED" if now == self.it.created_at else "RUNNING"
        return "FAILED" if self.it.error else "COMPLETED"

    @property
    def error_code(self) -> str | None:
        """Why it failed."""
        return self.it.error if self.status == "FAILED" else None

    @property
    def completed_at(self) -> object:
        """When it was done."""
        return self.it.done_at if self.status in {"COMPLETED", "FAILED"} else None

    @property
    def object_count(self) -> int:
        """Lines so far."""
        return self.it.object_count if self.status == "COMPLETED" else 0

    @property
    def root_object_count(self) -> int:
        """Lines without a parent so far."""
        return self.it.root_count if self.status == "COMPLETED" else 0

    @property
    def file_size(self) -> int | None:
        """Bytes of the result."""
        return len(jsonl(self.it)) if self.status == "COMPLETED" else None

    @property
    def url(self) -> str | None:
        """Where the result lies; None while it runs or when there is nothing in it."""
        if self.status != "COMPLETED" or not self.it.lines:
            return None
        return f"{self.ask.base_url}/{self.shop.settings.handle}/bulk/{self.it.id}.jsonl"


def jsonl(run_: BulkRun) -> bytes:
    """Return the result file."""
    return b"".join(line + b"\n" for line in run_.lines)


def find(ask: Ask, bulk_id: str) -> BulkView | None:
    """Return one export by its global id."""
    found = ask.shop.bulk.get(number_of(bulk_id, "BulkOperation") or 0)
    return None if found is None else BulkView(ask, found)


def newest(ask: Ask) -> BulkView | None:
    """Return the export started last."""
    runs = list(ask.shop.bulk.values())
    return BulkView(ask, runs[-1]) if runs else None


def listing(ask: Ask, args: dict[str, Any]) -> object:
    """Return all exports as pages."""
    runs = list(ask.shop.bulk.values())
    return listed(
        ask, runs, lambda it: BulkView(ask, it), args, key=lambda it: (it.created_at, it.id)
    )


def cancel(ask: Ask, bulk_id: str) -> Pick:
    """Stop an export."""
    found = find(ask, bulk_id)
    if found is None:
        return _payload(None, "RESOURCE", "There is no such bulk operation.")
    if found.completed_at is None:
        found.it.cancelled = True
    return Pick("Payload", bulk_operation=found, user_errors=[])


def run(ask: Ask, schema: GraphQLSchema, execute: Executor, query: str, group: bool) -> Pick:  # noqa: FBT001 - the vendor's argument
    """Start an export, or say why not."""
    running = [it for it in ask.shop.bulk.values() if BulkView(ask, it).completed_at is None]
    running = [it for it in running if not it.cancelled]
    if len(running) >= _RUNS_AT_ONCE_MAX:
        ids = ", ".join(gid("BulkOperation", it.id) for it in running)
        return _payload(None, "OPERATION_IN_PROGRESS", f"Too many bulk queries run: {ids}.")
    try:
        lines = _export(ask, schema, execute, query, group=group)
    except GraphQLError as error:
        return _payload(["query"], "INVALID", f"Invalid bulk query: {error.message}")
    now = ask.shop.now()
    made = BulkRun(
        ask.shop.new_id(), query, now,
        now + timedelta(seconds=ask.shop.settings.bulk_delay_s),
        [msgspec.json.encode(line) for line in lines],
        root_count=sum(1 for line in lines if "__parentId" not in line),
        object_count=len(lines),
    )  # fmt: skip
    ask.shop.bulk[made.id] = made
    return Pick("Payload", bulk_operation=BulkView(ask, made), user_errors=[])


def finish_due(shop: Shop) -> None:
    """Tell of exports that are done and were not told of yet."""
    for run_ in shop.bulk.values():
        if run_.told or run_.cancelled or shop.now() < run_.done_at:
            continue
        run_.told = True
        body: dict[str, object] = {
            "admin_graphql_api_id": gid("BulkOperation", run_.id),
            "completed_at": shop.local_text(run_.done_at),
            "created_at": shop.local_text(run_.created_at),
            "error_code": run_.error,
            "status": "completed",
            "type": "query",
        }
        shop.emit("bulk_operations/finish", lambda body=body: body)  # type: ignore[misc]


def _export(
    ask: Ask, schema: GraphQLSchema, execute: Executor, query: str, *, group: bool
) -> list[dict[str, Any]]:
    document = parse(query)
    problems = validate(schema, document)
    if problems:
        raise problems[0]
    operations = [it for it in document.definitions if isinstance(it, OperationDefinitionNode)]
    if len(operations) != 1 or operations[0].operation is not OperationType.QUERY:
        raise GraphQLError("exactly one query operation is needed")
    fragments = {
        it.name.value: it for it in document.definitions if isinstance(it, FragmentDefinitionNode)
    }
    writer = _Writer(schema, fragments)
    writer.check(operations[0])
    data = execute(Ask(ask.shop, ask.base_url, whole=True), query)
    lines = list(writer.lines(operations[0], data))
    if not group:
        lines.sort(key=lambda line: "__parentId" in line)
    return lines


class _Writer:
    """Walks a query and its result side by side."""

    def __init__(self, schema: GraphQLSchema, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self._schema = schema
        self._fragments = fragments
        self._connections = 0

    def check(self, operation: OperationDefinitionNode) -> None:
        """Hold the query to the vendor's rules for bulk queries."""
        self._check(operation.selection_set, self._schema.query_type, depth=0, in_list=False)
        if self._connections == 0:
            raise GraphQLError("a bulk query must hold at least one connection")
        if self._connections > _CONNECTIONS_MAX:
            raise GraphQLError(f"a bulk query holds at most {_CONNECTIONS_MAX} connections")

    def _check(
        self, chosen: SelectionSetNode | None, parent: object, *, depth: int, in_list: bool
    ) -> None:
        for field in self._flat(chosen):
            kind = _field_kind(parent, field)
            if kind is None or field.selection_set is None:
                continue
            named = get_named_type(kind)
            if not named.name.endswith("Connection"):
                inside = in_list or isinstance(get_nullable_type(kind), GraphQLList)
                self._check(field.selection_set, named, depth=depth, in_list=inside)
                continue
            if in_list:
                raise GraphQLError("a connection below a list is not supported")
            if depth == _DEPTH_MAX:
                raise GraphQLError(f"connections nest at most {_DEPTH_MAX} deep")
            self._connections += 1
            self._check_connection(field, named, depth)

    def _check_connection(self, field: FieldNode, named: object, depth: int) -> None:
        names = {it.name.value for it in self._flat(field.selection_set)}
        if names != {"edges"}:
            raise GraphQLError("a connection must be read by edges { node { … } }")
        node, node_type = self._node(field, named)
        chosen = self._flat(node.selection_set)
        nested = any(
            get_named_type(kind).name.endswith("Connection")
            for it in chosen
            if (kind := _field_kind(node_type, it)) is not None
        )
        if nested and not any(it.name.value == "id" and it.alias is None for it in chosen):
            raise GraphQLError("a node with connections below it must select its id")
        self._check(node.selection_set, node_type, depth=depth + 1, in_list=False)

    def lines(
        self, operation: OperationDefinitionNode, data: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        """Yield one line per node, parents before their children."""
        yield from self._children(operation.selection_set, self._schema.query_type, data, None)

    def _children(
        self, chosen: SelectionSetNode | None, parent: object, data: Mapping[str, Any],
        parent_id: str | None,
    ) -> Iterator[dict[str, Any]]:  # fmt: skip
        for field in self._flat(chosen):
            kind = _field_kind(parent, field)
            name = _key(field)
            if kind is None or field.selection_set is None or data.get(name) is None:
                continue
            named = get_named_type(kind)
            if named.name.endswith("Connection"):
                node, node_type = self._node(field, named)
                for edge in data[name]["edges"]:
                    yield from self._node_lines(node, node_type, edge["node"], parent_id)
            elif isinstance(data[name], Mapping):
                yield from self._children(field.selection_set, named, data[name], parent_id)

    def _node_lines(
        self, node: FieldNode, node_type: object, data: Mapping[str, Any], parent_id: str | None
    ) -> Iterator[dict[str, Any]]:
        line = self._without_connections(node.selection_set, node_type, data)
        if parent_id is not None:
            line["__parentId"] = parent_id
        yield line
        yield from self._children(node.selection_set, node_type, data, data.get("id"))

    def _without_connections(
        self, chosen: SelectionSetNode | None, parent: object, data: Mapping[str, Any]
    ) -> dict[str, Any]:
        line = dict(data)
        for field in self._flat(chosen):
            kind = _field_kind(parent, field)
            name = _key(field)
            if kind is None:
                continue
            if get_named_type(kind).name.endswith("Connection"):
                line.pop(name, None)
            elif isinstance(line.get(name), Mapping):
                line[name] = self._without_connections(
                    field.selection_set, get_named_type(kind), line[name]
                )
        return line

    def _node(self, field: FieldNode, connection: object) -> tuple[FieldNode, object]:
        edges = self._flat(field.selection_set)[0]
        edge_type = get_named_type(_kind_or_fail(connection, edges))
        for inner in self._flat(edges.selection_set):
            if inner.name.value == "node":
                return inner, get_named_type(_kind_or_fail(edge_type, inner))
        raise GraphQLError("a connection must be read by edges { node { … } }")

    def _flat(self, chosen: SelectionSetNode | None) -> list[FieldNode]:
        found: list[FieldNode] = []
        for node in chosen.selections if chosen else ():
            if isinstance(node, FieldNode):
                found.append(node)
            elif isinstance(node, InlineFragmentNode):
                found.extend(self._flat(node.selection_set))
            elif isinstance(node, FragmentSpreadNode):
                found.extend(self._flat(self._fragments[node.name.value].selection_set))
        return found


def _key(field: FieldNode) -> str:
    return field.alias.value if field.alias else field.name.value


def _field_kind(parent: object, field: FieldNode) -> Any:  # noqa: ANN401 - any output type
    if not isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
        return None
    found = parent.fields.get(field.name.value)
    return None if found is None else found.type


def _kind_or_fail(parent: object, field: FieldNode) -> Any:  # noqa: ANN401 - any output type
    kind = _field_kind(parent, field)
    if kind is None:
        raise GraphQLError(f"no field {field.name.value}")
    return kind


def _payload(path: list[str] | None, code: str, message: str) -> Pick:
    known = code if code in {"OPERATION_IN_PROGRESS", "INVALID", "LIMIT_REACHED"} else None
    error = Pick("BulkOperationUserError", field=path, code=known, message=message)
    return Pick("Payload", bulk_operation=None, user_errors=[error])
