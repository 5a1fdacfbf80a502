"""What a run of providers alone writes down, from pytest's command line to the matrix folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pytest_accelerate.cells import ProviderCell
from pytest_accelerate.matrix import store

TEST = "def test_operation(provider_cell):\n    provider_cell.verify()\n"


def test_a_run_of_providers_alone_records_no_hardware(tmp_path: Path) -> None:
    """Its record names the operations that there are, and neither hardware nor model types."""
    (tmp_path / "test_it.py").write_text(TEST)
    cell = ProviderCell("openai", "chat", "mock")
    command = [*cell.command().split()[2:], "-p", "no:cacheprovider", "--matrix-dir", "matrix"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "openai-mock" in done.stdout
    (path,) = store.run_files(tmp_path / "matrix" / "results")
    record = store.read_run(path)
    assert list(record.results) == [cell]
    assert record.results[cell].measures.implementation_type == "MOCK"
    assert "hardware" not in record.run.options
    assert record.run.options["providers"] == ["openai"]
    assert record.run.listed == ()
    assert {"openai-chat", "openai-embeddings"} <= set(record.run.operations)
    names = {each.name for each in (tmp_path / "matrix" / "badges").iterdir()}
    assert names == {"apis.json", "apis.svg", "provider-openai.json", "provider-openai.svg"}
