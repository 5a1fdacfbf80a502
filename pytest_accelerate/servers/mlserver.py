"""MLServer: the Open Inference Protocol, with tensors as JSON alone."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_accelerate.servers.base import Server

if TYPE_CHECKING:
    from pytest_accelerate.providers.base import Provider

MODEL, VERSION = "double", "3"
"""What ``mlserver_double.py`` serves."""
_SCRIPT = "mlserver_double.py"


class MLServer(Server):
    """MLServer: https://mlserver.readthedocs.io, with a runtime of our own."""

    name: ClassVar[str] = "mlserver"
    distribution: ClassVar[str] = "mlserver"
    # It brings Triton's client, which the project's tests compare the wire with.
    requirements: ClassVar[tuple[str, ...]] = (
        "mlserver==1.7.1",
        "fastapi==0.115.14",
        "grpcio==1.85.3",
        "numpy==2.4.6",
        "orjson==3.13.0",
        "protobuf==6.33.6",
        "pydantic==2.14.4",
        "starlette==0.46.2",
        "tritonclient==2.73.0",
        "uvicorn==0.54.0",
    )
    quick: ClassVar[bool] = True
    health: ClassVar[str] = "/v2/health/ready"
    providers: ClassVar[tuple[str, ...]] = ("ovms",)

    def prepare(self, python: Path, folder: Path) -> None:
        """Write the runtime."""
        shutil.copy(Path(__file__).with_name(_SCRIPT), folder / _SCRIPT)

    def command(self, python: Path, folder: Path, port: int) -> Sequence[str]:
        """The command that starts it on ``127.0.0.1:port``; gRPC gets a port that is free."""
        return [str(python), _SCRIPT, str(port)]

    def client(self, provider: str, url: str, **options: Any) -> Provider:
        """A client of it."""
        from pytest_accelerate.providers.ovms import OVMS

        return OVMS(base_url=url, **options)

    def calls(self, provider: str, folder: Path) -> Mapping[str, Mapping[str, Any]]:
        """One tiny call of each operation of the protocol."""
        return {
            "server_live": {},
            "server_ready": {},
            "server_metadata": {},
            "model_ready": {"model": MODEL},
            "model_metadata": {"model": MODEL, "version": VERSION},
            "infer": {
                "model": MODEL,
                "inputs": {"x": {"shape": [2], "datatype": "FP32", "data": [1.5, -2.0]}},
            },
        }
