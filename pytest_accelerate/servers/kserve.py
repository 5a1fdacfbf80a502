"""KServe's model server: the Open Inference Protocol, also with tensors as bytes, and v1."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_accelerate.servers.base import Server

if TYPE_CHECKING:
    from pytest_accelerate.providers.base import Provider

MODEL = "double"
"""What ``kserve_double.py`` serves."""
_SCRIPT = "kserve_double.py"


class KServe(Server):
    """KServe's Python model server: https://github.com/kserve/kserve/tree/master/python/kserve."""

    name: ClassVar[str] = "kserve"
    distribution: ClassVar[str] = "kserve"
    requirements: ClassVar[tuple[str, ...]] = (
        "kserve==0.21.0",
        "fastapi==0.165.0",
        "grpcio==1.85.3",
        "numpy==2.4.6",
        "orjson==3.13.0",
        "protobuf==6.33.6",
        "pydantic==2.14.4",
        "starlette==1.10.0",
        "uvicorn==0.54.0",
    )
    quick: ClassVar[bool] = True
    health: ClassVar[str] = "/v2/health/ready"
    providers: ClassVar[tuple[str, ...]] = ("ovms",)

    def prepare(self, python: Path, folder: Path) -> None:
        """Write the model."""
        shutil.copy(Path(__file__).with_name(_SCRIPT), folder / _SCRIPT)

    def command(self, python: Path, folder: Path, port: int) -> Sequence[str]:
        """The command that starts it on ``port``; it listens on every address."""
        # Its own flags are read when it is imported, so that the port is no flag.
        return [str(python), _SCRIPT, str(port)]

    def client(self, provider: str, url: str, **options: Any) -> Provider:
        """A client of it."""
        from pytest_accelerate.providers.ovms import OVMS

        return OVMS(base_url=url, **options)

    def calls(self, provider: str, folder: Path) -> Mapping[str, Mapping[str, Any]]:
        """One tiny call of each operation that it has; tensors go and come as bytes."""
        return {
            "server_live": {},
            "server_ready": {},
            "server_metadata": {},
            "server_metrics": {},
            "model_ready": {"model": MODEL},
            "model_metadata": {"model": MODEL},
            "infer": {
                "model": MODEL,
                "inputs": {"x": {"shape": [2], "datatype": "FP32", "data": [1.5, -2.0]}},
                "binary": True,
            },
            "predict": {"model": MODEL, "instances": [[1.5, -2.0]]},
        }
