"""The endpoints, as people import them."""
