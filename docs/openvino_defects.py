"""Minimal reproductions of what OpenVINO does wrong, behind cells that do not pass for it.

    python docs/openvino_defects.py

Each is converted by a trace, compiled for the CPU in fp32 and run in a process of its own, and told
with the model types that meet it. Run it with another release to see what is mended.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

import openvino
import torch
from torch import nn

Function = Callable[..., torch.Tensor]


@dataclass(frozen=True)
class Defect:
    """A few operations of torch, which OpenVINO gets wrong."""

    name: str
    types: str
    """The model types that meet it."""
    function: Function
    inputs: tuple[torch.Tensor, ...]
    threads: int = 1


class Applied(nn.Module):
    """A function as a model."""

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Apply it."""
        return self.function(*inputs)


def _weight(rows: int, columns: int, seed: int) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)) / columns**0.5


def attention_times_a_sum(x: torch.Tensor) -> torch.Tensor:
    """Attention whose transposed result meets the sum of something and a constant."""
    heads = x.view(2, 12, 4, 16).transpose(1, 2)
    attended = torch.softmax(heads @ heads.transpose(-1, -2), -1) @ heads
    by_head = torch.arange(4.0)[:, None]
    return attended.transpose(1, 2) * (x.view(2, 12, 4, 16) + by_head)


_BLOCKS = [
    [
        _weight(64, 192, seed),
        _weight(64, 128, seed),
        _weight(64, 128, -seed),
        _weight(128, 64, seed),
    ]
    for seed in (1, 2)
]


def two_modulated_blocks(x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
    """Two gated feed-forward blocks, each scaled, shifted and gated by a condition."""
    silu = nn.functional.silu
    for modulation, gates, up, down in _BLOCKS:
        shift, scale, gate = (silu(condition) @ modulation).chunk(3, -1)
        within = x * (1 + scale) + shift
        x = x + gate * ((silu(within @ gates) * (within @ up)) @ down)
    return x


def rows_summed(x: torch.Tensor) -> torch.Tensor:
    """The sum of each row, and a number for each added."""
    return x.sum(-1) + torch.arange(12.0)


def large_integers(x: torch.Tensor) -> torch.Tensor:
    """A rolling hash: products of 64 bits."""
    return (x * 1_000_000_007) % 4096


_NORMAL = torch.randn(2, 12, 64, generator=torch.Generator().manual_seed(1))
DEFECTS = (
    Defect(
        "attention times a sum with a constant: compile_model dies",
        "beam",
        attention_times_a_sum,
        (_NORMAL,),
        threads=2,
    ),
    Defect(
        "two modulated feed-forward blocks, one thread: compile_model dies",
        "vibevoice",
        two_modulated_blocks,
        (_NORMAL[:, 0], _NORMAL[:, 1]),
    ),
    Defect(
        "products of 64-bit integers: computed in 32 bits",
        "blt",
        large_integers,
        (torch.arange(1, 200, 7),),
    ),
    Defect(
        "an addition behind the sum along the last of three axes: the numbers are mixed up",
        "recurrent_gemma, but for what stands for the sum",
        rows_summed,
        (_NORMAL,),
    ),
)


def verdict(defect: Defect) -> str:
    """What OpenVINO makes of it, in a process that may die."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.Process(target=_run, args=(defect, sender))
    child.start()
    sender.close()
    child.join()
    if child.exitcode and child.exitcode < 0:
        return f"dies of {signal.Signals(-child.exitcode).name}"
    return str(receiver.recv()) if receiver.poll() else f"ends with status {child.exitcode}"


def _run(defect: Defect, sender: Connection) -> None:
    model = Applied(defect.function)
    with torch.no_grad():
        expected = model(*defect.inputs)
        traced = torch.jit.trace(model, defect.inputs, check_trace=False)
    shapes = [list(each.shape) for each in defect.inputs]
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": defect.threads}
    try:
        compiled = openvino.Core().compile_model(
            openvino.convert_model(traced, input=shapes), "CPU", settings
        )
        (answer,) = compiled([each.numpy() for each in defect.inputs]).values()
    except Exception as error:
        said = f"fails: {str(error).strip().splitlines()[-1]}"
    else:
        off = float((torch.from_numpy(answer).double() - expected.double()).abs().max())
        share = off / float(expected.double().abs().max())
        said = f"off by {share:.2g} of the largest" if share > 1e-4 else "right"
    sender.send(said)


def main() -> int:
    """Tell each; 1 where one is right, as then something here is out of date."""
    print(f"OpenVINO {openvino.__version__}, torch {torch.__version__}")
    found = {defect: verdict(defect) for defect in DEFECTS}
    for defect, said in found.items():
        print(f"{defect.name} ({defect.types}): {said}")
    return int("right" in found.values())


if __name__ == "__main__":
    sys.exit(main())
