"""Stage ``generate``: real models generate the same with and without a cache, here and there."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from transformers import GenerationMixin
from transformers.cache_utils import DynamicLayer

from pytest_accelerate import zoo
from pytest_accelerate.cells import CellSettings, ModelCell, Result, Stage, StageResult, Verdict
from pytest_accelerate.errors import UnsupportedOperation
from pytest_accelerate.hardware import openvino_generation
from pytest_accelerate.hardware.generation import Generation, Step
from pytest_accelerate.hardware.openvino_calls import kept_by
from pytest_accelerate.hardware.registry import create
from pytest_accelerate.hardware.torch import TorchHardware
from pytest_accelerate.stages import run_cell
from pytest_accelerate.stages.generate import TOKENS, compare_generations
from pytest_accelerate.zoo.generating_specimen import generator

PLUGINS = (("deafened", f"{__name__}:WrongHead"),)


class WrongHead(TorchHardware):
    """The CPU, but what chooses the token is a hundredth too large in one row."""

    def __init__(self, name: str) -> None:
        super().__init__("cpu")
        self.name = name

    def load_generator(self, specimen: Any, precision: str, tokens: int) -> Any:
        """Load as the CPU does, with another head."""
        model = copy.deepcopy(specimen.model)
        model.lm_head.weight.data = model.lm_head.weight.data.clone()
        model.lm_head.weight.data[7] *= 1.01
        return super().load_generator(replace(specimen, model=model), precision, tokens)


def result_of(model_type: str, hardware: str = "cpu", precision: str = "fp32") -> Result:
    """The cell with this stage as its only optional one."""
    settings = CellSettings(stages=("generate",), hardware_plugins=PLUGINS)
    return run_cell(ModelCell(model_type, hardware, precision), settings)


def generated(result: Result) -> StageResult:
    """What the stage came to."""
    return next(stage for stage in result.stages if stage.stage == Stage.GENERATE)


@pytest.mark.parametrize(
    ("model_type", "model_class"),
    [
        ("gpt2", "GPT2LMHeadModel"),
        ("bert", "BertLMHeadModel"),
        ("t5", "T5ForConditionalGeneration"),
        ("whisper", "WhisperForConditionalGeneration"),
        ("llava_next", "LlavaNextForConditionalGeneration"),
        ("blip", "BlipForConditionalGeneration"),
        ("blip-2", "Blip2ForConditionalGeneration"),
        ("musicgen", "MusicgenForConditionalGeneration"),
        ("mamba", "MambaForCausalLM"),
        ("mixtral", "MixtralForCausalLM"),
        ("gemma3_text", "Gemma3ForCausalLM"),
    ],
)
def test_a_cache_changes_no_token(model_type: str, model_class: str) -> None:
    """Decoders, encoders with one, speech, images, music, states, experts and windows agree."""
    result = result_of(model_type)
    assert generated(result).verdict is Verdict.PASS
    assert result.measures.generation == f"{model_class}, KV cache, eager"
    assert result.measures.generated_tokens in (TOKENS, TOKENS + 1)
    assert result.measures.generated_tokens_per_second is not None
    assert result.measures.generated_tokens_per_second > 0


@pytest.mark.parametrize(
    # One module of lfm3_vl places an image's features and a video's. The experts of dbrx are chosen
    # by index, those of switch_transformers by mask, those of jetmoe in groups of tokens.
    "model_type",
    [
        *("gpt2", "bart", "whisper", "llava_next", "musicgen", "lfm3_vl"),
        *("dbrx", "switch_transformers", "jetmoe"),
    ],
)
def test_openvino_generates_the_same_with_a_state(model_type: str) -> None:
    """Every module that generation calls is a graph, and decoding keeps its cache in it."""
    result = result_of(model_type, "openvino")
    assert generated(result).verdict is Verdict.PASS
    assert result.measures.generation.endswith("KV cache, trace, stateful decode")


def test_a_cache_that_is_cut_between_calls_is_no_state() -> None:
    """What the loop drops of a cache is dropped on OpenVINO too, which hands it out for that."""
    result = result_of("xlnet", "openvino")
    assert generated(result).verdict is Verdict.PASS
    assert result.measures.generation.endswith("trace")


def test_a_module_that_counts_in_python_has_a_graph_for_each_size() -> None:
    """Where the length of a cache chooses among modules, no graph holds for two lengths."""
    result = result_of("moshi_depth", "openvino")
    assert generated(result).verdict is Verdict.PASS
    assert result.measures.generation.endswith("KV cache, trace, a graph for each size")


def test_the_exporters_graph_generates_as_the_trace_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its ports for numbers such as logits_to_keep, which nothing reads, are in nobody's way."""

    def untraceable(group: Any) -> Any:
        raise UnsupportedOperation("it does not trace")

    monkeypatch.setattr(openvino_generation, "trace_step", untraceable)
    result = result_of("gpt2", "openvino")
    assert generated(result).verdict is Verdict.PASS
    assert result.measures.generation.endswith("KV cache, export, stateful decode")


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precisions_generate_the_same_within_their_tolerance(precision: str) -> None:
    """Rows that meet a tie are left out from there on, and it is said how much was compared."""
    assert generated(result_of("gpt2", precision=precision)).verdict is Verdict.PASS


