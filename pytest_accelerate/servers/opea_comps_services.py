"""A ChatQnA deployment of opea-comps, run by the Python of its own environment.

::

    python opea_comps_services.py PORT SERVICES.JSON

The megaservice listens on ``PORT`` of loopback, each microservice on a free port, whose URL is
written into the file by OPEA's name for the service. Routes, validation, health, statistics and
orchestration are opea-comps' own, and its types are what is taken and given; what is computed is
in ``opea_comps_components.py``. The services take what those of
https://github.com/opea-project/GenAIComps take.
"""

# mypy: ignore-errors
# opea-comps and FastAPI are in the servers' own environment alone.

import base64
import json
import os
import struct
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

if __name__ == "__main__":
    for _name in list(os.environ):  # nothing is to go anywhere but to loopback
        if _name in ("TELEMETRY_ENDPOINT", "LOGFLAG") or _name.lower().endswith("_proxy"):
            del os.environ[_name]

import opea_comps_components as components
import requests
from comps import (
    EmbedDoc,
    GeneratedDoc,
    LLMParamsDoc,
    RerankedDoc,
    SearchedDoc,
    ServiceType,
    TextDoc,
    opea_microservices,
    register_microservice,
    register_statistics,
    statistics_dict,
)
from comps.cores.proto.api_protocol import (
    AudioSpeechRequest,
    AudioTranscriptionResponse,
    ChatCompletionRequest,
    ChatCompletionResponse,
    ChatCompletionResponseChoice,
    ChatCompletionResponseStreamChoice,
    ChatCompletionStreamResponse,
    ChatMessage,
    DeltaMessage,
    EmbeddingRequest,
    EmbeddingResponse,
    EmbeddingResponseData,
    RedisDataprepRequest,
    RerankingRequest,
    RerankingResponse,
    RerankingResponseData,
    RetrievalRequest,
    RetrievalResponse,
    RetrievalResponseData,
    UsageInfo,
)
from comps.cores.proto.docarray import SearchedMultimodalDoc
from fastapi import Body, Depends, File, Form, HTTPException, UploadFile
from fastapi.responses import StreamingResponse
from langchain_text_splitters import RecursiveCharacterTextSplitter

HOST = "127.0.0.1"
MODEL = "tiny-extractive"
INDEX = "rag_redis"
STORE = components.Store()


def service(name, kind, endpoint, methods=("POST",)):
    """Register a function as a route of a microservice that is called ``opea_service@name``."""
    full = f"opea_service@{name}"

    def decorate(function):
        counted = register_statistics(names=[full])(function)
        return register_microservice(
            name=full, service_type=kind, endpoint=endpoint, host=HOST, port=0,
            methods=list(methods),
        )(counted)  # fmt: skip

    return decorate


@contextmanager
def timed(name):
    """Count how long a call takes."""
    started = time.time()
    yield
    statistics_dict[f"opea_service@{name}"].append_latency(time.time() - started, None)


def refused(error):
    """The answer to what cannot be computed."""
    return HTTPException(status_code=400, detail=str(error))


@service("embedding", ServiceType.EMBEDDING, "/v1/embeddings")
async def embedding(input: EmbeddingRequest) -> EmbeddingResponse:
    """Vectors of texts, or of tokens, each of which is a word here."""
    with timed("embedding"):
        texts = input.input if isinstance(input.input, list) else [input.input]
        if texts and isinstance(texts[0], int):
            texts = [texts]
        texts = [" ".join(map(str, each)) if isinstance(each, list) else each for each in texts]
        size = components.SIZE if input.dimensions is None else input.dimensions
        if size < 1:
            raise refused(f"dimensions: expected at least 1, not {size}")
        data = [
            EmbeddingResponseData(index=place, embedding=_written(components.embed(text, size),
                                                                  input.encoding_format))
            for place, text in enumerate(texts)
        ]  # fmt: skip
        count = sum(len(components.words(text)) for text in texts)
        usage = UsageInfo(prompt_tokens=count, total_tokens=count)
        return EmbeddingResponse(model=input.model or "crc32-words", data=data, usage=usage)


