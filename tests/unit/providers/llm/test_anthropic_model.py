"""Anthropic: every row of its error table becomes one verdict, and usage survives every answer."""

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from dayreel.errors import ConfigurationError, PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.llm.anthropic import AnthropicModel
from dayreel.providers.llm.contract import Answer, LanguageModel, Question
from tests.fakes.permits import make_permit
from tests.fakes.scripted_server import Say, scripted, unused_url

KEY = "marked-anthropic-key"
QUESTION = Question(
    model="claude-haiku-5-5",
    system="You write ideas.",
    prompt="One idea, please.",
    schema={
        "type": "object",
        "properties": {"idea": {"type": "string", "maxLength": 600}},
        "required": ["idea"],
    },
    schema_name="idea",
)


def message(stop_reason: str | None = "end_turn", text: str = '{"idea": "a pot"}', **more: Any) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-5-5",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "text", "text": text},
        ],
        "stop_reason": stop_reason,
        "usage": {"input_tokens": 120, "output_tokens": 45},
        **more,
    }


def error(kind: str, words: str = "no") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": words}, "request_id": "req_9"}


def ask(url: str, question: Question = QUESTION, **settings: Any) -> Answer:
    model: LanguageModel = AnthropicModel(api_key=SecretStr(KEY), base_url=url, **settings)
    return model.ask(make_permit("llm", "anthropic"), question)


def test_an_answer_keeps_text_usage_and_id() -> None:
    with scripted(Say(body=message())) as server:
        answer = ask(server.url)
    assert answer == Answer('{"idea": "a pot"}', "complete", "claude-haiku-5-5", 120, 45, "msg_1")
    sent = server.asked[0]
    assert sent.path == "/v1/messages"
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    schema = sent.json()["output_config"]["format"]["schema"]
    assert schema["additionalProperties"] is False
    assert "maxLength" not in schema["properties"]["idea"], "the API takes no such constraint"


@pytest.mark.parametrize("after", [b"", b"event: message_st", b'event: error\ndata: {"type": "error"}\n\n'])
def test_a_stream_without_its_end_is_a_lost_answer(after: bytes) -> None:
    """Its beginning has a usage, of one token: booked as it stands, a long answer would have cost nothing."""
    begun = json.dumps({"type": "message_start", "message": message(None, "", content=[])})
    body = f"event: message_start\ndata: {begun}\n\n".encode() + after
    with scripted(Say(body=body, headers={"content-type": "text/event-stream"})) as server:
        for _ in range(2):
            with pytest.raises(UnknownOutcomeError):
                ask(server.url, replace(QUESTION, max_tokens=40_000))
    assert server.asked[0].json()["stream"] is True


def test_cached_and_thinking_tokens_are_counted_apart() -> None:
    usage = {
        "input_tokens": 20,
        "cache_read_input_tokens": 70,
        "cache_creation_input_tokens": 30,
        "output_tokens": 45,
        "output_tokens_details": {"thinking_tokens": 40},
    }
    with scripted(Say(body=message(usage=usage))) as server:
        answer = ask(server.url, replace(QUESTION, effort="low"))
    assert (answer.input_tokens, answer.cached_tokens, answer.cache_write_tokens) == (120, 70, 30)
    assert (answer.output_tokens, answer.thinking_tokens) == (45, 40)
    assert server.asked[0].json()["output_config"]["effort"] == "low"


@pytest.mark.parametrize(
    ("stop_reason", "finish"),
    [
        ("end_turn", "complete"),
        ("max_tokens", "cut"),
        ("model_context_window_exceeded", "no_room"),
        ("pause_turn", "unfinished"),
        ("something_new", "unfinished"),
        ("refusal", "refused"),
    ],
)
def test_usage_survives_every_way_to_stop(stop_reason: str, finish: str) -> None:
    with scripted(Say(body=message(stop_reason, '{"idea": "a p'))) as server:
        answer = ask(server.url)
    assert (answer.finish, answer.input_tokens, answer.output_tokens) == (finish, 120, 45)


