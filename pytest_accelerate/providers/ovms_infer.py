"""Inference by the Open Inference Protocol, with tensors as JSON or as bytes after it.

Source: https://github.com/kserve/open-inference-protocol, with the extension for binary tensors:
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from pytest_accelerate.errors import InvalidParameters, InvalidResponse
from pytest_accelerate.providers.operation import Handler
from pytest_accelerate.providers.ovms_inputs import tensors_of
from pytest_accelerate.providers.ovms_routes import ModelHandler, ModelOperation
from pytest_accelerate.providers.ovms_tensors import Tensor, checked, raw_of
from pytest_accelerate.providers.reading import mapping, text_of
from pytest_accelerate.transport.answers import Answer, Origin, parse_object
from pytest_accelerate.transport.body import Parts
from pytest_accelerate.transport.exchange import Call
from pytest_accelerate.transport.outcome import Reply

if TYPE_CHECKING:
    from pytest_accelerate.providers.base import Provider

P = ParamSpec("P")
A = TypeVar("A", bound=Answer)

HEADER_LENGTH = "inference-header-content-length"
"""The header that tells how many bytes of a body are JSON; the tensors follow them."""


@dataclass(frozen=True, eq=False)
class Inference(Answer):
    """What a model made of its inputs; the JSON does not hold the tensors that came as bytes."""

    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    """Each output by its name."""

    @classmethod
    def of(cls, reply: Reply, origin: Origin) -> Inference:
        """Read a reply.

        Raises:
            InvalidResponse: it is no answer of the protocol; names the tensor that is wrong.
        """
        told = reply.headers.get(HEADER_LENGTH)
        if told is None:
            data, rest = parse_object(reply, cls.media_types), memoryview(b"")
        else:
            data, rest = _divided(reply.body, told)
        return cls(data, origin, _outputs(data, rest))

    def tensor(self, name: str = "") -> Tensor:
        """One output; without a name, the only one.

        Raises:
            InvalidResponse: there is no such one, or more than one.
        """
        found = list(self.tensors.values()) if not name else [
            each for each in self.tensors.values() if each.name == name
        ]  # fmt: skip
        if len(found) != 1:
            wanted = f"no tensor {name!r}" if name else f"{len(found)} tensors"
            raise InvalidResponse(f"there is {wanted}; the answer has: {', '.join(self.tensors)}")
        return found[0]

    @property
    def model(self) -> str:
        """The model that answered."""
        return text_of(self.data.get("model_name"))

    @property
    def version(self) -> str:
        """Its version; empty where the server does not tell."""
        return text_of(self.data.get("model_version"))

    @property
    def id(self) -> str:
        """The ``id`` that was given with the request, or one that the server made."""
        return text_of(self.data.get("id"))


def _divided(body: bytes | bytearray, told: str) -> tuple[dict[str, Any], memoryview]:
    """JSON and what follows it, without a copy of that."""
    whole = memoryview(body).toreadonly()
    if not told.isdecimal() or int(told) > len(whole):
        raise InvalidResponse(
            f"{HEADER_LENGTH} is {told[:40]!r}, and the answer has {len(whole)} bytes"
        )
    start = bytes(whole[: int(told)])
    try:
        data = json.loads(start)
    except (ValueError, RecursionError) as error:
        raise InvalidResponse(
            f"the answer does not begin with JSON: {error}: {start[:80]!r}"
        ) from None
    if not isinstance(data, dict):
        raise InvalidResponse(f"expected a JSON object, the answer is {start[:80]!r}")
    return data, whole[int(told) :]


def _outputs(data: Mapping[str, Any], rest: memoryview) -> dict[str, Tensor]:
    listed = data.get("outputs")
    if not isinstance(listed, list):
        raise InvalidResponse("the answer has no outputs")
    tensors: dict[str, Tensor] = {}
    place = 0
    for each in listed:
        output = mapping(each)
        name = output.get("name")
        if not isinstance(name, str) or name in tensors:
            raise InvalidResponse(f"{name!r:.80} is no name of an output, or it is there twice")
        size = mapping(output.get("parameters")).get("binary_data_size")
        if size is None:
            content: Any = output.get("data")
        else:
            content = _piece(name, rest, place, size)
            place += size
        shape: Any = output.get("shape")
        datatype = text_of(output.get("datatype"))
        if size is None and not isinstance(content, list):
            raise InvalidResponse(f"tensor {name!r}: it has no data")
        tensors[name] = checked(Tensor(name, shape, datatype, content), InvalidResponse)
    if place != len(rest):
        raise InvalidResponse(f"{len(rest) - place} bytes of the answer belong to no tensor")
    return tensors


def _piece(name: str, rest: memoryview, place: int, size: Any) -> memoryview:
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(rest) - place:
        raise InvalidResponse(
            f"tensor {name!r}: its binary_data_size is {size!r:.40}, and {len(rest) - place} bytes "
            "are left of the answer"
        )
    return rest[place : place + size]


class InferOperation(ModelOperation[P, A]):
    """Inference: its body may be JSON with bytes after it."""

    def handler(self, provider: Provider) -> Handler[P, A]:
        """The handler for one client."""
        return InferHandler(provider, self)


class InferHandler(ModelHandler[P, A]):
    """Sends tensors as they lie in memory."""

    def _call(
        self, parameters: dict[str, Any], options: dict[str, Any], *, streaming: bool
    ) -> Call:
        values = self.operation.signature.check(parameters)
        tensors = tensors_of(values["inputs"])
        binary = values.get("binary")
        if binary is None:
            binary = any(not isinstance(each.data, list) for each in tensors)
        if binary:
            tensors = [replace(each, data=raw_of(each, InvalidParameters)) for each in tensors]
        values |= {"inputs": tensors, "binary": binary}
        call = super()._call(values, options, streaming=streaming)
        return _with_bytes(call, tensors) if binary else call


def _with_bytes(call: Call, tensors: Sequence[Tensor]) -> Call:
    assert isinstance(call.body, bytes)
    body = Parts(
        (call.body, *(each.raw for each in tensors if each.size)), "application/octet-stream"
    )
    headers = {
        **call.headers,
        "content-type": body.media_type,
        HEADER_LENGTH: str(len(call.body)),
    }
    return replace(call, body=body, headers=headers)


def infer_body(values: dict[str, Any]) -> dict[str, Any]:
    """The JSON of a request; of tensors that go as bytes, it tells their sizes.

    Raises:
        InvalidParameters: a tensor cannot be written as JSON; names it.
    """
    binary = values.pop("binary")
    parameters = dict(values.pop("parameters", {}))
    names = values.pop("outputs", None)
    inputs = [_described(each, binary) for each in values.pop("inputs")]
    if names:
        asked = {"parameters": {"binary_data": True}} if binary else {}
        values["outputs"] = [{"name": name, **asked} for name in names]
    elif binary:
        parameters = {"binary_data_output": True, **parameters}
    if parameters:
        values["parameters"] = parameters
    return {**values, "inputs": inputs}


def _described(tensor: Tensor, binary: bool) -> dict[str, Any]:
    told = {"name": tensor.name, "shape": list(tensor.shape), "datatype": tensor.datatype}
    if binary:
        return {**told, "parameters": {"binary_data_size": len(tensor.raw)}}
    if tensor.datatype == "BF16":
        raise InvalidParameters(f"tensor {tensor.name!r}: BF16 goes as bytes alone: binary=True")
    raw_of(tensor, InvalidParameters)  # refuses what is none of the datatype
    elements = Tensor(tensor.name, (tensor.size,), tensor.datatype, tensor.data).tolist()
    return {**told, "data": [_json_element(tensor, each) for each in elements]}


def _json_element(tensor: Tensor, element: Any) -> Any:
    if isinstance(element, (bytes, bytearray, memoryview)):
        try:
            return bytes(element).decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidParameters(
                f"tensor {tensor.name!r}: bytes that are no UTF-8 cannot go as JSON: binary=True"
            ) from None
    if element is None or (isinstance(element, float) and not math.isfinite(element)):
        raise InvalidParameters(f"tensor {tensor.name!r}: JSON has no {element}: binary=True")
    return element
