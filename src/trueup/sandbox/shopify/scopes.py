"""What the app was not granted is denied, field by field."""

from graphql import GraphQLError

from trueup.sandbox.shopify.view import Ask

__all__ = ["allow"]


def allow(ask: Ask, field: str, *scopes: str) -> None:
    """Raise what the vendor answers for a field where a scope is missing."""
    missing = sorted(set(scopes).difference(ask.shop.settings.scopes))
    if missing:
        text = f"Access denied for {field} field. Required access: {missing[0]}."
        raise GraphQLError(text, extensions={"code": "ACCESS_DENIED"})