@pytest.mark.parametrize("model_type", ["vit", "clip"])
def test_a_type_that_generates_nothing_has_no_such_stage(model_type: str) -> None:
    """The stage is absent: to say it of hundreds of types would be noise."""
    result = result_of(model_type)
    assert result.verdict is Verdict.PASS
    assert Stage.GENERATE not in [stage.stage for stage in result.stages]
    assert result.measures.generated_tokens is None


def test_a_cache_that_forgets_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model whose cache hands back the last token alone makes the cell partial."""
    update = DynamicLayer.update

    def forgetful(self: Any, keys: torch.Tensor, values: torch.Tensor, **more: Any) -> Any:
        update(self, keys, values, **more)
        if keys.shape[-2] > 1:
            return keys, values
        blank = torch.zeros_like(self.keys[..., :-1, :])
        return torch.cat([blank, keys], -2), torch.cat([blank, values], -2)

    monkeypatch.setattr(DynamicLayer, "update", forgetful)
    result = result_of("llama")
    assert result.verdict is Verdict.PARTIAL
    assert generated(result).verdict is Verdict.MISMATCH
    assert generated(result).reason.startswith("token 2: output logits: relative error")


def test_positions_that_are_one_off_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The position of each token after the prompt counts."""
    prepare = GenerationMixin.prepare_inputs_for_generation

    def shifted(self: Any, *args: Any, **kwargs: Any) -> Any:
        inputs = prepare(self, *args, **kwargs)
        if inputs["input_ids"].shape[1] == 1:
            inputs["position_ids"] = inputs["position_ids"] + 1
        return inputs

    monkeypatch.setattr(GenerationMixin, "prepare_inputs_for_generation", shifted)
    assert generated(result_of("gpt2")).verdict is Verdict.MISMATCH


def test_hardware_that_chooses_otherwise_is_caught() -> None:
    """One row of the head that is a hundredth too large is no agreement."""
    result = result_of("gpt2", "deafened")
    assert generated(result).verdict is Verdict.MISMATCH
    assert "logits" in result.reason


@pytest.mark.parametrize(
    ("model_type", "how"),
    [
        ("parakeet_tdt", "ParakeetForTDT, KV cache, trace"),
        ("nemotron_asr_streaming", "NemotronAsrStreamingForRNNT, KV cache, trace"),
        ("moonshine_streaming", "MoonshineStreamingForConditionalGeneration, KV cache, trace"),
        ("recurrent_gemma", "RecurrentGemmaForCausalLM, KV cache, trace"),
        ("voxtral_realtime", "VoxtralRealtimeForConditionalGeneration, KV cache, trace"),
        ("moshi", "MoshiForCausalLM, KV cache, trace"),
    ],
)
# Of voxtral_realtime, which takes how much to generate from how long the sound is.
@pytest.mark.filterwarnings("ignore:Using the model-agnostic default:UserWarning")
def test_graphs_hand_on_what_modules_change_and_keep(model_type: str, how: str) -> None:
    """OpenVINO goes on where a module left what it was given, what it has in itself, its window."""
    result = result_of(model_type, "openvino")
    assert (generated(result).verdict, generated(result).reason) == (Verdict.PASS, "")
    assert str(result.measures.generation).startswith(how)


