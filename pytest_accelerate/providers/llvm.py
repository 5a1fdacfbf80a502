"""Self-hosted inference servers that speak OpenAI's protocol: vLLM, llama.cpp and their kin.

Sources: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html,
https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md and
https://llama-cpp-python.readthedocs.io/en/latest/server/.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal, Unpack, get_args
from urllib.parse import urlsplit

from pytest_accelerate.errors import InvalidParameters
from pytest_accelerate.providers.base import Keys
from pytest_accelerate.providers.llvm_answers import (
    Classes,
    Detokenized,
    Health,
    Inferred,
    Pooled,
    Reranked,
    Scores,
    Tokens,
    Version,
)
from pytest_accelerate.providers.llvm_generation import GenerationOperations
from pytest_accelerate.providers.llvm_offer import offered
from pytest_accelerate.providers.llvm_tokens import OPERATIONS, Dialect, Interpreter
from pytest_accelerate.providers.openai.audio import AudioOperations
from pytest_accelerate.providers.openai.models import EmbeddingInput
from pytest_accelerate.providers.openai.responses import ResponseOperations
from pytest_accelerate.providers.openai_family import Embeddings, Messages, OpenAICompatible
from pytest_accelerate.providers.operation import A, Effect, Operation, P, operation
from pytest_accelerate.providers.parameters import CallOptions, Filled
from pytest_accelerate.providers.prometheus import Metrics
from pytest_accelerate.transport.credentials import Credential
from pytest_accelerate.transport.exchange import Call, Step
from pytest_accelerate.transport.outcome import Reply

Text = Annotated[str, Filled]
Texts = Annotated[str | Sequence[str], Filled]
Scored = Annotated[str | Sequence[str] | Mapping[str, Any] | Sequence[Mapping[str, Any]], Filled]
"""A text or several, or parts of other media."""

_API = "/v1"
_BESIDE_API = frozenset({"health", "version", "metrics", "tokenize", "detokenize", "pooling",
                         "classify"})  # fmt: skip
"""Routes that do not stand below ``/v1``."""
_EITHER = {"tokenize": ("prompt", "messages"), "embeddings": ("input", "messages"),
           "pooling": ("input", "messages"), "classify": ("input", "messages")}  # fmt: skip
"""Operations that take one of two parameters."""


def _saying_whether(operation: Operation[P, A]) -> Operation[P, A]:
    """The same operation, saying so where no stream is wanted: some servers stream by default."""
    declared = operation.declaration
    assert declared.streaming is not None
    streaming = replace(declared.streaming, plain_body={"stream": False})
    return Operation(operation.declared, replace(declared, streaming=streaming))


class LLVM(GenerationOperations, OpenAICompatible):
    """The client of a server of one's own; by default vLLM's on this machine, or ``LLVM_BASE_URL``.

    ``base_url`` may end in ``/v1`` or not. A key is needed only where the server asks for one.

    No server has all operations. What one does not offer raises
    :class:`~pytest_accelerate.errors.UnsupportedOperation`, from what the server said; how that is
    told from a model that it does not know is in :mod:`~pytest_accelerate.providers.llvm_offer`.
    Where a parameter of vLLM's has the name of a call option (``priority``), it goes through
    ``extra_body``.
    """

    name = "llvm"
    default_base_url = "http://127.0.0.1:8000"
    base_url_variable = "LLVM_BASE_URL"
    credential: ClassVar[Credential] = Credential(("LLVM_API_KEY",), required=False)

    def __init__(
        self,
        api_key: Keys | None = None,
        *,
        dialect: Literal["auto"] | Dialect = "auto",
        **options: Any,
    ) -> None:
        """Make a client; nothing is imported or connected before the first call.

        Args:
            api_key: as of every client.
            dialect: how the server is asked for tokens; ``auto`` finds out, see
                :mod:`~pytest_accelerate.providers.llvm_tokens`.
            options: those of every client: ``base_url``, ``policy``...

        Raises:
            UnsafeCredentials: a file of keys that others can read.
            InvalidParameters: a base URL, an operation or a dialect that there is not.
        """
        if dialect not in ("auto", *get_args(Dialect)):
            known = ", ".join(get_args(Dialect))
            raise InvalidParameters(f"dialect: expected auto, {known}, not {dialect!r}",
                                    provider=self.name)  # fmt: skip
        super().__init__(api_key, **options)
        if urlsplit(self.base_url).path.endswith(_API):
            self.base_url = self.base_url.removesuffix(_API)
        self._interpreter = Interpreter(self, None if dialect == "auto" else dialect)

    def url(self, path: str) -> str:
        """The absolute URL of a path: most are below ``/v1``."""
        beside = path.split("/", 2)[1] in _BESIDE_API
        return f"{self.base_url}{'' if beside else _API}{path}"

    def prepare(self, operation: str, values: dict[str, Any]) -> dict[str, Any]:
        """Look whether one of two parameters is there.

        Raises:
            InvalidParameters: neither is, or both are.
        """
        values = super().prepare(operation, values)
        either = _EITHER.get(operation, ())
        if either and sum(name in values for name in either) != 1:
            raise InvalidParameters(f"expected either {either[0]!r} or {either[1]!r}")
        return values

    def exchange(self, call: Call) -> Generator[Step, Any, Reply]:
        """Bring a call to its reply.

        Raises:
            UnsupportedOperation: the server does not offer it; what it said is the cause.
            ProviderError: in any other case.
        """
        if call.operation in OPERATIONS:
            return self._interpreter.ask(call)
        return offered(self, call)

    @operation("POST", "/embeddings", answer=Embeddings)
    def embeddings(
        *,
        model: Text,
        input: EmbeddingInput | None = None,
        messages: Messages | None = None,
        add_special_tokens: bool | None = None,
        chat_template: str | None = None,
        chat_template_kwargs: Mapping[str, Any] | None = None,
        dimensions: int | None = None,
        embed_dtype: str | None = None,
        encoding_format: Literal["float", "base64"] | None = None,
        endianness: Literal["native", "big", "little"] | None = None,
        truncate_prompt_tokens: int | None = None,
        use_activation: bool | None = None,
        user: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Vectors of texts, or the vector of a conversation."""

    @operation("POST", "/models/{model}/infer", answer=Inferred)
    def infer(
        *,
        model: Text,
        inputs: Any,
        parameters: Mapping[str, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """What a model makes of its inputs, where a server has one route for each model.

        The answer is the server's own JSON.
        """

    @operation("POST", "/tokenize", answer=Tokens, effect=Effect.READ)
    def tokenize(
        *,
        model: Text | None = None,
        prompt: Text | None = None,
        messages: Messages | None = None,
        add_generation_prompt: bool | None = None,
        add_special_tokens: bool | None = None,
        chat_template: str | None = None,
        chat_template_kwargs: Mapping[str, Any] | None = None,
        continue_final_message: bool | None = None,
        return_token_strs: bool | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The tokens of a text, or of a conversation; the same call at each kind of server.

        Special tokens are added to a ``prompt`` unless ``add_special_tokens`` is ``False``;
        ``return_token_strs`` asks for the text of each. What a kind cannot do is an
        :class:`~pytest_accelerate.errors.UnsupportedOperation`.
        """

    @operation("POST", "/detokenize", answer=Detokenized, effect=Effect.READ)
    def detokenize(
        *,
        tokens: Annotated[Sequence[int], Filled],
        model: Text | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The text that tokens stand for."""

    @operation("POST", "/rerank", answer=Reranked)
    def rerank(
        *,
        model: Text,
        query: Annotated[str | Mapping[str, Any], Filled],
        documents: Scored,
        top_n: int | None = None,
        truncate_prompt_tokens: int | None = None,
        use_activation: bool | None = None,
        user: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Documents in the order of how well they fit a query; the best ``top_n``, or all."""

    @operation("POST", "/score", answer=Scores)
    def score(
        *,
        model: Text,
        text_1: Scored,
        text_2: Scored,
        truncate_prompt_tokens: int | None = None,
        use_activation: bool | None = None,
        user: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """How alike texts are: one with each of several, or by pairs of two lists."""

    @operation("POST", "/pooling", answer=Pooled)
    def pooling(
        *,
        model: Text,
        input: EmbeddingInput | None = None,
        messages: Messages | None = None,
        add_special_tokens: bool | None = None,
        chat_template: str | None = None,
        chat_template_kwargs: Mapping[str, Any] | None = None,
        dimensions: int | None = None,
        embed_dtype: str | None = None,
        encoding_format: Literal["float", "base64"] | None = None,
        endianness: Literal["native", "big", "little"] | None = None,
        task: str | None = None,
        truncate_prompt_tokens: int | None = None,
        use_activation: bool | None = None,
        user: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """What a model's pooler gives for texts: a vector, one a token, or what else it has."""

    @operation("POST", "/classify", answer=Classes)
    def classify(
        *,
        model: Text,
        input: EmbeddingInput | None = None,
        messages: Messages | None = None,
        add_special_tokens: bool | None = None,
        chat_template: str | None = None,
        chat_template_kwargs: Mapping[str, Any] | None = None,
        truncate_prompt_tokens: int | None = None,
        use_activation: bool | None = None,
        user: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The class of each text, and the probabilities of all classes."""

    responses = _saying_whether(ResponseOperations.responses)
    audio_transcription = AudioOperations.audio_transcription
    audio_translation = AudioOperations.audio_translation

    @operation("GET", "/health", answer=Health)
    def health(**options: Unpack[CallOptions]) -> None:
        """That the server is well; one that is not raises its error, mostly a 503."""

    @operation("GET", "/version", answer=Version)
    def version(**options: Unpack[CallOptions]) -> None:
        """The version of the server."""

    @operation("GET", "/metrics", answer=Metrics)
    def metrics_text(**options: Unpack[CallOptions]) -> None:
        """What the server has counted and measured."""
