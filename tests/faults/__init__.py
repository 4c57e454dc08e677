"""Faults of stores and processes under load. Each scenario ends in one sweep, which checks every feed and page."""
