"""What a precision costs, gains, and is off by: what the choices and the tolerances stand on.

    python benchmarks/precisions.py speed [--torchao]
    python benchmarks/precisions.py errors [--models bert,vit,...] [--hardware cpu,openvino]

``speed`` times the ways in which torch multiplies by 8-bit weights against fp32, on one thread: a
linear layer of BERT's sizes, then the layers of a BERT of width 768. ``errors`` runs tiny models at
each precision and prints how far all of them are from fp32 on the CPU (median, 90th and 95th
percentile, worst), beside how far models are that are wrong: without an input, with rows
exchanged, without their last layer.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

TYPES = (
    "bert", "roberta", "deberta-v2", "electra", "albert", "mpnet", "esm", "tapas", "reformer",
    "gpt2", "llama", "mixtral", "qwen2", "gemma2", "mamba", "rwkv", "opt", "bloom", "falcon",
    "qwen3_moe", "deepseek_v3", "jamba", "t5", "bart", "pegasus", "big_bird", "longformer",
    "vit", "swin", "convnext", "resnet", "beit", "mobilevit", "segformer", "dpt", "efficientnet",
    "mobilenet_v2", "regnet", "mask2former", "videomae", "vivit", "detr", "yolos", "sam",
    "clip", "siglip", "blip", "llava", "qwen2_vl", "idefics3", "layoutlmv3", "vilt", "owlvit",
    "whisper", "wav2vec2", "hubert", "encodec", "speecht5", "musicgen", "seamless_m4t",
    "time_series_transformer", "patchtst", "informer", "autoformer",
)  # fmt: skip
COLUMNS = {
    "cpu": ("bf16", "fp16", "int8"),
    "openvino": ("bf16", "int8", "int4"),
}
WRONG = ("dropped", "permuted", "skipped")
SIZES = ((32, 768, 768), (32, 768, 3072), (256, 768, 3072))
"""Rows, inputs, outputs."""
PASSES = 60


def main() -> None:
    """Measure what was asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    speed = commands.add_parser("speed", help="the ways to multiply by 8-bit weights")
    speed.add_argument("--torchao", action="store_true", help="torchao's too; must be installed")
    errors = commands.add_parser("errors", help="how far off precisions and wrong models are")
    errors.add_argument("--models", default=",".join(TYPES))
    errors.add_argument("--hardware", default="cpu,openvino")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with torch.no_grad():
        if given.command == "speed":
            print_speed(given.torchao)
        else:
            print_errors(given.models.split(","), given.hardware.split(","))


Quantize = Callable[[torch.nn.Module], torch.nn.Module]


def print_speed(torchao: bool) -> None:
    """Time of one forward, and the error against fp32, of each way."""
    ways = dict(_ways(torchao))
    for rows, inputs, outputs in SIZES:
        layer = torch.nn.Sequential(torch.nn.Linear(inputs, outputs)).eval()
        _compare(f"linear {rows} x {inputs} x {outputs}", layer, [torch.randn(rows, inputs)], ways)
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    bert = BertModel(BertConfig(num_hidden_layers=2, attn_implementation="eager")).eval()
    _compare("2 layers of bert, 4 x 32 tokens", bert, [torch.randint(0, 30000, (4, 32))], ways)


def _ways(torchao: bool) -> Iterable[tuple[str, Quantize]]:
    from torch.ao.quantization import per_channel_dynamic_qconfig, quantize_dynamic

    from pytest_accelerate.hardware.torch_int8 import quantize

    def ours(model: torch.nn.Module) -> torch.nn.Module:
        quantize(model)
        return model

    yield "torch._int_mm, by row (ours)", ours
    yield "torch.ao dynamic, by tensor", lambda model: quantize_dynamic(model, {torch.nn.Linear})
    by_channel = {torch.nn.Linear: per_channel_dynamic_qconfig}
    yield "torch.ao dynamic, by channel", lambda model: quantize_dynamic(model, by_channel)
    if torchao:
        yield from _ways_of_torchao()


def _ways_of_torchao() -> Iterable[tuple[str, Quantize]]:
    from torchao import quantization

    def by(config: Any) -> Quantize:
        def change(model: torch.nn.Module) -> torch.nn.Module:
            quantization.quantize_(model, config)
            return model

        return change

    yield "torchao weights alone", by(quantization.Int8WeightOnlyConfig())
    yield "torchao dynamic", by(quantization.Int8DynamicActivationInt8WeightConfig())


def _compare(
    what: str, model: torch.nn.Module, inputs: list[torch.Tensor], ways: Mapping[str, Quantize]
) -> None:
    print(what)
    expected = _first(model(*inputs))
    usual = _milliseconds(lambda: model(*inputs))
    print(f"  {'fp32':32} {usual:9.3f} ms")
    for name, change in ways.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch.ao's is deprecated, which is no news here
            changed = change(copy.deepcopy(model))
            error = (_first(changed(*inputs)) - expected).norm() / expected.norm()
        taken = _milliseconds(lambda changed=changed: changed(*inputs))  # type: ignore[misc]
        print(f"  {name:32} {taken:9.3f} ms  {taken / usual:5.2f} x fp32   error {error:.4f}")


def _first(output: Any) -> torch.Tensor:
    found: torch.Tensor = output if isinstance(output, torch.Tensor) else output[0]
    return found


def _milliseconds(call: Callable[[], Any]) -> float:
    for _ in range(5):
        call()
    times = []
    for _ in range(PASSES):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return 1e3 * statistics.median(times)


def print_errors(models: list[str], places: list[str]) -> None:
    """Quantiles over models of the relative error, of each precision and each fault."""
    found: dict[str, dict[str, tuple[float, str]]] = defaultdict(dict)
    for name in models:
        for column, figures in _errors_of(name, places):
            found[column][name] = figures
    print(f"{'':16} {'models':>6} {'p50':>8} {'p90':>8} {'p95':>8} {'worst':>8}")
    for column, by_model in found.items():
        figures = [error for error, problem in by_model.values() if not problem]
        at = _quantiles(figures)
        print(f"{column:16} {len(figures):6} " + " ".join(f"{each:8.2g}" for each in at))
        for name, (_, problem) in by_model.items():
            if problem:
                print(f"{'':16} {name}: {problem}")


def _quantiles(figures: list[float]) -> list[float]:
    ordered = sorted(figures)
    return [ordered[min(len(ordered) - 1, int(q * len(ordered)))] for q in (0.5, 0.9, 0.95, 1)]


def _errors_of(name: str, places: list[str]) -> Iterable[tuple[str, tuple[float, str]]]:
    from pytest_accelerate import hardware, zoo
    from pytest_accelerate.agreement import compare
    from tests.stages.mutants import MUTATIONS

    specimen = zoo.construct(name)
    expected = hardware.create("cpu").load(specimen, "fp32").run(specimen.inputs)
    for place in places:
        for precision in COLUMNS[place]:
            try:
                loaded = hardware.create(place).load(specimen, precision)
                agreement = compare(loaded.run(specimen.inputs), expected, float("inf"))
                told = agreement.max_relative_error, agreement.reason
            except Exception as error:
                told = 0.0, f"{type(error).__name__}: {error}".splitlines()[0]
            yield f"{place} {precision}", told
    if "cpu" in places:
        for fault in WRONG:
            mutant = MUTATIONS[fault](specimen)
            if mutant is not None:
                agreement = compare(mutant.run(specimen.inputs), expected, float("inf"))
                yield fault, (agreement.max_relative_error, agreement.reason)


if __name__ == "__main__":
    main()
