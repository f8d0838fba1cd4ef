"""Tests of the connector of Klaviyo."""