def _written(vector, encoding):
    if encoding != "base64":
        return vector
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


@service("retrievers", ServiceType.RETRIEVER, "/v1/retrieval")
async def retrieval(
    input: EmbedDoc | RetrievalRequest | ChatCompletionRequest,
) -> SearchedDoc | SearchedMultimodalDoc | RetrievalResponse | ChatCompletionRequest:
    """The chunks that are nearest to an embedding."""
    with timed("retrievers"):
        chunks = _found(input, _vector(input.embedding))
        if isinstance(input, EmbedDoc):
            return SearchedMultimodalDoc(
                retrieved_docs=[TextDoc(text=each.text) for each in chunks],
                initial_query=input.text,
                metadata=[each.metadata for each in chunks],
            )
        documents = [RetrievalResponseData(text=each.text, metadata=each.metadata)
                     for each in chunks]  # fmt: skip
        if isinstance(input, RetrievalRequest):
            return RetrievalResponse(retrieved_docs=documents)
        input.retrieved_docs = documents
        input.documents = [each.text for each in chunks]
        return input


def _vector(given):
    if isinstance(given, EmbeddingResponse):
        given = given.data[0].embedding if given.data else []
    if given and isinstance(given[0], list):
        given = given[0]
    return given or []


def _found(input, vector):
    try:
        scored = STORE.scored(vector, getattr(input, "index_name", None) or INDEX)
    except ValueError as error:
        raise refused(error) from None
    if input.search_type == "similarity_distance_threshold":
        if input.distance_threshold is None:
            raise refused("distance_threshold is needed for similarity_distance_threshold")
        scored = [each for each in scored if 1 - each[0] <= input.distance_threshold]
    elif input.search_type == "similarity_score_threshold":
        scored = [each for each in scored if each[0] >= input.score_threshold]
    elif input.search_type == "mmr":
        scored = components.spread(scored[: input.fetch_k], input.k, input.lambda_mult)
    elif input.search_type != "similarity":
        raise refused(f"search_type: {input.search_type!r} is unknown")
    return [chunk for _, chunk in scored[: input.k]]


@service("reranking", ServiceType.RERANK, "/v1/reranking")
async def reranking(
    input: SearchedMultimodalDoc | SearchedDoc | RerankingRequest | ChatCompletionRequest,
) -> RerankedDoc | LLMParamsDoc | RerankingResponse | ChatCompletionRequest:
    """The documents that share most words with the question."""
    with timed("reranking"):
        question = getattr(input, "initial_query", None) or input.input
        texts = [_text(each) for each in input.retrieved_docs]
        scored = sorted(((components.overlap(question, each), each) for each in texts),
                        key=lambda each: -each[0])[: input.top_n]  # fmt: skip
        if isinstance(input, SearchedDoc):
            return LLMParamsDoc(query=question, documents=[text for _, text in scored])
        best = [RerankingResponseData(text=text, score=score) for score, text in scored]
        if isinstance(input, RerankingRequest):
            return RerankingResponse(reranked_docs=best)
        input.reranked_docs = best
        input.documents = [text for _, text in scored]
        return input


def _text(document):
    if isinstance(document, str):
        return document
    return document["text"] if isinstance(document, dict) else document.text


