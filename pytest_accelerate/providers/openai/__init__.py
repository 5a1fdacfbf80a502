"""OpenAI: https://platform.openai.com/docs/api-reference."""

from __future__ import annotations

from typing import ClassVar

from pytest_accelerate.providers import pricing
from pytest_accelerate.providers.openai.audio import AudioOperations
from pytest_accelerate.providers.openai.batches import BatchOperations
from pytest_accelerate.providers.openai.chat import ChatOperations
from pytest_accelerate.providers.openai.files import FileOperations
from pytest_accelerate.providers.openai.fine_tuning import FineTuningOperations
from pytest_accelerate.providers.openai.images import ImageOperations
from pytest_accelerate.providers.openai.models import ModelOperations
from pytest_accelerate.providers.openai.responses import ResponseOperations
from pytest_accelerate.providers.openai.vector_store_files import VectorStoreFileOperations
from pytest_accelerate.providers.openai.vector_stores import VectorStoreOperations
from pytest_accelerate.providers.reading import mapping, mappings
from pytest_accelerate.transport.answers import Answer
from pytest_accelerate.transport.credentials import Credential

_DETAILS = ("prompt_tokens_details", "completion_tokens_details")
_WITHOUT_A_FEE = {"message", "reasoning", "function_call", "custom_tool_call"}
"""Items of a response that cost their tokens alone."""


class OpenAI(
    VectorStoreFileOperations,
    VectorStoreOperations,
    FineTuningOperations,
    BatchOperations,
    FileOperations,
    AudioOperations,
    ImageOperations,
    ResponseOperations,
    ChatOperations,
    ModelOperations,
):
    """The client of OpenAI's API."""

    name = "openai"
    default_base_url = "https://api.openai.com/v1"
    base_url_variable = "OPENAI_BASE_URL"
    credential: ClassVar[Credential] = Credential(("OPENAI_API_KEY",))

    def cost(self, answer: Answer) -> float | None:
        """US dollars at the prices of :mod:`~pytest_accelerate.providers.pricing`; an estimate.

        ``None`` where no price is known: of sound, of tools that OpenAI ran, of another tier.
        """
        usage = mapping(answer.get("usage"))
        details = [mapping(usage.get(name)) for name in _DETAILS]
        kinds = {item.get("type") for item in mappings(answer.get("output"))}
        if any(each.get("audio_tokens") for each in details) or kinds - _WITHOUT_A_FEE:
            return None
        return pricing.cost_of(self.name, answer)
