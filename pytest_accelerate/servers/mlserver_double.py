"""A model of MLServer: twice each number, the opposite of each truth, all bytes as they came.

::

    python mlserver_double.py PORT
"""

# mypy: ignore-errors
# MLServer is in an environment of its own alone.

import asyncio
import sys

import numpy
from mlserver import MLModel, MLServer
from mlserver.errors import InferenceError
from mlserver.settings import ModelParameters, ModelSettings, Settings
from mlserver.types import Datatype, InferenceResponse, MetadataTensor, ResponseOutput

MODEL, VERSION = "double", "3"
KINDS = {"BOOL": "bool", "FP16": "float16", "FP32": "float32", "FP64": "float64"}


def changed(given):
    """The elements of what a tensor becomes."""
    datatype, data = Datatype(given.datatype).value, given.data.root
    if datatype == "BYTES":
        return data
    kind = KINDS.get(datatype, datatype.lower())
    try:
        array = numpy.array(data, dtype=kind).reshape(given.shape)
    except (ValueError, OverflowError) as error:
        raise InferenceError(f"{given.name}: {error}") from error
    return (~array if kind == "bool" else array + array).ravel().tolist()


class Double(MLModel):
    """The model."""

    async def predict(self, payload):
        """One output an input."""
        wanted = {each.name for each in payload.outputs or payload.inputs}
        outputs = [
            ResponseOutput(
                name=each.name, shape=each.shape, datatype=each.datatype, data=changed(each)
            )
            for each in payload.inputs
            if each.name in wanted
        ]
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=outputs)


async def main(port):
    """Serve it; gRPC gets a port that is free, and nobody listens there."""
    settings = Settings(
        host="127.0.0.1",
        http_port=port,
        grpc_port=0,
        metrics_endpoint=None,
        parallel_workers=0,
        debug=False,
    )
    tensor = MetadataTensor(name="x", datatype="FP32", shape=[-1])
    model = ModelSettings(
        name=MODEL,
        implementation=Double,
        platform="numpy",
        versions=[VERSION],
        inputs=[tensor],
        outputs=[tensor],
        parameters=ModelParameters(version=VERSION),
    )
    await MLServer(settings).start([model])


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
