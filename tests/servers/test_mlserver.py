"""MLServer answers the OVMS client: the Open Inference Protocol in JSON, by a real server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import numpy
import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers.examples import examples
from pytest_accelerate.providers.ovms import OVMS, Tensor
from pytest_accelerate.servers.environments import python_of
from pytest_accelerate.servers.mlserver import MODEL, VERSION
from pytest_accelerate.servers.running import RunningServer
from pytest_accelerate.transport.policy import Policy
from tests.servers.arrays import KINDS, array_of, same, twice
from tests.servers.conftest import answers_of, started

QUICK = Policy(backoff_initial=0.001, backoff_cap=0.01)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that runs."""
    with started("mlserver", tmp_path_factory) as made:
        yield made


@pytest.fixture
def client(server: RunningServer) -> Iterator[OVMS]:
    """A client of it."""
    with OVMS(base_url=server.url, policy=QUICK) as made:
        yield made


def test_every_offered_operation_is_answered(server: RunningServer) -> None:
    """Each call that the server's file lists gives a real answer, from a thread and from a task."""
    answers = answers_of(server, "ovms")
    assert {each.implementation_type for each in answers} == {"REAL"}
    assert {each.origin.status for each in answers} == {200}


@pytest.mark.parametrize("datatype", KINDS)
def test_tensors_of_each_datatype(client: OVMS, datatype: str) -> None:
    """An array goes as JSON and comes back doubled, as numpy doubles it."""
    array = array_of(datatype)
    answer = client.infer(model=MODEL, inputs={"x": array}, binary=False)
    assert same(answer.tensor("x").numpy(), twice(array))
    assert (answer.model, answer.version, answer.tensor().datatype) == (MODEL, VERSION, datatype)


def test_named_outputs_and_ids(client: OVMS) -> None:
    """Of several outputs those that are named come, with the id that was given."""
    inputs = [Tensor("x", (2,), "FP32", [1, 2]), Tensor("y", (1, 1), "INT64", [[3]])]
    answer = client.infer(model=MODEL, inputs=inputs, outputs=["y"], id="mine", version=VERSION)
    assert list(answer.tensors) == ["y"]
    assert answer.id == "mine"
    assert answer.tensors["y"].tolist() == [[6]]


def test_null_among_numbers_reads_as_nan(client: OVMS) -> None:
    """MLServer has null for what JSON cannot hold, such as an overflow: it is read as NaN."""
    answer = client.infer(model=MODEL, inputs={"x": {"datatype": "FP16", "data": [60000.0, 1.0]}})
    assert numpy.isnan(answer.tensor().numpy()).tolist() == [True, False]


def test_metadata_and_readiness(client: OVMS) -> None:
    """The server tells what it is, and what its model takes."""
    assert client.server_metadata().name == "mlserver"
    told = client.model_metadata(model=MODEL)
    assert (told.name, told.platform, told.versions) == (MODEL, "numpy", (VERSION,))
    assert [(each.name, each.datatype, each.shape) for each in told.inputs] == [
        ("x", "FP32", (-1,))
    ]
    assert client.server_live()
    assert client.server_ready()
    assert client.model_ready(model=MODEL, version=VERSION)


@pytest.mark.parametrize("asked", [{"model": "none"}, {"model": MODEL, "version": 99}])
def test_an_unknown_model_is_not_ready(client: OVMS, asked: dict[str, Any]) -> None:
    """A model or version that is not there is not ready, and says so without an error."""
    answer = client.model_ready(asked)
    assert not answer
    assert answer.status == 404
    assert "not found" in answer.reason


def test_real_errors_are_typed(client: OVMS) -> None:
    """An unknown model, an unknown version and data that the server refuses are typed errors."""
    inputs = {"x": {"datatype": "FP32", "data": [1.0]}}
    with pytest.raises(errors.NotFound):
        client.infer(model="none", inputs=inputs)
    with pytest.raises(errors.NotFound):
        client.infer(model=MODEL, version=99, inputs=inputs)
    with pytest.raises(errors.NotFound):
        client.model_metadata(model="none")
    with pytest.raises(errors.BadRequest, match="422"):
        client.infer(model=MODEL, inputs=inputs, extra_body={"inputs": 3})


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("predict", {"model": MODEL, "instances": [1.0]}),
        ("predict", {"model": MODEL, "version": VERSION, "instances": [1.0]}),
        ("predict_metadata", {"model": MODEL}),
        ("model_status", {"model": MODEL}),
        ("config", {}),
        ("config_reload", {}),
        ("server_metrics", {}),
    ],
)
def test_routes_that_it_lacks_are_told(
    client: OVMS, operation: str, parameters: dict[str, Any]
) -> None:
    """A route that this server does not have is an unsupported operation, which names itself."""
    with pytest.raises(errors.UnsupportedOperation, match="not offered") as caught:
        client[operation](parameters)
    assert caught.value.operations == (operation,)


@pytest.mark.parametrize("asked", [{"model": "none"}, {"model": MODEL, "version": 99}])
def test_an_unknown_model_is_no_missing_route(client: OVMS, asked: dict[str, Any]) -> None:
    """Where the model or the version is not there either, it stays what the server said."""
    with pytest.raises(errors.NotFound):
        client.predict({**asked, "instances": [1.0]})


def test_canned_replies_are_of_the_servers_own_types(server: RunningServer) -> None:
    """What mocks answer for the protocol's operations is what MLServer's own models hold."""
    replies = {name: json.loads(each.reply.body or b"null") for name, each in
               examples("ovms").items() if each.reply.media_type == "application/json"}  # fmt: skip
    code = (
        "import json, sys; from mlserver import types; told = json.load(sys.stdin)\n"
        "types.MetadataServerResponse.model_validate(told['server_metadata'])\n"
        "types.MetadataModelResponse.model_validate(told['model_metadata'])\n"
        "types.InferenceResponse.model_validate(told['infer'])\n"
    )
    done = subprocess.run(
        [str(python_of(server.server)), "-c", code],
        input=json.dumps(replies), text=True, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
