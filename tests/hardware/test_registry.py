"""Hardware by name, and the look for it, without importing a backend."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pytest_accelerate import hardware
from pytest_accelerate.errors import UnknownHardware, UsageError


def in_a_new_process(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:1", "mps", "xpu:0", "openvino:GPU.1"])
def test_kinds_and_their_devices_are_known(name: str) -> None:
    """Each kind of hardware can be named, with a device where there can be several."""
    assert hardware.create(name).name == name


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cpu:0", "openvino:FPGA", "cuda:", ""])
def test_unknown_names_list_the_known(name: str) -> None:
    """A name that nothing provides is an error that lists what there is."""
    with pytest.raises(UnknownHardware, match="known: cpu, cuda, mps, xpu, openvino, and auto"):
        hardware.create(name)


def test_hardware_from_outside_joins_the_known() -> None:
    """A class named by its import path is hardware like any other; a wrong path says so."""
    plugins = (("chip", "pytest_accelerate.hardware.torch:TorchHardware"), ("bad", "no.such:Class"))
    assert hardware.known(plugins)[-2:] == ("chip", "bad")
    with pytest.raises(UsageError, match=r"'no\.such:Class', cannot be imported"):
        hardware.create("bad", plugins)


def test_probing_imports_no_backend_here() -> None:
    """The process that asks imports no torch and no OpenVINO, and gets reasons and remedies."""
    answer = json.loads(
        in_a_new_process(
            "import json, sys\n"
            "from pytest_accelerate import hardware\n"
            "found = hardware.probe(['cpu', 'mps', 'openvino', 'openvino:NPU'])\n"
            "assert not {'torch', 'openvino', 'transformers'} & set(sys.modules)\n"
            "print(json.dumps({name: vars(state) for name, state in found.items()}))"
        )
    )
    assert answer["cpu"]["available"]
    assert answer["openvino"]["available"]
    assert answer["openvino"]["device"]
    assert not answer["openvino:NPU"]["available"]
    assert "sees these devices: CPU" in answer["openvino:NPU"]["reason"]
    assert "use openvino:CPU" in answer["openvino:NPU"]["remedy"]
    assert answer["mps"]["remedy"]


def test_an_absent_package_names_the_extra_that_brings_it() -> None:
    """Without openvino its hardware is absent, and the remedy is one command."""
    told = in_a_new_process(
        "import importlib.util\n"
        "real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name: None if name == 'openvino' else real(name)\n"
        "from pytest_accelerate import hardware\n"
        "state = hardware.probe(['openvino'])['openvino']\n"
        "print(state.available, state.reason, state.remedy)"
    )
    assert told.startswith("False the package 'openvino' is not installed")
    assert "pip install 'pytest-accelerate[openvino]'" in told


def test_cuda_beside_a_cpu_build_says_so() -> None:
    """A torch without CUDA is told from a machine without a device."""
    import torch

    state = hardware.probe(["cuda"])["cuda"]
    if torch.version.cuda is None:
        assert "is built without CUDA" in state.reason
        assert "CUDA build of torch" in state.remedy
    else:
        assert state.available or state.reason


def test_a_driver_that_raises_does_not_hide_the_others() -> None:
    """Whatever one kind of hardware does when it is looked for, the rest is still told."""
    plugins = (("broken", "tests.hardware.test_registry:Broken"),)
    found = hardware.probe(["broken", "openvino"], plugins)
    assert found["broken"].reason == "OSError: no driver today"
    assert found["openvino"].available


class Broken:
    """Hardware whose driver raises."""

    def __init__(self, name: str) -> None:
        self.name = name

    def availability(self) -> None:
        """Fail like a broken driver."""
        raise OSError("no driver today")
