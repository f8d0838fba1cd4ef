"""What people in the warehouse do: receive, send, count. Each deed is an event of our own."""
