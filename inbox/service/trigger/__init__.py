"""The way of a trigger: its recipients, its plan, and the delivery of its messages."""
