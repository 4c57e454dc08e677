"""Workflows of both generations: their views, rules, payload schemas, overrides, groups and files."""
