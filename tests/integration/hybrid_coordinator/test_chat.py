"""Chats through OpenAI's own client, with scripted models."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest

from support.http import Api, Keys
from support.waiting import PATIENCE

from .conftest import Start
from .fakes import AIDB_TEXT, Others
from .llm_stub import LlmStub, Mode, llm_stub
from .test_interactions import report, track

QUESTION = "How do I open a port in the firewall?"
MESSAGES = [{"role": "system", "content": "Be short."}, {"role": "user", "content": QUESTION}]


@pytest.fixture
async def local() -> AsyncIterator[LlmStub]:
    async with llm_stub() as stub:
        yield stub


@pytest.fixture
async def remote() -> AsyncIterator[LlmStub]:
    async with llm_stub() as stub:
        yield stub


def model(stub: LlmStub, name: str, **changes: Any) -> dict[str, Any]:
    return {"url": stub.url, "model": name, **changes}


@asynccontextmanager
async def client_of(hybrid: Api, key: str) -> AsyncIterator[Any]:
    async with openai.AsyncOpenAI(base_url=f"{hybrid.base}/v1", api_key=key, max_retries=0) as client:
        yield client


async def ask(hybrid: Api, **body: Any) -> Any:
    return await hybrid("POST", "/v1/chat/completions", json={"messages": MESSAGES, "model": "auto", **body})


async def test_the_openai_client_gets_an_answer_with_context(start: Start, keys: Keys, local: LlmStub) -> None:
    settings = {"local_llm": model(local, "tiny"), "local_llm_api_key": "sk-local"}
    async with start(**settings) as hybrid, client_of(hybrid, keys.read) as client:
        answer = await client.chat.completions.create(model="auto", messages=MESSAGES, temperature=0.1)
        assert answer.choices[0].message.content == "Open the port."
        assert [listed.id for listed in (await client.models.list()).data] == ["auto", "local"]
    (sent,) = local.requests
    assert sent["model"] == "tiny"
    assert sent["temperature"] == 0.1
    assert sent["messages"][0] == MESSAGES[0]
    assert AIDB_TEXT in sent["messages"][1]["content"]
    assert sent["messages"][1]["content"].endswith(QUESTION)
    assert local.keys == ["Bearer sk-local"]


async def test_a_streamed_answer_comes_part_by_part(start: Start, keys: Keys, local: LlmStub) -> None:
    local.stepwise = True
    async with start(local_llm=model(local, "tiny")) as hybrid, client_of(hybrid, keys.read) as client:
        local.step.release()
        stream = await client.chat.completions.create(model="auto", messages=MESSAGES, stream=True)
        parts = []
        async for event in stream:
            # The model has not written the next part yet.
            parts.append(event.choices[0].delta.content)
            local.step.release()
    assert parts == list(local.words)


async def test_a_client_that_leaves_stops_the_model(start: Start, keys: Keys, local: LlmStub) -> None:
    local.mode = "endless"
    async with start(local_llm=model(local, "tiny")) as hybrid, client_of(hybrid, keys.read) as client:
        stream = await client.chat.completions.create(model="auto", messages=MESSAGES, stream=True)
        async for _event in stream:
            break
        await stream.close()
        await asyncio.wait_for(local.left.wait(), PATIENCE)


async def test_a_stream_that_breaks_off_says_so(start: Start, keys: Keys, local: LlmStub) -> None:
    local.mode = "breaks_off"
    async with start(local_llm=model(local, "tiny")) as hybrid, client_of(hybrid, keys.read) as client:
        stream = await client.chat.completions.create(model="auto", messages=MESSAGES, stream=True)
        with pytest.raises(openai.APIError, match="broke off"):
            async for _event in stream:
                pass


async def test_nothing_of_the_models_headers_is_passed_on(start: Start, local: LlmStub) -> None:
    async with start(local_llm=model(local, "tiny")) as hybrid:
        answer = await ask(hybrid, stream=True)
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert answer.headers["X-Accel-Buffering"] == "no"
        assert "Set-Cookie" not in answer.headers
        assert answer.body.endswith(b"data: [DONE]\n\n")
        assert answer.headers["X-AI-Stack-Context-Count"] == "2"


async def test_without_a_model_there_are_no_chats_and_the_rest_works(hybrid: Api) -> None:
    answer = await ask(hybrid)
    assert answer.status == 501
    assert answer.json["error"]["message"] == "no language model is configured"
    assert (await hybrid("GET", "/v1/models")).json["data"] == []
    assert (await hybrid("POST", "/augment_query", json={"query": QUESTION})).status == 200


async def test_the_model_that_is_asked_for_answers(start: Start, local: LlmStub, remote: LlmStub) -> None:
    async with start(local_llm=model(local, "tiny"), remote_llm=model(remote, "huge")) as hybrid:
        for wanted, stub in (("local", local), ("remote", remote)):
            answer = await ask(hybrid, model=wanted)
            assert answer.headers["X-AI-Stack-Route"] == wanted
            assert answer.headers["X-AI-Stack-Reason"] == "requested"
            assert len(stub.requests) == 1
    async with start(local_llm=model(local, "tiny")) as hybrid:
        assert (await ask(hybrid, model="remote")).status == 501


async def test_the_decision_is_explained_and_counted(start: Start, local: LlmStub, remote: LlmStub) -> None:
    models = {"local_llm": model(local, "tiny"), "remote_llm": model(remote, "huge")}
    async with start(**models, chat={"local_confidence": 0.5}) as hybrid:
        answer = await ask(hybrid)
        assert answer.headers["X-AI-Stack-Route"] == "local"
        assert answer.headers["X-AI-Stack-Reason"] == "confident"
        assert float(answer.headers["X-AI-Stack-Confidence"]) > 0.8
        metrics = (await hybrid("GET", "/metrics")).body.decode()
        assert 'hybrid_decisions_total{decision="local",purpose="chat",reason="confident"} 1\n' in metrics
    async with start(**models, chat={"local_confidence": 1.0}) as hybrid:
        assert (await ask(hybrid)).headers["X-AI-Stack-Reason"] == "not_confident"
    long = [{"role": "user", "content": "word " * 3000 + QUESTION}]
    async with start(**{**models, "local_llm": model(local, "tiny", context_tokens=1024)}) as hybrid:
        assert (await ask(hybrid, messages=long)).headers["X-AI-Stack-Reason"] == "too_long_for_local"


async def test_failures_of_the_local_model_lower_the_confidence(start: Start, local: LlmStub, remote: LlmStub) -> None:
    async with start(local_llm=model(local, "tiny"), remote_llm=model(remote, "huge")) as hybrid:
        before = float((await ask(hybrid)).headers["X-AI-Stack-Confidence"])
        for _ in range(4):
            id_ = await track(hybrid, query=QUESTION, response="No.", agent_type="local")
            await report(hybrid, id_, outcome="failure")
        after = float((await ask(hybrid)).headers["X-AI-Stack-Confidence"])
    assert before - after > 0.05


@pytest.mark.parametrize("mode", ["error", "busy", "refuses_key", "redirect"])
async def test_the_other_model_answers_when_one_fails(
    start: Start, local: LlmStub, remote: LlmStub, mode: Mode
) -> None:
    local.mode = mode
    models = {"local_llm": model(local, "tiny"), "remote_llm": model(remote, "huge")}
    async with start(**models, chat={"local_confidence": 0.0}) as hybrid:
        answer = await ask(hybrid)
        assert answer.status == 200
        assert answer.headers["X-AI-Stack-Route"] == "remote"
        assert (await ask(hybrid, model="local")).status == 503


async def test_a_model_that_failed_often_is_not_asked(start: Start, local: LlmStub, remote: LlmStub) -> None:
    local.mode = "error"
    models = {"local_llm": model(local, "tiny"), "remote_llm": model(remote, "huge")}
    async with start(**models, chat={"local_confidence": 0.0}) as hybrid:
        answers = [await ask(hybrid) for _ in range(4)]
    assert [answer.status for answer in answers] == [200] * 4
    assert answers[-1].headers["X-AI-Stack-Reason"] == "local_unavailable"
    assert len(local.requests) == 3


async def test_what_the_model_refuses_is_the_clients_to_know(start: Start, local: LlmStub) -> None:
    local.mode = "refuses_request"
    async with start(local_llm=model(local, "tiny")) as hybrid:
        answer = await ask(hybrid)
        assert answer.status == 400
        assert answer.json["error"]["message"] == "max_tokens is too large"
        local.mode = "not_json"
        assert (await ask(hybrid)).status == 503


async def test_without_any_source_the_question_goes_on_as_it_is(start: Start, local: LlmStub, fakes: Others) -> None:
    for fake in (fakes.embeddings, fakes.aidb, fakes.docs):
        await fake.stop()
    async with start(local_llm=model(local, "tiny")) as hybrid:
        answer = await ask(hybrid)
        assert answer.status == 200
        assert answer.headers["X-AI-Stack-Degraded"] == "context"
    assert local.requests[0]["messages"] == MESSAGES


async def test_a_question_in_parts_keeps_its_parts(start: Start, local: LlmStub) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    async with start(local_llm=model(local, "tiny")) as hybrid:
        content = [{"type": "text", "text": QUESTION}, image]
        assert (await ask(hybrid, messages=[{"role": "user", "content": content}])).status == 200
    preface, *rest = local.requests[0]["messages"][0]["content"]
    assert rest == content
    assert AIDB_TEXT in preface["text"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
        ({"messages": [{"content": "x"}]}, "role"),
        ({"stream": "yes"}, "stream"),
    ],
)
async def test_bad_chats_are_refused_as_openai_does(
    start: Start, local: LlmStub, body: dict[str, Any], field: str
) -> None:
    async with start(local_llm=model(local, "tiny")) as hybrid:
        answer = await ask(hybrid, **body)
    assert answer.status == 400
    assert answer.json["error"]["type"] == "invalid_request_error"
    assert field in answer.json["error"]["message"]


async def test_chats_need_a_key(start: Start, local: LlmStub) -> None:
    async with start(local_llm=model(local, "tiny")) as hybrid, client_of(hybrid, "wrong") as client:
        with pytest.raises(openai.AuthenticationError):
            await client.chat.completions.create(model="auto", messages=MESSAGES)
    assert local.requests == []


async def test_a_prompt_comes_with_the_advice_who_should_read_it(
    start: Start, fakes: Others, local: LlmStub, remote: LlmStub
) -> None:
    async with start(local_llm=model(local, "tiny"), remote_llm=model(remote, "huge")) as hybrid:
        known = (await hybrid("POST", "/augment_query", json={"query": QUESTION})).json["routing"]
        assert (known["decision"], known["reason"]) == ("local", "confident")
        for fake in (fakes.aidb, fakes.docs):
            fake.answers["/search"] = lambda _: {"results": []}
        body = {"query": "Why do cats purr so loudly at night?"}
        unknown = (await hybrid("POST", "/augment_query", json=body)).json["routing"]
        assert (unknown["decision"], unknown["reason"]) == ("remote", "not_confident")
        assert 0 <= unknown["confidence"] < known["confidence"] <= 1
        metrics = (await hybrid("GET", "/metrics")).body.decode()
        assert 'hybrid_decisions_total{decision="local",purpose="advice",reason="confident"} 1\n' in metrics
    assert local.requests == remote.requests == []


async def test_advice_needs_no_model_of_ours_and_knows_the_window_of_one(start: Start, local: LlmStub) -> None:
    async with start() as hybrid:
        routing = (await hybrid("POST", "/augment_query", json={"query": QUESTION})).json["routing"]
        assert routing["reason"] == "confident"
    narrow = {**model(local, "tiny"), "context_tokens": 512}
    async with start(local_llm=narrow, remote_llm=model(local, "huge")) as hybrid:
        routing = (await hybrid("POST", "/augment_query", json={"query": QUESTION})).json["routing"]
        assert (routing["decision"], routing["reason"]) == ("remote", "too_long_for_local")
