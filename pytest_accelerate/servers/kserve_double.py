"""A model of KServe: twice each number, the opposite of each truth, all bytes as they came.

::

    python kserve_double.py PORT
"""

# mypy: ignore-errors
# KServe is in an environment of its own alone.

import sys
import uuid

import numpy
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.errors import InvalidInput

MODEL = "double"


def twice(array):
    """What a tensor becomes."""
    if array.dtype == object:
        return array
    return ~array if array.dtype == bool else array + array


def as_array(tensor):
    """A tensor as numpy has it."""
    try:
        return tensor.as_numpy()
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInput(f"{tensor.name}: {error}") from error


class Double(Model):
    """The model."""

    def predict(self, payload, headers=None, response_headers=None):
        """In either protocol's form."""
        if isinstance(payload, InferRequest):
            return self.inferred(payload)
        if "instances" in payload:
            return {"predictions": (2 * numpy.array(payload["instances"])).tolist()}
        if "inputs" in payload:
            return {"outputs": (2 * numpy.array(payload["inputs"])).tolist()}
        raise InvalidInput("neither instances nor inputs")

    def inferred(self, payload):
        """One output an input, as JSON or as bytes, whichever is asked for."""
        outputs = []
        for each in payload.inputs:
            array = twice(as_array(each))
            output = InferOutput(each.name, list(array.shape), each.datatype)
            output.data = array
            outputs.append(output)
        return InferResponse(
            payload.id or str(uuid.uuid4()),
            self.name,
            outputs,
            use_binary_outputs=payload.use_binary_outputs,
            requested_outputs=payload.request_outputs,
        )

    def get_input_types(self):
        """What the model's metadata tell."""
        return [{"name": "x", "datatype": "FP32", "shape": [-1]}]

    get_output_types = get_input_types


if __name__ == "__main__":
    model = Double(MODEL)
    model.load()
    ModelServer(http_port=int(sys.argv[1]), enable_grpc=False, workers=1).start([model])
