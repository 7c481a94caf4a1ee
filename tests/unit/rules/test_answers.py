"""How much room an answer gets, by model and effort, and how it grows after a cut."""

import pytest

from dayreel.rules.answers import answer_room, effort_of, more_room, usual_thinking
from dayreel.vendors.models import Effort, TextModel


def model(**facts: object) -> TextModel:
    return TextModel.model_validate(
        {"provider": "p", "model": "m", "family": "llm", "efforts": ["low", "high"], **facts}
    )


@pytest.mark.parametrize(
    ("facts", "asked", "effort", "room"),
    [
        ({"thinks": "default", "default_effort": "high"}, None, "high", 16_000),
        ({"thinks": "default", "default_effort": "high"}, "low", "low", 5000),
        ({"thinks": "always"}, None, None, 16_000),
        ({"thinks": "on_request", "default_effort": "high"}, None, None, 2000),
        ({"thinks": "on_request"}, "high", "high", 16_000),
        ({"thinks": "never"}, None, None, 2000),
        ({"thinks": "always", "max_output_tokens": 8192}, None, None, 8192),
        ({}, None, None, 2000),
    ],
)
def test_room_is_for_the_text_and_the_thinking_before_it(
    facts: dict[str, object], asked: Effort | None, effort: Effort | None, room: int
) -> None:
    row = model(**facts)
    assert effort_of(row, asked) == effort
    assert answer_room(row, effort, text_tokens=2000, asked=None) == room
    assert usual_thinking(row, effort) * 2 + 2000 >= room


def test_room_doubles_up_to_the_models_limit() -> None:
    row, rooms = model(max_output_tokens=50_000), [answer_room(model(), None, text_tokens=9000, asked=20_000)]
    while (wider := more_room(row, rooms[-1])) is not None:
        rooms.append(wider)
    assert rooms == [20_000, 40_000, 50_000]
    assert more_room(model(), 32_000) is None, "where nothing is known of a model, it ends somewhere too"
    assert answer_room(row, None, text_tokens=1, asked=128_000) == 50_000
