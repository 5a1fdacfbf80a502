"""ChatQnA on opea-comps' orchestrator: guard, embedding, retrieval, reranking, model.

What goes from service to service is after
https://github.com/opea-project/GenAIExamples/blob/main/ChatQnA/chatqna.py, whose stream of pieces
it gives: ``data: b'...'``.
"""

# mypy: ignore-errors
# opea-comps and FastAPI are in the servers' own environment alone.

import json
from itertools import pairwise

from comps import (
    MegaServiceEndpoint,
    MicroService,
    ServiceOrchestrator,
    ServiceRoleType,
    ServiceType,
)
from comps.cores.mega.utils import handle_message
from comps.cores.proto.api_protocol import (
    ChatCompletionRequest,
    ChatCompletionResponse,
    ChatCompletionResponseChoice,
    ChatMessage,
    UsageInfo,
)
from comps.cores.proto.docarray import LLMParams, RerankerParms, RetrieverParms
from fastapi import Request
from fastapi.responses import StreamingResponse

CHAIN = (
    ("guardrails", ServiceType.GUARDRAIL, "/v1/guardrails"),
    ("embedding", ServiceType.EMBEDDING, "/v1/embeddings"),
    ("retriever", ServiceType.RETRIEVER, "/v1/retrieval"),
    ("reranking", ServiceType.RERANK, "/v1/reranking"),
    ("llm", ServiceType.LLM, "/v1/chat/completions"),
)
"""The services in the order in which they are asked."""


class Orchestrator(ServiceOrchestrator):
    """Makes what one service takes of what another gives."""

    def align_inputs(self, inputs, cur_node, runtime_graph, llm_parameters_dict, **kwargs):
        """What a service is sent."""
        kind = self.services[cur_node].service_type
        if kind is ServiceType.EMBEDDING:
            return {"input": inputs["text"]}
        if kind is ServiceType.RETRIEVER:
            return {**inputs, **kwargs["retriever_parameters"].dict(),
                    "index_name": kwargs["index_name"]}  # fmt: skip
        if kind is ServiceType.RERANK:
            return {**inputs, "top_n": kwargs["reranker_parameters"].top_n}
        if kind is ServiceType.LLM:
            names = ("model", "max_tokens", "temperature", "stream", "chat_template")
            return {"messages": inputs["question"], "documents": inputs["documents"],
                    **{name: llm_parameters_dict[name] for name in names}}  # fmt: skip
        return inputs

    def align_outputs(self, data, cur_node, inputs, runtime_graph, llm_parameters_dict, **kwargs):
        """What is passed on of an answer."""
        kind = self.services[cur_node].service_type
        if kind is ServiceType.EMBEDDING:
            return {"text": inputs["input"], "embedding": data["data"][0]["embedding"]}
        if kind is ServiceType.RETRIEVER:
            return {"input": data["initial_query"], "retrieved_docs": data["retrieved_docs"]}
        if kind is ServiceType.RERANK:
            documents = [each["text"] for each in data["reranked_docs"]]
            return {"question": inputs["input"], "documents": documents}
        if kind is ServiceType.LLM:
            return {"text": data["choices"][0]["message"]["content"]}
        return data

    def align_generator(self, gen, **kwargs):
        """The pieces of text of the model's stream, each as Python writes its bytes."""
        rest = b""
        for chunk in gen:
            *frames, rest = (rest + chunk).split(b"\n\n")
            for frame in frames:
                data = frame.removeprefix(b"data: ")
                if not data.startswith(b"{"):
                    continue
                content = json.loads(data)["choices"][0]["delta"].get("content")
                if content is not None:
                    yield f"data: {content.encode()!r}\n\n"
        yield "data: [DONE]\n\n"


class ChatQnAService:
    """The megaservice."""

    def __init__(self, host, port, ports):
        self._host, self._port = host, port
        self._megaservice = Orchestrator()
        services = [
            MicroService(name=name, host=host, port=ports[name], endpoint=endpoint,
                         use_remote_service=True, service_type=kind)
            for name, kind, endpoint in CHAIN
        ]  # fmt: skip
        for each in services:
            self._megaservice.add(each)
        for before, after in pairwise(services):
            self._megaservice.flow_to(before, after)

    async def handle_request(self, request: Request):
        """Answer a question, in pieces unless it is told not to."""
        data = await request.json()
        asked = ChatCompletionRequest.model_validate(data)
        results, graph = await self._megaservice.schedule(
            initial_inputs={"text": handle_message(asked.messages)},
            llm_parameters=_given(
                LLMParams, asked, stream=data.get("stream", True), index_name=asked.index_name
            ),
            retriever_parameters=_given(RetrieverParms, asked),
            reranker_parameters=_given(RerankerParms, asked),
            index_name=asked.index_name,
        )
        for response in results.values():
            if isinstance(response, StreamingResponse):
                return response
        text = results[graph.all_leaves()[-1]]["text"]
        choice = ChatCompletionResponseChoice(
            index=0, message=ChatMessage(role="assistant", content=text), finish_reason="stop"
        )
        return ChatCompletionResponse(model="chatqna", choices=[choice], usage=UsageInfo())

    def start(self):
        """Listen until the process is ended."""
        endpoint = str(MegaServiceEndpoint.CHAT_QNA)
        service = MicroService(
            type(self).__name__,
            service_role=ServiceRoleType.MEGASERVICE,
            host=self._host,
            port=self._port,
            endpoint=endpoint,
            input_datatype=ChatCompletionRequest,
            output_datatype=ChatCompletionResponse,
        )
        service.add_route(endpoint, self.handle_request, methods=["POST"])
        service.start()


def _given(kind, asked, **more):
    """Parameters of one kind, with those of a request that it gives."""
    names = kind.model_fields.keys() - {"id"} - more.keys()
    found = {name: getattr(asked, name, None) for name in names}
    return kind(**{name: value for name, value in found.items() if value is not None}, **more)
