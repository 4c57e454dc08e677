"""Environments with their keys, limits, retention, tenants, contexts and branding."""
