"""Calls of Triton's client, the official one of binary tensors, in the environment that has it.

::

    python triton_calls.py URL < cases.json

Reads a list of cases, makes the call of each, and writes a list of what the client made of the
answers. It is run by the Python of a server's environment, as Triton's client is there alone.
"""

# mypy: ignore-errors

import json
import sys

import numpy
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import triton_to_np_dtype


def array_of(tensor):
    """The array of a tensor that is told as JSON."""
    data = tensor["data"]
    if tensor["datatype"] == "BYTES":
        data = [each.encode() for each in data]
    kind = triton_to_np_dtype(tensor["datatype"])
    return numpy.array(data, dtype=kind).reshape(tensor["shape"])


def infer(client, case):
    """Send tensors, and read what came."""
    inputs = []
    for each in case["inputs"]:
        made = InferInput(each["name"], each["shape"], each["datatype"])
        made.set_data_from_numpy(array_of(each), binary_data=case["binary"])
        inputs.append(made)
    names = case.get("outputs")
    outputs = names and [InferRequestedOutput(name, binary_data=case["binary"]) for name in names]
    answer = client.infer(
        case["model"],
        inputs,
        model_version=case.get("version", ""),
        outputs=outputs,
        request_id=case.get("id", ""),
        parameters=case.get("parameters"),
    )
    told = {}
    for each in answer.get_response()["outputs"]:
        array = answer.as_numpy(each["name"])
        if array.dtype == object:
            items = array.ravel().tolist()  # text where they came as JSON
            told[each["name"]] = [
                item if isinstance(item, str) else item.decode() for item in items
            ]
        else:
            told[each["name"]] = array.astype("float64").tolist()
    return told


CALLS = {
    "server_live": lambda client, case: client.is_server_live(),
    "server_ready": lambda client, case: client.is_server_ready(),
    "model_ready": lambda client, case: client.is_model_ready(
        case["model"], case.get("version", "")
    ),
    "server_metadata": lambda client, case: client.get_server_metadata(),
    "model_metadata": lambda client, case: client.get_model_metadata(
        case["model"], case.get("version", "")
    ),
    "infer": infer,
}


def main(url):
    """Make all calls."""
    client = InferenceServerClient(url.removeprefix("http://"))
    told = [CALLS[case.pop("operation")](client, case) for case in json.load(sys.stdin)]
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
