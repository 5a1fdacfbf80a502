"""OpenAI: https://platform.openai.com/docs/api-reference."""

from __future__ import annotations

from typing import ClassVar

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
from pytest_accelerate.transport.credentials import Credential


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
