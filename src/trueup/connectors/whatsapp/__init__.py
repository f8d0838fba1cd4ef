"""WhatsApp by Meta's Cloud API: templates out, statuses and customers' messages in."""
