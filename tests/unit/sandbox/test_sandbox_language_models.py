"""The real Anthropic and OpenAI SDKs against the stand-ins."""

import json
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import anthropic
import openai
import pytest
import requests
from openai.types.responses import ResponseFormatTextJSONSchemaConfigParam
from pydantic import BaseModel
from rapidfuzz.fuzz import token_set_ratio

from dayreel.sandbox.credentials import SANDBOX_CREDENTIALS
from dayreel.schemas.content import Idea, PromptSet
from tests.fakes.sandbox import RunningSandbox

IDEA_ASK = "Write one idea for a video of ASMR crafts from around the world, for {day}."


class Verdict(BaseModel):
    safe: bool
    reasons: list[str]


class StrictIdea(BaseModel):
    idea: str
    caption: str
    hashtags: list[str]


def claude(sandbox: RunningSandbox, key: str = SANDBOX_CREDENTIALS["ANTHROPIC_API_KEY"]) -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key=key, base_url=sandbox.url + "/anthropic", max_retries=0)


def gpt(sandbox: RunningSandbox) -> openai.OpenAI:
    key = sandbox.credentials["OPENAI_API_KEY"]
    return openai.OpenAI(api_key=key, base_url=sandbox.url + "/openai/v1", max_retries=0)


def idea_of(sandbox: RunningSandbox, ask: str) -> Idea:
    with claude(sandbox) as client:
        answer = client.messages.parse(
            model="claude-haiku-5-5",
            max_tokens=16_000,
            messages=[{"role": "user", "content": ask}],
            output_format=Idea,
        )
    assert answer.parsed_output is not None
    return answer.parsed_output


def test_the_same_request_gets_the_same_schema_valid_idea(sandbox: RunningSandbox) -> None:
    first, second = (idea_of(sandbox, IDEA_ASK.format(day="2026-11-20")) for _ in range(2))
    assert first == second
    assert any(ord(sign) > 0x2000 for sign in first.caption)
    assert all(tag.startswith("#") for tag in first.hashtags)


def test_ideas_of_different_days_are_really_different(sandbox: RunningSandbox) -> None:
    ideas = [idea_of(sandbox, IDEA_ASK.format(day=f"2026-11-{day:02d}")).idea for day in range(16, 26)]
    assert max(token_set_ratio(idea, other) for idea, other in combinations(ideas, 2)) < 80


def test_asking_again_with_ideas_to_avoid_gives_another_subject(sandbox: RunningSandbox) -> None:
    ask = IDEA_ASK.format(day="2026-11-20")
    first = idea_of(sandbox, ask)
    again = idea_of(sandbox, f"{ask}\nAvoid these:\n- {first.idea}")
    assert token_set_ratio(first.idea, again.idea) < 80
    assert first.topic.split(":")[0] != again.topic.split(":")[0]


def test_prompts_have_the_count_and_length_asked_for(sandbox: RunningSandbox) -> None:
    with claude(sandbox) as client:
        answer = client.messages.parse(
            model="claude-sonnet-5-5",
            max_tokens=20_000,
            messages=[{"role": "user", "content": "Write prompts for the idea.\ncount: 4\nIdea: paper marbling."}],
            output_format=PromptSet,
        )
    assert answer.parsed_output is not None
    prompts = answer.parsed_output.prompts
    assert len(prompts) == 4
    assert all(100 <= len(prompt.video_prompt.split()) <= 200 for prompt in prompts)
    assert all(len(prompt.video_prompt) <= 1500 and "paper marbling" in prompt.video_prompt for prompt in prompts)
    assert len({prompt.video_prompt for prompt in prompts}) == 4


@pytest.mark.parametrize(("text", "is_safe"), [("a calm pot", True), ("a calm pot [sandbox-unsafe]", False)])
def test_the_second_look_answers_whether_it_is_safe(sandbox: RunningSandbox, text: str, *, is_safe: bool) -> None:
    with claude(sandbox) as client:
        answer = client.messages.parse(
            model="claude-haiku-5-5",
            max_tokens=8000,
            messages=[{"role": "user", "content": text}],
            output_format=Verdict,
        )
    assert answer.parsed_output is not None
    assert answer.parsed_output.safe is is_safe
    assert bool(answer.parsed_output.reasons) is not is_safe


