"""Tests of the clients of API providers."""