def test_a_refusal_names_its_category() -> None:
    body = message("refusal", "", stop_details={"type": "refusal", "category": "bio"})
    with scripted(Say(body=body)) as server:
        assert ask(server.url).refusal == "The model declined (bio)."


@pytest.mark.parametrize(
    ("status", "kind", "verdict", "step"),
    [
        (400, "invalid_request_error", PermanentError, "prompt templates"),
        (401, "authentication_error", PermanentError, "ANTHROPIC_API_KEY"),
        (402, "billing_error", PermanentError, "Add credit"),
        (403, "permission_error", PermanentError, "access to the model"),
        (404, "not_found_error", PermanentError, "`model`"),
        (413, "request_too_large", PermanentError, "Shorten"),
        (422, "invalid_request_error", PermanentError, "prompt templates"),
        (408, "timeout_error", UnknownOutcomeError, ""),
        (409, "conflict_error", UnknownOutcomeError, ""),
        (429, "rate_limit_error", TransientError, "later"),
        (500, "api_error", UnknownOutcomeError, ""),
        (503, "api_error", UnknownOutcomeError, ""),
        (504, "timeout_error", UnknownOutcomeError, ""),
        (529, "overloaded_error", TransientError, "later"),
    ],
)
def test_every_row_of_the_error_table_has_one_verdict(
    status: int, kind: str, verdict: type[ProviderError], step: str
) -> None:
    with (
        scripted(Say(status, error(kind, f"no, not with {KEY}"), {"request-id": "req_9"})) as server,
        pytest.raises(verdict) as caught,
    ):
        ask(server.url)
    assert len(server.asked) == 1, "each attempt is paid and recorded, so there is one"
    assert type(caught.value) is verdict
    text = str(caught.value)
    assert "claude-haiku-5-5" in text
    assert f"HTTP {status}" in text
    assert "'req_9'" in text
    assert step in caught.value.next_step
    assert KEY not in text


def test_no_credit_is_recognised_behind_a_400() -> None:
    words = "Your credit balance is too low to access the Anthropic API."
    with (
        scripted(Say(400, error("invalid_request_error", words))) as server,
        pytest.raises(PermanentError, match="Add credit") as caught,
    ):
        ask(server.url)
    assert caught.value.code == "out_of_credit"


def test_a_rate_limit_says_how_long_to_wait() -> None:
    with (
        scripted(Say(429, error("rate_limit_error"), {"retry-after": "17"})) as server,
        pytest.raises(TransientError) as caught,
    ):
        ask(server.url)
    assert caught.value.retry_after_s == 17


def test_a_connection_that_never_stood_can_be_tried_again() -> None:
    with pytest.raises(TransientError, match="no connection to Anthropic"):
        ask(unused_url())


@pytest.mark.parametrize("say", [Say(lost=True), Say(body=message(), cut=40), Say(body=b"{half"), Say(body=b"[]")])
def test_a_lost_or_unreadable_answer_is_in_doubt(say: Say) -> None:
    with scripted(say) as server, pytest.raises(UnknownOutcomeError, match="may be billed"):
        ask(server.url)
    assert len(server.asked) == 1


def test_a_page_instead_of_an_answer_is_in_doubt() -> None:
    with (
        scripted(Say(body=b"<html></html>", headers={"Content-Type": "text/html"})) as server,
        pytest.raises(UnknownOutcomeError),
    ):
        ask(server.url)


def test_an_invalid_address_is_reported_before_sending() -> None:
    with pytest.raises(ConfigurationError, match="cannot be used"):
        ask("nonsense://here")


@pytest.mark.slow
def test_neither_the_module_nor_the_model_imports_the_sdk() -> None:
    code = (
        "import sys, dayreel.providers.llm.anthropic as a, dayreel.providers.llm.openai as o;"
        "a.AnthropicModel(api_key='k'); o.OpenAIModel(api_key='k');"
        "print([m for m in ('anthropic', 'openai', 'httpx2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
