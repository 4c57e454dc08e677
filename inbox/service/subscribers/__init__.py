"""The people: their records, preferences, sessions and presence; exporting and erasing what is held of one."""
