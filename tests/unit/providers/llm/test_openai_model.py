"""OpenAI: every row of its error table becomes one verdict, and usage survives every answer."""

from typing import Any

import pytest
from pydantic import SecretStr

from dayreel.errors import PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.llm.contract import Answer, LanguageModel, Question, closed
from dayreel.providers.llm.openai import OpenAIModel
from dayreel.schemas.content import Idea
from tests.fakes.permits import make_permit
from tests.fakes.scripted_server import Say, scripted, unused_url

KEY = "marked-openai-key"
QUESTION = Question("gpt-6-luna", "You write ideas.", "One idea.", Idea.model_json_schema(), "idea")
USAGE = {
    "input_tokens": 120,
    "output_tokens": 45,
    "total_tokens": 165,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens_details": {"reasoning_tokens": 0},
}


def response(*parts: dict[str, Any], status: str = "completed", **more: Any) -> dict[str, Any]:
    content = list(parts) or [{"type": "output_text", "text": '{"idea": "a pot"}', "annotations": []}]
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 0,
        "model": "gpt-6-luna",
        "status": status,
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "message", "id": "m_1", "role": "assistant", "status": "completed", "content": content},
        ],
        "usage": USAGE,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        **more,
    }


def error(code: str | None, words: str = "no") -> dict[str, Any]:
    return {"error": {"message": words, "type": "invalid_request_error", "param": None, "code": code}}


def ask(url: str) -> Answer:
    model: LanguageModel = OpenAIModel(api_key=SecretStr(KEY), base_url=f"{url}/v1")
    return model.ask(make_permit("llm", "openai"), QUESTION)


def test_an_answer_keeps_text_usage_and_id() -> None:
    with scripted(Say(body=response())) as server:
        answer = ask(server.url)
    assert answer == Answer('{"idea": "a pot"}', "complete", "gpt-6-luna", 120, 45, "resp_1")
    sent = server.asked[0]
    assert sent.path == "/v1/responses"
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    form = sent.json()["text"]["format"]
    assert (form["type"], form["strict"], form["name"]) == ("json_schema", True, "idea")
    assert form["schema"]["additionalProperties"] is False
    assert set(form["schema"]["required"]) == set(Idea.model_fields)
    assert sent.json()["store"] is False


def test_a_closed_schema_keeps_a_property_named_default() -> None:
    schema = {
        "type": "object",
        "properties": {
            "default": {"type": "string", "default": "x"},
            "list": {"type": "array", "items": {"$ref": "#"}},
        },
    }
    made = closed(schema)
    assert made["properties"]["default"] == {"type": "string"}
    assert made["required"] == ["default", "list"]
    assert "required" not in schema


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("max_output_tokens", "cut"),
        ("content_filter", "refused"),
        ("max_messages", "unfinished"),
        ("new", "unfinished"),
    ],
)
def test_usage_survives_an_incomplete_answer(reason: str, finish: str) -> None:
    body = response(status="incomplete", incomplete_details={"reason": reason})
    with scripted(Say(body=body)) as server:
        answer = ask(server.url)
    assert (answer.finish, answer.input_tokens, answer.output_tokens) == (finish, 120, 45)


def test_a_refusal_keeps_its_words_and_usage() -> None:
    with scripted(Say(body=response({"type": "refusal", "refusal": "I can't help with that."}))) as server:
        answer = ask(server.url)
    assert (answer.finish, answer.refusal, answer.text) == ("refused", "I can't help with that", "")
    assert answer.output_tokens == 45


@pytest.mark.parametrize(
    ("status", "code", "verdict", "step"),
    [
        (400, "invalid_prompt", PermanentError, "prompt templates"),
        (401, "invalid_api_key", PermanentError, "OPENAI_API_KEY"),
        (403, "model_not_allowed", PermanentError, "access to the model"),
        (404, "model_not_found", PermanentError, "`model`"),
        (422, None, PermanentError, "prompt templates"),
        (429, "insufficient_quota", PermanentError, "Add credit"),
        (408, None, UnknownOutcomeError, ""),
        (409, None, UnknownOutcomeError, ""),
        (429, "rate_limit_exceeded", TransientError, "later"),
        (500, "server_error", UnknownOutcomeError, ""),
        (503, None, UnknownOutcomeError, ""),
    ],
)
def test_every_row_of_the_error_table_has_one_verdict(
    status: int, code: str | None, verdict: type[ProviderError], step: str
) -> None:
    say = Say(status, error(code, f"Incorrect API key provided: {KEY}"), {"x-request-id": "req_9"})
    with scripted(say) as server, pytest.raises(verdict) as caught:
        ask(server.url)
    assert len(server.asked) == 1
    assert type(caught.value) is verdict
    text = str(caught.value)
    assert f"HTTP {status}" in text
    assert "'req_9'" in text
    assert step in caught.value.next_step
    assert KEY not in text


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("server_error", UnknownOutcomeError),
        ("rate_limit_exceeded", UnknownOutcomeError),
        ("invalid_prompt", PermanentError),
    ],
)
def test_a_failed_response_is_typed_by_its_code(code: str, verdict: type) -> None:
    body = response(status="failed", error={"code": code, "message": "it broke"})
    with scripted(Say(body=body)) as server, pytest.raises(verdict, match="it broke"):
        ask(server.url)


def test_a_long_retry_after_is_reported_and_not_waited_for() -> None:
    with (
        scripted(Say(429, error("rate_limit_exceeded"), {"retry-after": "600"})) as server,
        pytest.raises(TransientError) as caught,
    ):
        ask(server.url)
    assert caught.value.retry_after_s == 600


def test_a_connection_that_never_stood_can_be_tried_again() -> None:
    with pytest.raises(TransientError, match="no connection to OpenAI"):
        ask(unused_url())


@pytest.mark.parametrize(
    "say",
    [
        Say(lost=True),
        Say(body=response(), cut=40),
        Say(body=b"{half"),
        Say(body=response(usage=None)),
        Say(body=response(status="in_progress")),
        Say(body=b"<html></html>", headers={"Content-Type": "text/html"}),
    ],
)
def test_a_lost_or_unreadable_answer_is_in_doubt(say: Say) -> None:
    with scripted(say) as server, pytest.raises(UnknownOutcomeError, match="may be billed"):
        ask(server.url)
    assert len(server.asked) == 1
