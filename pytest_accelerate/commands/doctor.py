"""``doctor``: which hardware, versions and credentials this machine has, and what is broken."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import Any

from packaging.requirements import Requirement

from pytest_accelerate import environment, installation
from pytest_accelerate import hardware as registry
from pytest_accelerate.commands.accounts import Account, accounts
from pytest_accelerate.errors import AccelerateError, UnsafeCredentials
from pytest_accelerate.transport import credentials


@dataclass(frozen=True)
class Report:
    """What was found."""

    environment: Mapping[str, Any]
    hardware: Mapping[str, str]
    """Name, and the device or why there is none."""
    present: tuple[str, ...]
    """Hardware that models can run on here."""
    credentials: Mapping[str, str]
    """Account, and where its key is set; never the key."""
    broken: tuple[str, ...] = field(default=())


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the report; exit status 1 where something is broken."""
    report = examine()
    print(json.dumps(asdict(report), indent=2) if args.json else "\n".join(_lines(report)))
    return 1 if report.broken else 0


def examine() -> Report:
    """Look at this machine."""
    found = registry.probe(registry.known())
    return Report(
        environment=environment.collect().to_json(),
        hardware={
            name: state.device or "available"
            if state.available
            else f"{state.reason}. {state.remedy}"
            for name, state in found.items()
        },
        present=tuple(name for name, state in found.items() if state.available),
        credentials={account.name: _source(account) for account in accounts()},
        broken=tuple(_broken()),
    )


def _source(account: Account) -> str:
    try:
        found = credentials.find(account.credential)
    except UnsafeCredentials as error:
        return error.message
    if found.source:
        return f"{found.variable} in {found.source}"
    names = credentials.named(account.credential)
    return f"{names} is not set" + ("" if account.credential.required else ", and need not be")


def _broken() -> list[str]:
    problems = []
    for check in (installation.check, credentials.check_files):
        try:
            check()
        except AccelerateError as error:
            problems.append(str(error))
    problems += _unmet_requirements()
    return problems


def _unmet_requirements() -> list[str]:
    """Packages that are installed at a version this project does not take."""
    problems = {}
    for text in metadata.requires("pytest-accelerate") or ():
        requirement = Requirement(text)
        version = installation.installed_version(requirement.name)
        if version is None or requirement.name == "pytest-accelerate":
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            wanted = f"{requirement.name}{requirement.specifier}"
            problems[requirement.name] = (
                f"{requirement.name} {version} is installed, {wanted} is needed: "
                f"pip install '{wanted}'"
            )
    return list(problems.values())


def _lines(report: Report) -> list[str]:
    facts = report.environment
    lines = [f"python {facts['python']} on {facts['platform']}, {facts['cores']} cores", ""]
    lines += ["packages"]
    lines += [f"  {name} {version}" for name, version in facts["packages"].items()]
    lines += ["", "hardware"]
    for name, told in report.hardware.items():
        lines.append(f"  {'+' if name in report.present else '-'} {name}: {told}")
    lines += ["", "credentials"]
    lines += [f"  {name}: {source}" for name, source in report.credentials.items()]
    lines += ["", "broken" if report.broken else "nothing is broken"]
    lines += [f"  {problem}" for problem in report.broken]
    return lines