@service("llm", ServiceType.LLM, "/v1/chat/completions")
async def llm(input: LLMParamsDoc | ChatCompletionRequest | SearchedDoc):
    """The sentence of the documents that answers the question best."""
    with timed("llm"):
        if getattr(input, "model", None) not in (None, MODEL):
            raise HTTPException(status_code=404, detail=f"there is no model {input.model!r}")
        if isinstance(input, SearchedDoc):
            input = LLMParamsDoc(
                query=input.initial_query, stream=False,
                documents=[each.text for each in input.retrieved_docs],
            )  # fmt: skip
        question = input.query if isinstance(input, LLMParamsDoc) else _question(input.messages)
        said, reason = _said(input, question)
        if input.stream:
            return StreamingResponse(_chunks(said, reason), media_type="text/event-stream")
        asked, told = len(components.words(question)), len(said)
        return ChatCompletionResponse(
            model=MODEL,
            choices=[ChatCompletionResponseChoice(
                index=0, message=ChatMessage(role="assistant", content="".join(said)),
                finish_reason=reason,
            )],
            usage=UsageInfo(prompt_tokens=asked, completion_tokens=told, total_tokens=asked + told),
        )  # fmt: skip


def _question(messages):
    if isinstance(messages, str):
        return messages
    content = messages[-1].get("content", "")
    if isinstance(content, str):
        return content
    return " ".join(each.get("text", "") for each in content)


def _said(input, question):
    """The words of an answer, each with the space before it, and why it ends."""
    documents = [_text(each) for each in input.documents or []]
    if input.chat_template:  # it says what it was asked, so that the template can be seen
        text = input.chat_template.format(context=" ".join(documents), question=question)
    elif documents:
        text = components.best_sentence(question, documents)
    else:
        text = f"You said: {question}"
    pieces = text.split(" ")
    said = [pieces[0], *(f" {each}" for each in pieces[1:])]
    if input.max_tokens and len(said) > input.max_tokens:
        return said[: input.max_tokens], "length"
    return said, "stop"


async def _chunks(said, reason):
    deltas = [DeltaMessage(role="assistant", content="")]
    deltas += [DeltaMessage(content=each) for each in said]
    for delta in deltas:
        yield _frame(ChatCompletionResponseStreamChoice(index=0, delta=delta))
    yield _frame(
        ChatCompletionResponseStreamChoice(index=0, delta=DeltaMessage(), finish_reason=reason)
    )
    yield "data: [DONE]\n\n"


def _frame(choice):
    chunk = ChatCompletionStreamResponse(model=MODEL, choices=[choice])
    return f"data: {chunk.model_dump_json()}\n\n"


@service("guardrails", ServiceType.GUARDRAIL, "/v1/guardrails")
async def guardrails(input: LLMParamsDoc | GeneratedDoc | TextDoc) -> TextDoc | GeneratedDoc:
    """The text where it is against no policy; else which, and that nothing is to be sent on."""
    with timed("guardrails"):
        text = input.query if isinstance(input, LLMParamsDoc) else input.text
        policy = components.violation(text)
        if policy:
            why = f"Violated policies: {policy}, and this isn't answered."
            return TextDoc(text=why, downstream_black_list=[".*"])
        return TextDoc(text=text)


@service("dataprep", ServiceType.DATAPREP, "/v1/dataprep/ingest")
async def ingest(input: RedisDataprepRequest = Depends()):  # noqa: B008 - as FastAPI has it
    """Cut texts into chunks, and keep these."""
    with timed("dataprep"):
        index = input.index_name or INDEX
        if input.files:
            files = input.files if isinstance(input.files, list) else [input.files]
            found = [(each.filename, (await each.read()).decode()) for each in files]
        elif input.link_list:
            links = json.loads(input.link_list)
            if not isinstance(links, list):
                raise refused(f"link_list {links} should be a list")
            found = [(each, _page(each)) for each in links]
        else:
            raise refused("Must provide either a file or a string list.")
        splitter = RecursiveCharacterTextSplitter(
            chunk_size=input.chunk_size, chunk_overlap=input.chunk_overlap
        )
        for name, text in found:
            if not STORE.add(index, name, splitter.split_text(text)):
                raise refused(f"Uploaded file {name} already exists.")
        return {"status": 200, "message": "Data preparation succeeded"}


