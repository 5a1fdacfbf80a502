"""What a server declares: how it is installed and started, and which operations it proves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from pytest_accelerate.providers.base import Provider


class Server(ABC):
    """One real server; its file holds all that is known of it."""

    name: ClassVar[str]
    """Such as ``moto``."""
    distribution: ClassVar[str]
    """The package whose version is told: ``moto``."""
    requirements: ClassVar[tuple[str, ...]]
    """What pip installs into its environment, pinned; empty for one that this Python has."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Without requirements: the packages beside :attr:`distribution` that this Python must have."""
    quick: ClassVar[bool]
    """Whether it installs in seconds: the project's own tests install those."""
    health: ClassVar[str]
    """The path below the base URL that answers 200 when it is ready."""
    providers: ClassVar[tuple[str, ...]]
    """The providers whose protocol it speaks."""

    def prepare(self, python: Path, folder: Path) -> None:  # noqa: B027 - most need nothing
        """Write what it serves into a folder that is its own for one run.

        Args:
            python: the interpreter of its environment.
            folder: empty, and there.
        """

    @abstractmethod
    def command(self, python: Path, folder: Path, port: int) -> Sequence[str]:
        """The command that starts it on ``127.0.0.1:port``."""

    def environment(self, folder: Path) -> Mapping[str, str]:
        """Variables that it is started with, beside those of this process."""
        return {}

    @abstractmethod
    def client(self, provider: str, url: str, **options: Any) -> Provider:
        """A client of one of its :attr:`providers`.

        Args:
            provider: its name.
            url: the server's, ``http://127.0.0.1:PORT``.
            options: further arguments of the client class.
        """

    @abstractmethod
    def calls(self, provider: str, folder: Path) -> Mapping[str, Mapping[str, Any]]:
        """The parameters of one tiny call of each operation that it offers.

        Which these are does not depend on the folder: it is asked before the server is started,
        and then with a folder that is not its own.
        """

    def before(self, client: Provider) -> None:  # noqa: B027 - most need nothing
        """Make by calls what the calls of :meth:`calls` need to be there; called once a client."""
