"""Every document that can be sent is checked against the vendor's own published schema."""

import gzip

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate

from tests.support.leftout import SHARED
from trueup.connectors.shopify.documents import document, document_names


@pytest.fixture(scope="session")
def vendor_schema() -> GraphQLSchema:
    path = SHARED / "specs/shopify/admin-graphql/2026-07/schema.graphql.gz"
    return build_schema(gzip.decompress(path.read_bytes()).decode(), assume_valid=True)


@pytest.mark.shared
@pytest.mark.parametrize("name", document_names())
def test_a_document_is_valid_for_the_vendor(name: str, vendor_schema: GraphQLSchema) -> None:
    errors = validate(vendor_schema, parse(document(name)))
    assert [error.message for error in errors] == []


@pytest.mark.shared
def test_a_wrong_document_is_found(vendor_schema: GraphQLSchema) -> None:
    wrong = document("shop_check").replace("currencyCode", "currency_code")
    assert validate(vendor_schema, parse(wrong))


@pytest.mark.parametrize("name", [n for n in document_names() if n.startswith("bulk_")][:5])
def test_a_bulk_document_keeps_the_rules_of_bulk_queries(name: str) -> None:
    text = document(name)
    if name in {"bulk_run", "bulk_status"}:
        return
    assert "nodes" not in text
    assert text.count("edges") <= 5
