"""One GraphQL request answered: parsed, checked, costed, run, and told with its cost."""

from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)

from trueup.errors import invariant
from trueup.sandbox.shopify.budget import Budget, CostMeter
from trueup.sandbox.shopify.root import MutationRoot, QueryRoot
from trueup.sandbox.shopify.view import Ask, resolve_field

__all__ = ["Answerer", "load_schema", "root_fields"]

_DOCUMENTS_MAX = 512


@cache
def load_schema() -> GraphQLSchema:
    """Build the sandbox's schema from its files, with scalars that write the vendor's text."""
    folder = Path(__file__).parent / "schema"
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.graphql"))]
    schema = build_schema("\n".join(texts))
    _scalar(schema, "DateTime", _instant_text)
    for name in ("Decimal", "Money", "URL", "UnsignedInt64", "BigInt", "HTML"):
        _scalar(schema, name, str)
    for kind in schema.type_map.values():
        if hasattr(kind, "resolve_type"):
            kind.resolve_type = lambda value, _info, _type: value.typename
    return schema


def root_fields(document: DocumentNode) -> frozenset[str]:
    """Return the names of the root fields of all operations."""
    return frozenset(
        node.name.value
        for operation in document.definitions
        if isinstance(operation, OperationDefinitionNode)
        for node in operation.selection_set.selections
        if isinstance(node, FieldNode)
    )


@lru_cache(maxsize=_DOCUMENTS_MAX)
def read_document(query: str) -> DocumentNode | list[GraphQLError]:
    """Return a parsed document that fits the schema, or what is wrong with it."""
    try:
        document = parse(query)
    except GraphQLError as error:
        return [error]
    return validate(load_schema(), document) or document


class Answerer:
    """Answers requests against the schema; holds no shop's state."""

    def __init__(self) -> None:
        self.schema = load_schema()

    def answer(
        self, ask: Ask, budget: Budget, query: str, variables: dict[str, Any],
        operation_name: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Return the whole reply body: data, errors, and what it cost."""
        document = read_document(query)
        if isinstance(document, list):
            return {"errors": [_error_body(each) for each in document]}
        operation = get_operation_ast(document, operation_name)
        if operation is None:
            return {"errors": [{"message": "No operation was given."}]}
        meter = self._meter(document, operation, variables)
        asked, now = meter.requested(), ask.shop.now()
        if asked > budget.points_max:
            return {"errors": [_cost_error(asked, budget.points_max)]}
        if not budget.admit(asked, now):
            return throttled(budget, asked, now)
        result = self._run(ask, document, variables, operation_name)
        cost = meter.actual(result.data)
        budget.pay(cost, now)
        body: dict[str, Any] = {}
        if result.errors:
            body["errors"] = [_error_body(each) for each in result.errors]
        body["data"] = result.data
        body["extensions"] = {"cost": _cost(asked, cost, budget, now)}
        return body

    def _run(
        self, ask: Ask, document: DocumentNode, variables: dict[str, Any], name: str | None
    ) -> ExecutionResult:
        queries, mutations = QueryRoot(ask), MutationRoot(ask, self._bulk)
        mutation_type = self.schema.mutation_type

        def resolve(source: object, info: GraphQLResolveInfo[Any], **args: object) -> object:
            if info.parent_type is mutation_type:
                return mutations.run(info, args)
            return resolve_field(queries if source is None else source, info, **args)

        result = execute_sync(
            self.schema, document, variable_values=variables, operation_name=name,
            field_resolver=resolve,
        )  # fmt: skip
        invariant(isinstance(result, ExecutionResult), "the sandbox answers in one piece")
        return result

    def _bulk(self, ask: Ask, query: str) -> dict[str, Any]:
        result = self._run(ask, parse(query), {}, None)
        if result.errors:
            raise result.errors[0]
        return result.data or {}

    def _meter(
        self, document: DocumentNode, operation: OperationDefinitionNode,
        variables: dict[str, Any],
    ) -> CostMeter:  # fmt: skip
        root = self.schema.get_root_type(operation.operation)
        invariant(root is not None, "the schema has queries and mutations")
        fragments = {
            it.name.value: it
            for it in document.definitions
            if isinstance(it, FragmentDefinitionNode)
        }
        return CostMeter(root, operation, fragments, variables)  # type: ignore[arg-type]


def throttled(budget: Budget, asked: int, now: datetime) -> dict[str, Any]:
    """Return the vendor's answer to a request that the bucket can not pay for."""
    error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
    return {"errors": [error], "extensions": {"cost": _cost(asked, None, budget, now)}}


def _cost(asked: int, paid: int | None, budget: Budget, now: datetime) -> dict[str, Any]:
    return {
        "requestedQueryCost": asked,
        "actualQueryCost": paid,
        "throttleStatus": budget.status(now),
    }


def _cost_error(asked: int, points_max: int) -> dict[str, Any]:
    return {
        "message": f"The query costs {asked} points, more than the {points_max} of one request.",
        "extensions": {"code": "MAX_COST_EXCEEDED", "cost": asked, "maxCost": points_max},
    }


def _error_body(error: GraphQLError) -> dict[str, Any]:
    formatted: dict[str, Any] = dict(error.formatted)
    return formatted


def _scalar(schema: GraphQLSchema, name: str, write: Any) -> None:  # noqa: ANN401 - a function
    kind = schema.type_map[name]
    invariant(isinstance(kind, GraphQLScalarType), f"{name} is a scalar")
    for attribute in ("serialize", "coerce_output_value"):
        if hasattr(kind, attribute):
            setattr(kind, attribute, write)


def _instant_text(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
