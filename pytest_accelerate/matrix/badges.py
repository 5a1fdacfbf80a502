"""Badges: an SVG of our own drawing, and the JSON of shields.io's endpoint.

There is one for all models and one for each column, hardware, precision and area of them, one for
each provider and one for all of them; one of a family, such as bert, where it is asked for: there
are hundreds. They say how many of the cells *that count* pass: cells that are covered by another,
skipped or were not run say nothing of a backend and are left out of both numbers.

Mocks and live APIs are never added up: a provider's badge has a number for each, with its word, and
is green only where live calls passed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from pytest_accelerate.cells import ModelCell
from pytest_accelerate.errors import UsageError, nearest
from pytest_accelerate.matrix.files import write_whole
from pytest_accelerate.matrix.merge import Matrix, Tally, tally
from pytest_accelerate.matrix.text import one_line
from pytest_accelerate.taxonomy import Taxonomy, area

_COLORS = ((100.0, "brightgreen"), (95.0, "green"), (85.0, "yellowgreen"), (70.0, "yellow"))
_HEX = {
    "brightgreen": "#3a8f1f",
    "green": "#5b8a1c",
    "yellowgreen": "#7d801a",
    "yellow": "#946f0a",
    "orange": "#b45a12",
    "blue": "#2b6cb0",
    "lightgrey": "#70757b",
}
"""Dark enough for white text: 4.5 to 1 at least."""

_NARROW, _WIDE = frozenset("fijlrtI1.,:;|!'()[] /"), frozenset("mwMW%@")


@dataclass(frozen=True)
class Badge:
    """What a badge says."""

    label: str
    message: str
    color: str
    """One of shields.io's names."""

    @classmethod
    def of(cls, label: str, tally: Tally) -> Badge:
        """A badge that says how many of the cells that count pass."""
        if tally.percent is None:
            return cls(label, "no results", "lightgrey")
        return cls(label, f"{tally.passed} / {tally.counted} pass", _color(tally.percent))

    @classmethod
    def of_modes(cls, label: str, tallies: Mapping[str, Tally]) -> Badge:
        """A badge that says it for each mode apart: ``mock 28 / 28, live 3 / 3 pass``.

        It is as good as the worst of them, and blue where that is good and none of it is live.
        """
        counted = {mode: tally for mode, tally in tallies.items() if tally.counted}
        if not counted:
            return cls(label, "no results", "lightgrey")
        said = ", ".join(
            f"{mode} {tally.passed} / {tally.counted}" for mode, tally in counted.items()
        )
        worst = min(tally.percent or 0.0 for tally in counted.values())
        color = _color(worst)
        if set(counted) == {"mock"} and color in ("brightgreen", "green"):
            color = "blue"
        return cls(label, f"{said} pass", color)

    def json(self) -> str:
        """The answer of a shields.io endpoint."""
        fields = {"schemaVersion": 1, "label": self.label, "message": self.message}
        return json.dumps({**fields, "color": self.color}, indent=2) + "\n"

    def svg(self) -> str:
        """A flat badge, 20 pixels high, that needs no font of its own."""
        label, message = one_line(self.label, 60), one_line(self.message, 60)
        left, right = _width(label) + 12, _width(message) + 12
        text = quoteattr(f"{label}: {message}")
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" '
            f'role="img" aria-label={text}>\n'
            f"<title>{escape(f'{label}: {message}')}</title>\n"
            f'<clipPath id="c"><rect width="{left + right}" height="20" rx="4"/></clipPath>\n'
            f'<g clip-path="url(#c)"><rect width="{left}" height="20" fill="#3b4148"/>'
            f'<rect x="{left}" width="{right}" height="20" fill="{_HEX[self.color]}"/></g>\n'
            '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
            f'<text x="6" y="14" textLength="{left - 12}">{escape(label)}</text>'
            f'<text x="{left + 6}" y="14" textLength="{right - 12}">{escape(message)}</text></g>\n'
            "</svg>\n"
        )


def write(
    matrix: Matrix,
    folder: Path,
    taxonomy: Taxonomy | None = None,
    families: Collection[str] = (),
) -> tuple[Path, ...]:
    """Write a ``.svg`` and a ``.json`` of each badge.

    Args:
        matrix: what they are about.
        folder: where they come.
        taxonomy: the tasks and families of model types; without one there is no badge of an area.
        families: those that get a badge of their own.

    Returns:
        The paths written.

    Raises:
        UsageError: the matrix has no such family.
        UnwritableMatrix: the file system refuses.
    """
    written = []
    for name, badge in named(matrix, taxonomy, families).items():
        for suffix, text in (("svg", badge.svg()), ("json", badge.json())):
            written.append(folder / f"{name}.{suffix}")
            write_whole(written[-1], text)
    return tuple(written)


