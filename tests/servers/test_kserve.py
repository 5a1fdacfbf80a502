"""KServe answers the OVMS client: tensors as JSON and as bytes, and predict of v1."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers.ovms import OVMS, Tensor
from pytest_accelerate.servers.kserve import MODEL
from pytest_accelerate.servers.running import RunningServer
from pytest_accelerate.transport.policy import Policy
from tests.servers import large_tensor
from tests.servers.arrays import KINDS, array_of, same, twice
from tests.servers.conftest import answers_of, started

MIB = 2**20
QUICK = Policy(backoff_initial=0.001, backoff_cap=0.01)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that runs."""
    with started("kserve", tmp_path_factory) as made:
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
def test_tensors_of_each_datatype_as_bytes(client: OVMS, datatype: str) -> None:
    """An array goes as bytes and comes back doubled as bytes, as numpy doubles it."""
    array = array_of(datatype)
    answer = client.infer(model=MODEL, inputs={"x": array}, binary=True)
    assert same(answer.tensor("x").numpy(), twice(array))
    assert isinstance(answer.tensor().data, memoryview)
    assert answer.tensor().tolist() == twice(array).tolist()


@pytest.mark.parametrize("datatype", [each for each in KINDS if each != "FP16"])
def test_tensors_of_each_datatype_as_json(client: OVMS, datatype: str) -> None:
    """The same in JSON; KServe refuses FP16 there."""
    array = array_of(datatype)
    answer = client.infer(model=MODEL, inputs={"x": array}, binary=False)
    assert same(answer.tensor("x").numpy(), twice(array))
    assert isinstance(answer.tensor().data, list)


@pytest.mark.parametrize(
    "array",
    [
        numpy.arange(24.0).reshape(2, 3, 4)[:, ::2].transpose(2, 0, 1),
        numpy.asfortranarray(numpy.arange(6, dtype="int16").reshape(2, 3)),
        numpy.arange(4, dtype=">i4"),
        bytearray(range(7)),
        memoryview(b"abc"),
    ],
    ids=["strided", "fortran", "big-endian", "bytearray", "memoryview"],
)
def test_arrays_however_they_lie(client: OVMS, array: Any) -> None:
    """Views, columns first, the other byte order and plain buffers arrive in row-major order."""
    expected = numpy.asarray(array)
    answer = client.infer(model=MODEL, inputs={"x": array})
    assert answer.tensor().numpy().tolist() == (expected + expected).tolist()


def test_several_tensors_as_bytes(client: OVMS) -> None:
    """Each of several outputs is its own piece of the answer, those that were named alone."""
    inputs = {
        "a": numpy.array([[1, 2]], dtype="int64"),
        "b": Tensor("b", (2,), "BYTES", ["x", "yz"]),
        "c": {"shape": [2, 1], "datatype": "FP32", "data": [0.5, 1.0]},
    }
    answer = client.infer(model=MODEL, inputs=inputs, id="mine")
    assert {name: each.tolist() for name, each in answer.tensors.items()} == {
        "a": [[2, 4]],
        "b": [b"x", b"yz"],
        "c": [[1.0], [2.0]],
    }
    assert answer.id == "mine"
    named = client.infer(model=MODEL, inputs=inputs, outputs=["c", "a"])
    assert list(named.tensors) == ["c", "a"]
    assert named.tensor("c").tolist() == [[1.0], [2.0]]


@pytest.mark.parametrize("way", ["called", "awaited"])
def test_a_large_tensor_takes_little_memory(server: RunningServer, way: str) -> None:
    """64 MiB go and come as bytes, and the process has less than 100 MB more than before.

    Before, it has the input; afterwards the answer as well, which is 64 MiB of what is added.
    """
    script = Path(large_tensor.__file__)
    done = subprocess.run(
        [sys.executable, str(script), server.url, way], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told["right"]
    assert not told["owns"], "the output is a copy of the answer"
    assert told["size"] == 64 * MIB
    assert told["added"] < 100_000_000
    for direction in ("sent", "received"):
        done_so_far = [each[1] for each in told["reports"] if each[0] == direction]
        assert len(done_so_far) > 10
        assert done_so_far == sorted(done_so_far)
        assert done_so_far[-1] > 64 * MIB
    (total,) = {each[2] for each in told["reports"] if each[0] == "sent"}
    assert [each[1] for each in told["reports"] if each[0] == "sent"][-1] == total


def test_predict_in_both_formats(client: OVMS) -> None:
    """Rows give predictions, columns outputs; arrays may be given."""
    rows = client.predict(model=MODEL, instances=[[1.0, 2.0], [3.0, 4.0]])
    assert (rows.predictions, rows.outputs) == ([[2.0, 4.0], [6.0, 8.0]], None)
    columns = client.predict(model=MODEL, inputs=numpy.array([[1, 2]]))
    assert (columns.predictions, columns.outputs) == (None, [[2, 4]])


def test_metadata_and_readiness(client: OVMS) -> None:
    """The server tells what it is, what its model takes, and what it counts."""
    assert client.server_metadata().name == "kserve"
    told = client.model_metadata(model=MODEL)
    assert (told.name, told.versions) == (MODEL, ())
    assert [(each.name, each.shape) for each in told.outputs] == [("x", (-1,))]
    assert client.server_live()
    assert client.server_ready()
    assert client.model_ready(model=MODEL)
    client.infer(model=MODEL, inputs={"x": numpy.ones(1)})
    counted = client.server_metrics().value("request_predict_seconds_count", model_name=MODEL)
    assert counted is not None
    assert counted >= 1


def test_an_unknown_model_is_not_ready(client: OVMS) -> None:
    """A model that is not there is not ready, and says so without an error."""
    answer = client.model_ready(model="none")
    assert not answer
    assert (answer.status, answer.reason) == (404, "Model with name none does not exist.")


def test_real_errors_are_typed(client: OVMS) -> None:
    """An unknown model, a refused datatype and versions, which KServe has not, are typed errors."""
    inputs = {"x": numpy.ones(1, dtype="float16")}
    with pytest.raises(errors.NotFound):
        client.infer(model="none", inputs=inputs)
    with pytest.raises(errors.NotFound):
        client.predict(model="none", instances=[1])
    with pytest.raises(errors.BadRequest, match="FP16"):
        client.infer(model=MODEL, inputs=inputs, binary=False)
    with pytest.raises(errors.UnsupportedOperation, match="versioning"):
        client.infer(model=MODEL, version=1, inputs=inputs)


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("predict", {"model": MODEL, "version": 1, "instances": [1.0]}),
        ("predict_metadata", {"model": MODEL}),
        ("config", {}),
        ("config_reload", {}),
    ],
)
def test_routes_that_it_lacks(client: OVMS, operation: str, parameters: dict[str, Any]) -> None:
    """A missing route is told as such where the model is known, and stays a 404 for a version."""
    with pytest.raises((errors.UnsupportedOperation, errors.NotFound)) as caught:
        client[operation](parameters)
    expected = errors.NotFound if "version" in parameters else errors.UnsupportedOperation
    assert isinstance(caught.value, expected)
