"""Tests against real servers on loopback, started and stopped by fixtures."""
