"""Mail by SMTP: messages out, and what mail servers report of them."""