def test_an_answer_is_billed_by_its_tokens(sandbox: RunningSandbox) -> None:
    idea_of(sandbox, "an idea")
    (billed,) = sandbox.effects()["generations"]
    assert (billed["vendor"], billed["kind"], billed["model"]) == ("anthropic", "llm", "claude-haiku-5-5")
    assert billed["cost_usd"] == str((billed["input_tokens"] + 5 * billed["output_tokens"]) / 10_000_000).rstrip("0")


def test_a_wrong_key_is_refused_in_the_vendors_shape(sandbox: RunningSandbox) -> None:
    with claude(sandbox, key="wrong") as client, pytest.raises(anthropic.AuthenticationError) as caught:
        client.messages.create(model="claude-haiku-5-5", max_tokens=9, messages=[{"role": "user", "content": "x"}])
    assert caught.value.body == {
        "type": "error",
        "error": {"type": "authentication_error", "message": "invalid x-api-key"},
        "request_id": "req_sandbox",
    }
    assert sandbox.effects()["generations"] == []


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"model": "claude-2"}, 404, "claude-2"),
        ({"max_tokens": None}, 400, "max_tokens"),
        ({"temperature": 0.5}, 400, "temperature"),
        ({"messages": []}, 400, "at least one message"),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "{"}]}, 400, "prefill"),
        ({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}, 400, "additionalProp"),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": {"type": "string", "maxLength": 5}}}},
            400,
            "maxLength",
        ),
    ],
)
def test_anthropic_refuses_what_the_real_api_refuses(
    sandbox: RunningSandbox, changes: dict[str, object], status: int, says: str
) -> None:
    body = {"model": "claude-haiku-5-5", "max_tokens": 100, "messages": [{"role": "user", "content": "x"}]} | changes
    answer = requests.post(
        sandbox.url + "/anthropic/v1/messages",
        json={name: value for name, value in body.items() if value is not None},
        headers={"x-api-key": sandbox.credentials["ANTHROPIC_API_KEY"], "anthropic-version": "2023-06-01"},
        timeout=10,
    )
    assert answer.status_code == status
    assert says in answer.json()["error"]["message"]


MESSAGE = {"model": "claude-sonnet-5-5", "max_tokens": 21_000, "messages": [{"role": "user", "content": "an idea"}]}
TOOL = {"name": "keep", "input_schema": {"type": "object", "properties": {"idea": {"type": "string"}}}}


def test_claude_thinks_by_default_and_within_its_budget(sandbox: RunningSandbox) -> None:
    with claude(sandbox) as client:
        whole = client.messages.create(**MESSAGE)  # type: ignore[call-overload]
        cut = client.messages.create(**{**MESSAGE, "max_tokens": 2000})  # type: ignore[call-overload]
        off = client.messages.create(**MESSAGE, thinking={"type": "disabled"})  # type: ignore[call-overload]
    thought = whole.usage.output_tokens_details.thinking_tokens
    assert [block.type for block in whole.content] == ["thinking", "text"]
    assert 2500 <= thought < whole.usage.output_tokens
    assert ([block.type for block in cut.content], cut.stop_reason, cut.usage.output_tokens) == (
        ["thinking"],
        "max_tokens",
        2000,
    )
    assert ([block.type for block in off.content], off.usage.output_tokens_details.thinking_tokens) == (["text"], 0)
    billed = [generation["output_tokens"] for generation in sandbox.effects()["generations"]]
    assert sorted(billed) == sorted(answer.usage.output_tokens for answer in (whole, cut, off))


