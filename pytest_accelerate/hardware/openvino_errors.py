"""What OpenVINO says when it cannot convert a model, and the operators that it names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pytest_accelerate.errors import UnsupportedOperation

_OPERATOR = re.compile(
    r"(?:No conversion rule found for operations?|No translator found for"
    r"|Unsupported op(?:erator)?s?)\s*(?:for)?:?\s*\[?((?:[\w.:]+(?:,\s*)?)+)\]?",
    re.IGNORECASE,
)
_NODE_CHECKED = re.compile(r"with friendly_name '([^']+)':\n((?:[^\n]+\n?)*)")
_OPERATION_REPORTED = re.compile(r"-- ([\w:]+) with a message:\s*([^\n]+)")
_SAYING_WHERE = ("Check '", "Exception from", "While ", "FrontEnd API", "Model wasn't", "Summary:")
_LONGEST = 160
_NAME = re.compile(r"\b(?:aten|prim|quantized|torchvision|mamba|torch\.ops\.\w+)(?:::|\.)[\w.]+")


def operators_in(message: str) -> tuple[str, ...]:
    """The operators that a failed conversion's message calls unsupported, in order, once each."""
    found: list[str] = []
    for match in _OPERATOR.finditer(message):
        found += _NAME.findall(match[1]) or [name for name in re.split(r"[,\s]+", match[1]) if name]
    return tuple(dict.fromkeys(found))


def neither_converts(failures: Mapping[str, BaseException]) -> Exception:
    """The error for a model that no path converts: ``unsupported`` where an operator was named."""
    if refused := next((error for error in failures.values() if _is_refused(error)), None):
        return MemoryError(_told(refused))
    operations = dict.fromkeys(
        name for error in failures.values() for name in operators_in(str(error))
    )
    causes = "; ".join(f"{path}: {_told(error)}" for path, error in failures.items())
    combined: Exception
    if operations:
        named = ", ".join(operations)
        combined = UnsupportedOperation(f"OpenVINO has no {named} ({causes})", tuple(operations))
    else:
        combined = RuntimeError(f"no path to OpenVINO: {causes}")
    # The last path converts most, so its traceback is the one to read.
    combined.__cause__ = list(failures.values())[-1]
    return combined


def _is_refused(error: BaseException) -> bool:
    """Whether memory or a thread was refused, which OpenVINO tells as a failure of its own."""
    signs = ("bad_alloc", "can't alloc", "Cannot allocate", "Resource temporarily unavailable")
    return any(sign in str(error) for sign in signs)


def _told(error: BaseException) -> str:
    """The line of a long message that says what failed, not where, and at which operation."""
    text = str(error)
    told = _of_a_node(text) or _of_an_operation(text) or _first_line(text)
    return f"{type(error).__name__}: {told}"


def _of_a_node(text: str) -> str:
    """What is wrong with the node whose check failed: the innermost is told of last."""
    for name, following in reversed(_NODE_CHECKED.findall(text)):
        lines = [line for line in _lines(following) if not line.startswith("Shape inference")]
        if lines:
            return f"{name}: {lines[0][:_LONGEST]}"
    return ""


def _of_an_operation(text: str) -> str:
    """What the report of a conversion says of the first operation that it could not convert."""
    found = _OPERATION_REPORTED.search(text)
    return f"{found[1]}: {found[2][:_LONGEST]}" if found else ""


def _first_line(text: str) -> str:
    lines = _lines(text)
    telling = [line for line in lines if not line.startswith(_SAYING_WHERE)]
    return (telling or lines or [""])[0][:_LONGEST]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
