"""The verbs: called by every face, knowing nothing of HTTP or of sockets."""
