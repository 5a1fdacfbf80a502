"""Batches beyond TEI's limit: cut, sent, rejoined in order, within one call's time."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_accelerate import errors
from pytest_accelerate.providers import TEI
from pytest_accelerate.providers.examples import CannedReply, json_reply
from pytest_accelerate.transport.clock import FakeClock
from pytest_accelerate.transport.policy import Policy
from tests.providers.recording import Recorded, RecordingServer

QUICK = Policy(backoff_initial=0.001, backoff_cap=0.002, max_tries=2)


def score(text: str) -> float:
    """What the servers here think of a text; many are equal."""
    return (len(text) * 7 + sum(map(ord, text))) % 5 / 4


def refused(size: int, limit: int) -> CannedReply:
    """What TEI answers to a batch that is too large."""
    told = {"error": f"batch size {size} > maximum allowed batch size {limit}",
            "error_type": "Validation"}  # fmt: skip
    return CannedReply(json.dumps(told).encode(), status=413)


class Served:
    """A server of TEI's protocol with a limit, whose answers follow from the inputs alone."""

    def __init__(self, limit: int, *, info: int = 200) -> None:
        self.limit, self.info = limit, info
        self.sizes: list[int] = []
        """Of the batches that were asked for, in the order in which they came."""
        self.asked = 0
        self._lock = threading.Lock()

    def __call__(self, request: Recorded) -> CannedReply:
        """The reply to one request."""
        if request.path == "/info":
            with self._lock:
                self.asked += 1
            told = json_reply({"max_client_batch_size": self.limit})
            return CannedReply(told.body, status=self.info)
        body = request.json
        name = next(each for each in ("texts", "ids", "input", "inputs") if each in body)
        inputs, beside = body[name], 0
        if isinstance(inputs, dict):
            inputs, beside = inputs["sentences"], 1
        with self._lock:
            self.sizes.append(len(inputs))
        if len(inputs) + beside > self.limit:
            return refused(len(inputs) + beside, self.limit)
        return json_reply(self.answer(request.path, inputs), **{"x-compute-tokens": "3"})

    def answer(self, path: str, inputs: Sequence[Any]) -> Any:
        """What a batch is answered."""
        if path == "/rerank":
            ranks = [{"index": index, "score": score(text)} for index, text in enumerate(inputs)]
            return sorted(ranks, key=lambda rank: rank["score"])[::-1]
        if path == "/v1/embeddings":
            data = [{"object": "embedding", "index": index, "embedding": [score(text)]}
                    for index, text in enumerate(inputs)]  # fmt: skip
            usage = {"prompt_tokens": len(inputs), "total_tokens": len(inputs)}
            return {"object": "list", "data": data, "model": "m", "usage": usage}
        if path == "/decode":
            return [f"text {ids[0]}" for ids in inputs]
        if path == "/similarity":
            return [score(text) for text in inputs]
        if path == "/predict":
            return [[{"label": each[0], "score": 1.0}] for each in inputs]
        if path == "/embed_sparse":
            return [[{"index": len(text), "value": score(text)}] for text in inputs]
        if path == "/embed_all":
            return [[[score(text)], [1.0]] for text in inputs]
        if path == "/tokenize":
            return [[{"id": ord(text[-1]), "text": text, "special": False}] for text in inputs]
        return [[score(text), float(len(text))] for text in inputs]


def texts(count: int) -> list[str]:
    """So many texts, each another."""
    return [f"text {number}" for number in range(count)]


CALLS: dict[str, Callable[[int], dict[str, Any]]] = {
    "embed": lambda count: {"inputs": texts(count)},
    "embed_all": lambda count: {"inputs": texts(count)},
    "embed_sparse": lambda count: {"inputs": texts(count)},
    "rerank": lambda count: {"query": "q", "texts": texts(count)},
    "predict": lambda count: {"inputs": [[text] for text in texts(count)]},
    "similarity": lambda count: {"source_sentence": "s", "sentences": texts(count)},
    "tokenize": lambda count: {"inputs": texts(count)},
    "decode": lambda count: {"ids": [[number] for number in range(count)]},
    "embeddings": lambda count: {"input": texts(count)},
}


