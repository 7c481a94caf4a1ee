"""Asking a language model: every answer is paid once, whatever it is worth, and a lost one is bounded."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from dayreel.errors import (
    ConfigurationError,
    ContentRefusedError,
    GateClosedError,
    PermanentError,
    TransientError,
    UnknownOutcomeError,
)
from dayreel.providers.llm.contract import Answer, Question
from dayreel.services.making.ask import MAX_ANSWERS, AnswerCutError, AnswersLostError, Asked, Unusable, ask
from dayreel.services.making.open_content import open_content
from dayreel.services.project import Project
from dayreel.services.upkeep.reconcile import reconcile
from dayreel.services.upkeep.retry_content import reopen_refused
from tests.fakes.language_model import FakeLanguageModel, answer
from tests.fakes.project import DAY, channel_of, ledger_rows

LOST = UnknownOutcomeError(attempted="ask", answer="the connection closed")
DOWN = TransientError(attempted="ask", answer="HTTP 529")
GOOD = answer({"text": "clay"})
CUT = replace(answer('{"text": "cl', finish="cut"), thinking_tokens=400)
CONTENT = "crafts-2026-11-20"
COST = Decimal("0.007")  # 1000 tokens in, 500 out, at $2 and $10 a million


class Line(BaseModel):
    text: str


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    return make_project()


def question(**changes: Any) -> Question:
    return Question(
        **{
            "model": "claude-sonnet-5-5",
            "system": "s",
            "prompt": "Say clay.",
            "schema": {},
            "schema_name": "line",
            "max_tokens": 5000,
            **changes,
        }
    )


def say(
    project: Project,
    *says: Answer | Exception,
    accept: Callable[[Line], None] = lambda _line: None,
    of: FakeLanguageModel | None = None,
    **changes: Any,
) -> tuple[Asked[Line], FakeLanguageModel]:
    model = of or FakeLanguageModel(says)
    row = open_content(project, channel_of(project), DAY)
    asked = ask(
        project,
        channel_of(project),
        row,
        layer="idea",
        model=model,
        question=question(**changes),
        document=Line,
        accept=accept,
    )
    return asked, model


def test_a_usable_answer_is_paid_once_and_kept(project: Project) -> None:
    asked, model = say(project, GOOD)
    assert (asked.document.text, asked.cost_usd, len(asked.effect_ids)) == ("clay", COST, 1)
    (row,) = ledger_rows(project)
    assert (row["state"], row["settled_usd"], row["layer"], row["model"]) == (
        "confirmed",
        COST,
        "idea",
        "claude-sonnet-5-5",
    )
    assert row["reserved_usd"] >= row["settled_usd"]
    assert model.permits[0].effect_id == row["id"]
    again, silent = say(project)
    assert (again, silent.asked) == (asked, [])


@pytest.mark.parametrize(
    ("bad", "hint"),
    [
        (answer('{"text": "cl', finish="unfinished"), "Your last answer was not finished."),
        (answer({"texts": "clay"}), "Your last answer had faults: text: Field required"),
        (answer("I would rather talk."), "Your last answer had faults: document: Invalid JSON"),
        (answer(""), "Your last answer had faults"),
        (answer({"text": "cl\0ay"}), "had \\u0000 in it"),
    ],
)
def test_an_unusable_answer_is_paid_and_retried_with_a_hint(project: Project, bad: Answer, hint: str) -> None:
    asked, model = say(project, bad, GOOD)
    assert [request.prompt.startswith("Say clay.") for request in model.asked] == [True, True]
    assert model.asked[0].prompt == "Say clay."
    assert hint in model.asked[1].prompt
    assert (len(asked.effect_ids), asked.cost_usd) == (2, 2 * COST)


def test_an_answer_the_caller_rejects_is_retried_with_its_hint(project: Project) -> None:
    def accept(line: Line) -> None:
        if line.text == "mud":
            raise Unusable("it is mud", "Not mud.")

    asked, model = say(project, answer({"text": "mud"}), GOOD, accept=accept)
    assert asked.document.text == "clay"
    assert model.asked[1].prompt == "Say clay.\n\nNot mud."


def test_after_too_many_useless_answers_it_lists_the_reasons(project: Project) -> None:
    with pytest.raises(PermanentError) as raised:
        say(project, *[answer(finish="unfinished")] * 9)
    assert raised.value.message.count("it was not finished") == MAX_ANSWERS
    assert len(ledger_rows(project)) == MAX_ANSWERS


def asks(model: FakeLanguageModel) -> list[tuple[int, str | None, str]]:
    return [(asked.max_tokens, asked.effort, asked.prompt) for asked in model.asked]


def test_a_cut_answer_gets_more_room_not_the_same_bytes(project: Project) -> None:
    asked, model = say(project, CUT, CUT, GOOD)
    assert asks(model) == [(size, "high", "Say clay.") for size in (19_000, 38_000, 76_000)]
    rows = ledger_rows(project)
    assert [row["request"]["max_tokens"] for row in rows] == [19_000, 38_000, 76_000]
    assert all(row["reserved_usd"] > row["request"]["max_tokens"] * Decimal("0.00001") for row in rows)
    assert (asked.cost_usd, [row["settled_usd"] for row in rows]) == (3 * COST, [COST] * 3)


def test_the_longest_answer_that_is_cut_ends_it(project: Project) -> None:
    with pytest.raises(AnswerCutError, match=r"128000 tokens, 400 of them thinking.*`effort`, now high") as raised:
        say(project, *[CUT] * 9)
    assert (raised.value.code, f"`dayreel retry {CONTENT}`" in raised.value.next_step) == ("answer_cut", True)
    assert [row["request"]["max_tokens"] for row in ledger_rows(project)] == [19_000, 38_000, 76_000, 128_000]
    model = FakeLanguageModel()
    with pytest.raises(AnswerCutError):  # without a person's word nothing is asked again
        say(project, of=model)
    assert model.asked == []


def test_a_file_says_effort_and_room(make_project: Callable[..., Project]) -> None:
    ideas = {"provider": "anthropic", "model": "claude-sonnet-5-5", "effort": "low", "max_tokens": 6000}
    _, model = say(make_project(channels={"crafts": {"ideas": ideas}}), CUT, GOOD)
    assert asks(model) == [(6000, "low", "Say clay."), (12_000, "low", "Say clay.")]


def test_an_effort_that_the_model_lacks_asks_nothing(make_project: Callable[..., Project]) -> None:
    ideas = {"provider": "anthropic", "model": "claude-sonnet-5-5", "effort": "minimal"}
    with pytest.raises(ConfigurationError, match="takes no effort 'minimal'; it takes none, low, medium"):
        say(make_project(channels={"crafts": {"ideas": ideas}}), GOOD)


def test_a_temperature_goes_to_a_model_that_does_not_think(make_project: Callable[..., Project]) -> None:
    ideas = {"provider": "anthropic", "model": "claude-sonnet-5-5", "effort": "none", "temperature": 0.8}
    project = make_project(channels={"crafts": {"ideas": ideas}})
    _, model = say(project, GOOD)
    assert [asked.temperature for asked in model.asked] == [0.8]
    assert ledger_rows(project)[0]["request"]["temperature"] == 0.8


@pytest.mark.parametrize("effort", [{}, {"effort": "low"}])
def test_a_temperature_for_a_model_that_thinks_asks_nothing(
    make_project: Callable[..., Project], effort: dict[str, str]
) -> None:
    ideas = {"provider": "anthropic", "model": "claude-sonnet-5-5", "temperature": 0.8, **effort}
    with pytest.raises(ConfigurationError, match="takes no temperature while it thinks"):
        say(make_project(channels={"crafts": {"ideas": ideas}}), GOOD)


def test_what_does_not_fit_the_model_is_not_repeated(project: Project) -> None:
    model = FakeLanguageModel([answer(finish="no_room")] * 9)
    with pytest.raises(AnswerCutError, match="do not fit into what the model can read"):
        say(project, of=model)
    assert len(model.asked) == 1


def test_thinking_and_cached_tokens_are_booked_at_their_price(project: Project) -> None:
    """1,000 tokens in: 600 read from a cache at $0.20 a million, 100 written at $2.50; 500 out, thinking among them."""
    asked, _ = say(project, replace(GOOD, thinking_tokens=400, cached_tokens=600, cache_write_tokens=100))
    assert asked.cost_usd == Decimal("0.005970")
    (row,) = ledger_rows(project)
    assert (row["result"]["thinking_tokens"], row["result"]["cached_tokens"]) == (400, 600)


def test_a_refusal_is_answered_once_with_its_own_words(project: Project) -> None:
    refused = answer(finish="refused", refusal="not about this.")
    asked, model = say(project, refused, GOOD)
    assert asked.document.text == "clay"
    assert model.asked[1].prompt.startswith(
        "Say clay.\n\nYour last answer was refused by a content policy: not about this."
    )
    assert asked.cost_usd == 2 * COST


def test_a_second_refusal_waits_for_a_person(project: Project) -> None:
    refused = answer(finish="refused", refusal="not about this.")
    with pytest.raises(ContentRefusedError, match="the model refused: not about this") as raised:
        say(project, *[refused] * 9)
    assert raised.value.code == "content_refused"
    assert len(ledger_rows(project)) == 2
    reopen_refused(project, CONTENT)
    again, model = say(project, GOOD)
    assert (again.document.text, len(model.asked)) == ("clay", 1)
    assert "not about this" in model.asked[0].prompt, "a person's retry does not ask the refused question either"


def test_a_service_that_is_down_is_tried_three_times_for_free(project: Project) -> None:
    with pytest.raises(TransientError):
        say(project, DOWN, DOWN, DOWN)
    (row,) = ledger_rows(project)
    assert (row["state"], row["attempts"], row["reserved_usd"]) == ("intended", 3, 0)
    asked, model = say(project, DOWN, GOOD)
    assert (asked.cost_usd, len(model.asked)) == (COST, 2)


def test_a_lost_answer_is_retried_and_written_off_at_full_cost(project: Project) -> None:
    asked, model = say(project, LOST, GOOD)
    assert (asked.document.text, len(model.asked)) == ("clay", 2)
    lost, good = ledger_rows(project)
    assert (lost["state"], good["state"]) == ("unknown", "confirmed")
    (outcomes,) = reconcile(project)
    assert outcomes.outcome == "written_off"
    (lost, _) = ledger_rows(project)
    assert (lost["state"], lost["settled_usd"]) == ("confirmed", lost["reserved_usd"])
    again, silent = say(project)
    assert (again.document.text, silent.asked) == ("clay", [])
    assert again.cost_usd == asked.cost_usd + lost["settled_usd"]


def test_a_written_off_answer_does_not_change_later_questions(project: Project) -> None:
    """The process dies before the stage is done: what was asked with a hint is found again, not paid again."""
    _, model = say(project, answer(finish="unfinished"), LOST, CUT, GOOD)
    assert len(model.asked) == 4
    reconcile(project)
    again, silent = say(project)
    assert (again.document.text, silent.asked) == ("clay", [])


def test_lost_answers_are_bounded(project: Project) -> None:
    with pytest.raises(AnswersLostError, match="answer 4 was lost"):
        say(project, *[LOST] * 9)
    assert len(ledger_rows(project, state="unknown")) == MAX_ANSWERS
    reconcile(project)
    asked, model = say(project, GOOD)
    assert (asked.document.text, len(model.asked)) == ("clay", 1)


def test_a_cap_stops_the_question_before_it_is_asked(make_project: Callable[..., Project]) -> None:
    project = make_project(config={"cap.day_usd": "0.001"})
    with pytest.raises(GateClosedError, match=r"cap\.day_usd"):
        say(project, GOOD)
    assert ledger_rows(project) == []


def test_a_model_without_a_price_is_not_asked(project: Project) -> None:
    with pytest.raises(ConfigurationError, match="has no price"):
        say(project, GOOD, model="claude-fable-9")
    assert ledger_rows(project) == []
