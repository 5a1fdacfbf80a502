"""The client of an API provider: what all of them share."""

from __future__ import annotations

import platform
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import cache, cached_property
from importlib import metadata
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn
from urllib.parse import urlsplit

from pytest_accelerate.errors import InvalidParameters, UnsupportedOperation, nearest
from pytest_accelerate.providers.operation import Handler, Operation
from pytest_accelerate.transport import credentials
from pytest_accelerate.transport.answers import MOCK, REAL, Answer
from pytest_accelerate.transport.backoff import RetryBudget
from pytest_accelerate.transport.breaker import Breaker
from pytest_accelerate.transport.clock import Clock, SystemClock
from pytest_accelerate.transport.credentials import Credential, Keyring
from pytest_accelerate.transport.exchange import Call, Shared, Step, exchange
from pytest_accelerate.transport.metrics import Metrics, OperationMetrics
from pytest_accelerate.transport.outcome import Reply
from pytest_accelerate.transport.policy import Policy
from pytest_accelerate.transport.redaction import Redactor
from pytest_accelerate.transport.slots import Slots

if TYPE_CHECKING:
    import httpx

    from pytest_accelerate.transport.tasks import TaskDriver
    from pytest_accelerate.transport.threads import ThreadDriver

Keys = str | Sequence[str]


