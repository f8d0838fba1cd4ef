"""A simulated QuickBooks Online: companies, queries, changes, sign-in and webhooks."""
