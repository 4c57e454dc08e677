"""Environments and what belongs to one as a whole: keys, limits, retention, tenants, contexts, branding."""
