"""Data that earlier releases have written, and the test that this one serves it."""
