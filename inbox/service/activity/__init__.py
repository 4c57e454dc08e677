"""The activity: the outcome of each trigger, written and read."""
