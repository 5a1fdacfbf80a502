"""What model types are for, and which belong together: read from transformers' own source.

The auto mappings say which tasks a type has a head for, and the folder of its modeling module is
its family. Parsing the three files takes 0.15 s; importing them would bring torch.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_accelerate.matrix.store import Run

_MAPPINGS = "modeling_auto.py"
_MODULES = ("auto_mappings.py", "configuration_auto.py")
_SPECIAL = "SPECIAL_MODEL_TYPE_TO_MODULE_NAME"

_TASKS: tuple[tuple[str, str], ...] = (
    ("SPEECH_SEQ_2_SEQ", "automatic-speech-recognition"),
    ("CTC", "automatic-speech-recognition"),
    ("RNNT", "automatic-speech-recognition"),
    ("TDT", "automatic-speech-recognition"),
    ("TEXT_TO_WAVEFORM", "text-to-audio"),
    ("TEXT_TO_SPECTROGRAM", "text-to-audio"),
    ("AUDIO_TOKENIZATION", "audio-tokenization"),
    ("AUDIO_XVECTOR", "audio-classification"),
    ("AUDIO_FRAME_CLASSIFICATION", "audio-classification"),
    ("AUDIO_CLASSIFICATION", "audio-classification"),
    ("TIME_SERIES_PREDICTION", "time-series-forecasting"),
    ("TIME_SERIES_REGRESSION", "time-series-forecasting"),
    ("TIME_SERIES_CLASSIFICATION", "time-series-forecasting"),
    ("TABLE_QUESTION_ANSWERING", "table-question-answering"),
    ("TABLE_RECOGNITION", "text-recognition"),
    ("TEXT_RECOGNITION", "text-recognition"),
    ("KEYPOINT_MATCHING", "keypoint-matching"),
    ("KEYPOINT_DETECTION", "keypoint-detection"),
    ("POSE_ESTIMATION", "keypoint-detection"),
    ("MASK_GENERATION", "mask-generation"),
    ("IMAGE_MATTING", "image-segmentation"),
    ("DEPTH_ESTIMATION", "depth-estimation"),
    ("NORMAL_ESTIMATION", "depth-estimation"),
    ("POINTMAP_ESTIMATION", "depth-estimation"),
    ("ZERO_SHOT_OBJECT_DETECTION", "zero-shot-object-detection"),
    ("RETRIEVAL", "visual-document-retrieval"),
    ("IMAGE_TEXT_TO_TEXT", "image-text-to-text"),
    ("MULTIMODAL_LM", "any-to-any"),
    ("ZERO_SHOT_IMAGE_CLASSIFICATION", "zero-shot-image-classification"),
    ("DOCUMENT_QUESTION_ANSWERING", "document-question-answering"),
    ("VISUAL_QUESTION_ANSWERING", "visual-question-answering"),
    ("VIDEO_CLASSIFICATION", "video-classification"),
    ("OBJECT_DETECTION", "object-detection"),
    ("UNIVERSAL_SEGMENTATION", "image-segmentation"),
    ("INSTANCE_SEGMENTATION", "image-segmentation"),
    ("IMAGE_SEGMENTATION", "image-segmentation"),
    ("IMAGE_CLASSIFICATION", "image-classification"),
    ("SEMANTIC_SEGMENTATION", "image-segmentation"),
    ("IMAGE_TO_IMAGE", "image-to-image"),
    ("CAUSAL_IMAGE_MODELING", "image-generation"),
    ("MASKED_IMAGE_MODELING", "image-feature-extraction"),
    ("BACKBONE", "image-feature-extraction"),
    ("IMAGE", "image-feature-extraction"),
    ("SEQ_TO_SEQ_CAUSAL_LM", "text2text-generation"),
    ("MASKED_LM", "fill-mask"),
    ("CAUSAL_LM", "text-generation"),
    ("TEXT_ENCODING", "feature-extraction"),
    ("QUESTION_ANSWERING", "question-answering"),
    ("SEQUENCE_CLASSIFICATION", "text-classification"),
    ("TOKEN_CLASSIFICATION", "token-classification"),
    ("MULTIPLE_CHOICE", "multiple-choice"),
    ("NEXT_SENTENCE_PREDICTION", "next-sentence-prediction"),
    ("DECISION", "reinforcement-learning"),
)
"""The mappings ``MODEL_FOR_<first>_MAPPING_NAMES`` and the task each is for, as pipelines and the
Hub call it. The first that has a type is what the type is mainly for: bert, which is in eight of
them, fills masks; whisper, which is among the causal language models too, recognises speech."""

_DECLARED: Mapping[str, str] = {
    family: task
    for task, families in {
        "automatic-speech-recognition": "mctct speech_to_text_2 whisper-large",
        "audio-tokenization": "encodec mimi xcodec",
        "document-question-answering": "layoutxlm",
        "feature-extraction": "bridgetower dpr embedding_gemma2 retribert",
        "fill-mask": "ernie_m mega nezha qdqbert",
        "image-classification": "efficientformer nat van vit_hybrid",
        "image-feature-extraction": "pixtral radio",
        "image-segmentation": "seggpt",
        "image-text-to-text": "blip-captioning nougat vision-t5",
        "mask-generation": "sam3 sam3_lite_text sam3_tracker_video",
        "object-detection": "deta",
        "question-answering": "realm",
        "reinforcement-learning": "decision_transformer trajectory_transformer",
        "text-generation": "code_llama muse_glimmer_assistant open-llama transfo-xl",
        "text-recognition": "mgp_str",
        "text-to-audio": "clvp jukebox univnet",
        "text-to-image": "glm_image stable-diffusion",
        "text2text-generation": "gptsan-japanese rag xlm-prophetnet",
        "time-series-forecasting": "autoformer informer time_series_transformer",
        "video-classification": "pe_audio_video pe_video tvlt tvp x_clip",
        "visual-document-retrieval": "colqwen2",
        "visual-question-answering": "visual_bert",
        "zero-shot-audio-classification": "clap pe_audio",
        "zero-shot-image-classification": "flava groupvit vision_text_dual_encoder",
    }.items()
    for family in families.split()
}
"""The main task of families that no mapping has: those without a head in an auto class, those that
transformers removed, and compositions."""

OTHER = "other"
"""The task of types that neither a mapping nor we tell."""


_AREAS: tuple[tuple[str, str], ...] = (
    ("multimodal", "any-to-any document image-text text-to-image visual"),
    ("vision", "depth image keypoint mask object text-recognition video zero-shot-image"
               " zero-shot-object"),
    ("audio", "audio automatic-speech text-to-audio zero-shot-audio"),
    ("text", "feature fill-mask multiple-choice next-sentence question table text token"),
)  # fmt: skip
"""Areas, and how the tasks of each begin; the first that fits has a task."""


def area(task: str) -> str:
    """What a task is about: ``multimodal``, ``vision``, ``audio``, ``text`` or ``other``."""
    found = (name for name, starts in _AREAS if task.startswith(tuple(starts.split())))
    return next(found, OTHER)


@dataclass(frozen=True)
class Kind:
    """What a model type is for, and what it belongs to."""

    family: str
    """The folder of its modeling module: that of ``clip_text_model`` is ``clip``."""
    tasks: tuple[str, ...] = ()
    """All that it has a head for, the main one first; none for a part of another model."""


@dataclass(frozen=True)
class Taxonomy:
    """The kinds of model types, by name."""

    kinds: Mapping[str, Kind] = field(default_factory=dict)

    def family(self, name: str) -> str:
        """The family of a type; of an unknown one its own name."""
        kind = self.kinds.get(name)
        return kind.family if kind else name

    def tasks(self, name: str) -> tuple[str, ...]:
        """The tasks of a type itself, the main one first."""
        kind = self.kinds.get(name)
        return kind.tasks if kind else ()

    def task(self, name: str) -> str:
        """The task under which a type stands: the main one of its family, so that parts stand
        beside the model that they are parts of."""
        family = self.family(name)
        return self._of_families.get(family) or _DECLARED.get(family, OTHER)

    @property
    def _of_families(self) -> Mapping[str, str]:
        return _tasks_of_families(tuple(self.kinds.items()))


@cache
def _tasks_of_families(kinds: tuple[tuple[str, Kind], ...]) -> Mapping[str, str]:
    """Of each family the main task of the type it is named after, or the first by rank."""
    ranks = {task: rank for rank, task in enumerate(dict.fromkeys(task for _, task in _TASKS))}
    chosen: dict[str, tuple[bool, int, str]] = {}
    for name, kind in kinds:
        for task in kind.tasks[:1]:
            head = name.replace("-", "_") == kind.family
            found = (not head, ranks.get(task, len(ranks)), task)
            chosen[kind.family] = min(found, chosen.get(kind.family, found))
    return {family: task for family, (_, _, task) in chosen.items()}


@cache
def installed() -> Taxonomy:
    """That of the installed transformers; an empty one where there is none."""
    spec = importlib.util.find_spec("transformers")
    if spec is None or not spec.submodule_search_locations:
        return Taxonomy()
    return taxonomy_in(Path(spec.submodule_search_locations[0], "models", "auto"))


def known_to(runs: Iterable[Run]) -> Taxonomy:
    """What runs recorded of the transformers that they had, the newest of them first.

    Types that none of them tells of, as those of a removed one, are looked up in the installed.
    """
    kinds = dict(installed().kinds)
    for run in reversed(tuple(runs)):
        kinds |= {name: Kind(words[0], words[1:]) for name, words in run.kinds.items() if words}
    return Taxonomy(kinds)


def taxonomy_in(folder: Path) -> Taxonomy:
    """Read the files of a ``transformers/models/auto`` folder; what is missing tells nothing."""
    mapped: dict[str, list[tuple[str, str]]] = {}
    for name, pairs in _assigned(folder / _MAPPINGS):
        mapped.setdefault(name, []).extend(pairs)
    tasks: dict[str, list[str]] = {}
    for mapping, task in _TASKS:
        # One of them is called without the middle word.
        for form in ("MODEL_FOR_{}_MAPPING_NAMES", "MODEL_FOR_{}_NAMES"):
            for name, _ in mapped.get(form.format(mapping), ()):
                if task not in tasks.setdefault(name, []):
                    tasks[name].append(task)
    modules, names = dict[str, str](), set(tasks)
    for path in (folder / each for each in _MODULES):
        for name, pairs in _assigned(path):
            if name == _SPECIAL:
                modules.update(pairs)
            elif name == "CONFIG_MAPPING_NAMES":
                names.update(key for key, _ in pairs)
    return Taxonomy(
        {
            name: Kind(modules.get(name, name.replace("-", "_")), tuple(tasks.get(name, ())))
            for name in sorted(names)
        }
    )


def _assigned(path: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The names that a file assigns or updates at its top, each with the pairs of text in it."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return
    for statement in tree.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                | ast.Expr(
                    value=ast.Call(
                        func=ast.Attribute(value=ast.Name(id=name), attr="update")
                    ) as value
                )
            ):
                yield name, list(_pairs(value))


def _pairs(value: ast.expr) -> Iterator[tuple[str, str]]:
    for node in ast.walk(value):
        match node:
            case ast.Dict(keys=keys, values=values):
                for key, each in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        yield key.value, _text(each)
            case ast.Tuple(elts=[ast.Constant(value=str(key)), each]):
                yield key, _text(each)


def _text(value: ast.expr) -> str:
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""
