"""The verbs, called by every face. They know nothing of HTTP or sockets."""
