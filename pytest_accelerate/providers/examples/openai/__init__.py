"""OpenAI's operations: the replies are written after its API reference.

Source: https://platform.openai.com/docs/api-reference
"""

from __future__ import annotations

from pytest_accelerate.providers.examples import Example
from pytest_accelerate.providers.examples.openai import files, media, models, text, vector_stores

EXAMPLES: dict[str, Example] = {
    **text.EXAMPLES,
    **models.EXAMPLES,
    **media.EXAMPLES,
    **files.EXAMPLES,
    **vector_stores.EXAMPLES,
}
