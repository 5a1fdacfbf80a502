"""The plugin, run as people run it."""
