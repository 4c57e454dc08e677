"""The domain types with their stored and wire forms: parsing and encoding, no I/O."""