def named(
    matrix: Matrix, taxonomy: Taxonomy | None = None, families: Collection[str] = ()
) -> dict[str, Badge]:
    """All badges by the names of their files, as :func:`write` writes them.

    ``all`` is that of the models, ``apis`` that of the providers; a half without results has none.

    Raises:
        UsageError: the matrix has no such family.
    """
    kinds = taxonomy or Taxonomy()
    return {
        **_of_models(matrix, kinds),
        **_of_families(matrix, kinds, families),
        **_of_providers(matrix),
    }


def drawn_families(folder: Path, matrix: Matrix, taxonomy: Taxonomy) -> list[str]:
    """The families that have a badge in a folder already: it is to stay true."""
    families = {taxonomy.family(name) for name in matrix.model_types}
    return sorted(name for name in families if (folder / f"{_family_file(name)}.json").exists())


def markdown(badges: Mapping[str, Badge], base: str) -> list[str]:
    """Lines for a README.

    Args:
        badges: by the names of their files.
        base: the folder of the files, as the README reaches it.
    """
    return [
        f"![{_plain(f'{badge.label}: {badge.message}')}]({base.rstrip('/')}/{name}.svg)"
        for name, badge in badges.items()
    ]


def _of_models(matrix: Matrix, kinds: Taxonomy) -> dict[str, Badge]:
    if matrix.apis and not matrix.models:
        return {}
    badges = {"all": Badge.of("models", matrix.tally())}
    for column in matrix.columns:
        plain = column.precision == "fp32"
        label = column.hardware if plain else f"{column.hardware} {column.precision}"
        badges[file_name(column.name)] = Badge.of(label, matrix.tally(column))
    badges |= _by(matrix, "hardware", lambda cell: cell.hardware)
    badges |= _by(matrix, "precision", lambda cell: cell.precision)
    if kinds.kinds:
        badges |= _by(matrix, "area", lambda cell: area(kinds.task(cell.model_type)))
    return badges


def _by(matrix: Matrix, what: str, value: Callable[[ModelCell], str]) -> dict[str, Badge]:
    """A badge of each value that cells have of something."""
    found: dict[str, list[ModelCell]] = {}
    for cell in matrix.models:
        found.setdefault(value(cell), []).append(cell)
    return {
        file_name(f"{what}-{name}"): _of_cells(matrix, name, found[name]) for name in sorted(found)
    }


def _of_families(matrix: Matrix, kinds: Taxonomy, families: Collection[str]) -> dict[str, Badge]:
    members: dict[str, list[ModelCell]] = {}
    for cell in matrix.models:
        members.setdefault(kinds.family(cell.model_type), []).append(cell)
    badges = {}
    for name in families:
        family = name if name in members else name.replace("-", "_")
        if family not in members:
            raise UsageError(f"no family is called {name!r}{nearest(name, members)}")
        badges[_family_file(family)] = _of_cells(matrix, family, members[family])
    return badges


def _family_file(family: str) -> str:
    return file_name(f"family-{family}")


def _of_cells(matrix: Matrix, label: str, cells: Collection[ModelCell]) -> Badge:
    return Badge.of(label, tally(matrix.models[cell].result for cell in cells))


def _of_providers(matrix: Matrix) -> dict[str, Badge]:
    if not matrix.apis:
        return {}
    badges = {}
    for name, provider in {"APIs": None, **{each: each for each in matrix.providers}}.items():
        tallies = {mode: matrix.tally_apis(mode, provider) for mode in matrix.modes}
        file = "apis" if provider is None else file_name(f"provider-{provider}")
        badges[file] = Badge.of_modes(name, tallies)
    return badges


def _color(percent: float) -> str:
    return next((color for bound, color in _COLORS if percent >= bound), "orange")


def file_name(column: str) -> str:
    """A column's name fit for files: ``openvino:GPU-fp32`` becomes ``openvino.GPU-fp32``."""
    return re.sub(r"[^0-9A-Za-z._-]", "_", column.replace(":", ".")).lstrip(".")[:100]


def _plain(text: str) -> str:
    """Text that ends no image's description in Markdown."""
    return one_line(text, 120).replace("[", "(").replace("]", ")")


def _width(text: str) -> int:
    """Pixels that a text takes in Verdana 11, near enough for ``textLength`` to make it exact."""
    widths = (4.3 if c in _NARROW else 10.3 if c in _WIDE else 7.0 for c in text)
    return round(sum(widths))
