"""Configs at the size that a run wants: the published default, or shrunken."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any

from pytest_accelerate.zoo import shrink
from pytest_accelerate.zoo.classes import config_class
from pytest_accelerate.zoo.recipes import recipe_for
from pytest_accelerate.zoo.tokens import SpecialTokens

_LAYER_COUNTS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers")


def tiny_config(model_type: str, overrides: Mapping[str, Any]) -> Any:
    """The config of ``model_type``, shrunken, with a recipe's ``overrides`` on top."""
    return _shrunken(config_class(model_type), {}, overrides, SpecialTokens())


def published_config(model_type: str) -> Any:
    """The default config of ``model_type``: the published architecture at full size."""
    return config_class(model_type)()


def walk(config: Any) -> list[Any]:
    """A config and all its sub-configs, outermost first."""
    from transformers import PreTrainedConfig

    found = [config]
    for value in vars(config).values():
        if isinstance(value, PreTrainedConfig):
            found += walk(value)
    return found


def switch_off_caches(config: Any) -> None:
    """Let neither a model nor a part of it keep what it computed for earlier tokens."""
    for part in walk(config):
        if getattr(part, "use_cache", None):
            part.use_cache = False


def _shrunken(
    kind: type[Any], preset: Mapping[str, Any], overrides: Mapping[str, Any], tokens: SpecialTokens
) -> Any:
    values = _default_values(kind, preset)
    parts = _parts(kind)
    kwargs: dict[str, Any] = {}
    for name, value in values.items():
        if name not in parts:
            kwargs[name] = shrink.small(name, value)
    vocabulary = kwargs.get("vocab_size") or shrink.VOCABULARY
    for name, value in kwargs.items():
        kwargs[name] = tokens.small(name, value, vocabulary)
    computed = _computed(kind, preset)
    for name, value in kwargs.items():
        if value is None and isinstance(computed.get(name), list | tuple):
            kwargs[name] = shrink.small(name, computed[name])
    _fit_heads(kwargs, values, computed)
    _fit_images(kwargs, {**computed, **{k: v for k, v in values.items() if v is not None}})
    _fit_layers(kwargs, computed)
    _fit_rope(kind, kwargs, computed)
    for name, part in parts.items():
        changes = overrides.get(name, {})
        if isinstance(changes, Mapping):
            kwargs[name] = _part(part, values.get(name), changes, tokens)
    _fit_backbone(kwargs)
    kwargs.update(
        {
            name: value
            for name, value in overrides.items()
            if name not in parts or not isinstance(value, Mapping)
        }
    )
    return kind(
        **{
            name: value
            for name, value in kwargs.items()
            if name in values or name in overrides or name in parts
        }
    )


def _part(spec: Any, preset: Any, changes: Mapping[str, Any], tokens: SpecialTokens) -> Any:
    """Shrink a sub-config, declared by a class or by transformers' ``SubConfigSpec``."""
    declared: Any = spec if isinstance(spec, type) else spec.config_class
    given = dict(getattr(spec, "init_kwargs", {}))
    if isinstance(preset, Mapping):
        given.update(preset)
    model_type = given.pop("model_type", None) or getattr(spec, "model_type", None)
    model_type = model_type or getattr(declared, "model_type", None)
    wanted = changes.get("model_type", model_type)
    if wanted != model_type:
        given = {}  # what is said of the part that this one stands in for
    if wanted != model_type or not hasattr(declared, "sub_configs_defaults"):  # AutoConfig
        declared = config_class(wanted)
    changes = {name: value for name, value in changes.items() if name != "model_type"}
    own = recipe_for(declared.model_type).config if declared.model_type else {}
    return _shrunken(declared, given, {**own, **changes}, tokens)


def _parts(kind: type[Any]) -> Mapping[str, Any]:
    parts: Mapping[str, Any] = kind.sub_configs_defaults
    return parts


@cache
def _common_fields() -> frozenset[str]:
    from transformers import PreTrainedConfig

    return frozenset(spec.name for spec in dataclasses.fields(PreTrainedConfig))


