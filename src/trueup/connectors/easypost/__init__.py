"""EasyPost: one interface to many carriers."""
