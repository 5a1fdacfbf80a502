"""How the tests come to a page that can be used."""

from __future__ import annotations

from typing import Any


def wait_until_ready(page: Any) -> None:
    """Wait for the page's script to have read the facts."""
    page.locator("#count:not(:empty)").wait_for(state="attached")
