"""The people: their records, preferences, sessions and presence; export and erasure."""
