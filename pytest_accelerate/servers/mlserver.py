"""MLServer: the Open Inference Protocol, with tensors as JSON alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pytest_accelerate.servers.open_inference import OpenInferenceServer, protocol_calls

MODEL, VERSION = "double", "3"
"""What ``mlserver_double.py`` serves."""


class MLServer(OpenInferenceServer):
    """MLServer: https://mlserver.readthedocs.io, with a runtime of our own.

    gRPC gets a port that is free.
    """

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
    script: ClassVar[str] = "mlserver_double.py"

    def calls(self, provider: str, folder: Path) -> Mapping[str, Mapping[str, Any]]:
        """One tiny call of each operation of the protocol."""
        return protocol_calls(MODEL, VERSION)
