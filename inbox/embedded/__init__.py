"""The store that the service runs by itself: a Valkey child process that keeps its data in the data directory."""
