"""A server that speaks OpenAI's protocol: what goes there, how it answers, and what it refuses."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dayreel.clock import SystemClock
from dayreel.errors import ConfigurationError, PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.llm.contract import Answer, LanguageModel, Question
from dayreel.rules.answers import document_in
from dayreel.rules.pricing import most_tokens_cost
from dayreel.schemas.content import Idea
from dayreel.vendors.access import Access
from dayreel.vendors.model_list import ModelList
from dayreel.vendors.registry import vendor_named
from tests.fakes.permits import make_permit
from tests.fakes.sandbox import RunningSandbox
from tests.fakes.scripted_server import Say, scripted

VENDOR = vendor_named("openai_compatible")
PATH = "/openai_compatible/v1"
QUESTION = Question("qwen3", "You write.", "Topic: pots.", Idea.model_json_schema(), "idea", 4000)
ROW = "- {provider: openai_compatible, family: llm, model: qwen3, source: me, checked_on: 2026-12-01, "


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("world")) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def _nothing_is_armed(world: RunningSandbox) -> Iterator[None]:
    yield
    world.clear_faults()
    world.pace(
        openai_compatible_models="*", openai_compatible_structured_output="json_schema", openai_compatible_key=""
    )


def access_to(url: str, root: Path = Path("nowhere"), **variables: str) -> Access:
    return Access("live", {"OPENAI_COMPATIBLE_URL": url, **variables}.get, None, SystemClock(), root)


def ask(url: str, root: Path = Path("nowhere"), variables: dict[str, str] | None = None, **changes: Any) -> Answer:
    model: LanguageModel = VENDOR.connect(access_to(url, root, **(variables or {})))
    return model.ask(make_permit("llm", "openai_compatible"), replace(QUESTION, **changes))


def completion(content: Any, reason: str | None = "stop", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, "reasoning_content": "Hm."}
    usage = {"prompt_tokens": 120, "completion_tokens": 45, "total_tokens": 165}
    choices = [{"index": 0, "message": message, "finish_reason": reason}]
    return {"id": "c1", "model": "qwen3", "choices": choices, "usage": usage, **more}


def test_only_what_was_configured_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "marked-openai")
    with scripted(Say(body=completion('{"idea": "a pot"}'))) as server:
        answer = ask(server.url, variables={"OPENAI_API_KEY": "marked-openai"})
    assert answer == Answer('{"idea": "a pot"}', "complete", "qwen3", 120, 45, "c1")
    sent = server.asked[0]
    assert sent.path == "/v1/chat/completions"
    assert set(sent.json()) == {"model", "messages", "max_tokens", "response_format"}
    assert not {"authorization", "openai-organization", "openai-project"} & set(sent.headers)
    assert "marked-openai" not in f"{sent.headers}{sent.body!r}"


def test_the_servers_own_key_is_sent_to_it_alone() -> None:
    elsewhere = Say(status=307, headers={"Location": "http://127.0.0.1:1/"})
    with scripted(elsewhere) as server, pytest.raises(UnknownOutcomeError):
        ask(server.url, variables={"OPENAI_COMPATIBLE_API_KEY": "own-key"}, effort="low")
    assert server.asked[0].headers["authorization"] == "Bearer own-key"
    assert server.asked[0].json()["reasoning_effort"] == "low"


@pytest.mark.parametrize("url", ["ollama", "ftp://127.0.0.1/v1", "http://", "http://127.0.0.1/v1?key=1"])
def test_what_is_not_an_address_is_named(url: str) -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_COMPATIBLE_URL"):
        VENDOR.connect(access_to(url))


@pytest.mark.parametrize("form", ["json_schema", "json_object", "none"])
def test_each_form_of_structured_output_works(world: RunningSandbox, tmp_path: Path, form: str) -> None:
    (tmp_path / "models.yaml").write_text(f"{ROW}structured_output: {form}}}\n")
    world.pace(openai_compatible_structured_output=form)
    Idea.model_validate_json(ask(world.url + PATH, tmp_path).text)
    if form != "json_schema":
        with pytest.raises(PermanentError, match="structured_output: json_object"):
            ask(world.url + PATH)


@pytest.mark.parametrize("kind", ["thinks_aloud", "fenced"])
def test_a_document_is_found_in_an_answer(world: RunningSandbox, kind: str) -> None:
    world.arm("openai_compatible", "chat", kind)
    Idea.model_validate_json(ask(world.url + PATH).text)


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ('{"a": 1}', '{"a": 1}'),
        ('I think {"x": 1}.</think>{"a": {"b": "}"}}', '{"a": {"b": "}"}}'),
        ('```json\n{"a": 1, "b": 2}\n```\nor {"a": 1}', '{"a": 1, "b": 2}'),
        ("{{hello}", "{{hello}"),
        ("<think>never ended", ""),
        ("no document", "no document"),
        ('{"a":' * 9000, '{"a":' * 9000),
        ('{"a": "<think> ends with </think>"}', '{"a": "<think> ends with </think>"}'),
        ('<think>{"x": 1}</think>{"a": "<think>"}', '{"a": "<think>"}'),
        ("x" * 300_000, "x" * 300_000),
    ],
)
def test_the_longest_object_is_the_document(text: str, document: str) -> None:
    assert document_in(text) == document


@pytest.mark.parametrize(
    ("answer", "finish", "tokens"),
    [
        (completion("{", "length"), "no_room", (120, 45)),  # long before its budget: the context is full
        (completion("{", "length", usage={"prompt_tokens": 9, "completion_tokens": 4000}), "cut", (9, 4000)),
        (completion("{}", "MAX_TOKENS", usage=None), "cut", None),
        (completion("{}", None), "complete", (120, 45)),
        (completion([{"type": "text", "text": "{}"}], "eos"), "complete", (120, 45)),
        (completion(None, "tool_calls"), "unfinished", (120, 45)),
        (completion("", "content_filter"), "refused", (120, 45)),
        (completion("{}", usage={"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 30}), "complete", (9, 21)),
        (completion("{}", usage={}), "complete", None),
        (completion("{}", usage={"prompt_tokens": 9, "completion_tokens": -1}), "complete", None),
    ],
)  # fmt: skip
def test_an_end_and_its_usage_mean_one_thing(answer: Any, finish: str, tokens: tuple[int, int] | None) -> None:
    with scripted(Say(body=answer)) as server:
        seen = ask(server.url)
    assert seen.finish == finish
    assert bool(seen.refusal) == (finish == "refused")
    assert seen.usage_reported == (tokens is not None)
    if tokens is None:  # a token for each byte, and the whole budget
        assert seen.input_tokens > len(QUESTION.system + QUESTION.prompt)
        assert seen.output_tokens == 4000
    else:
        assert (seen.input_tokens, seen.output_tokens) == tokens


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ({"kind": "loading"}, TransientError, "loading the model"),
        ({"kind": "no_credit"}, PermanentError, "Add credit"),
        ({"kind": "context_full"}, PermanentError, "OLLAMA_CONTEXT_LENGTH"),
        ({"kind": "expired_token"}, PermanentError, "Check OPENAI_COMPATIBLE_API_KEY"),
        ({"kind": "error", "status": 429}, TransientError, "tried again later"),
        ({"kind": "error", "status": 404, "body": "404 page not found"}, UnknownOutcomeError, "OPENAI_COMPATIBLE_URL"),
        ({"kind": "error", "status": 500}, UnknownOutcomeError, "may have happened"),
        ({"kind": "error_in_body"}, UnknownOutcomeError, "Provider returned error"),
        ({"kind": "lose_answer"}, UnknownOutcomeError, "lost"),
    ],
)
def test_a_refusal_has_a_step(
    world: RunningSandbox, fault: dict[str, Any], kind: type[ProviderError], words: str
) -> None:
    world.arm("openai_compatible", "chat", **fault)
    with pytest.raises(kind, match=words) as caught:
        ask(world.url + PATH)
    assert type(caught.value) is kind


def test_a_model_that_was_not_pulled_is_named(world: RunningSandbox) -> None:
    world.pace(openai_compatible_models="llama3.3:latest")
    with pytest.raises(PermanentError, match="`ollama pull qwen3`"):
        ask(world.url + PATH)
    assert VENDOR.prove is not None
    proof = VENDOR.prove(access_to(world.url + PATH), ["llama3.3", "qwen3"])
    assert (proof.problem, "ollama pull qwen3" in proof.next_step) == ("no such model: qwen3", True)
    assert not VENDOR.prove(access_to(world.url + PATH), ["llama3.3"]).problem


def test_no_model_is_free_unless_its_row_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="has no price"):
        ModelList(tmp_path).priced(VENDOR.name, "qwen3")
    (tmp_path / "models.yaml").write_text(f'{ROW}price: {{input_per_mtok_usd: "0", output_per_mtok_usd: "0"}}}}\n')
    assert most_tokens_cost(ModelList(tmp_path).priced(VENDOR.name, "qwen3"), prompt="x", max_tokens=9) == 0


def test_a_key_that_is_wanted_is_proved(world: RunningSandbox) -> None:
    world.pace(openai_compatible_key="own-key")
    assert VENDOR.prove is not None
    with pytest.raises(PermanentError, match="OPENAI_COMPATIBLE_API_KEY"):
        VENDOR.prove(access_to(world.url + PATH), [])
    assert not VENDOR.prove(access_to(world.url + PATH, OPENAI_COMPATIBLE_API_KEY="own-key"), []).problem
