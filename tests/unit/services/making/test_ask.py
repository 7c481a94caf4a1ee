"""Asking a language model: every answer is paid once, whatever it is worth, and a lost one is bounded."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from dayreel.errors import ConfigurationError, GateClosedError, PermanentError, TransientError, UnknownOutcomeError
from dayreel.providers.llm.contract import Answer, Question
from dayreel.services.making.ask import MAX_ANSWERS, AnswersLostError, Asked, Unusable, ask
from dayreel.services.making.open_content import open_content
from dayreel.services.project import Project
from dayreel.services.upkeep.reconcile import reconcile
from tests.fakes.language_model import FakeLanguageModel, answer
from tests.fakes.project import DAY, channel_of, ledger_rows

LOST = UnknownOutcomeError(attempted="ask", answer="the connection closed")
DOWN = TransientError(attempted="ask", answer="HTTP 529")
GOOD = answer({"text": "clay"})
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
    project: Project, *says: Answer | Exception, accept: Callable[[Line], None] = lambda _line: None, **changes: Any
) -> tuple[Asked[Line], FakeLanguageModel]:
    model = FakeLanguageModel(says)
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
        (answer('{"text": "cl', finish="cut"), "Be brief: your last answer was too long and was cut off."),
        (answer({"texts": "clay"}), "Your last answer had faults: text: Field required"),
        (answer("I would rather talk."), "Your last answer had faults: document: Invalid JSON"),
        (answer(""), "Your last answer had faults"),
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
        say(project, *[answer(finish="cut")] * 9)
    assert raised.value.message.count("it was cut off") == MAX_ANSWERS
    assert len(ledger_rows(project)) == MAX_ANSWERS


def test_a_refusal_is_paid_reported_and_not_argued_with(project: Project) -> None:
    with pytest.raises(PermanentError, match="the model refused: not about this"):
        say(project, answer(finish="refused", refusal="not about this"))
    (row,) = ledger_rows(project)
    assert row["settled_usd"] == COST


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
    _, model = say(project, answer(finish="cut"), LOST, GOOD)
    assert len(model.asked) == 3
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
