"""What a checkpoint's own processor is given in a cell: two sentences, pictures and tones.

They are made, not fetched, and the same on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

SENTENCES = ("The ferry crosses the harbour twice a day, except on Sundays.", "Bread is dear.")
"""Of uneven length, so that one row is padded."""
PIXELS = (192, 256)
"""Height and width of a picture."""
SECONDS = (1.0, 0.75)
HERTZ = (220.0, 523.25)


def raw_samples(words: Sequence[str], sampling_rate: int | None) -> dict[str, Any]:
    """Two of each of ``words``, of ``text images audio``, as an endpoint takes them.

    Args:
        words: what to make.
        sampling_rate: of the sound, in samples a second.
    """
    made: dict[str, Any] = {}
    if "text" in words:
        made["text"] = list(SENTENCES)
    if "images" in words:
        made["images"] = [_picture(0), _picture(1)]
    if "audio" in words:
        rate = sampling_rate or 16_000
        made["audio"] = [_tone(*both, rate) for both in zip(HERTZ, SECONDS, strict=True)]
        made["sampling_rate"] = rate
    return made


def _picture(which: int) -> Image:
    """A disc on a gradient; in the second picture the gradient runs the other way."""
    import numpy as np
    from PIL import Image as pil  # noqa: N813 - a module

    height, width = PIXELS
    down, across = np.mgrid[0:height, 0:width].astype("float64")
    down, across = down / (height - 1), across / (width - 1)
    if which:
        down, across = across, 1 - down
    disc = (across - 0.4) ** 2 + (down - 0.5) ** 2 < 0.05
    channels = [across, down, np.where(disc, 0.9, 0.2)]
    return pil.fromarray(np.stack([255 * c for c in channels], -1).round().astype("uint8"))


def _tone(hertz: float, seconds: float, rate: int) -> np.ndarray[Any, Any]:
    """A tone that fades out."""
    import numpy as np

    time = np.arange(int(seconds * rate)) / rate
    wave = 0.5 * np.sin(2 * np.pi * hertz * time) * (1 - time / seconds)
    return wave.astype("float32")
