"""A checkpoint's own tokenizer, image processor, feature extractor or processor: raw to tensors."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pytest_accelerate.errors import AccelerateError, InvalidInputs, in_one_line
from pytest_accelerate.vocabulary import RAW_INPUTS, SAMPLING_RATE
from pytest_accelerate.zoo import raw

if TYPE_CHECKING:
    import torch

    from pytest_accelerate.zoo.pretrained import Checkpoint

_VOCABULARIES = (
    "tokenizer_config.json", "tokenizer.json", "vocab.txt", "vocab.json", "spiece.model",
    "sentencepiece.bpe.model", "tokenizer.model", "source.spm", "tekken.json",
)  # fmt: skip
_CONFIGS = ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json")
_PARTS = {"text": "tokenizer", "images": "image_processor", "audio": "feature_extractor"}
_REMEDY = {
    "text": "tokenizer.save_pretrained(FOLDER)",
    "images": "image_processor.save_pretrained(FOLDER)",
    "audio": "feature_extractor.save_pretrained(FOLDER)",
}
_LONGEST = 1_000_000
"""A tokenizer that knows no greatest length says 1e30."""


class Processing:
    """What one checkpoint makes of text, images and sound; loaded at its first use.

    Safe to call from many threads, one at a time: tokenizers keep how they pad as their own state.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._lock = threading.RLock()
        self._troubles: dict[str, str] = {}

    @property
    def words(self) -> tuple[str, ...]:
        """What it takes, of ``text images audio``."""
        with self._lock:
            return tuple(word for word in _PARTS if self._part(word) is not None)

    @property
    def name(self) -> str:
        """Class of the processor, or of its parts where there is no whole."""
        with self._lock:
            parts = [self._whole] if self._whole is not None else list(map(self._part, self.words))
            return ", ".join(type(part).__name__ for part in parts)

    @property
    def sampling_rate(self) -> int | None:
        """Samples a second of the sound that it takes."""
        with self._lock:
            found = getattr(self._part("audio"), "sampling_rate", None)
            return int(found) if found else None

    def trouble(self, words: Collection[str]) -> str:
        """Why it cannot make tensors of all ``words`` together; empty where it can."""
        with self._lock:
            for word in words:
                if self._part(word) is None:
                    return self._why_not(word)
            if len(words) > 1 and self._whole is None:
                return self._troubles.get("processor", f"no processor takes {' and '.join(words)}")
            return ""

    def __call__(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Tensors of the forward pass, by name.

        Args:
            given: of ``text images audio``, with ``sampling_rate`` beside ``audio``.

        Raises:
            InvalidInputs: they are not what this checkpoint takes.
        """
        words = [word for word in RAW_INPUTS if word in given]
        if SAMPLING_RATE in given and "audio" not in words:
            raise InvalidInputs(f"{SAMPLING_RATE!r} goes with 'audio', which is not given")
        with self._lock:
            if trouble := self.trouble(words):
                raise InvalidInputs(trouble)
            if "audio" in words:
                raw.check_rate(given.get(SAMPLING_RATE), self.sampling_rate)
            made = self._made(words, given)
        return {name: _tensor(value) for name, value in made.items()}

    def _made(self, words: Sequence[str], given: Mapping[str, Any]) -> dict[str, Any]:
        how = {"text": self._tokens, "images": self._pixels, "audio": self._waves}
        try:
            if len(words) == 1:
                return how[words[0]](given[words[0]])
            return self._together(words, given)
        except AccelerateError:
            raise
        except Exception as error:
            raise InvalidInputs(
                f"the checkpoint's {self.name} cannot make tensors of {' and '.join(words)}: "
                f"{in_one_line(error)}"
            ) from error

    def _tokens(self, value: Any) -> dict[str, Any]:
        tokenizer = self._part("text")
        made = dict(tokenizer(raw.texts(value), padding=True, return_tensors="pt", verbose=False))
        length, most = made["input_ids"].shape[1], tokenizer.model_max_length
        if length > most and most < _LONGEST:
            raise InvalidInputs(
                f"'text' comes to {length} tokens, and the checkpoint takes {most}: nothing is cut "
                "off unasked, so give less of it"
            )
        return made

    def _pixels(self, value: Any) -> dict[str, Any]:
        return dict(self._part("images")(images=raw.images(value), return_tensors="pt"))

    def _waves(self, value: Any) -> dict[str, Any]:
        extractor = self._part("audio")
        options: dict[str, Any] = {}
        # Whisper's pads to its 30 seconds by itself; wav2vec2's pads nothing unless it is told to.
        padding = inspect.signature(extractor.__call__).parameters.get("padding")
        if padding is not None and padding.default is False:
            options["padding"] = True
        sounds = raw.sounds(value)
        rate = self.sampling_rate
        return dict(extractor(sounds, sampling_rate=rate, return_tensors="pt", **options))

    def _together(self, words: Sequence[str], given: Mapping[str, Any]) -> dict[str, Any]:
        whole: Any = self._whole
        options: dict[str, Any] = {"return_tensors": "pt"}
        texts = raw.texts(given["text"]) if "text" in words else []
        for word, token, convert in (
            ("images", "image_token", raw.images),
            ("audio", "audio_token", raw.sounds),
        ):
            if word not in words:
                continue
            options[word] = convert(given[word])
            placeholder = getattr(whole, token, None)
            if texts and isinstance(placeholder, str):
                options[word], counts = _by_text(word, options[word], len(texts))
                texts = self._with_places(texts, word, placeholder, counts)
        if texts:
            options |= {"text": texts, "text_kwargs": {"padding": True}}
        if "audio" in words:
            options["audio_kwargs"] = {"sampling_rate": self.sampling_rate}
        return dict(whole(**options))

    def _with_places(
        self, texts: list[str], word: str, placeholder: str, counts: Sequence[int]
    ) -> list[str]:
        """The texts with a place for what they are about, where they name none themselves."""
        if any(placeholder in text for text in texts):
            return texts
        whole: Any = self._whole
        if not whole.chat_template:
            return [placeholder * n + text for text, n in zip(texts, counts, strict=True)]
        kind = {"images": "image", "audio": "audio"}[word]
        return [
            whole.apply_chat_template(
                [
                    {
                        "role": "user",
                        "content": [{"type": kind}] * n + [{"type": "text", "text": text}],
                    }
                ],
                add_generation_prompt=True,
            )
            for text, n in zip(texts, counts, strict=True)
        ]

    def _part(self, word: str) -> Any:
        name = _PARTS.get(word)
        if name is None:
            return None
        if self._whole is not None:
            return getattr(self._whole, name, None)
        return getattr(self, f"_{name}")

    def _why_not(self, word: str) -> str:
        where = f"checkpoint {self._checkpoint.name}"
        if word not in _PARTS:
            return f"{word!r} is not taken raw: give what the processor makes of it"
        if trouble := self._troubles.get(_PARTS[word]):
            return trouble
        takes = self.words
        more = f" (it has what takes {' and '.join(takes)})" if takes else ""
        return f"{where} has nothing that takes {word!r}{more}: save it there, {_REMEDY[word]}"

    @cached_property
    def _whole(self) -> Any:
        """The processor that takes several things together, where there is one."""
        from transformers import AutoProcessor, ProcessorMixin

        if not self._names_a_whole():
            return None
        found = self._loaded("processor", AutoProcessor)
        if not isinstance(found, ProcessorMixin):
            return None
        if getattr(found, "tokenizer", None) is not None:
            _let_pad(found.tokenizer)
        return found

    def _names_a_whole(self) -> bool:
        if self._settings("processor_config.json"):
            return True
        return any("processor_class" in self._settings(file) for file in _CONFIGS)

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        if not any(self._checkpoint.find(file) for file in _VOCABULARIES):
            return None
        found = self._loaded("tokenizer", AutoTokenizer)
        if found is None:
            return None
        # Without its vocabulary transformers makes one of a few words, and all else is unknown.
        files = set(type(found).vocab_files_names.values())
        if files and not any(self._checkpoint.find(file) for file in (*files, "tokenizer.json")):
            self._troubles["tokenizer"] = (
                f"the tokenizer of checkpoint {self._checkpoint.name} has no vocabulary: save it "
                f"there, {_REMEDY['text']}"
            )
            return None
        _let_pad(found)
        return found

    @cached_property
    def _image_processor(self) -> Any:
        from transformers import AutoImageProcessor

        wanted = "image_processor_type" in self._settings("preprocessor_config.json")
        return self._loaded("image_processor", AutoImageProcessor) if wanted else None

    @cached_property
    def _feature_extractor(self) -> Any:
        from transformers import AutoFeatureExtractor

        wanted = "feature_extractor_type" in self._settings("preprocessor_config.json")
        return self._loaded("feature_extractor", AutoFeatureExtractor) if wanted else None

    def _settings(self, file: str) -> Mapping[str, Any]:
        return self._checkpoint.read(file) if self._checkpoint.find(file) else {}

    def _loaded(self, part: str, kind: Any) -> Any:
        """One part, or ``None`` with the trouble written down."""
        allowed = "remote-code" in self._checkpoint.allow
        try:
            if not allowed and (code := self._code(kind.__name__)):
                raise InvalidInputs(
                    f"it is code of the checkpoint's own ({code}): allow it by name, with "
                    "allow=('remote-code',) or --allow remote-code"
                )
            return kind.from_pretrained(self._checkpoint.name, trust_remote_code=allowed)
        except Exception as error:
            said = str(error) if isinstance(error, AccelerateError) else _shortly(error)
            self._troubles[part] = (
                f"the {part.replace('_', ' ')} of checkpoint {self._checkpoint.name} cannot be "
                f"loaded: {said}"
            )
            return None

    def _code(self, auto: str) -> str:
        for file in _CONFIGS:
            if auto in (named := self._settings(file).get("auto_map") or {}):
                return str(named[auto])
        return ""


def fitted(model: torch.nn.Module, made: Mapping[str, Any]) -> dict[str, Any]:
    """What a processor made, as a model's forward takes it.

    What the forward has no parameter for is left out where it says nothing (a mask of ones, types
    of zeros). The decoder of a model that has one is given its start token, as generation begins.

    Raises:
        InvalidInputs: the forward has no parameter for what does say something.
    """
    import torch

    parameters = inspect.signature(model.forward).parameters
    for name, value in made.items():
        if name not in parameters and not _says_nothing(value):
            raise InvalidInputs(
                f"the checkpoint's processor makes {name!r}, which {type(model).__name__} does not "
                "take"
            )
    inputs = {name: value for name, value in made.items() if name in parameters}
    start = _decoder_start(model) if "decoder_input_ids" in parameters else None
    if start is not None and "decoder_input_ids" not in inputs and inputs:
        rows = len(next(iter(inputs.values())))
        inputs["decoder_input_ids"] = torch.full((rows, 1), start)
    return inputs


def _decoder_start(model: Any) -> int | None:
    if not getattr(model.config, "is_encoder_decoder", False):
        return None
    for settings in (getattr(model, "generation_config", None), model.config):
        found = getattr(settings, "decoder_start_token_id", None)
        if isinstance(found, int):
            return found
    return None


def _says_nothing(value: Any) -> bool:
    return bool(not value.is_floating_point() and (value == value.flatten()[0]).all())


def _by_text(word: str, things: list[Any], texts: int) -> tuple[list[list[Any]], list[int]]:
    """What belongs to each text: one thing each, or all of them to the only one."""
    if texts == 1:
        return [things], [len(things)]
    if len(things) != texts:
        raise InvalidInputs(
            f"{len(things)} of {word!r} for {texts} of 'text': give one for each, or one text"
        )
    return [[thing] for thing in things], [1] * texts


def _let_pad(tokenizer: Any) -> None:
    """Pad with the end token where there is none for padding: the mask covers it either way."""
    if tokenizer.pad_token is None and tokenizer.eos_token is not None:
        tokenizer.pad_token = tokenizer.eos_token


def _shortly(error: Exception) -> str:
    said = in_one_line(error)
    return said if len(said) <= 400 else f"{said[:399]}…"


def _tensor(value: Any) -> Any:
    import torch

    return value if isinstance(value, torch.Tensor) else torch.as_tensor(value)
