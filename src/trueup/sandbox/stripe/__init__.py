"""A simulated Stripe: one account that sells, refunds, disputes and pays out, with its webhooks."""
