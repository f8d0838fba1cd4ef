"""The simulated Klaviyo: one account with profiles, events, jobs that take their time, webhooks."""
