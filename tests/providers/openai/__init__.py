"""Tests of OpenAI's client."""
