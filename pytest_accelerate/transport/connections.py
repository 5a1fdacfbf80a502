"""What the connections of threads and of event loops share: proxy, certificates, how long to keep.

Both are httpx transports: httpcore's pool for threads
(:mod:`~pytest_accelerate.transport.pooled`) and aiohttp's for event loops
(:mod:`~pytest_accelerate.transport.looped`).
"""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx

KEEPALIVE = 30.0
"""Seconds that an idle connection is kept."""

Mapped = Sequence[tuple[type[Exception], type[httpx.TransportError]]]


def as_httpx(error: Exception, mapped: Mapped) -> Exception:
    """httpx's error in place of another library's: the first of ``mapped`` that fits."""
    for kind, ours in mapped:
        if isinstance(error, kind):
            return ours(str(error))
    return error


def proxy_for(base_url: str) -> str | None:
    """The proxy that the environment names for a server; ``None`` for none."""
    parts = urlsplit(base_url)
    if parts.hostname is None or urllib.request.proxy_bypass(parts.hostname):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")


def ssl_context(base_url: str) -> ssl.SSLContext | None:
    """The certificates that a server is held against; ``None`` where nothing is encrypted."""
    # Reading them takes 10 to 20 ms.
    return httpx.create_ssl_context() if base_url.startswith("https:") else None
