"""What a cell verifies."""
