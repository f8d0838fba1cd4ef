"""Tests of the simulated Klaviyo."""
