"""Hugging Face's Text Embeddings Inference, a server of models that read.

Source: https://huggingface.co/docs/text-embeddings-inference and the server's OpenAPI document,
``docs/openapi.json`` in https://github.com/huggingface/text-embeddings-inference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, Unpack

from pytest_accelerate.errors import InvalidParameters
from pytest_accelerate.providers.base import Keys, Provider
from pytest_accelerate.providers.openai_family import Embeddings
from pytest_accelerate.providers.operation import Effect, operation
from pytest_accelerate.providers.parameters import CallOptions, Filled
from pytest_accelerate.providers.prometheus import Metrics
from pytest_accelerate.providers.tei_answers import (
    Predictions,
    Ranks,
    Similarities,
    SparseVectors,
    TEIInfo,
    Texts,
    TokenLists,
    TokenVectors,
    Vectors,
)
from pytest_accelerate.providers.tei_batches import Limit, batched
from pytest_accelerate.providers.tei_joining import embedded, ranked
from pytest_accelerate.transport.answers import EmptyAnswer
from pytest_accelerate.transport.credentials import Credential

Text = Annotated[str, Filled]
Sentences = Annotated[Sequence[str], Filled]
Inputs = Annotated[str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]], Filled]
Ids = Annotated[Sequence[int] | Sequence[Sequence[int]], Filled]
Direction: TypeAlias = Literal["Left", "Right", "left", "right"]


def _nested(values: dict[str, Any]) -> dict[str, Any]:
    """The sentences beside their parameters, as TEI has it for this route alone."""
    inputs = {name: values.pop(name) for name in ("source_sentence", "sentences")}
    return {"inputs": inputs, **({"parameters": values} if values else {})}


class TEI(Provider):
    """The client of a TEI server: by default the one on port 8080 of this machine.

    That is where TEI's documentation puts its container (``-p 8080:80``) in every example; a server
    that is started by ``text-embeddings-router`` alone listens on port 3000. ``TEI_BASE_URL`` names
    another. A key is needed only where the server asks for one: its ``--api-key``, or a token of
    Hugging Face for an Inference Endpoint.

    Inputs beyond what the server takes at once go in several requests, and their answers come as
    one: see :mod:`~pytest_accelerate.providers.tei_batches`.
    """

    name = "tei"
    default_base_url = "http://127.0.0.1:8080"
    base_url_variable = "TEI_BASE_URL"
    credential: ClassVar[Credential] = Credential(("TEI_API_KEY", "HF_TOKEN"), required=False)

    def __init__(
        self, api_key: Keys | None = None, *, max_batch: int | None = None, **options: Any
    ) -> None:
        """Make a client; nothing is imported or connected before the first call.

        Args:
            api_key: as of :class:`~pytest_accelerate.providers.base.Provider`.
            max_batch: most inputs of one request; by default what the server says.
            options: all others of :class:`~pytest_accelerate.providers.base.Provider`.

        Raises:
            InvalidParameters: ``max_batch`` is no whole number above 0; or as ``Provider`` does.
        """
        whole = isinstance(max_batch, int) and not isinstance(max_batch, bool)
        if max_batch is not None and not (whole and max_batch > 0):
            raise InvalidParameters(f"max_batch: expected a whole number above 0, "
                                    f"not {max_batch!r}", provider=self.name)  # fmt: skip
        super().__init__(api_key, **options)
        self.batch_limit = Limit(max_batch)

    def prepare(self, operation: str, values: dict[str, Any]) -> dict[str, Any]:
        """Spell a direction as every version of TEI reads it, and look at what is classified.

        Raises:
            InvalidParameters: ``predict`` is given more than two texts that are no batch.
        """
        if "truncation_direction" in values:
            values["truncation_direction"] = values["truncation_direction"].capitalize()
        if operation == "predict":
            _check_classified(values["inputs"])
        return values

    @batched("inputs", single=int)
    @operation("POST", "/embed", answer=Vectors)
    def embed(
        *,
        inputs: Inputs,
        normalize: bool | None = None,
        prompt_name: str | None = None,
        truncate: bool | None = None,
        truncation_direction: Direction | None = None,
        dimensions: int | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """A vector an input: of a text, or of its tokens' numbers. Of unit length by default."""

    @batched("inputs", single=int)
    @operation("POST", "/embed_all", answer=TokenVectors)
    def embed_all(
        *,
        inputs: Inputs,
        prompt_name: str | None = None,
        truncate: bool | None = None,
        truncation_direction: Direction | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """A vector a token of each input, not pooled."""

    @batched("inputs", single=int)
    @operation("POST", "/embed_sparse", answer=SparseVectors)
    def embed_sparse(
        *,
        inputs: Inputs,
        prompt_name: str | None = None,
        truncate: bool | None = None,
        truncation_direction: Direction | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """A sparse vector an input, of a model with SPLADE pooling."""

    @batched("texts", join=ranked)
    @operation("POST", "/rerank", answer=Ranks)
    def rerank(
        *,
        query: Text,
        texts: Sentences,
        raw_scores: bool | None = None,
        return_text: bool | None = None,
        truncate: bool | None = None,
        truncation_direction: Direction | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Texts by how well they answer a query, the best first."""

    @batched("inputs", single=str)
    @operation("POST", "/predict", answer=Predictions)
    def predict(
        *,
        inputs: Annotated[str | Sequence[str] | Sequence[Sequence[str]], Filled],
        raw_scores: bool | None = None,
        truncate: bool | None = None,
        truncation_direction: Direction | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Labels of a text, a pair ``[text, text]``, or a batch ``[[text], [text, text]]``."""

    @batched("sentences", beside=1)
    @operation("POST", "/similarity", answer=Similarities, shape=_nested)
    def similarity(
        *,
        source_sentence: Text,
        sentences: Sentences,
        prompt_name: str | None = None,
        truncate: bool | None = None,
        truncation_direction: Direction | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The cosine between a sentence and each of others."""

    @batched("inputs")
    @operation("POST", "/tokenize", answer=TokenLists, effect=Effect.READ)
    def tokenize(
        *,
        inputs: Annotated[str | Sequence[str], Filled],
        add_special_tokens: bool | None = None,
        prompt_name: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The tokens of texts."""

    @batched("ids", single=int)
    @operation("POST", "/decode", answer=Texts, effect=Effect.READ)
    def decode(
        *, ids: Ids, skip_special_tokens: bool | None = None, **options: Unpack[CallOptions]
    ) -> None:
        """The texts that tokens stand for."""

    @batched("input", single=int, join=embedded)
    @operation("POST", "/v1/embeddings", answer=Embeddings)
    def embeddings(
        *,
        input: Inputs,
        model: str | None = None,
        dimensions: int | None = None,
        encoding_format: Literal["float", "base64"] | None = None,
        user: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """A vector an input, in OpenAI's protocol; one model is served, whatever ``model`` says."""

    @operation("GET", "/info", answer=TEIInfo)
    def info(**options: Unpack[CallOptions]) -> None:
        """What is served, and within which limits."""

    @operation("GET", "/health", answer=EmptyAnswer)
    def health(**options: Unpack[CallOptions]) -> None:
        """Nothing where the server is well.

        A sick one is :class:`~pytest_accelerate.errors.Overloaded`, after as many tries as the
        policy allows: ``max_tries=1`` asks once.
        """

    @operation("GET", "/metrics", answer=Metrics)
    def server_metrics(**options: Unpack[CallOptions]) -> None:
        """What the server counts of itself; ``client.metrics`` is what this client has done."""


def _check_classified(inputs: Any) -> None:
    if isinstance(inputs, str):
        return
    batch = not isinstance(inputs[0], str)
    if not batch and len(inputs) > 2:
        raise InvalidParameters(
            "parameter 'inputs': a list of texts is one pair; a batch is a list of lists, "
            "[[text], [text]]"
        )
    wrong = [each for each in inputs if batch is isinstance(each, str)
             or (batch and len(each) not in (1, 2))]  # fmt: skip
    if wrong:
        raise InvalidParameters(
            f"parameter 'inputs': expected lists of one text or two, found {wrong[0]!r:.60}"
        )
