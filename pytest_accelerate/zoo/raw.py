"""Words, pictures and sound as people have them, brought into the one form that processors take."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_accelerate.errors import InvalidInputs
from pytest_accelerate.vocabulary import SAMPLING_RATE

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image


def texts(value: Any) -> list[str]:
    """One text or a list of them, as a list.

    Raises:
        InvalidInputs: it is neither.
    """
    return _each("text", value, _text)


def images(value: Any) -> list[Image]:
    """One picture or a list of them, as RGB pictures.

    Args:
        value: a PIL picture, an array of 8-bit values of shape (height, width) or (height, width,
            1, 3 or 4), or with the channels first, or the path of a file; or a list of these.

    Raises:
        InvalidInputs: it is none of these.
    """
    return _each("images", value, _image)


def sounds(value: Any) -> list[np.ndarray[Any, Any]]:
    """One sound or a list of them, as float32 samples of shape (samples,).

    Raises:
        InvalidInputs: it is no such array.
    """
    return _each("audio", value, _sound)


def check_rate(given: Any, wanted: int | None) -> None:
    """Hold a sampling rate to the one that a processor takes: sound is not resampled unasked.

    Raises:
        InvalidInputs: it is missing, or another; says how to resample.
    """
    if given is None:
        raise InvalidInputs(f"'audio' needs {SAMPLING_RATE}=, its samples a second{_takes(wanted)}")
    if not isinstance(given, int | float) or isinstance(given, bool) or given <= 0:
        raise InvalidInputs(f"{SAMPLING_RATE} {given!r} is no number of samples a second")
    if wanted is not None and given != wanted:
        common = math.gcd(int(given), wanted)
        up, down = wanted // common, int(given) // common
        raise InvalidInputs(
            f"{SAMPLING_RATE} {given} is not what the checkpoint's processor takes, {wanted}: "
            f"resample it first, such as scipy.signal.resample_poly(audio, {up}, {down})"
        )


def _takes(wanted: int | None) -> str:
    return f"; the checkpoint's processor takes {wanted}" if wanted is not None else ""


def _each(name: str, value: Any, convert: Callable[[Any], Any]) -> list[Any]:
    several = list(value) if isinstance(value, list | tuple) else [value]
    if not several:
        raise InvalidInputs(f"{name!r} is an empty list")
    return [convert(item) for item in several]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidInputs(f"'text' is a string or a list of strings, not {_kind(value)}")
    return value


def _image(value: Any) -> Image:
    from PIL import Image as pil  # noqa: N813 - a module

    if isinstance(value, pil.Image):
        return value.convert("RGB")
    if isinstance(value, str | Path):
        return _picture_in(Path(value))
    array = _array("images", value)
    if array.dtype != "uint8":
        raise InvalidInputs(
            f"'images' has an array of {array.dtype}: give 8-bit values, 0 to 255, such as "
            "(255 * array).round().astype('uint8') for values of 0 to 1"
        )
    if array.ndim == 3 and array.shape[-1] not in (1, 3, 4) and array.shape[0] in (1, 3, 4):
        array = array.transpose(1, 2, 0)
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[-1] not in (3, 4)):
        raise InvalidInputs(
            f"'images' has an array of shape {list(array.shape)}: expected (height, width, 3) for "
            "each picture, and a list for several"
        )
    return pil.fromarray(array).convert("RGB")


def _picture_in(path: Path) -> Image:
    from PIL import Image as pil  # noqa: N813 - a module

    if "://" in str(path) or str(path).startswith(("http:", "https:")):
        raise InvalidInputs(f"'images' has an address, {path}: fetch it first, nothing is brought")
    try:
        with pil.open(path) as picture:
            return picture.convert("RGB")
    except OSError as error:
        raise InvalidInputs(f"'images': {path} is no picture that can be read: {error}") from error


def _sound(value: Any) -> np.ndarray[Any, Any]:
    array = _array("audio", value)
    if array.ndim != 1 or not array.size:
        raise InvalidInputs(
            f"'audio' has an array of shape {list(array.shape)}: expected one dimension, one "
            "channel, and a list for several sounds"
        )
    if array.dtype.kind != "f":
        raise InvalidInputs(
            f"'audio' has an array of {array.dtype}: give floats of -1 to 1, such as "
            "samples / 32768 for 16-bit values"
        )
    return array.astype("float32")


def _array(name: str, value: Any) -> np.ndarray[Any, Any]:
    import numpy as np

    if not hasattr(value, "__array__"):
        wanted = "a PIL picture, an array, a path" if name == "images" else "an array"
        raise InvalidInputs(f"{name!r} is {wanted}, or a list of these, not {_kind(value)}")
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


def _kind(value: Any) -> str:
    return type(value).__name__
