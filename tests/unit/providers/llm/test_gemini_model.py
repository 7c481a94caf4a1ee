"""Gemini: what is asked, what each end of an answer means, and what a first day is refused with."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

from dayreel.clock import SystemClock
from dayreel.errors import PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.llm.contract import Answer, LanguageModel, Question
from dayreel.providers.llm.gemini import supported
from dayreel.schemas.content import Idea, PromptSet
from dayreel.vendors.access import Access
from dayreel.vendors.registry import vendor_named
from tests.fakes.permits import make_permit
from tests.fakes.sandbox import RunningSandbox
from tests.fakes.scripted_server import Say, scripted

pytestmark = pytest.mark.slow  # the SDK takes three seconds to import
MODEL = "gemini-3.5-flash-lite"
USAGE = {"promptTokenCount": 120, "candidatesTokenCount": 45, "thoughtsTokenCount": 30, "cachedContentTokenCount": 20}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("world")) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def _nothing_is_armed(world: RunningSandbox) -> Iterator[None]:
    yield
    world.clear_faults()


def ask(world: RunningSandbox, shape: type[BaseModel] = Idea, url: str = "", **changes: Any) -> Answer:
    access = Access("sandbox", world.credentials.get, url or world.url, SystemClock(), world.root)
    model: LanguageModel = vendor_named("gemini").connect(access)
    question = Question(MODEL, "You write.", "Topic: pots.", shape.model_json_schema(), "idea", 16_000)
    return model.ask(make_permit("llm", "gemini"), replace(question, **changes))


def response(*parts: dict[str, Any], reason: str = "STOP", **more: Any) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": list(parts)}, "finishReason": reason}
    return {
        "candidates": [candidate],
        "usageMetadata": USAGE,
        "modelVersion": f"{MODEL}-001",
        "responseId": "r1",
        **more,
    }


@pytest.mark.parametrize("shape", [Idea, PromptSet])
def test_our_own_schemas_are_taken_and_answered(world: RunningSandbox, shape: type[BaseModel]) -> None:
    answer = ask(world, shape)
    shape.model_validate_json(answer.text)
    assert answer.finish == "complete"
    billed = world.effects()["generations"][-1]
    assert (billed["input_tokens"], billed["output_tokens"]) == (answer.input_tokens, answer.output_tokens)
    assert 0 < answer.thinking_tokens < answer.output_tokens


def test_thoughts_are_counted_and_left_out_of_the_text(world: RunningSandbox) -> None:
    parts = ({"text": "Let me think.", "thought": True}, {"text": '{"idea":'}, {"text": ' "a pot"}'})
    with scripted(Say(body=response(*parts))) as server:
        answer = ask(world, url=server.url, effort="low")
    assert answer == Answer('{"idea": "a pot"}', "complete", f"{MODEL}-001", 120, 75, "r1", None, 30, 20)
    sent = server.asked[0].json()["generationConfig"]
    assert sent["thinkingConfig"] == {"thinking_level": "LOW"}
    assert (sent["maxOutputTokens"], sent["responseMimeType"]) == (16_000, "application/json")


def test_a_schema_is_sent_as_google_takes_it() -> None:
    part = {"$ref": "#/$defs/Pot", "description": "a pot"}
    properties = {"default": {"const": 1, "pattern": "x"}, "pot": part}
    taken = supported({"type": "object", "properties": properties, "$defs": {"Pot": {"maxLength": 3}}})
    assert taken["properties"] == {"default": {"enum": [1]}, "pot": {"$ref": "#/$defs/Pot"}}
    assert taken["$defs"] == {"Pot": {}}


@pytest.mark.parametrize(
    ("answer", "finish", "refusal"),
    [
        (response({"text": "{"}, reason="MAX_TOKENS"), "cut", None),
        (response(reason="SAFETY"), "refused", "SAFETY"),
        (response(reason="RECITATION"), "refused", "RECITATION"),
        (response(reason="PROHIBITED_CONTENT"), "refused", "PROHIBITED_CONTENT"),
        (response(reason="OTHER"), "unfinished", None),
        ({"promptFeedback": {"blockReason": "BLOCKLIST"}, "usageMetadata": USAGE}, "refused", "BLOCKLIST"),
    ],
)
def test_an_end_means_one_thing(world: RunningSandbox, answer: Any, finish: str, refusal: str | None) -> None:
    with scripted(Say(body=answer)) as server:
        seen = ask(world, url=server.url)
    assert seen.finish == finish
    assert (seen.refusal or "").find(refusal or "") >= 0
    assert bool(seen.refusal) == bool(refusal)
    assert seen.output_tokens == 75


def test_usage_that_is_missing_is_booked_at_its_most(world: RunningSandbox) -> None:
    world.arm("gemini", "generate", "no_usage")
    answer = ask(world)
    assert not answer.usage_reported
    assert answer.output_tokens == 16_000
    assert answer.input_tokens > ask(world).input_tokens
    with scripted(Say(body=response({"text": "{}"}, usageMetadata={"totalTokenCount": 9}))) as server:
        uncounted = ask(world, url=server.url)
    assert (uncounted.output_tokens, uncounted.usage_reported) == (16_000, False)


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ({"kind": "location"}, PermanentError, "where this machine stands"),
        ({"kind": "api_disabled"}, PermanentError, "Enable the Generative Language API"),
        ({"kind": "expired_token"}, PermanentError, "Check GEMINI_API_KEY"),
        ({"kind": "daily_quota"}, TransientError, "midnight"),
        ({"kind": "quota"}, TransientError, "tried again later"),
        ({"kind": "error", "status": 503}, TransientError, "another model may be less busy"),
        ({"kind": "error", "status": 504}, UnknownOutcomeError, "may be billed"),
        ({"kind": "lose_answer"}, UnknownOutcomeError, "may be billed"),
    ],
)
def test_a_refusal_has_a_step(
    world: RunningSandbox, fault: dict[str, Any], kind: type[ProviderError], words: str
) -> None:
    world.arm("gemini", "generate", **fault)
    with pytest.raises(kind, match=words) as caught:
        ask(world)
    assert type(caught.value) is kind


def test_a_model_without_a_free_quota_needs_billing(world: RunningSandbox) -> None:
    world.pace(gemini_billing=False)
    with pytest.raises(PermanentError, match="Set up billing") as caught:
        ask(world, model="gemini-3.1-pro-preview")
    assert caught.value.code == "out_of_credit"
    world.pace(gemini_billing=True)
    assert ask(world, model="gemini-3.1-pro-preview").finish == "complete"


def test_a_limited_account_and_an_empty_answer_are_no_answers(world: RunningSandbox) -> None:
    with scripted(Say(body=response(reason="PUP_LIMITED_DISABLED"))) as server, pytest.raises(PermanentError):
        ask(world, url=server.url)
    with scripted(Say(body={"usageMetadata": USAGE})) as server, pytest.raises(UnknownOutcomeError):
        ask(world, url=server.url)
