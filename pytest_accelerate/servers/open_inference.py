"""What servers of the Open Inference Protocol share: a script that serves one model, and OVMS."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_accelerate.servers.base import Server

if TYPE_CHECKING:
    from pytest_accelerate.providers.base import Provider


class OpenInferenceServer(Server):
    """A server started by a script beside this file, which takes its port."""

    health: ClassVar[str] = "/v2/health/ready"
    providers: ClassVar[tuple[str, ...]] = ("ovms",)
    script: ClassVar[str]
    """The file's name; it holds the model that is served, and imports nothing of this package."""

    def prepare(self, python: Path, folder: Path) -> None:
        """Write the script."""
        shutil.copy(Path(__file__).with_name(self.script), folder / self.script)

    def command(self, python: Path, folder: Path, port: int) -> Sequence[str]:
        """The command that starts it on ``port``."""
        return [str(python), self.script, str(port)]

    def client(self, provider: str, url: str, **options: Any) -> Provider:
        """A client of it."""
        from pytest_accelerate.providers.ovms import OVMS

        return OVMS(base_url=url, **options)


def protocol_calls(model: str, version: str = "") -> dict[str, Mapping[str, Any]]:
    """One tiny call of each operation of the protocol; metadata of a version where one is given."""
    return {
        "server_live": {},
        "server_ready": {},
        "server_metadata": {},
        "model_ready": {"model": model},
        "model_metadata": {"model": model, **({"version": version} if version else {})},
        "infer": {
            "model": model,
            "inputs": {"x": {"shape": [2], "datatype": "FP32", "data": [1.5, -2.0]}},
        },
    }
