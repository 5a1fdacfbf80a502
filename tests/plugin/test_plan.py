"""What the controller decides: CUDA devices for workers, and what is installed and broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_accelerate.plan import CudaPool, Plan


def test_the_plan_survives_the_way_to_a_worker() -> None:
    """A worker reads exactly the plan that the controller wrote."""
    plan = Plan(
        hardware=("cpu", "cuda:1"),
        missing={"cuda:1": "no driver"},
        devices={"cpu": ""},
        hardware_plugins=(("chip", "chips:Chip"),),
        recipe_modules=("mine",),
        resumed="matrix/results/x.jsonl",
    )
    assert Plan.loads(plan.dumps()) == plan


def test_devices_are_lent_the_least_used_first() -> None:
    """Workers share devices evenly, and a worker that has gone leaves its device to the next."""
    pool = CudaPool(["3", "5"])
    assert [pool.lend(f"gw{n}") for n in range(4)] == ["3", "5", "3", "5"]
    pool.take_back("gw1")
    assert pool.lend("gw4") == "5"
    assert CudaPool([]).lend("gw0") is None


def test_the_pool_indexes_into_the_callers_devices(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """CUDA_VISIBLE_DEVICES bounds the pool; without it the driver's tool is asked."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4, 7")
    assert CudaPool.of_this_machine().lend("gw0") == "4"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert CudaPool.of_this_machine().lend("gw0") is None
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'GPU 0: A'\necho 'GPU 1: B'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    pool = CudaPool.of_this_machine()
    assert [pool.lend("gw0"), pool.lend("gw1")] == ["0", "1"]


def test_a_torchvision_that_breaks_transformers_is_told_with_the_remedy(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A companion built for another torch ends the run at once, with what to uninstall."""
    package = suite.path / "site" / "torchvision"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')"
    )
    info = suite.path / "site" / "torchvision-0.28.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torchvision\nVersion: 0.28.0\n")
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    result = suite.runpytest_subprocess("--hardware", "cpu", "--models", "bert")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: importing torchvision*fails*nms does not exist*pip uninstall torchvision*"]
    )


def test_an_absent_backend_names_the_extra(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without openvino installed, asking for it says how to install it."""
    (suite.path / "sitecustomize.py").write_text(
        "import importlib.util\n"
        "real = importlib.util.find_spec\n"
        "importlib.util.find_spec = (\n"
        "    lambda name, *rest: None if name == 'openvino' else real(name, *rest)\n"
        ")\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(suite.path))
    result = suite.runpytest_subprocess("--hardware", "openvino", "--models", "bert")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *pip install 'pytest-accelerate*openvino*"])
