"""Both vendors in the sandbox world: dayreel's own schemas are taken, and every fault has one verdict."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

from dayreel.clock import SystemClock
from dayreel.errors import PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.llm.contract import LanguageModel, Question
from dayreel.schemas.content import Idea, PromptSet
from dayreel.vendors.access import Access
from dayreel.vendors.registry import vendor_named
from tests.fakes.permits import make_permit
from tests.fakes.sandbox import RunningSandbox

VENDORS = {"anthropic": ("claude-haiku-5-5", "messages"), "openai": ("gpt-6-luna", "responses")}
Ask = Callable[[str], Any]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("world")) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def access(world: RunningSandbox) -> Access:
    return Access("sandbox", world.credentials.get, world.url, SystemClock(), world.root)


@pytest.fixture(params=sorted(VENDORS))
def vendor(request: pytest.FixtureRequest, world: RunningSandbox) -> Iterator[str]:
    yield request.param
    world.clear_faults()


def question(vendor: str, shape: type[BaseModel] = Idea, **changes: Any) -> Question:
    prompt = "Topic: wheel-thrown pottery. Write it."
    whole = Question(
        VENDORS[vendor][0], "You write for asmr_crafts.", prompt, shape.model_json_schema(), "idea", 16_000
    )
    return replace(whole, **changes)


def ask(vendor: str, access: Access, shape: type[BaseModel] = Idea, **changes: Any) -> Any:
    model: LanguageModel = vendor_named(vendor).connect(access)
    return model.ask(make_permit("llm", vendor), question(vendor, shape, **changes))


def paid(world: RunningSandbox) -> int:
    return len(world.effects()["generations"])


@pytest.mark.parametrize("shape", [Idea, PromptSet])
def test_our_own_schemas_are_taken_and_answered(vendor: str, access: Access, shape: type[BaseModel]) -> None:
    answer = ask(vendor, access, shape)
    assert answer.finish == "complete"
    assert answer.input_tokens > 0
    assert answer.output_tokens > 0
    shape.model_validate_json(answer.text)


def test_thinking_is_counted_and_can_be_asked_for(vendor: str, access: Access) -> None:
    """2,000 tokens were the budget once: half of the questions were then cut before a word was written."""
    usual, hard, off = (ask(vendor, access, effort=effort) for effort in (None, "high", "none"))
    assert [answer.finish for answer in (usual, hard, off)] == ["complete"] * 3
    assert 0 == off.thinking_tokens < usual.thinking_tokens < hard.thinking_tokens < hard.output_tokens
    cut = ask(vendor, access, max_tokens=700)
    assert (cut.finish, cut.output_tokens, cut.text) == ("cut", 700, "")
    assert ask(vendor, access, effort="max", max_tokens=128_000).finish == "complete"


def test_a_temperature_is_sent_or_refused_by_the_vendor(access: Access, world: RunningSandbox) -> None:
    assert ask("openai", access, effort="none", temperature=0.7).finish == "complete"
    before = paid(world)
    for vendor, words in (("openai", "temperature"), ("anthropic", "temperature: Extra inputs are not permitted")):
        with pytest.raises(PermanentError, match=words):
            ask(vendor, access, effort="high", temperature=0.7)
    assert paid(world) == before


def test_usage_survives_what_cannot_be_used(vendor: str, access: Access, world: RunningSandbox) -> None:
    seen = {}
    for kind in ("cut", "off_schema", "refusal"):
        world.arm(vendor, VENDORS[vendor][1], kind)
        answer = ask(vendor, access)
        assert answer.input_tokens > 0
        seen[kind] = answer
    assert seen["cut"].finish == "cut"
    with pytest.raises(json.JSONDecodeError):
        json.loads(seen["cut"].text)
    assert seen["off_schema"].finish == "complete"
    assert "idea" not in json.loads(seen["off_schema"].text)
    assert seen["refusal"].finish == "refused"
    assert seen["refusal"].refusal


@pytest.mark.parametrize(
    ("fault", "verdict", "is_paid"),
    [
        ({"kind": "lose_answer"}, UnknownOutcomeError, True),
        ({"kind": "error", "status": 429}, TransientError, False),
        ({"kind": "error", "status": 500}, UnknownOutcomeError, False),
        ({"kind": "error", "status": 503}, UnknownOutcomeError, False),
        ({"kind": "error", "status": 400}, PermanentError, False),
        ({"kind": "expired_token"}, PermanentError, False),
    ],
)
def test_every_fault_has_one_verdict_and_one_attempt(
    vendor: str,
    access: Access,
    world: RunningSandbox,
    fault: dict[str, Any],
    verdict: type[ProviderError],
    is_paid: bool,
) -> None:
    before = paid(world)
    world.arm(vendor, VENDORS[vendor][1], times=1, **fault)
    with pytest.raises(verdict) as caught:
        ask(vendor, access)
    assert type(caught.value) is verdict
    assert paid(world) == before + is_paid


def test_no_credit_at_openai_is_no_rate_limit(access: Access, world: RunningSandbox) -> None:
    world.arm("openai", "responses", "quota")
    with pytest.raises(PermanentError, match="Add credit"):
        ask("openai", access)


def test_a_model_nobody_has_names_the_channel_file(vendor: str, access: Access) -> None:
    model: LanguageModel = vendor_named(vendor).connect(access)
    wrong = Question("no-such-model", "s", "p", Idea.model_json_schema(), "idea")
    with pytest.raises(PermanentError, match="`model` in the channel file"):
        model.ask(make_permit("llm", vendor), wrong)