def _page(link):
    if urlsplit(link).hostname != HOST:
        raise refused(f"{link} is not on this machine")
    return requests.get(link, timeout=10).text


@service("dataprep", ServiceType.DATAPREP, "/v1/dataprep/get")
async def files(index_name: str | None = Body(None, embed=True)):
    """The documents that there are."""
    with timed("dataprep"):
        return [{"name": each, "id": each, "type": "File", "parent": ""}
                for each in STORE.names(index_name)]  # fmt: skip


@service("dataprep", ServiceType.DATAPREP, "/v1/dataprep/delete")
async def delete(
    file_path: str = Body(..., embed=True), index_name: str | None = Body(None, embed=True)
):
    """Forget a document, or all."""
    with timed("dataprep"):
        if file_path == "all":
            STORE.clear()
        elif not STORE.remove(index_name or INDEX, file_path):
            raise HTTPException(status_code=404, detail="File not found. Please check file_path.")
        return {"status": True}


@service("dataprep", ServiceType.DATAPREP, "/v1/dataprep/indices")
async def indices():
    """The indices that have documents."""
    with timed("dataprep"):
        return STORE.indices()


@service("asr", ServiceType.ASR, "/v1/audio/transcriptions")
async def transcribe(
    file: UploadFile = File(...),  # noqa: B008 - as FastAPI has it
    model: str = Form("openai/whisper-small"),
    language: str = Form("english"),
    prompt: str = Form(None),
    response_format: str = Form("json"),
    temperature: float = Form(0),
    timestamp_granularities: list[str] = Form(None),  # noqa: B008
) -> AudioTranscriptionResponse:
    """The text that a sound was made of."""
    with timed("asr"):
        return AudioTranscriptionResponse(text=_heard(await file.read()))


@service("asr", ServiceType.ASR, "/v1/asr")
async def asr(audio: str = Body(..., embed=True)):
    """The same of base64, as the server behind OPEA's Whisper component takes it."""
    return {"asr_result": _heard(base64.b64decode(audio))}


def _heard(sound):
    try:
        return components.hear(sound)
    except ValueError as error:
        raise refused(error) from None


@service("tts", ServiceType.TTS, "/v1/audio/speech")
async def speech(request: AudioSpeechRequest) -> StreamingResponse:
    """A text in tones."""
    with timed("tts"):
        sound = components.speak(request.input)
        return StreamingResponse(iter([sound[place : place + 1024]
                                       for place in range(0, len(sound), 1024)]))  # fmt: skip


@service("tts", ServiceType.TTS, "/v1/tts")
async def tts(text: str = Body(..., embed=True)):
    """The same in base64, as the server behind OPEA's SpeechT5 component gives it."""
    return {"tts_result": base64.b64encode(components.speak(text)).decode()}


NAMES = {
    "embedding": "embedding",
    "retriever": "retrievers",
    "reranking": "reranking",
    "llm": "llm",
    "guardrails": "guardrails",
    "dataprep": "dataprep",
    "asr": "asr",
    "tts": "tts",
}
"""From the name of a service to that of its registration."""


def port_of(name):
    """The free port that a microservice took."""
    started = opea_microservices[f"opea_service@{NAMES[name]}"]
    return started.server.servers[0].sockets[0].getsockname()[1]


def main(port, path):
    """Start the microservices in threads, write down their URLs, and be the megaservice."""
    from opea_comps_megaservice import ChatQnAService

    ports = {name: port_of(name) for name in NAMES}
    for name in NAMES:
        started = opea_microservices[f"opea_service@{NAMES[name]}"]
        threading.Thread(target=started.start, daemon=True).start()
    urls = {name: f"http://{HOST}:{each}" for name, each in ports.items()}
    Path(path).write_text(json.dumps({**urls, "chatqna": f"http://{HOST}:{port}"}))
    ChatQnAService(HOST, port, ports).start()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
