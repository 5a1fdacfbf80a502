"""Figures for people: seconds, bytes, counts, errors, and what a cell shows beside its verdict."""

from __future__ import annotations

from pytest_accelerate.cells import Measures, ModelCell, Result, Verdict
from pytest_accelerate.matrix.text import one_line

SYMBOLS: dict[Verdict, str] = {
    Verdict.PASS: "✓",
    Verdict.PARTIAL: "◐",
    Verdict.INSENSITIVE: "○",
    Verdict.MISMATCH: "≠",
    Verdict.UNSUPPORTED: "✗",
    Verdict.ERROR: "!",
    Verdict.OOM: "▲",
    Verdict.TIMEOUT: "◷",
    Verdict.CRASH: "↯",
    Verdict.COVERED: "⊂",
    Verdict.SKIP: "»",
    Verdict.NOT_RUN: "·",
}
"""A symbol for each verdict, always shown with its word: none in colour, none an emoji."""

_COMPARED = frozenset({Verdict.PASS, Verdict.PARTIAL, Verdict.INSENSITIVE, Verdict.MISMATCH})


def beside(result: Result, limit: int = 60) -> str:
    """What a cell shows beside its verdict: a model's error, who answered, or the reason."""
    if isinstance(result.cell, ModelCell) and result.verdict in _COMPARED:
        return error(result.measures.max_relative_error)
    if result.measures.server and result.verdict is Verdict.PASS:
        return one_line(result.measures.server, limit)
    # "covered by bert" stands beside the word "covered".
    return one_line(result.reason.removeprefix(f"{result.verdict} "), limit)


def error(value: float | None) -> str:
    """``3.1e-07``; ``0`` for equality to the bit."""
    if value is None:
        return ""
    return f"{value:.1e}" if value else "0"


def seconds(value: float) -> str:
    """``850 µs``, ``12.3 ms``, ``4.20 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if value < 1e-3:
        return f"{value * 1e6:.0f} µs"
    if value < 1:
        return f"{value * 1e3:.3g} ms" if value < 0.9995 else "1.00 s"
    if value < 60:
        return f"{value:.3g} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def size(value: int) -> str:
    """``850 B``, ``12.3 MiB``, ``1.5 GiB``."""
    amount = float(value)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(amount) < 1024 or unit == "GiB":
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def usd(value: float) -> str:
    """``0.000120 USD``; less than a millionth is said so, and 0 is 0."""
    if 0 < value < 1e-6:
        return "under 0.000001 USD"
    return f"{value:.6f} USD" if value else "0 USD"


def rate(value: float | None) -> str:
    """``12,300``; three digits that count."""
    return "" if value is None else f"{float(f'{value:.3g}'):,.10g}"


Pairs = tuple[tuple[str, str], ...]


def measures(result: Result) -> list[tuple[str, list[tuple[str, str]]]]:
    """Everything that was measured of a cell: titles, each with labels and figures.

    What was not measured is left out.
    """
    of_kind = _of_a_model if isinstance(result.cell, ModelCell) else _of_an_operation
    m = result.measures
    sections: tuple[tuple[str, Pairs], ...] = (
        *of_kind(m),
        (
            "Where and how long",
            (
                ("implementation", m.implementation_type),
                ("device", m.device),
                ("threads", _count(m.threads)),
                ("time of the cell", _time(m.cell_seconds)),
                ("of it in stages", _time(m.library_seconds)),
                ("at first, before it was run again", m.unsteady),
            ),
        ),
    )
    found = ((title, [pair for pair in pairs if pair[1]]) for title, pairs in sections)
    return [(title, pairs) for title, pairs in found if pairs]


def _of_a_model(m: Measures) -> tuple[tuple[str, Pairs], ...]:
    hint = " (a hint: others had the processor too)" if m.latency_is_hint else ""
    return (
        (
            "Agreement",
            (
                ("max relative error", error(m.max_relative_error)),
                ("tolerance", f"{m.tolerance:g}" if m.tolerance is not None else ""),
                ("reference", m.reference),
                ("max absolute error", error(m.max_absolute_error)),
                ("cosine similarity", f"{m.cosine:.9f}" if m.cosine is not None else ""),
                ("outputs compared", _count(m.outputs_compared)),
                ("worst output", m.worst_output),
                ("left out, as they hang on ties", _count(m.entries_tied)),
            ),
        ),
        (
            "Gates",
            (
                ("modalities fed", ", ".join(m.modalities)),
                ("weight tensors heard", _heard(m)),
                ("not heard, by rule", "; ".join(m.unheard)),
            ),
        ),
        (
            "Speed",
            (
                (
                    "latency of one forward",
                    _time(m.latency_seconds) + (hint if m.latency_seconds is not None else ""),
                ),
                ("nine of ten within", _time(m.latency_p90_seconds)),
                ("passes timed", _count(m.latency_passes)),
                ("items a second", rate(m.items_per_second)),
                ("tokens a second", rate(m.tokens_per_second)),
            ),
        ),
        (
            "Batch and generation",
            (
                ("rows of the batch", _count(m.batch_size)),
                ("error against a row alone", error(m.batch_relative_error)),
                ("tokens generated a row", _count(m.generated_tokens)),
                ("how", m.generation),
                ("generated a second", rate(m.generated_tokens_per_second)),
            ),
        ),
        (
            "Quantization",
            (
                ("modules quantized", _quantized(m)),
                (
                    "share of the weights",
                    f"{m.quantized_share:.1%}" if m.quantized_share is not None else "",
                ),
                ("by", m.quantization),
                ("half precision", m.executed),
            ),
        ),
        (
            "Size",
            (
                ("peak memory", _bytes(m.peak_memory_bytes)),
                ("memory on the device", _bytes(m.device_memory_bytes)),
                ("parameters", _count(m.parameters)),
            ),
        ),
        (
            "Path",
            (
                ("path to the hardware", m.path),
                ("why not a cheaper one", m.path_reason),
                ("model class", m.model_class),
                ("weights", m.weights),
            ),
        ),
    )


def _heard(m: Measures) -> str:
    return "" if m.weights_heard is None else f"{m.weights_heard} of {m.weight_tensors}"


def _quantized(m: Measures) -> str:
    whole = f" of {m.quantizable_modules:,}" if m.quantizable_modules is not None else ""
    return _count(m.quantized_modules) + (whole if m.quantized_modules is not None else "")


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _time(value: float | None) -> str:
    return "" if value is None else seconds(value)


def _bytes(value: int | None) -> str:
    return "" if value is None else size(value)


def _of_an_operation(m: Measures) -> tuple[tuple[str, Pairs], ...]:
    cost = "" if m.cost_usd is None else usd(m.cost_usd)
    if not cost and m.requests and m.implementation_type == "REAL":
        cost = "not known"
    return (
        (
            "Calls",
            (
                ("answered by", m.server),
                ("effect", m.effect),
                ("latency of one call", _time(m.latency_seconds)),
                ("requests sent", _count(m.requests)),
                ("input tokens", _count(m.input_tokens)),
                ("output tokens", _count(m.output_tokens)),
                ("cost", cost),
            ),
        ),
    )
