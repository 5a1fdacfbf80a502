"""OpenVINO Model Server, and other servers of the Open Inference Protocol.

Sources: https://github.com/kserve/open-inference-protocol,
https://docs.openvino.ai/2026/model-server/ovms_docs_server_api.html and, for the form that older
servers have, https://www.tensorflow.org/tfx/serving/api_rest.
"""

from __future__ import annotations

import base64
from collections.abc import Generator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Unpack

from pytest_accelerate.errors import InvalidParameters
from pytest_accelerate.providers.base import Provider
from pytest_accelerate.providers.operation import Effect, operation
from pytest_accelerate.providers.ovms_answers import (
    Configuration,
    ModelMetadata,
    ModelStatus,
    Predictions,
    PredictMetadata,
    Readiness,
    ServerMetadata,
)
from pytest_accelerate.providers.ovms_infer import Inference, InferOperation, infer_body
from pytest_accelerate.providers.ovms_routes import ModelOperation, offered
from pytest_accelerate.providers.ovms_tensors import Tensor
from pytest_accelerate.providers.ovms_v3 import GenerativeOperations
from pytest_accelerate.providers.parameters import CallOptions, Filled
from pytest_accelerate.providers.prometheus import Metrics
from pytest_accelerate.transport.credentials import Credential
from pytest_accelerate.transport.exchange import Call, Step
from pytest_accelerate.transport.outcome import Reply

__all__ = ["OVMS", "Inference", "Readiness", "Tensor"]

Text = Annotated[str, Filled]
Version = str | int
_NOT_READY = frozenset({400, 503})
_NO_SUCH_MODEL = frozenset({404})
_OPTIONAL = frozenset({"config", "config_reload", "model_status", "server_metrics", "predict",
                       "predict_metadata"})  # fmt: skip
"""Operations of routes that servers of the protocol may lack."""


def _predict_body(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    """What JSON has for arrays, and TensorFlow Serving for bytes."""
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, (bytes, bytearray)):
        return {"b64": base64.b64encode(value).decode("ascii")}
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value


def _check_form(values: Mapping[str, Any]) -> None:
    if ("instances" in values) == ("inputs" in values):
        raise InvalidParameters("expected either 'instances' or 'inputs', and one of them alone")
    if "instances" not in values:
        return
    given = values["instances"]
    listed = isinstance(given, (list, tuple)) or getattr(given, "shape", ()) != ()
    if not listed or not len(given):
        raise InvalidParameters("parameter 'instances': expected a list that is not empty")


