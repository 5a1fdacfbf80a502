"""What a model's inputs are completed with before a graph takes them."""

from __future__ import annotations

from pytest_accelerate import hardware
from pytest_accelerate.agreement import compare
from pytest_accelerate.zoo import construct


def test_what_the_exporter_completes_wrongly_is_left_out() -> None:
    """A model that answers otherwise to what the exporter adds is converted without it."""
    specimen = construct("muse_spark_vision")
    loaded = hardware.create("openvino").load(specimen, "fp32")
    reference = hardware.create("cpu").load(specimen, "fp32").run(specimen.inputs)
    assert loaded.path == "trace"
    assert compare(loaded.run(specimen.inputs), reference, 1e-4).agrees
