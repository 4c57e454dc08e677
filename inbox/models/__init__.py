"""What things are: stored and wire forms. Parsing and dumping only, no I/O."""