class OVMS(GenerativeOperations, Provider):
    """The client of an OVMS server: by default the one on this machine, or ``OVMS_BASE_URL``.

    OVMS has no port for REST of its own: ``--rest_port 8000`` is what its documentation starts it
    with. It asks for no key; one that is given goes along, for what may stand before it.

    Operations of TensorFlow Serving's API (``predict``, ``predict_metadata``, ``model_status``),
    ``config``, ``config_reload`` and ``server_metrics`` raise
    :class:`~pytest_accelerate.errors.UnsupportedOperation` where the server has no such route; how
    that is told from a model that it does not know is in
    :mod:`~pytest_accelerate.providers.ovms_routes`.
    """

    name = "ovms"
    default_base_url = "http://127.0.0.1:8000"
    base_url_variable = "OVMS_BASE_URL"
    credential: ClassVar[Credential] = Credential(("OVMS_API_KEY",), required=False)

    def prepare(self, operation: str, values: dict[str, Any]) -> dict[str, Any]:
        """Look at what excludes each other.

        Raises:
            InvalidParameters: two parameters of which one alone may be there, or none of them.
        """
        values = super().prepare(operation, values)
        if operation == "predict":
            _check_form(values)
        if "version" in values and "label" in values:
            raise InvalidParameters("parameters 'version' and 'label' exclude each other")
        return values

    def exchange(self, call: Call) -> Generator[Step, Any, Reply]:
        """Bring a call to its reply.

        Raises:
            UnsupportedOperation: the server has no such route; what it said is the cause.
            ProviderError: in any other case.
        """
        return offered(self, call, optional=call.operation in _OPTIONAL)

    @operation("GET", "/v2/health/live", answer=Readiness, answers=_NOT_READY)
    def server_live(**options: Unpack[CallOptions]) -> None:
        """Whether the server takes requests; the answer is true or false itself.

        400 and 503 are "no"; anything else that is no success is an error.
        """

    @operation("GET", "/v2/health/ready", answer=Readiness, answers=_NOT_READY)
    def server_ready(**options: Unpack[CallOptions]) -> None:
        """Whether all models of the server are ready, likewise."""

    @ModelOperation.of
    @operation(
        "GET", "/v2/models/{model}/ready", answer=Readiness, answers=_NOT_READY | _NO_SUCH_MODEL
    )
    def model_ready(
        *, model: Text, version: Version | None = None, **options: Unpack[CallOptions]
    ) -> None:
        """Whether a model is ready, likewise.

        A model that the server does not have (404) is not ready, as the protocol says: who waits
        for one to be loaded asks for it before it is there. The answer's ``status`` and ``reason``
        tell that from one that is loading.
        """

    @operation("GET", "/v2", answer=ServerMetadata)
    def server_metadata(**options: Unpack[CallOptions]) -> None:
        """Name, version and extensions of the server."""

    @ModelOperation.of
    @operation("GET", "/v2/models/{model}", answer=ModelMetadata)
    def model_metadata(
        *, model: Text, version: Version | None = None, **options: Unpack[CallOptions]
    ) -> None:
        """What a model takes and gives; without a version, of the server's choice."""

    @InferOperation.of
    @operation("POST", "/v2/models/{model}/infer", answer=Inference, shape=infer_body)
    def infer(
        *,
        model: Text,
        inputs: Annotated[Mapping[str, Any] | Sequence[Any], Filled],
        outputs: Sequence[str] | None = None,
        version: Version | None = None,
        id: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        binary: bool | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """What a model makes of tensors; the answer's ``tensors`` are by name.

        ``inputs`` takes names to arrays (numpy's, or anything with the buffer protocol or
        ``__array__``), to a :class:`Tensor`, or to a mapping of ``shape``, ``datatype`` and
        ``data``; or it is a list of tensors. ``outputs`` are the names of those that are wanted, by
        default all.

        With ``binary`` tensors go and come as bytes: an array is sent from where it lies, and an
        output is a view on the answer. Without, they are JSON, in which there is no ``BF16``, no
        NaN, and no bytes that are not UTF-8. By default it is what the inputs are: JSON for lists,
        bytes where there is an array. MLServer knows JSON alone: ``binary=False``.
        """

    @operation("GET", "/v1/config", answer=Configuration)
    def config(**options: Unpack[CallOptions]) -> None:
        """The state of every model that the server is configured to serve."""

    @operation("POST", "/v1/config/reload", answer=Configuration, effect=Effect.CREATE)
    def config_reload(**options: Unpack[CallOptions]) -> None:
        """Have the server look at its configuration and its models, and load what has changed."""

    @ModelOperation.of
    @operation("GET", "/v1/models/{model}", answer=ModelStatus)
    def model_status(
        *, model: Text, version: Version | None = None, **options: Unpack[CallOptions]
    ) -> None:
        """The state of one version of a model, or of all."""

    @operation("GET", "/metrics", answer=Metrics)
    def server_metrics(**options: Unpack[CallOptions]) -> None:
        """What the server counts of itself (``--metrics_enable``).

        ``client.metrics`` is what this client has done.
        """

    @ModelOperation.of
    @operation("POST", "/v1/models/{model}:predict", answer=Predictions, shape=_predict_body)
    def predict(
        *,
        model: Text,
        instances: Any = None,
        inputs: Any = None,
        signature_name: str | None = None,
        version: Version | None = None,
        label: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """What a model makes of inputs, in TensorFlow Serving's form: numbers in JSON.

        Either ``instances``, a list of them (row format), or ``inputs``, a batch by name or the
        only one (column format). Arrays are sent as lists, bytes in base64. OVMS has this up to
        2026.3.
        """

    @ModelOperation.of
    @operation("GET", "/v1/models/{model}/metadata", answer=PredictMetadata)
    def predict_metadata(
        *,
        model: Text,
        version: Version | None = None,
        label: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """What a model takes and gives, in TensorFlow Serving's form."""