def called(client: TEI, operation: str, parameters: dict[str, Any], *, awaited: bool) -> Any:
    """The answer of one call, from a thread or in an event loop."""
    if not awaited:
        return client[operation](parameters)

    async def call() -> Any:
        async with client:
            return await client[operation].acall(parameters)

    return asyncio.run(call())


@pytest.mark.parametrize("awaited", [False, True], ids=["called", "awaited"])
@pytest.mark.parametrize("operation", CALLS)
def test_a_cut_batch_is_answered_as_if_it_was_whole(operation: str, awaited: bool) -> None:
    """The parts, none above the limit, come to the very answer of a server without one."""
    parameters = CALLS[operation](53)
    with RecordingServer(Served(1000)) as server, TEI(base_url=server.url, max_batch=1000) as whole:
        expected = whole[operation](parameters)
    served = Served(8)
    with RecordingServer(served) as server, TEI(base_url=server.url) as client:
        answer = called(client, operation, parameters, awaited=awaited)
    assert dict(answer) == dict(expected)
    assert (served.asked, sum(served.sizes)) == (1, 53)
    assert max(served.sizes) == (7 if operation == "similarity" else 8)


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 60),
    limit=st.integers(1, 12),
    operation=st.sampled_from(["embed", "rerank", "embeddings", "similarity"]),
)
def test_any_size_and_limit_come_to_the_same(count: int, limit: int, operation: str) -> None:
    """However a batch falls into parts, its answer is that of the whole."""

    def answer(limit: int, max_batch: int) -> Any:
        served = Served(limit + 1)  # similarity's own sentence counts beside the others

        def respond(request: httpx.Request) -> httpx.Response:
            reply = served(
                Recorded("POST", request.url.path, (), dict(request.headers), request.content)
            )
            return httpx.Response(
                reply.status, content=reply.body, headers={"content-type": reply.media_type}
            )

        with TEI(max_batch=max_batch, transport=httpx.MockTransport(respond)) as client:
            return dict(client[operation](CALLS[operation](count)))

    assert answer(limit, limit) == answer(1000, 1000)


def test_usage_and_metrics_add_up() -> None:
    """The answer's usage is that of all parts, and so are the client's own counts."""
    with (
        RecordingServer(Served(4)) as server,
        TEI(base_url=server.url, max_batch=4) as client,
    ):
        answer = client.embed(inputs=texts(10))
        assert answer.usage is not None
        assert answer.usage.input_tokens == 9
        embedded = client.embeddings(input=texts(10))
        assert embedded["usage"] == {"prompt_tokens": 10, "total_tokens": 10}
        counted = client.metrics["embed"]
    assert (counted.calls, counted.sent, counted.input_tokens) == (3, 3, 9)


def test_what_fits_is_sent_at_once_and_nothing_asked() -> None:
    """One input, tokens of one, a pair, and up to 32 go in one request without ``/info``."""
    served = Served(32)
    with RecordingServer(served) as server, TEI(base_url=server.url) as client:
        client.embed(inputs=texts(32))
        client.similarity(source_sentence="s", sentences=texts(31))
        assert (served.asked, served.sizes) == (0, [32, 31])


def test_a_larger_limit_is_used() -> None:
    """A server that takes more than the usual gets it in one request."""
    served = Served(64)
    with RecordingServer(served) as server, TEI(base_url=server.url) as client:
        client.embed(inputs=texts(60))
    assert (served.asked, served.sizes) == (1, [60])


@pytest.mark.parametrize("awaited", [False, True], ids=["called", "awaited"])
def test_a_refused_batch_is_cut_once_the_limit_is_known(awaited: bool) -> None:
    """A server with a smaller limit refuses once; from then on nothing is refused or asked."""
    served = Served(4)
    with RecordingServer(served) as server, TEI(base_url=server.url) as client:
        answers = [client.embed(inputs=texts(6)), client.embed(inputs=texts(6))]
        assert [len(each.vectors) for each in answers] == [6, 6]
        assert (served.asked, served.sizes) == (1, [6, 4, 2, 4, 2])


