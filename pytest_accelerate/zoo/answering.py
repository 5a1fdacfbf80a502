"""Functions of torch that something else answers for, as long as it is asked to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch.overrides import TorchFunctionMode


class Answering(TorchFunctionMode):
    """Asks ``answer`` in place of each function of torch that is called.

    Within ``answer`` this mode is off, so it may call the function that it answers for.
    """

    def __init__(self, answer: Callable[..., Any]) -> None:
        """Answer for functions.

        Args:
            answer: of (function, *arguments, **keyword arguments); ``NotImplemented`` leaves a call
                to the function itself.
        """
        super().__init__()
        self._answer = answer

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """What answers for the function, or the function itself."""
        kwargs = kwargs or {}
        result = self._answer(func, *args, **kwargs)
        return func(*args, **kwargs) if result is NotImplemented else result
