"""Benchmarks: figures beside a bare loop in the same run."""