def test_another_seed_thinks_for_another_time(sandbox: RunningSandbox) -> None:
    thought = set()
    with claude(sandbox) as client:
        for seed in range(5):
            sandbox.pace(anthropic_thinking_seed=seed)
            whole = client.messages.create(**MESSAGE)  # type: ignore[call-overload]
            thought.add(whole.usage.output_tokens_details.thinking_tokens)
    assert len(thought) == 5


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "keep"}}, "tool_choice forces tool use"),
        ({"tools": [TOOL], "tool_choice": {"type": "any"}}, "tool_choice forces tool use"),
        ({"thinking": {"type": "enabled", "budget_tokens": 21_000}}, "must be greater than `thinking.budget_tokens`"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1000}}, "greater than or equal to 1024"),
        ({"thinking": {"type": "sometimes"}}, "thinking.type"),
        ({"model": "claude-opus-5-5", "thinking": {"type": "disabled"}}, "not supported for this model"),
        ({"output_config": {"effort": "heroic"}}, "output_config.effort"),
        ({"model": "claude-haiku-4-5", "output_config": {"effort": "low"}}, "does not support the effort"),
        ({"temperature": 1}, "temperature"),
        ({"model": "claude-opus-4-8", "thinking": {"type": "adaptive"}, "temperature": 0.5}, "may only be set to 1"),
        ({"reasoning": {"effort": "low"}}, "reasoning: Extra inputs"),
        ({"model": "claude-sonnet-4-5"}, "model: claude-sonnet-4-5"),
        ({"messages": [{"role": "user", "content": "x" * 4_100_000}]}, "prompt is too long"),
    ],
)
def test_what_does_not_go_with_thinking_is_refused(
    sandbox: RunningSandbox, changes: dict[str, object], says: str
) -> None:
    sandbox.ask(lambda world: world.set_now(datetime(2026, 12, 1, tzinfo=UTC)))
    answer = requests.post(
        sandbox.url + "/anthropic/v1/messages",
        json={**MESSAGE, **changes},
        headers={"x-api-key": sandbox.credentials["ANTHROPIC_API_KEY"], "anthropic-version": "2023-06-01"},
        timeout=10,
    )
    assert answer.status_code in (400, 404)
    assert says in answer.json()["error"]["message"]
    assert sandbox.effects()["generations"] == []


def test_gpt_reasons_by_default_and_within_its_budget(sandbox: RunningSandbox) -> None:
    with gpt(sandbox) as client:
        whole = client.responses.create(model="gpt-6-luna", input="an idea")
        cut = client.responses.create(model="gpt-6-luna", input="an idea", max_output_tokens=500)
        off = client.responses.create(model="gpt-6-luna", input="an idea", reasoning={"effort": "none"})
        plain = client.responses.create(model="gpt-4.1", input="an idea", temperature=0.5)
    assert all(answer.usage is not None for answer in (whole, cut, off, plain))
    assert [item.type for item in whole.output] == ["reasoning", "message"]
    assert whole.usage
    assert 800 <= whole.usage.output_tokens_details.reasoning_tokens < whole.usage.output_tokens
    assert (cut.status, [item.type for item in cut.output]) == ("incomplete", ["reasoning"])
    assert cut.usage
    assert cut.usage.output_tokens == 500
    assert [item.type for item in (*off.output, *plain.output)] == ["message", "message"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"temperature": 0.5}, "unsupported_parameter"),
        ({"model": "gpt-4.1", "reasoning": {"effort": "low"}}, "unsupported_parameter"),
        ({"reasoning": {"effort": "heroic"}}, "invalid_value"),
        ({"max_output_tokens": 8}, "integer_below_min_value"),
        ({"max_tokens": 800}, "unknown_parameter"),
    ],
)
def test_what_does_not_go_with_reasoning_is_refused(
    sandbox: RunningSandbox, changes: dict[str, object], code: str
) -> None:
    body = {"model": "gpt-6-luna", "input": "an idea", **changes}
    with gpt(sandbox) as client, pytest.raises(openai.BadRequestError) as caught:
        client.post("/responses", body=body, cast_to=object)
    assert caught.value.code == code
    assert sandbox.effects()["generations"] == []


def test_too_few_tokens_cut_the_answer(sandbox: RunningSandbox) -> None:
    with claude(sandbox) as client:
        answer = client.messages.create(
            model="claude-haiku-5-5",
            max_tokens=5,
            messages=[{"role": "user", "content": "an idea"}],
        )
    assert answer.stop_reason == "max_tokens"
    assert answer.usage.output_tokens == 5


STOPS = {
    "cut": "max_tokens",
    "refusal": "refusal",
    "off_schema": "end_turn",
    "pause": "pause_turn",
    "window": "model_context_window_exceeded",
}