@pytest.mark.parametrize("count", [6, 60])
def test_without_a_limit_the_error_names_the_remedy(count: int) -> None:
    """Where ``/info`` is not there, a refused batch says which argument helps, and it does."""
    with RecordingServer(Served(4, info=404)) as server:
        with (
            TEI(base_url=server.url) as client,
            pytest.raises(errors.PayloadTooLarge, match=r"TEI\(max_batch=\.\.\.\)") as caught,
        ):
            client.embed(inputs=texts(count))
        assert (caught.value.status, caught.value.code) == (413, "Validation")
        assert f"{count} inputs" in str(caught.value)
        with TEI(base_url=server.url, max_batch=4) as client:
            assert len(client.embed(inputs=texts(count)).vectors) == count


def test_what_is_refused_for_another_reason_is_told_as_it_came() -> None:
    """An input that is too long is no batch that is too large."""
    told = {"error": "`inputs` must have less than 512 tokens", "error_type": "Validation"}

    def reply(request: Recorded) -> CannedReply:
        if request.path == "/info":
            return json_reply({"max_client_batch_size": 32})
        return CannedReply(json.dumps(told).encode(), status=413)

    with (
        RecordingServer(reply) as server,
        TEI(base_url=server.url) as client,
        pytest.raises(errors.PayloadTooLarge, match="less than 512 tokens") as caught,
    ):
        client.embed(inputs=texts(3))
    assert "max_batch" not in str(caught.value)


@pytest.mark.parametrize("awaited", [False, True], ids=["called", "awaited"])
def test_the_error_of_a_part_names_its_inputs(awaited: bool) -> None:
    """One part that fails is the call's error, of its own type, and says which inputs."""

    def reply(request: Recorded) -> CannedReply:
        if "text 5" in request.json["inputs"]:
            told = {"error": "inference failed", "error_type": "Backend"}
            return CannedReply(json.dumps(told).encode(), status=424)
        return json_reply([[1.0]] * len(request.json["inputs"]))

    with (
        RecordingServer(reply) as server,
        TEI(base_url=server.url, max_batch=4) as client,
        pytest.raises(errors.BadRequest, match="inputs 4 to 7 of 10: 424 Backend") as caught,
    ):
        called(client, "embed", {"inputs": texts(10)}, awaited=awaited)
    assert (caught.value.provider, caught.value.operation) == ("tei", "embed")
    assert client.shared.slots.active == 0


@pytest.mark.parametrize("operation", ["embed", "rerank", "embeddings"])
def test_a_part_with_too_few_entries_is_no_answer(operation: str) -> None:
    """Where entries are missing nobody knows which is whose: an error, and no shifted answer."""
    served = Served(100)

    def reply(request: Recorded) -> CannedReply:
        data = json.loads(served(request).body)
        short = {**data, "data": data["data"][:-1]} if isinstance(data, dict) else data[:-1]
        return json_reply(short)

    with (
        RecordingServer(reply) as server,
        TEI(base_url=server.url, max_batch=4) as client,
        pytest.raises(errors.InvalidResponse, match="inputs 0 to 3 of 10: expected 4 entries"),
    ):
        client[operation](CALLS[operation](10))
    assert client.metrics[operation].errors == {"InvalidResponse": 1}


@pytest.mark.parametrize("rank", [{"index": 9, "score": 1.0}, {"index": 0}, 7, {"score": 1.0}])
def test_a_rank_that_is_none_is_no_answer(rank: Any) -> None:
    """Ranks without a place among the texts or a score cannot be put in order."""
    with (
        RecordingServer(json_reply([rank] * 2)) as server,
        TEI(base_url=server.url, max_batch=2) as client,
        pytest.raises(errors.InvalidResponse, match="expected"),
    ):
        client.rerank(query="q", texts=texts(4))