class Provider(Mapping[str, Handler[..., Any]]):
    """One client: safe to use from many threads and event loops; close it, or use ``with``.

    It is a mapping of its operations: ``client["chat"]`` is ``client.chat``.
    """

    name: ClassVar[str]
    """Such as ``openai``."""
    default_base_url: ClassVar[str]
    credential: ClassVar[Credential]
    base_url_variable: ClassVar[str] = ""
    """Environment variable for the base URL, where the provider's own tools have one."""
    key_header: ClassVar[str] = "authorization"
    key_format: ClassVar[str] = "Bearer {}"
    fixed_headers: ClassVar[Mapping[str, str]] = {}
    native: ClassVar[bool] = False
    """Whether native code makes its connections: then its mock is a server on loopback."""
    sees_delays: ClassVar[bool] = True
    """Whether a ``Retry-After`` reaches us."""

    def __init__(
        self,
        api_key: Keys | None = None,
        *,
        base_url: str | None = None,
        endpoint_keys: Mapping[str, Keys] | None = None,
        headers: Mapping[str, str] | None = None,
        policy: Policy | None = None,
        clock: Clock | None = None,
        transport: httpx.BaseTransport | None = None,
        async_transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Make a client; nothing is imported or connected before the first call.

        Args:
            api_key: one key or several, which are taken in turn; by default those of the
                environment, ``.env`` or ``~/.ipfs_api_credentials``.
            base_url: another server that speaks the same protocol.
            endpoint_keys: keys for single operations, by their name.
            headers: sent with each request.
            policy: queue, retries, timeouts.
            clock: the time; for tests.
            transport: in place of the network; a :class:`httpx.MockTransport` makes every answer
                say ``MOCK``.
            async_transport: the same for event loops; by default ``transport`` if it can be both.

        Raises:
            UnsafeCredentials: a file of keys that others can read.
            InvalidParameters: a base URL or an operation that there is not.
        """
        self.base_url = checked_url(base_url or self._named_url() or self.default_base_url)
        self.policy = policy or Policy()
        self._opening = threading.Lock()
        self._transport = transport
        self._async_transport = async_transport or _if_both(transport)
        self._found = credentials.find(self.credential, api_key)
        self._keyring = Keyring(self._found.keys, self._endpoint_keys(endpoint_keys or {}))
        self.headers: Mapping[str, str] = {
            "user-agent": _user_agent(),
            "accept-encoding": "gzip, deflate",
            **self.fixed_headers,
            **{name.lower(): value for name, value in (headers or {}).items()},
        }
        policy = self.policy
        self.shared = Shared(
            policy=policy,
            clock=clock or SystemClock(),
            slots=Slots(policy.concurrency, policy.queue_size),
            breaker=Breaker(policy.breaker_failures, policy.breaker_cooldown),
            budget=RetryBudget(policy),
            metrics=Metrics(),
            redact=Redactor(self._keyring.secrets),
            authorise=self.authorise,
        )

    @property
    def implementation_type(self) -> str:
        """``REAL``, or ``MOCK`` where a mock transport stands in for the network."""
        mocked = {type(each).__name__ for each in (self._transport, self._async_transport)}
        return MOCK if "MockTransport" in mocked else REAL

    @property
    def key_source(self) -> str:
        """Where the keys are from, such as ``environment``; empty where there are none."""
        return self._found.source

    @property
    def metrics(self) -> Mapping[str, OperationMetrics]:
        """What this client has done so far, by operation."""
        return self.shared.metrics.snapshot()

    def handler(self, operation: str) -> Handler[..., Any]:
        """The handler of an operation by its name: callable, awaitable by ``acall``.

        Raises:
            UnsupportedOperation: the provider has no such operation; names the nearest.
        """
        if operation not in self.operations():
            raise UnsupportedOperation(
                f"{self.name} has no operation {operation!r}"
                f"{nearest(operation, self.operations()) or '; it has '}"
                f"{'' if nearest(operation, self.operations()) else ', '.join(self.operations())}",
                (operation,),
            )
        handler: Handler[..., Any] = getattr(self, operation)
        return handler

    @classmethod
    @cache
    def operations(cls) -> Mapping[str, Operation[..., Any]]:
        """The declared operations by name, in the order of their declaration."""
        found: dict[str, Operation[..., Any]] = {}
        for owner in reversed(cls.__mro__):
            found.update(
                {name: each for name, each in vars(owner).items() if isinstance(each, Operation)}
            )
        return found

    def url(self, path: str) -> str:
        """The absolute URL of a path."""
        return f"{self.base_url}{path}"

    def authorise(self, operation: str) -> Mapping[str, str]:
        """The headers that carry the next key of an operation.

        Raises:
            MissingCredential: a key is needed and there is none.
        """
        key = self._keyring.next(operation)
        if key is None:
            if self.credential.required:
                raise credentials.missing(self.name, self.credential)
            return {}
        return {self.key_header: self.key_format.format(key.reveal())}

    def prepare(self, operation: str, values: dict[str, Any]) -> dict[str, Any]:
        """What is sent for checked parameters; a provider with rules of its own overrides it.

        Raises:
            InvalidParameters: by the provider's own rules.
        """
        return values

    def exchange(self, call: Call) -> Generator[Step, Any, Reply]:
        """Bring a call to its reply; a provider that has to ask for more overrides it.

        Raises:
            ProviderError: in any other case.
        """
        return exchange(call, self.shared)

    def cost(self, answer: Answer) -> float | None:
        """US dollars that an answer cost; ``None`` where no price is known."""
        return None

    @cached_property
    def threads(self) -> ThreadDriver:
        """The driver for calls from threads."""
        from pytest_accelerate.transport.threads import ThreadDriver

        # cached_property has no lock of its own since Python 3.12.
        with self._opening:
            if self._transport is None:
                self._transport = self.pooled_transport()
        return ThreadDriver(self._transport, self.shared.slots, self.shared.clock)

    @cached_property
    def tasks(self) -> TaskDriver:
        """The driver for calls from event loops."""
        from pytest_accelerate.transport.tasks import TaskDriver

        return TaskDriver(self._looped(), self.shared.slots, self.shared.clock)

    def _looped(self) -> Callable[[], httpx.AsyncBaseTransport]:
        given = self._async_transport
        if given is not None:
            return lambda: given
        return self.looped_transport

    def pooled_transport(self) -> httpx.BaseTransport:
        """New connections for threads; a client of several servers has some to each."""
        from pytest_accelerate.transport.pooled import pooled

        return pooled(self.base_url)

    def looped_transport(self) -> httpx.AsyncBaseTransport:
        """The same for the running event loop."""
        from pytest_accelerate.transport.looped import looped

        return looped(self.base_url)

    def _named_url(self) -> str:
        import os

        return os.environ.get(self.base_url_variable, "") if self.base_url_variable else ""

    def _endpoint_keys(self, given: Mapping[str, Keys]) -> dict[str, Any]:
        for name in given:
            if name not in self.operations():
                raise InvalidParameters(
                    f"endpoint_keys: no operation {name!r}{nearest(name, self.operations())}",
                    provider=self.name,
                )
        return {name: credentials.find(self.credential, keys).keys for name, keys in given.items()}

    def close(self) -> None:
        """Refuse further calls, wake those that wait, and close the connections of threads.

        Those of an event loop are closed by :meth:`aclose` in it.
        """
        self.shared.slots.close()
        if self._transport is not None:
            self._transport.close()

    async def aclose(self) -> None:
        """The same, with the connections of the running event loop."""
        self.close()
        if "tasks" in vars(self):
            await self.tasks.aclose()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __getitem__(self, operation: str) -> Handler[..., Any]:
        if operation not in self.operations():
            raise KeyError(operation)
        return self.handler(operation)

    def __iter__(self) -> Iterator[str]:
        return iter(self.operations())

    def __len__(self) -> int:
        return len(self.operations())

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __bool__(self) -> bool:
        return True

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client is not pickled: its keys stay here, so make one over there")

    def __repr__(self) -> str:
        keys = f"keys from {self.key_source}" if self.key_source else "no key"
        return f"<{type(self).__name__} {self.base_url} {self.implementation_type}, {keys}>"


def checked_url(url: str, name: str = "base_url") -> str:
    """A URL that requests can be sent below, without a slash at its end.

    Args:
        url: of a server, or of a path on it.
        name: what is told where it is wrong.

    Raises:
        InvalidParameters: it is no URL of HTTP, or may hold a key.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        shown = repr(url)[:200] if not {"@", "?"} & set(url) else "this"  # it may hold a key
        raise InvalidParameters(f"{name}: expected http://... or https://..., not {shown}")
    if parts.username or parts.password or parts.query:
        raise InvalidParameters(f"{name}: a key belongs into api_key, not into a URL")
    return url.rstrip("/")


def _if_both(transport: Any) -> Any:
    return transport if hasattr(transport, "handle_async_request") else None


@cache
def _user_agent() -> str:
    version = metadata.version("pytest-accelerate")
    return f"pytest-accelerate/{version} Python/{platform.python_version()}"
