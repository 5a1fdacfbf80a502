"""Stage ``generate``: greedy tokens, and the logits of each, are those of the reference.

The reference is what the same weights generate on the CPU in fp32, eager, with a KV cache. The cell
cpu-fp32 is that itself, so it is compared with a generation that has no cache and reads everything
anew for each token; where the library has none without a state, with the same in float64. Every
step is compared, not the tokens alone: of random weights they repeat themselves, and a position
that is one off may leave them as they are. What a generation returns is compared as well: of one
that makes sound of latents it is all there is.

Where the reference itself does not generate there is nothing to hold a hardware to: ``not-run``,
with what was raised. A generation that does not hear its prompt is ``insensitive``.

A row whose tokens come to differ while the logits agree has met a tie. From there on it reads
another text, and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

import torch

from pytest_accelerate import hardware
from pytest_accelerate.agreement import compare
from pytest_accelerate.cells import Verdict
from pytest_accelerate.hardware.base import LoadedGenerator
from pytest_accelerate.hardware.generation import Generation, Step
from pytest_accelerate.stages.base import Context, Outcome, reason_of
from pytest_accelerate.stages.hearing import other_values
from pytest_accelerate.stages.reference import is_reference
from pytest_accelerate.tolerances import tolerance_of
from pytest_accelerate.zoo.generating_specimen import GeneratingSpecimen, generator

TOKENS = 8
"""Generated for each row: enough for a window of the tiny models to slide."""


def generate(context: Context) -> Outcome | None:
    """Generate and compare; ``None`` where the type has nothing that generates."""
    specimen = generator(context.specimen)
    if specimen is None:
        return None
    if not hasattr(context.hardware, "load_generator"):  # of an outside plugin that has none
        return Outcome(Verdict.NOT_RUN, f"{context.cell.hardware} has no load_generator")
    of_itself = is_reference(context.cell)
    try:
        with closing(hardware.create("cpu").load_generator(specimen, "fp32", TOKENS)) as on_cpu:
            generation, path = on_cpu.generate(specimen.prompt, TOKENS), on_cpu.path
            expected, deaf = _Expected(generation), ""
            if of_itself:
                expected = _anew(on_cpu, specimen, generation)
                deaf = _deaf(on_cpu, specimen, generation)
    except MemoryError:
        raise
    except Exception as error:
        raised = specimen.unable or reason_of(error)
        return Outcome(Verdict.NOT_RUN, f"the reference does not generate: {raised}")
    if of_itself:
        return _judge(context, specimen, generation, expected, path, deaf=deaf)
    with closing(
        context.hardware.load_generator(specimen, context.cell.precision, TOKENS)
    ) as loaded:
        generation = loaded.generate(specimen.prompt, TOKENS)
        path, known = loaded.path, loaded.path_reason
    return _judge(context, specimen, generation, expected, path, known=known)


@dataclass(frozen=True)
class _Expected:
    """What a generation is compared with."""

    generation: Generation | None
    """``None`` where nothing could be."""
    how: str = ""
    """What it is, where it is not what it is for all; or why there is nothing."""


def _judge(
    context: Context,
    specimen: GeneratingSpecimen,
    generation: Generation,
    expected: _Expected,
    path: str,
    *,
    known: str = "",
    deaf: str = "",
) -> Outcome:
    """Compare, record what was generated, and say what it comes to.

    Args:
        context: of the cell, which gets the measures.
        specimen: what generated.
        generation: of the hardware at hand.
        expected: the reference.
        path: how the model got onto the hardware.
        known: what its graphs are known to disagree by.
        deaf: the modalities of its prompt that it does not hear.
    """
    compared, how = Comparison(), ""
    if expected.generation is not None:
        tolerance = tolerance_of(context.cell.precision)
        compared = compare_generations(generation, expected.generation, tolerance)
        how = expected.how
    cache = "KV cache" if generation.cached else "no cache"
    context.measures = replace(
        context.measures,
        generated_tokens=len(generation.steps) or None,
        generation=_joined(specimen.model_class, cache, path, how, compared.ties, between=", "),
        generated_tokens_per_second=generation.tokens_per_second,
    )
    if compared.reason:
        return Outcome(Verdict.MISMATCH, _joined(compared.reason, known, between="; "))
    if deaf:
        return Outcome(Verdict.INSENSITIVE, f"does not hear its {deaf}")
    if expected.generation is None:
        why = specimen.uncached or "it has none"
        return Outcome(
            Verdict.NOT_RUN,
            f"is the reference; without a cache: {why}; in float64: {expected.how}",
        )
    return Outcome()


def _joined(*words: str, between: str) -> str:
    return between.join(word for word in words if word)


def _anew(
    reference: LoadedGenerator, specimen: GeneratingSpecimen, cached: Generation
) -> _Expected:
    """What is generated without a cache, given what is with one."""
    prompt = specimen.prompt
    try:
        anew = reference.generate(prompt, TOKENS, cache=False)
    except MemoryError:
        raise
    except Exception:  # the library has no such generation of this type
        anew = cached
    if not anew.cached and not (specimen.uncached and _differ(anew, cached)):
        return _Expected(anew)
    written, text = cached.outputs.get("output"), prompt.get("input_ids")
    if not specimen.uncached and _is_text(written) and _is_text(text):
        # ``generate`` insists on a cache, as it does where a prompt is given as embeddings. Then
        # the last token is asked for by a prompt that holds all those before it.
        longer = _continued(prompt, written[:, -TOKENS:-1])
        last = reference.generate(longer, 1, cache=False).steps
        return _Expected(Generation(cached.outputs, (*cached.steps[:-1], *last)))
    # What is generated is no text that could be a prompt.
    try:
        with closing(hardware.create("cpu").load_generator(specimen, "fp64", TOKENS)) as in_double:
            doubled = in_double.generate(prompt, TOKENS)
    except MemoryError:
        raise
    except Exception as error:
        return _Expected(None, reason_of(error))
    if not all(bool(step.logits.isfinite().all()) for step in doubled.steps):
        return _Expected(None, "not a number in logits")
    return _Expected(doubled, "against float64")


def _deaf(reference: LoadedGenerator, specimen: GeneratingSpecimen, heard: Generation) -> str:
    """The modalities of a prompt that change nothing of what is generated, where they change."""
    if specimen.weights != "tiny":
        return ""  # trained weights are what they are
    generator = torch.Generator().manual_seed(0)

    def hears(name: str) -> bool:
        value = specimen.prompt[name]
        if not isinstance(value, torch.Tensor):
            return True  # lists of tensors, of images in other sizes: run, and not looked into
        return any(
            _moves(reference, {**specimen.prompt, name: other}, heard)
            for other in other_values(value, generator)
        )

    deaf = [
        modality
        for modality, names in specimen.carriers.items()
        if not any(hears(name) for name in names)
    ]
    return ", ".join(sorted(deaf))


def _is_text(value: Any) -> TypeGuard[torch.Tensor]:
    return isinstance(value, torch.Tensor) and value.dim() == 2 and not value.is_floating_point()


def _differ(one: Generation, other: Generation) -> bool:
    compared = compare_generations(one, other, tolerance_of("fp32"))
    return bool(compared.reason or compared.ties)


def _moves(reference: LoadedGenerator, prompt: Mapping[str, Any], before: Generation) -> bool:
    try:
        now = reference.generate(prompt, TOKENS)
    except MemoryError:
        raise
    except Exception:
        return True  # what makes it fail is not unheard
    return _differ(now, before)


def _continued(prompt: Mapping[str, Any], tokens: torch.Tensor) -> dict[str, Any]:
    """A prompt with tokens (rows, tokens) behind it, and what stands beside its text as long."""
    shape = prompt["input_ids"].shape
    more = {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}
    return {
        name: torch.cat([value, more.get(name, torch.zeros_like(tokens)).to(value.dtype)], dim=1)
        if isinstance(value, torch.Tensor) and value.shape == shape
        else value
        for name, value in prompt.items()
    }


@dataclass(frozen=True)
class Comparison:
    """What the comparison of two generations found."""

    reason: str = ""
    """What differs, in one line; empty where nothing does."""
    ties: str = ""
    """How many tokens were compared where some rows met a tie; empty where none did."""


def compare_generations(
    generation: Generation, expected: Generation, tolerance: float
) -> Comparison:
    """Compare two generations step by step, then what came of them.

    Args:
        generation: of the hardware at hand.
        expected: the reference.
        tolerance: bound on ``max|a-b| / max|ref|`` of the logits of a step.
    """
    if len(generation.steps) != len(expected.steps):
        made, wanted = len(generation.steps), len(expected.steps)
        return Comparison(f"{made} steps instead of {wanted}")
    rows, compared = _Rows(expected), 0
    for number, (step, reference) in enumerate(zip(generation.steps, expected.steps, strict=True)):
        if reason := rows.differ(step, reference, tolerance):
            return Comparison(f"token {number + 1}: {reason}")
        compared += int(rows.together.sum())
        rows.leave(step, reference)
    if bool(rows.together.all()):
        agreement = compare(generation.outputs, expected.outputs, tolerance)
        return Comparison(f"generated {agreement.reason}" if not agreement.agrees else "")
    total = len(rows.together) * len(expected.steps)
    return Comparison(ties=f"ties: {compared} of {total} tokens compared")


class _Rows:
    """Which rows still read the same text as the reference's."""

    def __init__(self, expected: Generation) -> None:
        count = expected.steps[0].logits.shape[0] if expected.steps else 0
        self.together = torch.ones(count, dtype=torch.bool)

    def differ(self, step: Step, reference: Step, tolerance: float) -> str:
        """By how much the logits of a step are off, if by more than the tolerance."""
        if step.logits.shape != reference.logits.shape:
            shape, wanted = list(step.logits.shape), list(reference.logits.shape)
            return f"logits of shape {shape} instead of {wanted}"
        agreement = compare(
            {"logits": step.logits[self.together]},
            {"logits": reference.logits[self.together]},
            tolerance,
        )
        return agreement.reason

    def leave(self, step: Step, reference: Step) -> None:
        """Leave out the rows whose likeliest tokens differ."""
        same = step.logits.argmax(-1) == reference.logits.argmax(-1)
        self.together &= same.flatten(1).all(-1) if same.dim() > 1 else same