@pytest.mark.parametrize("awaited", [False, True], ids=["called", "awaited"])
def test_all_parts_have_one_deadline(awaited: bool) -> None:
    """Ten parts of two seconds each do not fit into five: the call ends then, and says where."""
    clock = FakeClock()

    def answer(request: httpx.Request) -> httpx.Response:
        clock.advance(2)
        return httpx.Response(200, json=[[1.0]])

    client = TEI(
        max_batch=1, clock=clock, transport=httpx.MockTransport(answer),
        policy=Policy(concurrency=1),
    )  # fmt: skip
    parameters = {"inputs": texts(10), "timeout": 5}
    with pytest.raises(errors.DeadlineExceeded, match="inputs 3 to 3 of 10"):
        called(client, "embed", parameters, awaited=awaited)
    assert clock.now() == 6  # the third began within the time


def test_tasks_send_as_many_parts_at_once_as_the_client_may() -> None:
    """Awaited, parts are sent together, and never more than ``concurrency``."""
    active, most = 0, 0

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal active, most
        active += 1
        most = max(most, active)
        await asyncio.sleep(0.005)
        active -= 1
        return httpx.Response(200, json=[[float(request.content.count(b"text 0"))]])

    async def call() -> Any:
        transport = httpx.MockTransport(answer)
        async with TEI(max_batch=1, async_transport=transport,
                       policy=Policy(concurrency=3, queue_size=0)) as client:  # fmt: skip
            return await client.embed.acall(inputs=texts(9))

    answered = asyncio.run(call())
    assert most == 3
    assert [vector[0] for vector in answered.vectors] == [1.0, *[0.0] * 8]


def test_a_cancelled_batch_leaves_no_part_behind() -> None:
    """Whoever cancels the call cancels its parts, and every slot is free."""

    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async def call() -> int:
        client = TEI(max_batch=1, async_transport=httpx.MockTransport(never))
        task = asyncio.ensure_future(client.embed.acall(inputs=texts(9)))
        while client.shared.slots.active < client.policy.concurrency:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return client.shared.slots.active

    assert asyncio.run(call()) == 0


def test_the_limit_is_asked_for_once_by_threads_and_tasks() -> None:
    """Calls of many threads and of an event loop that begin together ask one ``/info``."""
    served = Served(8)
    results: list[int] = []
    with RecordingServer(served) as server:
        client = TEI(base_url=server.url, policy=Policy(concurrency=4))
        barrier = threading.Barrier(5)

        def thread() -> None:
            barrier.wait()
            results.append(len(client.embed(inputs=texts(40)).vectors))

        async def tasks() -> None:
            barrier.wait()
            calls = [client.embed.acall(inputs=texts(40)) for _ in range(4)]
            results.extend(len(each.vectors) for each in await asyncio.gather(*calls))
            await client.tasks.aclose()

        threads = [threading.Thread(target=thread) for _ in range(4)]
        threads.append(threading.Thread(target=lambda: asyncio.run(tasks())))
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        client.close()
    assert results == [40] * 8
    assert served.asked == 1


def test_who_waits_for_the_limit_waits_no_longer_than_its_own_time() -> None:
    """A call that waits for another's ``/info`` ends with its own deadline."""
    client = TEI(
        clock=FakeClock(), transport=httpx.MockTransport(lambda request: httpx.Response(500))
    )
    client.batch_limit._asking.acquire()
    with pytest.raises(errors.DeadlineExceeded, match="how many inputs"):
        client.embed(inputs=texts(40), timeout=1)


def test_a_server_that_cannot_be_asked_is_told() -> None:
    """Where the question itself fails, the error is of its kind and says what was asked."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    client = TEI(clock=FakeClock(), transport=httpx.MockTransport(answer))
    with pytest.raises(errors.ConnectionFailed, match="asked how many inputs it takes"):
        client.embed(inputs=texts(40))


@pytest.mark.parametrize("limit", [0, -1, True, 2.5, "4"])
def test_a_limit_is_a_number_of_inputs(limit: Any) -> None:
    """What is no whole number above 0 is refused when the client is made."""
    with pytest.raises(errors.InvalidParameters, match="max_batch"):
        TEI(max_batch=limit)
