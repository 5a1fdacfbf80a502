"""Checkpoints: what a folder or Hub id holds, and its weights in a model, or why not.

Weights come from safetensors, which can hold nothing but tensors. Pickled weights and code that a
checkpoint brings run what their author wrote: each is refused unless it is allowed by name. What a
checkpoint lacks is never made up: transformers draws it at random and goes on.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from pytest_accelerate.errors import AccelerateError, NotConstructible, in_one_line
from pytest_accelerate.zoo.classes import config_class, model_class
from pytest_accelerate.zoo.configs import switch_off_caches

_SAFE = ("model.safetensors", "model.safetensors.index.json")
_PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json")
_SHOWN = 3
"""Names of tensors that a message gives before it counts the rest."""


@dataclass(frozen=True)
class Loaded:
    """A model with the weights of a checkpoint."""

    model: torch.nn.Module
    """In eval mode, fp32, on the CPU, gradients and KV caches off."""
    missing: tuple[str, ...]
    """Tensors of the model that the checkpoint lacks: transformers drew them at random."""
    unused: tuple[str, ...]
    """Tensors of the checkpoint that the model has no place for."""


@dataclass(frozen=True)
class Checkpoint:
    """Weights, config and processors of one model type, in a folder or on the Hub."""

    model_type: str
    name: str
    """A local folder, or a Hub id."""
    allow: Collection[str] = ()
    """What is not refused, of :data:`~pytest_accelerate.vocabulary.ALLOWANCES`."""

    def find(self, file: str) -> Path | None:
        """One file of the checkpoint, brought from the Hub if need be; ``None`` if it has none.

        Raises:
            NotConstructible: the checkpoint itself is not there.
        """
        folder = Path(self.name).expanduser()
        if folder.is_dir():
            return folder / file if (folder / file).is_file() else None
        if folder.is_file():
            raise self.refusal(f"is a file: give the folder that holds it, {folder.parent}")
        if self.name.startswith((".", "/", "~")) or self.name.count("/") > 1:
            raise self.refusal("is no folder that exists, and no Hub id")
        return self._brought(file) if file in self._on_hub else None

    @cached_property
    def _on_hub(self) -> frozenset[str]:
        """The files that the Hub has, or its cache where it cannot be reached."""
        from huggingface_hub import list_repo_files

        config = self._brought("config.json")
        try:
            return frozenset(list_repo_files(self.name))
        except Exception:
            return frozenset(path.name for path in config.parent.iterdir())

    def _brought(self, file: str) -> Path:
        from transformers.utils.hub import cached_file

        try:
            found = cached_file(self.name, file)
        except Exception as error:
            raise self.refusal(
                "is no folder, is not in the cache of the Hub, and cannot be brought (give a "
                "folder that holds it, or, with the network and without HF_HUB_OFFLINE: "
                f"hf download {self.name}): {in_one_line(error)}"
            ) from error
        assert found is not None  # it raises where there is none
        return Path(found)

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """``config.json`` as it stands there."""
        return self.read("config.json")

    def read(self, file: str) -> Mapping[str, Any]:
        """One JSON file of the checkpoint.

        Raises:
            NotConstructible: it is not there, or no JSON object.
        """
        path = self.find(file)
        if path is None:
            raise self.refusal(
                f"has no {file}: save the model with model.save_pretrained(FOLDER)"
                if file == "config.json"
                else f"has no {file}"
            )
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise self.refusal(f"has a {file} that cannot be read: {in_one_line(error)}") from error
        if not isinstance(data, dict):
            raise self.refusal(f"has a {file} that is no JSON object")
        return data

    def own_class(self) -> type[Any] | None:
        """The class that the checkpoint was saved from, where transformers has it."""
        for name in self.config.get("architectures") or ():
            try:
                return model_class(self.model_type, str(name))
            except NotConstructible:
                continue
        return None

    def load(self, kind: type[Any], attention: str) -> Loaded:
        """The weights in a model of class ``kind``, or of the checkpoint's own where allowed.

        Args:
            kind: a class of transformers.
            attention: the attention implementation.

        Raises:
            NotConstructible: there is no such checkpoint, it is of another type, it cannot be read,
                its tensors have other shapes, or it takes what is not allowed.
        """
        self._check_type(kind)
        self._check_weights()
        code = self._code()
        options: dict[str, Any] = {"attn_implementation": attention}
        if code:
            import transformers

            # Code of its own knows what attention it has.
            kind, options = getattr(transformers, code), {"trust_remote_code": True}
        try:
            with _without_progress():
                model, info = kind.from_pretrained(
                    self.name,
                    use_safetensors=self._has(_SAFE),
                    dtype=torch.float32,
                    output_loading_info=True,
                    ignore_mismatched_sizes=True,  # told below, with the tensors' names
                    **options,
                )
        except (AccelerateError, MemoryError):
            raise
        except Exception as error:
            raise self.refusal(
                f"cannot be loaded as {kind.__name__}: {in_one_line(error)}"
            ) from error
        self._check_shapes(kind, info)
        switch_off_caches(model.config)
        return Loaded(
            model.eval().requires_grad_(False),
            missing=tuple(sorted(info["missing_keys"])),
            unused=tuple(sorted(info["unexpected_keys"])),
        )

    def _check_type(self, kind: type[Any]) -> None:
        found = self.config.get("model_type")
        own = config_class(self.model_type)
        if found in (None, self.model_type, own.model_type):
            return
        parts = [value for value in self.config.values() if isinstance(value, dict)]
        if any(part.get("model_type") in (self.model_type, own.model_type) for part in parts):
            return
        if own.base_config_key and own.base_config_key in self.config:
            return  # the vision part of a clip, say, whose config does not repeat its type
        raise self.refusal(
            f"is of model type {found!r}, not {self.model_type!r}: ask for {found!r}, or give a "
            f"checkpoint of {self.model_type!r} ({kind.__name__})"
        )

    def _check_weights(self) -> None:
        if self._has(_SAFE):
            return
        if not self._has(_PICKLED):
            raise self.refusal(
                f"holds no weights: expected {' or '.join(_SAFE)}, as "
                "model.save_pretrained(FOLDER) writes them"
            )
        if "pickle" not in self.allow:
            raise self.refusal(
                f"holds its weights as a pickle alone ({_PICKLED[0]}), and unpickling can run what "
                "its author wrote: allow it by name, with allow=('pickle',) or --allow pickle, or "
                "take a checkpoint with model.safetensors"
            )

    def _has(self, files: tuple[str, ...]) -> bool:
        return any(self.find(file) is not None for file in files)

    def _code(self) -> str:
        """The auto class by which code of the checkpoint's own is loaded; empty without such."""
        named = self.config.get("auto_map") or {}
        classes = {key: value for key, value in named.items() if key.startswith("AutoModel")}
        if not classes:
            return ""
        key = "AutoModel" if "AutoModel" in classes else next(iter(classes))
        if "remote-code" not in self.allow:
            raise self.refusal(
                f"brings code of its own ({classes[key]}), which could do anything: allow it by "
                "name, with allow=('remote-code',) or --allow remote-code; to read its weights "
                "into the class that transformers has, take a copy without auto_map in its "
                "config.json"
            )
        return key

    def _check_shapes(self, kind: type[Any], info: Mapping[str, Any]) -> None:
        wrong = sorted(info["mismatched_keys"])
        if wrong:
            name, found, wanted = wrong[0]
            more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
            raise self.refusal(
                f"does not fit its own config.json: {name} has shape {list(found)}, and "
                f"{kind.__name__} takes {list(wanted)}{more}"
            )
        if info["error_msgs"]:
            raise self.refusal(f"cannot be loaded whole: {in_one_line(info['error_msgs'][0])}")

    def lacking(self, kind: type[Any], missing: Collection[str]) -> NotConstructible:
        """The refusal of a checkpoint that lacks tensors which the outputs depend on."""
        return self.refusal(
            f"lacks {counted(missing)} of {kind.__name__}, which would be drawn at random: save "
            "the whole model, or take a checkpoint that holds it"
        )

    def refusal(self, why: str) -> NotConstructible:
        """An error that names the model type and the checkpoint."""
        return NotConstructible(f"{self.model_type}: checkpoint {self.name} {why}")


def counted(names: Collection[str]) -> str:
    """``2 tensors (pooler.dense.bias, pooler.dense.weight)``."""
    first = ", ".join(sorted(names)[:_SHOWN])
    more = ", ..." if len(names) > _SHOWN else ""
    return f"{len(names)} tensor{'s' if len(names) > 1 else ''} ({first}{more})"


@contextlib.contextmanager
def _without_progress() -> Iterator[None]:
    """Keep the bars off, which transformers draws for every model."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
