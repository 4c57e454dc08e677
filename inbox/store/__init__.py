"""The data kept in Redis: every key, every script, every atomic step. Nothing here knows of HTTP or of sockets."""
