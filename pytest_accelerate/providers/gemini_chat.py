"""A conversation with Gemini, which keeps what was said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_accelerate.providers.gemini_content import Message, content, contents

if TYPE_CHECKING:
    from pytest_accelerate.providers.gemini import Gemini
    from pytest_accelerate.providers.gemini_answers import GeminiAnswer
    from pytest_accelerate.providers.gemini_stream import GeminiChunk


class GeminiChat:
    """One conversation: send one message at a time.

    The history grows by a message and its answer once the answer is whole. A call that fails, a
    stream that is left early, and an answer that was blocked or is empty leave it as it was.
    """

    def __init__(
        self,
        client: Gemini,
        model: str,
        history: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]] = (),
        **parameters: Any,
    ) -> None:
        self._client, self.model, self._parameters = client, model, parameters
        self._history: list[Mapping[str, Any]] = contents(history) if history else []

    @property
    def history(self) -> tuple[Mapping[str, Any], ...]:
        """The contents so far, of ``user`` and ``model`` in turn."""
        return tuple(self._history)

    def send(self, message: Message, **parameters: Any) -> GeminiAnswer:
        """Say something, and get the answer.

        Args:
            message: a text, a part, or several.
            parameters: of ``generate``, for this message, before those of the conversation.

        Raises:
            ProviderError: as ``generate`` does.
        """
        said = content(message)
        answer = self._client.generate(self._with(said, parameters))
        self._keep(said, answer)
        return answer

    async def asend(self, message: Message, **parameters: Any) -> GeminiAnswer:
        """The same, awaitable."""
        said = content(message)
        answer = await self._client.generate.acall(self._with(said, parameters))
        self._keep(said, answer)
        return answer

    def stream(self, message: Message, **parameters: Any) -> Iterator[GeminiChunk]:
        """Say something, and get the answer as it comes; the call is made with the first piece."""
        said = content(message)
        with self._client.generate.stream(self._with(said, parameters)) as stream:
            yield from stream
            self._keep(said, stream.answer())

    async def astream(self, message: Message, **parameters: Any) -> AsyncIterator[GeminiChunk]:
        """The same for a task."""
        said = content(message)
        async with self._client.generate.astream(self._with(said, parameters)) as stream:
            async for chunk in stream:
                yield chunk
            self._keep(said, await stream.answer())

    def _with(self, said: Mapping[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
        return {
            "model": self.model,
            **self._parameters,
            **parameters,
            "contents": [*self._history, said],
        }

    def _keep(self, said: Mapping[str, Any], answer: GeminiAnswer) -> None:
        if answer.block is None and answer.parts:
            self._history += [said, {"role": "model", **answer.content}]

    def __repr__(self) -> str:
        return f"<GeminiChat with {self.model}, {len(self._history)} contents>"