@pytest.mark.parametrize(("kind", "stop"), STOPS.items())
def test_anthropic_faults_are_billed_and_useless(sandbox: RunningSandbox, kind: str, stop: str) -> None:
    sandbox.arm("anthropic", "messages", kind)
    schema = {"type": "object", "properties": {"idea": {"type": "string"}}, "additionalProperties": False}
    with claude(sandbox) as client:
        answer = client.messages.create(
            model="claude-haiku-5-5",
            max_tokens=16_000,
            messages=[{"role": "user", "content": "an idea"}],
            output_config={"format": {"type": "json_schema", "schema": schema}},
        )
    assert answer.stop_reason == stop
    text = "".join(block.text for block in answer.content if block.type == "text")
    if kind == "off_schema":
        assert "idea" not in json.loads(text)
    else:
        with pytest.raises(ValueError):
            json.loads(text)
    assert len(sandbox.effects()["generations"]) == 1


def test_a_lost_answer_looks_like_one_and_was_billed(sandbox: RunningSandbox) -> None:
    sandbox.arm("anthropic", "messages", "lose_answer")
    with claude(sandbox) as client, pytest.raises(anthropic.APIConnectionError) as caught:
        client.messages.create(model="claude-haiku-5-5", max_tokens=9, messages=[{"role": "user", "content": "x"}])
    assert "disconnected without sending a response" in str(caught.value.__cause__)
    assert len(sandbox.effects()["generations"]) == 1


def test_the_sdks_retry_pays_again_after_a_processed_500(sandbox: RunningSandbox) -> None:
    sandbox.arm("anthropic", "messages", "error_after_accept")
    with claude(sandbox).with_options(max_retries=1) as client:
        client.messages.create(model="claude-haiku-5-5", max_tokens=9, messages=[{"role": "user", "content": "x"}])
    assert len(sandbox.effects()["generations"]) == 2


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "error", "status": 529}, anthropic.APIStatusError),
        ({"kind": "error", "status": 429, "headers": {"retry-after": "3"}}, anthropic.RateLimitError),
        ({"kind": "expired_token"}, anthropic.AuthenticationError),
        ({"kind": "quota"}, anthropic.RateLimitError),
    ],
)
def test_an_armed_error_is_typed_by_the_sdk_and_costs_nothing(
    sandbox: RunningSandbox, fault: dict[str, Any], error: type[anthropic.APIStatusError]
) -> None:
    sandbox.arm("anthropic", "*", **fault)
    with claude(sandbox) as client, pytest.raises(error):
        client.messages.create(model="claude-haiku-5-5", max_tokens=9, messages=[{"role": "user", "content": "x"}])
    assert sandbox.effects()["generations"] == []


def test_openai_answers_in_the_requests_schema(sandbox: RunningSandbox) -> None:
    with gpt(sandbox) as client:
        response = client.responses.parse(model="gpt-6-luna", input="an idea", text_format=StrictIdea)
    assert response.output_parsed is not None
    assert response.usage is not None
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
    assert [item["vendor"] for item in sandbox.effects()["generations"]] == ["openai"]


def test_openai_shows_its_faults(sandbox: RunningSandbox) -> None:
    with gpt(sandbox) as client:
        sandbox.arm("openai", "responses", "cut")
        cut = client.responses.create(model="gpt-6-luna", input="an idea")
        assert (cut.status, cut.incomplete_details and cut.incomplete_details.reason) == (
            "incomplete",
            "max_output_tokens",
        )
        sandbox.arm("openai", "responses", "content_filter")
        filtered = client.responses.create(model="gpt-6-luna", input="an idea")
        assert filtered.incomplete_details
        assert filtered.incomplete_details.reason == "content_filter"
        sandbox.arm("openai", "responses", "refusal")
        refused = client.responses.create(model="gpt-6-luna", input="an idea")
        assert "can't help with that" in repr(refused.output)
        sandbox.arm("openai", "responses", "quota")
        with pytest.raises(openai.RateLimitError) as caught:
            client.responses.create(model="gpt-6-luna", input="an idea")
        assert caught.value.code == "insufficient_quota"


def test_openai_refuses_a_schema_that_is_not_strict(sandbox: RunningSandbox) -> None:
    form: ResponseFormatTextJSONSchemaConfigParam = {
        "type": "json_schema",
        "name": "x",
        "strict": True,
        "schema": {"type": "object", "properties": {}},
    }
    with gpt(sandbox) as client, pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="gpt-6-luna", input="x", text={"format": form})
    assert caught.value.code == "invalid_json_schema"
    with gpt(sandbox) as client, pytest.raises(openai.NotFoundError):
        client.responses.create(model="davinci", input="x")
