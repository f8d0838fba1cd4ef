"""WooCommerce: a shop on somebody's own server, by its REST API and its webhooks."""
