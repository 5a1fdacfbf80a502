"""The backends, and the registry of their names."""
