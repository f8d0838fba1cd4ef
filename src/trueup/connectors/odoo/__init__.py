"""Odoo: the stock master, purchase orders, invoices and journals, over the JSON-2 API."""
