"""A simulated Shopify: shops with state, their Admin GraphQL and their webhooks."""
