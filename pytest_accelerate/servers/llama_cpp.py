"""llama-cpp-python's server, with a tiny random llama."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_accelerate.errors import ServerNotStarted
from pytest_accelerate.servers.base import Server

if TYPE_CHECKING:
    from pytest_accelerate.providers.base import Provider

MODEL = "tiny"
"""The name that the server gives its model; any other name means this one too."""
MESSAGES = ({"role": "user", "content": "hello how are you"},)
_WRITER = Path(__file__).with_name("llama_cpp_model.py")
_GREEDY = {"max_tokens": 8, "temperature": 0.0}


class LlamaCpp(Server):
    """llama.cpp behind a server in Python: https://llama-cpp-python.readthedocs.io.

    It is compiled when it is installed, which takes some ten minutes on two cores.
    """

    name: ClassVar[str] = "llama_cpp"
    distribution: ClassVar[str] = "llama-cpp-python"
    requirements: ClassVar[tuple[str, ...]] = ("llama-cpp-python[server]==0.3.36", "gguf==0.19.0")
    quick: ClassVar[bool] = False
    health: ClassVar[str] = "/v1/models"
    providers: ClassVar[tuple[str, ...]] = ("llvm", "openai")

    def prepare(self, python: Path, folder: Path) -> None:
        """Write the model.

        Raises:
            ServerNotStarted: it could not be written.
        """
        command = [str(python), str(_WRITER), str(folder / "tiny.gguf")]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise ServerNotStarted(self.name, f"its model: {done.stderr.strip()[-1500:]}")

    def command(self, python: Path, folder: Path, port: int) -> Sequence[str]:
        """The command that starts it on ``127.0.0.1:port``."""
        settings = {
            "model": folder / "tiny.gguf",
            "model_alias": MODEL,
            "host": "127.0.0.1",
            "port": port,
            "n_ctx": 256,
            "n_threads": 1,
            "n_threads_batch": 1,
            "embedding": True,
            "seed": 0,
            "verbose": False,
            "interrupt_requests": False,  # another call does not cut a stream off
        }
        options = [text for name, value in settings.items() for text in (f"--{name}", str(value))]
        return [str(python), "-m", "llama_cpp.server", *options]

    def client(self, provider: str, url: str, **options: Any) -> Provider:
        """A client; the server asks for no key."""
        if provider == "openai":
            from pytest_accelerate.providers.openai import OpenAI

            return OpenAI("no-key-needed", base_url=f"{url}/v1", **options)
        from pytest_accelerate.providers.llvm import LLVM

        return LLVM(base_url=url, **options)

    def calls(self, provider: str, folder: Path) -> Mapping[str, Mapping[str, Any]]:
        """One tiny call of each operation that it offers."""
        shared: dict[str, Mapping[str, Any]] = {
            "chat": {"model": MODEL, "messages": MESSAGES, **_GREEDY},
            "embeddings": {"model": MODEL, "input": ["hello", "how are you"]},
            "models_list": {},
        }
        if provider == "openai":
            return shared
        return {
            **shared,
            "completions": {"model": MODEL, "prompt": "hello how", **_GREEDY},
            "tokenize": {"model": MODEL, "prompt": "hello how are you"},
            "detokenize": {"model": MODEL, "tokens": [1, 107, 104]},
        }
