"""One subscriber's feed: reading, counting, filtering and marking it, and the ends of snoozes and messages."""
