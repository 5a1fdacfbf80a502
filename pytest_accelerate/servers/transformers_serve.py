"""``transformers serve`` with a tiny llama, as this environment's own transformers has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_accelerate.servers.base import Server

if TYPE_CHECKING:
    from pytest_accelerate.providers.base import Provider

MODEL = "accelerate/tiny-llama"
"""The model's name, as of one that was downloaded: the server lists what its cache holds."""
MESSAGES = ({"role": "user", "content": "hello how are you"},)
_REVISION = "0" * 40
_GREEDY = {"max_tokens": 8, "temperature": 0.0}


class TransformersServe(Server):
    """Hugging Face's server: https://huggingface.co/docs/transformers/serving."""

    name: ClassVar[str] = "transformers_serve"
    distribution: ClassVar[str] = "transformers"
    requirements: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ("accelerate", "fastapi", "openai", "torch", "uvicorn")
    quick: ClassVar[bool] = True
    health: ClassVar[str] = "/health"
    providers: ClassVar[tuple[str, ...]] = ("openai", "llvm")

    def prepare(self, python: Path, folder: Path) -> None:
        """Write the model, where a downloaded one would be."""
        from pytest_accelerate.servers.transformers_serve_model import save

        model = folder / "hub" / f"models--{MODEL.replace('/', '--')}"
        snapshot = model / "snapshots" / _REVISION
        snapshot.mkdir(parents=True)
        (model / "refs").mkdir()
        (model / "refs" / "main").write_text(_REVISION)
        save(snapshot)

    def command(self, python: Path, folder: Path, port: int) -> Sequence[str]:
        """The command that starts it on ``127.0.0.1:port``."""
        code = "from transformers.cli.transformers import main; main()"
        where = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
        return [str(python), "-c", code, "serve", MODEL, *where]

    def environment(self, folder: Path) -> Mapping[str, str]:
        """The cache that it serves from, and no network."""
        return {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(folder / "hub")}

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
            "models_list": {},
        }
        if provider == "openai":
            return shared
        return {
            **shared,
            "completions": {"model": MODEL, "prompt": "hello how are", **_GREEDY},
            # Not OpenAI's: it does not say that it wants no stream, and this server then streams.
            "responses": {"model": MODEL, "input": "hello how are you",
                          "max_output_tokens": 8, "temperature": 0.0},
            "health": {},
        }  # fmt: skip
