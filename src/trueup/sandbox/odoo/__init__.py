"""A simulated Odoo: models with domains, spoken to over JSON-2."""