@pytest.mark.parametrize(
    ("model_type", "forgets"), [("parakeet_rnnt", "change"), ("recurrent_gemma", "keep")]
)
def test_what_is_not_handed_on_is_caught(
    model_type: str, forgets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second token of a graph that begins anew each time is another."""
    monkeypatch.setattr(openvino_generation, forgets, lambda value, changed: None)
    result = result_of(model_type, "openvino")
    assert generated(result).verdict is not Verdict.PASS
    assert result.verdict is Verdict.PARTIAL


def test_a_model_keeps_what_it_kept_before_openvino_generated() -> None:
    """What recurrent_gemma has in itself after a text is not there for the next."""
    specimen = generator(zoo.construct("recurrent_gemma"))
    assert specimen is not None
    before = kept_by(specimen.model).keys()
    loaded = create("openvino").load_generator(specimen, "fp32", TOKENS)
    made = [loaded.generate(specimen.prompt, TOKENS).outputs["output"] for _ in range(2)]
    assert kept_by(specimen.model).keys() == before
    assert torch.equal(*made)


def test_what_the_library_cannot_generate_is_not_told_as_a_failure() -> None:
    """The stage is not-run and says why; the cell stands on the others."""
    result = result_of("evolla")
    assert generated(result).verdict is Verdict.NOT_RUN
    assert "masks its queries by the mask of the whole text" in generated(result).reason
    assert result.verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("model_type", "how"),
    [
        ("bark", "BarkModel, KV cache, eager"),
        ("kyutai_speech_to_text", "KyutaiSpeechToTextForConditionalGeneration, KV cache, eager"),
        ("pocket_tts", "PocketTTSForConditionalGeneration, KV cache, eager"),
        ("xlstm", "xLSTMForCausalLM, KV cache, eager"),
        ("parakeet_tdt", "ParakeetForTDT, KV cache, eager, against float64"),
        ("fsmt", "FSMTForConditionalGeneration, KV cache, eager, against float64"),
        ("prophetnet", "ProphetNetForConditionalGeneration, KV cache, eager, against float64"),
        ("xlnet", "XLNetLMHeadModel, KV cache, eager, against float64"),
    ],
)
def test_what_generates_in_its_own_way_has_its_prompt(model_type: str, how: str) -> None:
    """Parts after one another, sound in steps, latents, states and transducers agree."""
    result = result_of(model_type)
    assert (generated(result).verdict, generated(result).reason) == (Verdict.PASS, "")
    assert result.measures.generation == how


def test_a_generation_that_does_not_hear_its_prompt_is_insensitive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sound that is dropped before it is heard agrees with itself, and passes nothing."""
    from transformers import WhisperForConditionalGeneration as Whisper

    generate = Whisper.generate

    def hard_of_hearing(self: Any, input_features: torch.Tensor, **kwargs: Any) -> Any:
        return generate(self, torch.zeros_like(input_features), **kwargs)

    monkeypatch.setattr(Whisper, "generate", hard_of_hearing)
    result = result_of("whisper")
    assert generated(result).verdict is Verdict.INSENSITIVE
    assert generated(result).reason == "does not hear its audio"
    assert result.verdict is Verdict.PARTIAL


def test_a_transducer_writes_what_its_whole_lattice_says() -> None:
    """The logits of each step are those of the frame and of the tokens before, without a state."""
    specimen = generator(zoo.construct("parakeet_rnnt"))
    assert specimen is not None
    made = create("cpu").load_generator(specimen, "fp32", TOKENS).generate(specimen.prompt, TOKENS)
    written, advanced = made.outputs["sequences"], made.outputs["durations"]
    frames = advanced.cumsum(-1)
    assert bool((frames[:, -1] > 1).all())
    with torch.no_grad():
        lattice = specimen.model(**specimen.prompt, decoder_input_ids=written[:, :-1]).logits
    for number, step in enumerate(made.steps):
        expected = lattice[torch.arange(2), frames[:, number], number]
        assert torch.allclose(step.logits, expected, rtol=0.0, atol=1e-4)


def test_the_prompt_ends_with_text_in_every_row() -> None:
    """A decoder goes on at the end: what padding there is stands before the text."""
    specimen = generator(zoo.construct("gpt2"))
    assert specimen is not None
    mask = specimen.prompt["attention_mask"]
    assert mask[:, -1].tolist() == [1, 1]
    assert int(mask.sum()) < mask.numel()


def steps(*logits: list[list[float]]) -> tuple[Step, ...]:
    """Steps of two rows and three tokens."""
    return tuple(Step(torch.tensor(of_one), 1, float(at)) for at, of_one in enumerate(logits))


def generation(tokens: list[list[int]], *logits: list[list[float]]) -> Generation:
    """A generation of these logits, from which these tokens came."""
    return Generation({"output": torch.tensor(tokens)}, steps(*logits))


CLOSE = [[1.0, 0.99999, 0.0], [0.0, 1.0, 0.5]]
REFERENCE = generation([[0, 2], [1, 1]], CLOSE, [[0.0, 0.1, 1.0], [0.0, 1.0, 0.5]])


def test_a_tie_ends_the_comparison_of_its_row_alone() -> None:
    """Both of two tokens within the tolerance are right; what follows is another text."""
    tied = [[0.99999, 1.0, 0.0], [0.0, 1.0, 0.5]]
    other = generation([[1, 0], [1, 1]], tied, [[1.0, 0.1, 0.0], [0.0, 1.0, 0.5]])
    found = compare_generations(other, REFERENCE, 1e-4)
    assert found.reason == ""
    assert found.ties == "ties: 3 of 4 tokens compared"


def test_the_other_row_of_a_tie_is_still_compared() -> None:
    """A tie excuses its own row and no other."""
    tied = [[0.99999, 1.0, 0.0], [0.0, 1.0, 0.5]]
    other = generation([[1, 0], [1, 2]], tied, [[1.0, 0.1, 0.0], [0.0, 0.2, 1.0]])
    assert compare_generations(other, REFERENCE, 1e-4).reason.startswith("token 2: ")


@pytest.mark.parametrize(
    ("fed", "cached"),
    [
        ((12, 1, 1, 1), True),
        ((13, 3, 3, 3), True),
        ((12, 2, 1, 1, 1, 2, 1, 1), True),
        ((12, 13, 14, 15), False),
        ((1, 2, 3, 4), False),
        ((12,), False),
    ],
)
def test_a_cache_is_known_by_what_the_steps_are_given(fed: tuple[int, ...], cached: bool) -> None:
    """With one the steps are given no more as the text grows, whatever is generated within one."""
    logits = torch.zeros(2, 3)
    assert Generation({}, tuple(Step(logits, count, 0.0) for count in fed)).cached is cached


def test_what_is_no_tie_is_a_mismatch() -> None:
    """Another token is wrong where the logits differ by more than the tolerance."""
    wrong = [[0.9, 1.0, 0.0], [0.0, 1.0, 0.5]]
    other = generation([[1, 2], [1, 1]], wrong, [[0.0, 0.1, 1.0], [0.0, 1.0, 0.5]])
    assert compare_generations(other, REFERENCE, 1e-4).reason.startswith("token 1: ")


def test_tokens_that_are_not_those_of_the_logits_are_a_mismatch() -> None:
    """The same logits and other tokens: the choice itself is wrong."""
    other = Generation({"output": torch.tensor([[0, 2], [1, 0]])}, REFERENCE.steps)
    assert compare_generations(other, REFERENCE, 1e-4).reason.startswith("generated output output")


def test_fewer_steps_are_a_mismatch() -> None:
    """A generation that ends early is not the same."""
    other = Generation({"output": torch.tensor([[0], [1]])}, REFERENCE.steps[:1])
    assert compare_generations(other, REFERENCE, 1e-4).reason == "1 steps instead of 2"
