"""The workflows of CI: what they call is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_accelerate.cli import COMMANDS

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.stem)
def workflow(request: pytest.FixtureRequest) -> dict[str, Any]:
    """One workflow, parsed."""
    parsed: dict[str, Any] = yaml.safe_load(request.param.read_text(encoding="utf-8"))
    return parsed


def steps(workflow: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All steps of all jobs."""
    for job in workflow["jobs"].values():
        yield from job["steps"]


def test_there_is_one_for_tests_and_one_for_the_matrix() -> None:
    """A change is tested, and the matrix is run and published."""
    assert [path.stem for path in WORKFLOWS] == ["matrix", "test"]


def test_every_command_is_one_of_ours(workflow: dict[str, Any]) -> None:
    """Each ``pytest-accelerate NAME`` and each ``make TARGET`` exists."""
    script = "\n".join(step.get("run", "") for step in steps(workflow))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"pytest-accelerate (\w+)", script))
    assert named <= set(COMMANDS)
    for target in set(re.findall(r"\bmake (\w+)", script)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_jobs_wait_for_jobs_that_there_are(workflow: dict[str, Any]) -> None:
    """What a job needs is a job of the same workflow."""
    for job in workflow["jobs"].values():
        needed = job.get("needs", [])
        names = {needed} if isinstance(needed, str) else set(needed)
        assert names <= set(workflow["jobs"])


def test_nothing_may_write_unless_it_is_said(workflow: dict[str, Any]) -> None:
    """A workflow reads alone; the job that publishes may do that and no more."""
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        writing = {key for key, may in job.get("permissions", {}).items() if may == "write"}
        assert writing == ({"pages", "id-token"} if name == "publish" else set()), name


def test_actions_are_pinned(workflow: dict[str, Any]) -> None:
    """Every action is named with a version."""
    used = [step["uses"] for step in steps(workflow) if "uses" in step]
    assert used
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", name) for name in used), used


def test_nothing_from_outside_is_pasted_into_a_script(workflow: dict[str, Any]) -> None:
    """Inputs and variables reach a script by its environment, where they are no code."""
    for step in steps(workflow):
        assert "${{" not in step.get("run", ""), step
