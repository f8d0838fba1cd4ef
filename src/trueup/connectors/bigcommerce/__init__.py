"""BigCommerce: a store by its REST API and its thin webhooks."""
