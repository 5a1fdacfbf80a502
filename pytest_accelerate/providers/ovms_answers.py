"""What servers of the Open Inference Protocol and of TensorFlow Serving's API tell of models."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pytest_accelerate.providers.reading import mapping, mappings, text_of
from pytest_accelerate.transport.answers import Answer, Origin
from pytest_accelerate.transport.classify import describe
from pytest_accelerate.transport.outcome import Reply


@dataclass(frozen=True, eq=False)
class Readiness(Answer):
    """Whether a server or a model is ready, which is also the truth of the answer itself.

    ``if client.model_ready(model="m"):`` is what it looks like. "Not ready" is an answer and no
    error: it is not asked again, and does not count as a failure of the server.
    """

    reason: str = ""
    """What the server says where it is not ready; empty where it says nothing."""
    media_types: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def of(cls, reply: Reply, origin: Origin) -> Readiness:
        """Read a reply: its status tells, and some servers tell it again as JSON."""
        try:
            data = mapping(json.loads(reply.body))
        except (ValueError, RecursionError):
            data = {}  # most answer with nothing
        ok = 200 <= reply.status < 300
        return cls(data, origin, "" if ok else describe(reply.body)[0])

    @property
    def ready(self) -> bool:
        """Whether it is."""
        told = self.data.get("ready", self.data.get("live", True))
        return self.status < 300 and told is not False

    @property
    def status(self) -> int:
        """What the server answered: 404 is of a model that it does not have."""
        return self.origin.status

    def __bool__(self) -> bool:
        return self.ready


@dataclass(frozen=True, eq=False)
class ServerMetadata(Answer):
    """What a server is."""

    @property
    def name(self) -> str:
        """Such as ``OpenVINO Model Server``."""
        return text_of(self.data.get("name"))

    @property
    def version(self) -> str:
        """Of the server."""
        return text_of(self.data.get("version"))

    @property
    def extensions(self) -> tuple[str, ...]:
        """What it has beyond the protocol, such as ``binary_tensor_data``."""
        listed = self.data.get("extensions")
        return tuple(map(text_of, listed)) if isinstance(listed, list) else ()


@dataclass(frozen=True)
class TensorSpec:
    """What a model takes or gives by one name."""

    name: str
    datatype: str
    """Such as ``FP32``; see :data:`~pytest_accelerate.providers.ovms_tensors.DATATYPES`."""
    shape: tuple[int, ...]
    """-1 where any size will do."""


@dataclass(frozen=True, eq=False)
class ModelMetadata(Answer):
    """What a model takes and gives."""

    @property
    def name(self) -> str:
        """Of the model."""
        return text_of(self.data.get("name"))

    @property
    def platform(self) -> str:
        """What runs it, such as ``OpenVINO``."""
        return text_of(self.data.get("platform"))

    @property
    def versions(self) -> tuple[str, ...]:
        """Those that are served; none where the server does not tell."""
        listed = self.data.get("versions")
        return tuple(map(str, listed)) if isinstance(listed, list) else ()

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What it takes; none where the server does not tell."""
        return _specs(self.data.get("inputs"))

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What it gives; likewise."""
        return _specs(self.data.get("outputs"))


def _specs(listed: Any) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(text_of(each.get("name")), text_of(each.get("datatype")), _shape(each))
        for each in mappings(listed)
    )


def _shape(spec: Mapping[str, Any]) -> tuple[int, ...]:
    shape = spec.get("shape")
    if not isinstance(shape, list):
        return ()
    # 64-bit numbers are text where JSON is made of protobuf.
    return tuple(int(each) if _SIZE.fullmatch(str(each)) else -1 for each in shape)


_SIZE = re.compile("-?[0-9]{1,18}")


@dataclass(frozen=True, eq=False)
class ModelStatus(Answer):
    """The state of each version of a model."""

    @property
    def states(self) -> Mapping[str, str]:
        """``AVAILABLE``, ``LOADING``, ``UNLOADING``, ``END``... by the version."""
        return states_of(self.data)

    @property
    def available(self) -> tuple[str, ...]:
        """The versions that answer."""
        return tuple(version for version, state in self.states.items() if state == "AVAILABLE")


@dataclass(frozen=True, eq=False)
class Configuration(Answer):
    """The state of each version of every model that a server is configured to serve."""

    @property
    def models(self) -> Mapping[str, Mapping[str, str]]:
        """State by version by model."""
        return {name: states_of(mapping(told)) for name, told in self.data.items()}

    @property
    def reloaded(self) -> bool:
        """Whether a reload changed anything."""
        return self.origin.status == 201


def states_of(data: Mapping[str, Any]) -> dict[str, str]:
    """The state by the version of a model."""
    return {
        str(each.get("version", "")): text_of(each.get("state"))
        for each in mappings(data.get("model_version_status"))
    }


@dataclass(frozen=True, eq=False)
class Predictions(Answer):
    """What a model made of its inputs, in TensorFlow Serving's form."""

    @property
    def predictions(self) -> Any:
        """One for each of ``instances``; ``None`` where ``inputs`` were given."""
        return self.data.get("predictions")

    @property
    def outputs(self) -> Any:
        """All of a batch, by name or the only one, for ``inputs``; ``None`` for ``instances``."""
        return self.data.get("outputs")


@dataclass(frozen=True, eq=False)
class PredictMetadata(Answer):
    """What a model takes and gives, in TensorFlow Serving's form."""

    @property
    def signatures(self) -> Mapping[str, Any]:
        """``inputs`` and ``outputs`` of each signature, such as ``serving_default``."""
        definition = mapping(mapping(self.data.get("metadata")).get("signature_def"))
        found = definition.get("signature_def", definition.get("signatureDef"))
        return mapping(found)


@dataclass(frozen=True, eq=False)
class TokenIds(Answer):
    """The tokens of a text, or of several."""

    @property
    def tokens(self) -> tuple[Any, ...]:
        """Numbers, or one list of numbers a text."""
        listed = self.data.get("tokens")
        return tuple(listed) if isinstance(listed, list) else ()
