"""Stage ``batch``: does a row's answer depend on what else is in the batch, on this hardware?

- Each row alone, as a batch of one, gives what it gives within a larger batch: every output, within
  the precision's tolerance. Where the CPU reference mixes rows itself, there is nothing to hold the
  hardware to: ``not-run``, with what differs.
- A row of text without its padding gives the same at the positions that are not padding. Where it
  does not on the CPU reference either, the model is made that way (it pools the last position, or
  convolves over padding): that is told, and no fault of the hardware.

A graph of fixed shapes is made for one batch, and another costs what the first did. On such
hardware each row of the loaded batch is compared with the same row alone on the CPU reference, and
once more beside other rows; padding stays, and ``batch_size`` is the specimen's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import torch

from pytest_accelerate.agreement import Agreement, compare
from pytest_accelerate.cells import Verdict
from pytest_accelerate.hardware.base import LoadedModel
from pytest_accelerate.stages.base import Context, Outcome, reason_of
from pytest_accelerate.stages.reference import is_reference, reference
from pytest_accelerate.tolerances import tolerance_of
from pytest_accelerate.zoo import matching
from pytest_accelerate.zoo.more_rows import more_rows
from pytest_accelerate.zoo.padding import trim
from pytest_accelerate.zoo.rows import NoRows, Rows

Outputs: TypeAlias = dict[str, torch.Tensor]
Row: TypeAlias = dict[str, Any]


def batch(context: Context) -> Outcome:
    """Compare rows of a batch with the same rows alone."""
    try:
        rows = Rows.of(context.specimen.inputs)
    except NoRows as error:
        return Outcome(Verdict.NOT_RUN, str(error))
    if context.hardware.fixed_shapes:
        return _in_fixed_shapes(context, rows)
    return _at_any_size(context, rows)


class _Unable(Exception):
    """The CPU reference does not run these rows either; the text says which and why."""


def _at_any_size(context: Context, layout: Rows) -> Outcome:
    tolerance = tolerance_of(context.cell.precision)
    rows = more_rows(context.specimen, layout, context.settings.batch_size)
    try:
        difference = _difference(context, context.loaded, layout, rows, tolerance)
        if not difference.agrees:
            return _judged(context, layout, rows, difference.reason)
        return _without_padding(context, rows, tolerance)
    except _Unable as error:
        return Outcome(Verdict.NOT_RUN, str(error))


def _difference(
    context: Context, loaded: LoadedModel, layout: Rows, rows: Sequence[Row], tolerance: float
) -> Agreement:
    whole = _run(context, loaded, layout.join(rows), f"a batch of {len(rows)} rows")
    alone = [_run(context, loaded, row, f"row {index} alone") for index, row in enumerate(rows)]
    return _worst(context, _compared(whole, alone, tolerance), len(rows))


def _run(context: Context, loaded: LoadedModel, inputs: Mapping[str, Any], what: str) -> Outputs:
    """The outputs that rows can have.

    Raises:
        _Unable: the CPU reference cannot run this either.
    """
    try:
        return matching.of_rows(loaded.run(inputs))
    except MemoryError:
        raise
    except Exception as error:
        _also_on_reference(context, inputs, what, error)
        raise


def _also_on_reference(
    context: Context, inputs: Mapping[str, Any], what: str, error: Exception
) -> None:
    with reference(context.specimen) as loaded:
        try:
            loaded.run(inputs)
        except Exception as told:
            raise _Unable(f"the model does not run {what}: {reason_of(told)}") from error


def _compared(whole: Outputs, alone: Sequence[Outputs], tolerance: float) -> list[Agreement]:
    if not any(alone):
        raise _Unable("no output has rows: all are numbers of the whole batch")
    parts = matching.parts(whole, alone)
    return [compare(part, row, tolerance) for part, row in zip(parts, alone, strict=True)]


def _worst(context: Context, agreements: Sequence[Agreement], size: int) -> Agreement:
    """The worst row's agreement, its reason with the row's number; recorded as measures."""
    worst = max(
        range(len(agreements)),
        key=lambda index: (not agreements[index].agrees, agreements[index].max_relative_error),
    )
    found = agreements[worst]
    context.measures = replace(
        context.measures, batch_size=size, batch_relative_error=found.max_relative_error
    )
    return replace(found, reason=f"row {worst} of {size}, {found.reason}" if found.reason else "")


def _judged(context: Context, layout: Rows, rows: Sequence[Row], reason: str) -> Outcome:
    """A mismatch of this hardware, unless the CPU reference mixes these rows as well.

    Then there is nothing to hold the hardware to: some models draw noise for the whole batch, or
    take a mean over it, and of others the cause is not known.
    """
    if not is_reference(context.cell):
        with reference(context.specimen) as loaded:
            whole = matching.of_rows(loaded.run(layout.join(rows)))
            alone = [matching.of_rows(loaded.run(row)) for row in rows]
        if all(found.agrees for found in _compared(whole, alone, tolerance_of("fp32"))):
            return Outcome(Verdict.MISMATCH, f"{reason}; not so on the CPU in fp32")
    return Outcome(Verdict.NOT_RUN, f"the reference itself mixes rows: {reason}")


def _without_padding(context: Context, rows: Sequence[Row], tolerance: float) -> Outcome:
    """A row without its padding against the same row with it."""
    padded = ((index, short) for index, row in enumerate(rows) if (short := trim(row)))
    first = next(padded, None)
    if first is None:
        return Outcome()
    index, trimmed = first

    def difference(loaded: LoadedModel, bound: float) -> str:
        short = matching.of_rows(loaded.run(trimmed.inputs))
        long = trimmed.comparable(matching.of_rows(loaded.run(rows[index])), short)
        return compare({name: short[name] for name in long}, long, bound).reason

    try:
        with reference(context.specimen) as on_cpu:
            its_own = difference(on_cpu, tolerance_of("fp32"))
    except Exception as error:
        return Outcome(reason=f"not run without its padding: {reason_of(error)}")
    if its_own:
        return Outcome(reason=f"the model itself hears the padding: row {index}, {its_own}")
    found = "" if is_reference(context.cell) else difference(context.loaded, tolerance)
    if not found:
        return Outcome()
    return Outcome(Verdict.MISMATCH, f"row {index} without its padding, {found}")


def _in_fixed_shapes(context: Context, layout: Rows) -> Outcome:
    """The loaded graph's rows against the same rows in other company, and alone on the CPU."""
    if layout.count == 1:
        return Outcome(Verdict.NOT_RUN, "the graph is made for one row")
    tolerance, inputs = tolerance_of(context.cell.precision), context.specimen.inputs
    rows = layout.split(inputs)
    others = more_rows(context.specimen, layout, 2 * layout.count)[layout.count :]
    together = matching.of_rows(context.loaded.run(inputs))
    try:
        alone = _alone_on_cpu(context, rows)
        found = _worst(context, _compared(together, alone, tolerance), len(rows))
        if not found.agrees:
            return _judged(context, layout, rows, found.reason)
        others_alone = _alone_on_cpu(context, others)
        for index, row in enumerate(rows):
            mixed = [*others[:index], row, *others[index + 1 :]]
            mixed_alone = [*others_alone[:index], alone[index], *others_alone[index + 1 :]]
            again = matching.of_rows(context.loaded.run(layout.join(mixed)))
            # Beside longer ones a row's outputs may be longer: all of them tell how it is cut.
            in_other = matching.parts(again, mixed_alone)[index]
            agreement = compare(in_other, alone[index], tolerance)
            if not agreement.agrees:
                reason = f"row {index} beside other rows, {agreement.reason}"
                return _judged(context, layout, mixed, reason)
    except _Unable as error:
        return Outcome(Verdict.NOT_RUN, str(error))
    return Outcome()


def _alone_on_cpu(context: Context, rows: Sequence[Row]) -> list[Outputs]:
    with reference(context.specimen) as on_cpu:
        return [_run(context, on_cpu, row, f"row {n} alone") for n, row in enumerate(rows)]
