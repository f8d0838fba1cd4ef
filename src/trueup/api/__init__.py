"""HTTP: the hooks that vendors call, health, metrics and the API."""
