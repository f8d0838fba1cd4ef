"""The command line: every command takes `--json` and ends with 0, 1, 2 or 3."""
