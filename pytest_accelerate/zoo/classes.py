"""Which config class and which model class stand for a model type."""

from __future__ import annotations

import importlib
import inspect
from functools import cache
from typing import Any

from pytest_accelerate.errors import NotConstructible, UnknownModelType

# After the base model: the classes whose forward takes the most of what the type can take.
_AUTO_MAPPINGS = (
    "MODEL_MAPPING_NAMES",
    "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES",
    "MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES",
    "MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES",
    "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES",
    "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
    "MODEL_FOR_RETRIEVAL_MAPPING_NAMES",
    "MODEL_FOR_TEXT_TO_WAVEFORM_MAPPING_NAMES",
    "MODEL_FOR_OBJECT_DETECTION_MAPPING_NAMES",
    "MODEL_FOR_UNIVERSAL_SEGMENTATION_MAPPING_NAMES",
    "MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING_NAMES",
    "MODEL_FOR_DEPTH_ESTIMATION_MAPPING_NAMES",
    "MODEL_FOR_KEYPOINT_DETECTION_MAPPING_NAMES",
    "MODEL_FOR_KEYPOINT_MATCHING_MAPPING_NAMES",
    "MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES",
    "MODEL_FOR_IMAGE_MATTING_MAPPING_NAMES",
    "MODEL_FOR_POSE_ESTIMATION_MAPPING_NAMES",
    "MODEL_FOR_TEXT_RECOGNITION_MAPPING_NAMES",
    "MODEL_FOR_TABLE_RECOGNITION_MAPPING_NAMES",
    "MODEL_FOR_BACKBONE_MAPPING_NAMES",
)

# Those of models that generate: what hears or sees is asked before what reads alone.
_GENERATING_MAPPINGS = (
    "MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES",
    "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES",
    "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES",
    "MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES",
    "MODEL_FOR_TEXT_TO_WAVEFORM_MAPPING_NAMES",
    "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
)


@cache
def known_types() -> tuple[str, ...]:
    """Every model type of the installed transformers."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    return tuple(CONFIG_MAPPING_NAMES)


def config_class(model_type: str) -> type[Any]:
    """The config class of a model type.

    Raises:
        UnknownModelType: the installed transformers has no such type.
        NotConstructible: its configuration module cannot be imported.
    """
    from transformers import CONFIG_MAPPING

    if model_type not in known_types():
        raise UnknownModelType(model_type, known_types())
    try:
        found: type[Any] = CONFIG_MAPPING[model_type]
    except Exception as error:
        raise NotConstructible(
            f"{model_type}: its configuration cannot be imported: {error}"
        ) from error
    return found


def model_class(model_type: str, preferred: str = "") -> type[Any]:
    """The class to build for a model type.

    The base model first, then the other auto mappings, then the class of the modeling module
    that names the type's config class as its own (155 types are parts of another).

    Raises:
        NotConstructible: there is no such class, or its module cannot be imported.
    """
    config = config_class(model_type)
    names = [preferred] if preferred else _mapped_names(model_type)
    module = _modeling_module(model_type, config, needed=not names)
    mapped = [found for found in (_named(name, module) for name in names) if found is not None]
    if mapped:
        # Some base models are built from a part of the config: musicgen's from its decoder's.
        own = [found for found in mapped if issubclass(config, found.config_class or object)]
        return (own or mapped)[0]
    if preferred:
        raise NotConstructible(f"{model_type}: transformers has no class {preferred}")
    candidates = _declaring(config, module)
    if not candidates:
        raise NotConstructible(
            f"{model_type}: no class of {module.__name__} with a forward is built from "
            f"{config.__name__}"
        )
    return min(candidates, key=_rank)


def generating_class(model_type: str, preferred: str = "") -> type[Any] | None:
    """The class of a model type that has transformers' ``generate``; ``None`` where none has.

    Args:
        model_type: a key of transformers' config registry.
        preferred: the class of the type's recipe, if that generates.
    """
    from transformers import GenerationMixin

    config = config_class(model_type)
    names = [preferred] if preferred else []
    names += _mapped_names(model_type, _GENERATING_MAPPINGS)
    module = _modeling_module(model_type, config, needed=False)
    candidates = [found for name in names if (found := _named(name, module)) is not None]
    candidates.append(model_class(model_type, preferred))
    return next((found for found in candidates if issubclass(found, GenerationMixin)), None)


def _mapped_names(model_type: str, mappings: tuple[str, ...] = _AUTO_MAPPINGS) -> list[str]:
    from transformers.models.auto import modeling_auto

    names: list[str] = []
    for mapping in mappings:
        found = getattr(modeling_auto, mapping).get(model_type)
        if found is not None:
            names.append(found if isinstance(found, str) else found[0])
    return names


def _modeling_module(model_type: str, config: type[Any], needed: bool) -> Any:
    name = config.__module__.replace(".configuration_", ".modeling_")
    try:
        return importlib.import_module(name)
    except ImportError as error:
        if needed or "No module named" not in str(error) or name not in str(error):
            raise NotConstructible(f"{model_type}: {name} cannot be imported: {error}") from error
        return None


def _named(name: str, module: Any) -> type[Any] | None:
    import transformers

    found = getattr(module, name, None) or getattr(transformers, name, None)
    return found if inspect.isclass(found) else None


def _declaring(config: type[Any], module: Any) -> list[type[Any]]:
    import transformers

    base: Any = transformers.PreTrainedModel

    return [
        candidate
        for candidate in _classes(module)
        if issubclass(candidate, base)
        and getattr(candidate, "config_class", None) is config
        and candidate.forward is not base.forward
    ]


def _classes(module: Any) -> list[Any]:
    return [member for member in vars(module).values() if inspect.isclass(member)]


def _rank(candidate: type[Any]) -> tuple[bool, int, str]:
    name = candidate.__name__
    return (not name.endswith("Model"), len(name), name)
