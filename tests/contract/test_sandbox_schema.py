"""The sandbox's schema says nothing that the vendor's published one does not say."""

import gzip
from functools import cache

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    parse,
    validate,
    validate_schema,
)

from tests.support.leftout import SHARED
from trueup.connectors.shopify.documents import document, document_names
from trueup.sandbox.shopify.answer import load_schema
from trueup.sandbox.shopify.shop import API_VERSION

_PUBLISHED = SHARED / "specs/shopify/admin-graphql" / API_VERSION / "schema.graphql.gz"
_OWN = load_schema()
_NAMES = sorted(name for name in _OWN.type_map if not name.startswith("__"))


@cache
def _vendor() -> GraphQLSchema:
    return build_schema(gzip.decompress(_PUBLISHED.read_bytes()).decode(), assume_valid=True)


def test_schema_is_sound() -> None:
    assert validate_schema(_OWN) == []


@pytest.mark.shared
def test_roots_and_directive_are_the_vendors() -> None:
    for root in ("query_type", "mutation_type"):
        assert getattr(_vendor(), root).name == getattr(_OWN, root).name
    own, vendors = (it.get_directive("idempotent") for it in (_OWN, _vendor()))
    assert own is not None
    assert vendors is not None
    assert {k: str(v.type) for k, v in vendors.args.items()} == {
        k: str(v.type) for k, v in own.args.items()
    }
    assert vendors.locations == own.locations


@pytest.mark.shared
@pytest.mark.parametrize("name", _NAMES)
def test_type_is_a_part_of_the_vendors(name: str) -> None:
    own, vendors = _OWN.type_map[name], _vendor().type_map.get(name)
    assert vendors is not None, f"the vendor has no type {name}"
    assert type(vendors).__name__ == type(own).__name__
    if isinstance(own, GraphQLEnumType):
        assert set(own.values) <= set(vendors.values)
    if isinstance(own, GraphQLUnionType):
        assert {it.name for it in own.types} <= {it.name for it in vendors.types}
    if isinstance(own, GraphQLObjectType | GraphQLInterfaceType):
        assert {it.name for it in own.interfaces} <= {it.name for it in vendors.interfaces}
        _compare_fields(own, vendors)
    if isinstance(own, GraphQLInputObjectType):
        for field, kind in own.fields.items():
            assert str(vendors.fields[field].type) == str(kind.type), f"{name}.{field}"
        needed = {key for key, it in vendors.fields.items() if str(it.type).endswith("!")}
        assert needed <= set(own.fields), f"{name} lacks what the vendor requires"


def _compare_fields(own: GraphQLObjectType, vendors: GraphQLObjectType) -> None:
    for name, field in own.fields.items():
        where = f"{own.name}.{name}"
        assert name in vendors.fields, f"the vendor has no field {where}"
        theirs = vendors.fields[name]
        assert str(theirs.type) == str(field.type), where
        for argument, kind in field.args.items():
            assert argument in theirs.args, f"{where}({argument})"
            assert str(theirs.args[argument].type) == str(kind.type), f"{where}({argument})"
            assert theirs.args[argument].default_value == kind.default_value, f"{where}({argument})"
        needed = {
            key for key, it in theirs.args.items()
            if str(it.type).endswith("!") and key not in field.args
        }  # fmt: skip
        assert not needed, f"{where} lacks the arguments {needed}"


@pytest.mark.parametrize("name", document_names())
def test_sandbox_understands_what_the_hub_asks(name: str) -> None:
    assert validate(_OWN, parse(document(name))) == []
