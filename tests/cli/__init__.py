"""The commands and what they stand on."""
