"""Shopify: a storefront, through its Admin GraphQL API, its webhooks and its export files."""
