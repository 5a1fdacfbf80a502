"""While a mocked provider is in use, this process reaches nothing beyond this machine.

An audit hook sees every connection, message and name lookup that is made through Python, whatever
library, thread or task makes it. Native code with a network stack of its own and other processes
are beyond it: a provider that relies on either cannot be mocked.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from pytest_accelerate.errors import NetworkRefused

_INTERNET = (socket.AF_INET, socket.AF_INET6)
_WITHIN = tuple(
    getattr(socket, name) for name in ("AF_UNIX", "AF_NETLINK", "AF_ALG") if hasattr(socket, name)
)
"""Families that end in this machine's kernel."""


class _State:
    """What the hook reads; it is never told to stop, so it looks here each time."""

    users = 0
    """Mocked tests under way: none, one, or one within another."""
    installed = False
    proxy_ports: frozenset[int] = frozenset()
    """Ports of this machine that lead beyond it."""
    restore: Callable[[], None] | None = None
    """Undoes what is changed while there is any."""


_LOCK = threading.Lock()


@contextmanager
def offline() -> Iterator[None]:
    """Refuse connecting, sending and name lookups beyond loopback, in all threads and tasks.

    What is refused raises :class:`~pytest_accelerate.errors.NetworkRefused`.
    """
    with _LOCK:
        _install()
        if not _State.users:
            _State.proxy_ports = _proxy_ports()
            _State.restore = _watch_names()
        _State.users += 1
    try:
        yield
    finally:
        with _LOCK:
            _State.users -= 1
            if not _State.users and _State.restore is not None:
                _State.restore()
                _State.restore = None


def is_active() -> bool:
    """Whether anything is refused now."""
    return _State.users > 0


def _install() -> None:
    if not _State.installed:
        sys.addaudithook(_hook)  # for the rest of the process: there is no way to take it out
        _State.installed = True


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _State.users:
        return
    check = _CHECKS.get(event)
    if check is not None:
        check(*arguments)


def _check_connect(connection: Any, address: Any) -> None:
    """A socket is to be connected."""
    try:
        _check_address(connection, address)
    except NetworkRefused:
        # socket.create_connection and others close it for an OSError alone.
        connection.close()
        raise


def _check_address(connection: Any, address: Any) -> None:
    """A socket is to be connected, or to send."""
    family = connection.family
    if family in _WITHIN or address is None:
        return
    if family in _INTERNET:
        host, port = _text(address[0]), address[1]
        if _is_loopback(host) and port not in _State.proxy_ports:
            return
        raise _refused(f"reach {host}:{port}")
    raise _refused(f"reach {address!r:.100}")


def _check_name(host: Any, *_: Any) -> None:
    """A name is to be looked up; an address is none and asks nobody."""
    name = _text(host)
    if not _is_loopback(name) and _address(name) is None:
        raise _refused(f"look up {name!r}")


def _check_reverse(host: Any) -> None:
    """The name of an address is to be looked up, or of the first of (address, port)."""
    name = _text(host[0] if isinstance(host, tuple) else host)
    if not _is_loopback(name):
        raise _refused(f"look up {name!r}")


_CHECKS: Mapping[str, Callable[..., None]] = {
    "socket.connect": _check_connect,
    "socket.sendto": _check_address,
    "socket.sendmsg": _check_address,
    "socket.getaddrinfo": _check_name,
    "socket.gethostbyname": _check_name,
    "socket.gethostbyaddr": _check_reverse,
    "socket.getnameinfo": _check_reverse,
}
"""By audit event: https://docs.python.org/3/library/audit_events.html."""


def _refused(what: str) -> NetworkRefused:
    return NetworkRefused(
        f"a test with a mocked provider tried to {what}: mock that too, or run with --live-apis "
        "to use the real APIs"
    )


def _text(host: Any) -> str:
    if host is None:
        return ""
    return host.decode("ascii", "replace") if isinstance(host, (bytes, bytearray)) else str(host)


def _is_loopback(host: str) -> bool:
    if host in ("", "localhost"):
        return True
    address = _address(host)
    # To connect to the unspecified address is to connect to this machine.
    return address is not None and (address.is_loopback or address.is_unspecified)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _proxy_ports() -> frozenset[int]:
    """Ports of proxies on loopback: a connection to one goes beyond it."""
    from urllib.request import getproxies

    ports = set()
    for scheme, proxy in getproxies().items():
        if scheme == "no":
            continue  # the hosts that need none
        try:
            parts = urlsplit(proxy if "//" in proxy else f"//{proxy}")
            if parts.port is not None and _is_loopback(parts.hostname or ""):
                ports.add(parts.port)
        except ValueError:  # no URL, so no proxy
            continue
    return frozenset(ports)


_Addresses = Callable[[tuple[Any, ...]], Any]

_METHODS: Mapping[str, tuple[Callable[[Any, Any], None], _Addresses]] = {
    "connect": (_check_connect, lambda arguments: arguments[0]),
    "connect_ex": (_check_connect, lambda arguments: arguments[0]),
    "sendto": (_check_address, lambda arguments: arguments[-1]),
    "sendmsg": (_check_address, lambda arguments: arguments[3] if len(arguments) > 3 else None),
}
"""What checks each method, and where it has its address."""


def _watch_names() -> Callable[[], None]:
    """Check addresses before a socket's own methods look up the names in them.

    ``connect(("example.com", 80))`` asks the name server first and raises its audit event after.

    Returns:
        What undoes it.
    """
    kind = socket.socket
    before = {name: vars(kind)[name] for name in _METHODS if name in vars(kind)}
    for name, (check, address_of) in _METHODS.items():
        setattr(kind, name, _checked(getattr(kind, name), check, address_of))

    def restore() -> None:
        for name in _METHODS:
            if name in before:
                setattr(kind, name, before[name])
            else:
                delattr(kind, name)

    return restore


def _checked(
    method: Callable[..., Any], check: Callable[[Any, Any], None], address_of: _Addresses
) -> Callable[..., Any]:
    def checked(self: socket.socket, *arguments: Any) -> Any:
        address = address_of(arguments) if arguments else None
        # Wrong arguments are the method's own to complain of.
        if isinstance(address, tuple) and len(address) >= 2:
            check(self, address)
        return method(self, *arguments)

    return checked
