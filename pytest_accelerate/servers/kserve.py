"""KServe's model server: the Open Inference Protocol, also with tensors as bytes, and v1."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pytest_accelerate.servers.open_inference import OpenInferenceServer, protocol_calls

MODEL = "double"
"""What ``kserve_double.py`` serves."""


class KServe(OpenInferenceServer):
    """KServe's Python model server: https://github.com/kserve/kserve/tree/master/python/kserve.

    It listens on every address. Its own flags are read when it is imported: the port is none.
    """

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
    script: ClassVar[str] = "kserve_double.py"

    def calls(self, provider: str, folder: Path) -> Mapping[str, Mapping[str, Any]]:
        """One tiny call of each operation that it has; tensors go and come as bytes."""
        calls = protocol_calls(MODEL)
        return calls | {
            "server_metrics": {},
            "infer": {**calls["infer"], "binary": True},
            "predict": {"model": MODEL, "instances": [[1.5, -2.0]]},
        }