def _default_values(kind: type[Any], preset: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for spec in dataclasses.fields(kind):
        if spec.name in _common_fields() or not spec.init:
            continue
        if spec.default is not dataclasses.MISSING:
            values[spec.name] = spec.default
        elif spec.default_factory is not dataclasses.MISSING:
            values[spec.name] = spec.default_factory()
    return {**values, **preset}


def _computed(kind: type[Any], preset: Mapping[str, Any]) -> dict[str, Any]:
    """What the config computes for itself (per-layer lists, rope), from its default size."""
    try:
        return dict(vars(kind(**copy.deepcopy(dict(preset)))))
    except Exception:
        # Some configs are invalid on their own defaults; their lists are then left to recipes.
        return {}


def _fit_images(kwargs: dict[str, Any], values: Mapping[str, Any]) -> None:
    size = values.get("image_size")
    patch = values.get("patch_size", 16)
    patch = max(patch) if isinstance(patch, list | tuple) else patch
    if not isinstance(patch, int):
        return
    if isinstance(size, int):
        kwargs["image_size"] = shrink.image_pixels(size, patch)
    elif isinstance(size, list | tuple) and all(type(side) is int for side in size):
        kwargs["image_size"] = type(size)(shrink.image_pixels(side, patch) for side in size)


def _fit_heads(
    kwargs: dict[str, Any], values: Mapping[str, Any], computed: Mapping[str, Any]
) -> None:
    for name, value in shrink.FILL.items():
        if name in kwargs and kwargs[name] is None and computed.get(name, 0) is None:
            kwargs[name] = value
    # Latent attention has as many key as query heads; grouped attention keeps its groups.
    heads, groups = values.get("num_attention_heads"), values.get("num_key_value_heads")
    if isinstance(heads, int) and heads == groups:
        kwargs["num_key_value_heads"] = kwargs["num_attention_heads"]


def _fit_layers(kwargs: dict[str, Any], computed: Mapping[str, Any]) -> None:
    count = next((name for name in _LAYER_COUNTS if type(kwargs.get(name)) is int), None)
    if count is None:
        return
    stages = _fit_stages(kwargs, count)
    total = computed.get(count)
    if not isinstance(total, int) or total <= shrink.LAYERS:
        return
    lists = {
        name: list(value)
        for name, value in computed.items()
        if name in kwargs and isinstance(value, list | tuple) and len(value) == total
    }
    if not lists:
        return
    kept = shrink.kept_layers(list(lists.values()), at_least=stages)
    kwargs[count] = len(kept)
    for name, value in lists.items():
        kwargs[name] = [value[index] for index in kept]


def _fit_stages(kwargs: dict[str, Any], count: str) -> int:
    """Move the layers that a backbone puts out into the few that are left; returns how many."""
    layers: int = kwargs[count]
    for name in ("out_indices", "_out_indices"):
        if kwargs.get(name):
            layers = max(layers, len(kwargs[name]))
            kwargs[name] = list(range(layers - len(kwargs[name]) + 1, layers + 1))
    for name in ("out_features", "_out_features"):
        if kwargs.get(name):
            layers = max(layers, len(kwargs[name]))
            first = layers - len(kwargs[name]) + 1
            kwargs[name] = [f"stage{index}" for index in range(first, layers + 1)]
    kwargs[count] = layers
    return layers


def _fit_backbone(kwargs: dict[str, Any]) -> None:
    """Tell a detector the widths of the feature maps that its shrunken backbone puts out."""
    backbone = kwargs.get("backbone_config")
    widths = kwargs.get("encoder_in_channels")
    if not widths or backbone is None:
        return
    found = backbone_channels(backbone)
    if found and len(found) >= len(widths):
        kwargs["encoder_in_channels"] = type(widths)(found[-len(widths) :])


def backbone_channels(config: Any) -> list[int] | None:
    """The widths of a backbone's feature maps, or ``None`` where transformers has no such class."""
    import torch
    from transformers import AutoBackbone

    try:
        with torch.device("meta"):
            return list(AutoBackbone.from_config(config).channels)
    except (ValueError, ImportError, KeyError, AttributeError):
        return None


def _fit_rope(kind: type[Any], kwargs: dict[str, Any], computed: Mapping[str, Any]) -> None:
    if "rope_parameters" not in kwargs:
        return
    rope = computed.get("rope_parameters")
    if not isinstance(rope, Mapping):
        return
    width = kwargs.get("hidden_size") or shrink.WIDTH
    heads = kwargs.get("num_attention_heads") or shrink.HEADS
    # Latent attention turns a slice of each head alone.
    turned = kwargs.get("qk_rope_head_dim") or kwargs.get("head_dim") or width // heads
    rope = dict(rope)
    if "mrope_section" in getattr(kind, "ignore_keys_at_rope_validation", ()):
        for part in [value for value in rope.values() if isinstance(value, dict)] or [rope]:
            part.setdefault("mrope_section", [2, 1, 1])
    kwargs["rope_parameters"] = _small_rope(rope, turned)


def _small_rope(rope: dict[str, Any], head_dim: int) -> dict[str, Any]:
    half = int(head_dim * rope.get("partial_rotary_factor", 1.0)) // 2
    for name, value in rope.items():
        if isinstance(value, Mapping):
            rope[name] = _small_rope(dict(value), head_dim)
        elif name.endswith("section") and isinstance(value, list | tuple):
            rope[name] = _sections(list(value), half)
        elif name in ("long_factor", "short_factor"):
            rope[name] = list(value)[:half]
    return rope


def _sections(values: list[int], total: int) -> list[int]:
    whole = sum(values)
    parts = [max(1, value * total // whole) if value else 0 for value in values]
    parts[0] += total - sum(parts)
    return parts
